"""The console in a real browser, as a DBA uses it: served by the command, without scripts too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sync_pipeline.model.viewer import Role
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.console.tokens import add_token
from workbench.fleet.teams import HOSTILE, Team, fill
from workbench.running.programs import chromium
from workbench.servers.running import free_port

pytestmark = pytest.mark.browser
WIDTHS = (1280, 390)


@dataclass
class Served:
    """The console of a home, and what a browser said of it."""

    home: Path
    address: str
    process: subprocess.Popen[bytes]
    told: list[str] = field(default_factory=list)

    @contextmanager
    def store(self) -> Iterator[Store]:
        opened = Store.open(f"sqlite:///{self.home}/sync_pipeline.db")
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("console")
    home.chmod(0o700)
    store = Store.open(f"sqlite:///{home}/sync_pipeline.db")
    fill(store, [Team("blue", 4, HOSTILE), Team("ruby", 2)], 7, sessions=2)
    store.close()
    port = free_port()
    environment = {**os.environ, "SYNC_PIPELINE_HOME": str(home)}
    command = [sys.executable, "-m", "sync_pipeline.cli.main", "console", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address, process)
        yield Served(home, address, process)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130, -signal.SIGINT)


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(f"{address}/login").close()
        except URLError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the console did not start")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield made
        made.close()


def opened(browser: Browser, served: Served, *, has_script: bool = True, width: int = 1280) -> Page:
    """Return a page on which nothing may be said by the console or asked of another host."""
    context = browser.new_context(
        viewport={"width": width, "height": 844}, java_script_enabled=has_script
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.on("pageerror", lambda error: served.told.append(str(error)))
    page.on("dialog", lambda dialog: served.told.append(f"dialog {dialog.message}"))
    page.on("console", lambda message: served.told.append(message.text))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith(served.address)
            else served.told.append(f"asked {asked.url}")
        ),
    )
    return page


def test_who_can_without_a_script(browser: Browser, served: Served) -> None:
    """Who can select from the database, and why? By the form, then the account behind a row."""
    page = opened(browser, served, has_script=False)
    page.goto(served.address)
    page.get_by_role("link", name="Who can").click()
    page.get_by_label("Privilege").fill("SELECT")
    page.get_by_label("Object").fill("database:shop")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("SELECT database:shop")
    assert "privilege=SELECT" in page.url
    account = page.locator("tbody tr td:nth-child(2) a").first
    name = account.inner_text()
    account.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.context.close()


def test_what_changed_last_night_without_a_script(browser: Browser, served: Served) -> None:
    """Who became what, and why? From the first page, by the form, to the account behind a row."""
    page = opened(browser, served, has_script=False)
    page.goto(served.address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    expect(page.get_by_role("heading", name="What changed since yesterday")).to_be_visible()
    page.get_by_role("link", name="Changes").first.click()
    page.get_by_label("From").fill("2026-11-29T20:00Z")
    page.get_by_label("Until").fill("2026-11-30T08:00Z")
    page.get_by_label("only of power").check()
    page.get_by_role("button", name="Show").click()
    assert "power=yes" in page.url
    row = page.locator("tbody tr").filter(has_text="became superuser").first
    expect(row.locator("td:nth-child(5)")).to_have_text("given")
    account = row.locator("td:nth-child(3) a")
    name = account.inner_text()
    account.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    page.go_back()
    page.locator("tbody tr td:nth-child(7) a").first.click()
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    page.context.close()


def test_hostile_names_run_nothing(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        for path in ("/accounts?gone=yes", "/findings?limit=10", "/today", "/changes?limit=20"):
            page.goto(served.address + path)
            wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wider) <= 0, (width, path)
            assert page.locator("img, iframe, main script").count() == 0
    for name in HOSTILE[:2]:
        page.goto(f"{served.address}/accounts?gone=yes")
        link = page.locator("tbody td:first-child a").filter(has_text=name[:5]).first
        if link.count():
            link.click()
            expect(page.get_by_role("heading", level=1)).to_contain_text(name[:5])
    assert served.told == []
    page.context.close()


def test_a_limited_login_sees_its_own_and_the_form_completes_it(
    browser: Browser, served: Served
) -> None:
    with served.store() as store:
        token = add_token(
            store, "blue", Role.VIEWER, ("team=blue",), timedelta(days=1), datetime.now(UTC)
        )
    page = opened(browser, served)
    page.goto(f"{served.address}/instances?sort=-name")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{served.address}/instances?sort=-name")
    expect(page.locator("tbody tr")).to_have_count(4)
    assert "ruby" not in page.content()
    page.goto(f"{served.address}/who-can")
    page.get_by_label("Instance").first.press_sequentially("<")
    expect(page.locator("#names option")).to_have_count(1)
    # By keyboard: the first stop is the way past the navigation.
    page.goto(f"{served.address}/instances")
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    with served.store() as store:
        store.tokens.remove("blue", datetime.now(UTC))
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()
    known = ("401", "username fields", "Autofocus processing")
    assert [text for text in served.told if not any(word in text for word in known)] == []
    page.context.close()
