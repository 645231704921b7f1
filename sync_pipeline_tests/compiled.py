"""A pytest plugin: the tests are compiled, as they are for a run, and none is made."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem() -> list[pytest.Item]:
    """Make nothing of what a module has: it is imported, and compiled by that."""
    return []
