"""The console in a real browser, as a DBA uses it: served by the command, without scripts too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.model.size import Measure, SizeLimit
from sync_pipeline.model.viewer import Role
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.console.tokens import add_token
from workbench.benches.store_bench import StoreBench
from workbench.fleet.teams import HOSTILE, Team, fill
from workbench.servers.running import free_port
from workbench.strategies.sizes import put_snapshots, snapshot_of

pytestmark = pytest.mark.browser
WIDTHS = (1280, 390)


@dataclass
class Served:
    """The console of a home, and what a browser said of it."""

    home: Path
    address: str
    process: subprocess.Popen[bytes]
    then: str
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
    fill(store, [Team("blue", 4, HOSTILE), Team("ruby", 2)], 7, sessions=2, is_moved=True)
    then = changed_orders(store)
    store.close()
    port = free_port()
    environment = {**os.environ, "SYNC_PIPELINE_HOME": str(home)}
    command = [sys.executable, "-m", "sync_pipeline.cli.main", "console", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address, process)
        yield Served(home, address, process, then)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130, -signal.SIGINT)


def changed_orders(store: Store) -> str:
    """Add an instance on which an account may no longer do what it might; return when it might."""
    bench = StoreBench(store, datetime.now(UTC) - timedelta(days=3))
    (item,) = bench.fleet("orders")
    store.registry.put_instances([replace(item, engine=EngineName.MARIADB)], bench.now)
    table = Securable(SecurableKind.TABLE, "shop", "", "orders")
    role = AccountState(
        "cleaners", AccountKind.ROLE, can_login=False, grants=(Grant(table, "DELETE"),)
    )
    temp = AccountState("temp", AccountKind.USER, can_login=True)
    everything = (Grant(Securable(SecurableKind.SERVER), "SUPER"),)
    boss = replace(temp, name="boss", is_superuser=True, grants=everything)
    member = Membership("cleaners", default=True)
    stand_in = replace(temp, name="stand-in")
    was = replace(temp, memberships=(member,)), replace(boss, name="stand-in")
    bench.apply(item, role, boss, *was)
    bench.now += timedelta(days=2)
    bench.apply(item, role, boss, temp, stand_in)
    return (bench.now - timedelta(hours=12)).strftime("%Y-%m-%dT%H:%M")


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


def test_which_disk_fills_first_without_a_script(browser: Browser, served: Served) -> None:
    """By the order of the limits; then the page of the first one says when, and shows it."""
    with served.store() as store:
        today = measure(store)
    page = opened(browser, served, has_script=False)
    page.goto(served.address)
    page.get_by_role("link", name="Capacity").click()
    page.get_by_label("Grouped by").select_option("instances")
    page.get_by_label("Tag").fill("kind=disk")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Days to limit").click()
    rows = page.locator("section:has(#table-standings) tbody tr")
    expect(rows.first).to_contain_text("fast")
    expect(rows.nth(1)).to_contain_text("slow")
    rows.first.get_by_role("link", name="fast").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sizes of an instance: fast")
    facts = page.locator("dl.facts")
    expect(facts).to_contain_text("Limit reached on")
    # 10 GB a day, and 50 GB are left: the day is said in figures.
    expect(facts).to_contain_text(str(today + timedelta(days=5)))
    picture = page.get_by_role("img", name="Size by day: fast.")
    expect(picture).to_be_visible()
    said = picture.locator("title").text_content() or ""
    assert "Limit: 450.0 GB." in said
    assert "No size: 1 of these." in said
    expect(page.locator(".legend")).to_contain_text(f"No size: {today - timedelta(days=4)}")
    for width in (*WIDTHS, 768):
        page.set_viewport_size({"width": width, "height": 844})
        box = picture.bounding_box()
        assert box is not None
        assert width / 2 < box["width"] < width
    page.get_by_role("link", name="db0").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sizes of a database: db0 (fast)")
    page.context.close()


def measure(store: Store) -> date:
    """Write weeks of sizes to this day, and return it: of a disk that is full soon, and another."""
    now = datetime.now(UTC)
    today = now.date()
    fleet = StoreBench(store, now).fleet("fast", "slow")
    for item, rate, limit in zip(fleet, (10, 1), (450, 900), strict=True):
        days = {
            today - timedelta(days=back): {"db0": (Measure.known((400 - rate * back) * 10**9),) * 3}
            for back in range(38)
            if back != 4
        }
        store.registry.put_instances([replace(item, tags=("kind=disk",))], now)
        snapshots = {day: snapshot_of(day, found) for day, found in days.items()}
        put_snapshots(store, item.id, snapshots)
        store.size_queries.put_limit(SizeLimit(item.name, "", limit * 10**9))
        periods = PeriodRange.between(PeriodType.WEEK, min(days), today)
        store.aggregations.compute([AggregationRequest((item.id,), periods, today, 5.0, now)])
    return today


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
    with served.store() as store:
        odd = [item for item in store.size_queries.databases() if item.name in HOSTILE]
    days = {"from": "2026-11-01", "to": "2026-11-30"}
    named = [{"instance": item.instance, "database": item.name, **days} for item in odd[:3]]
    plots = [f"/capacity-database?{urlencode(item)}" for item in named]
    assert len(plots) == 3
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        lists = ("/accounts?gone=yes", "/findings?limit=10", "/today", "/changes?limit=20")
        for path in (*lists, "/capacity", *plots):
            page.goto(served.address + path)
            if path in plots:
                expect(page.get_by_role("img", name="Size by day")).to_be_visible()
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


def test_who_could_delete_orders_and_why(browser: Browser, served: Served) -> None:
    """Then and now: by the form, to the account of then, and how it differs from today."""
    page = opened(browser, served, has_script=False)
    page.goto(served.address)
    page.get_by_role("link", name="Who can").click()
    page.get_by_label("Privilege").fill("DELETE")
    page.get_by_label("Object").fill("table:shop.orders")
    page.get_by_label("As of (UTC)").fill(served.then)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(served.then[:10])
    row = page.locator("tbody tr").filter(has_text="temp")
    expect(row).to_contain_text("temp → cleaners")
    row.get_by_role("link", name="temp").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"temp ({served.then[:10]}")
    expect(page.locator(".tree")).to_contain_text("cleaners")
    page.get_by_role("link", name="compare", exact=True).click()
    expect(page.get_by_role("heading", name="Roles that one has")).to_be_visible()
    expect(page.locator("section").filter(has_text="Roles that one has")).to_contain_text(
        "cleaners"
    )
    page.context.close()


def test_the_auditor_gets_the_administrators_of_a_day(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    page.goto(f"{served.address}/accounts")
    page.get_by_text("Is or can").first.click()
    page.get_by_label("superuser", exact=True).check()
    page.get_by_label("Instance").fill("orders")
    page.get_by_label("As of (UTC)").fill(served.then)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    with page.expect_download() as got:
        page.get_by_role("link", name="CSV").click()
    lines = got.value.path().read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["account", "boss", "stand-in"]
    page.get_by_label("As of (UTC)").fill("")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.context.close()


def test_what_another_system_told_is_in_its_place(browser: Browser, served: Served) -> None:
    """From a change before the move to its account's history, and to the session that told it."""
    page, heard = opened(browser, served, has_script=False), len(served.told)
    page.goto(f"{served.address}/changes?account=blue_old")
    row = page.get_by_role("row").filter(has_text="whalefall").first
    row.get_by_role("link", name="blue_old").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("blue_old")
    before = page.get_by_role("region", name="Before the move")
    expect(before.get_by_role("row").nth(1)).to_contain_text("snapshot.roles: blue_role")
    told = page.locator("#table-history").locator("xpath=../..").get_by_role("row").nth(1)
    expect(told).to_contain_text("granted SELECT (blue)")
    told.get_by_role("link").click()
    expect(page.locator(".facts")).to_contain_text("whalefall")
    expect(page.locator("#table-records").locator("xpath=../..")).to_contain_text("of: blue")
    page.goto(f"{served.address}/accounts")
    page.get_by_role("link", name="Accounts before the move").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("whalefall")
    assert served.told[heard:] == []
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
    expect(page.locator("#list-instance option")).to_have_count(1)
    page.get_by_label("Object").press_sequentially("database:")
    expect(page.locator("#list-object option").first).to_be_attached()
    assert page.locator("#list-object option[value*=ruby]").count() == 0
    assert page.locator('#list-privilege option[value="DELETE"]').count() == 1
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
