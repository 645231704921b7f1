"""What is said of a driver is the version that is installed."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from sync_pipeline.engines.drivers import DRIVERS, Loaded, version_of
from sync_pipeline.settings import Settings

PURE = [(name, loaded) for _, name, loaded in DRIVERS if name != "pyodbc"]


@pytest.mark.parametrize(("name", "loaded"), PURE, ids=[name for name, _ in PURE])
def test_the_version_is_that_of_its_package(name: str, loaded: Loaded) -> None:
    assert loaded(Settings()).startswith(f"{name} {version(name)}")


def test_nothing_is_said_of_what_no_package_manager_knows() -> None:
    assert version_of("no-such-package") == ""
