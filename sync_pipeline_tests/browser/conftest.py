"""One browser for the tests of a file; each has contexts of its own, and closes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from workbench.running.programs import chromium

ARGUMENTS = ("--no-sandbox", "--js-flags=--single-threaded")
"""Scripts have one thread: a page is looked at too briefly for what others would compile."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield made
        made.close()
