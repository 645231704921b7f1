"""Every page of the console in a real browser: for everybody, at each width, by keyboard alone.

The pages are those of the resources: one more is tried here, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.archive.exporting import Wanted, export
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.serve import reading
from workbench.benches.failing_syncs import sync_in_vain
from workbench.fleet.teams import HOSTILE, NOW, Team, fill
from workbench.running.served_console import ServedConsole, served_console

pytestmark = pytest.mark.browser
DESKTOP, PHONE = (1280, 800), (390, 844)
SEVERE = ("serious", "critical")
WAYS = (
    (DESKTOP, "light", "en"),
    (PHONE, "dark", "zh"),
)
"""Each width, look and language with one of the others: what is wrong with colours is wrong at any
width, and what is wrong with a width in any language."""
ABSENT = "archive"
NAMES = [item.name for item in RESOURCES if item.is_listed or item.facts]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
RUN_AXE = """async () => {
    const found = await axe.run(document, {resultTypes: ["violations"], preload: false});
    return found.violations.map(
        (rule) => [rule.impact, rule.id, rule.nodes.map((node) => node.html.slice(0, 200))]);
}"""
# A colour is judged once where it stands on the same ground: that takes most of the time of axe.
# What a text of one character, a control or its label is like is judged each time, as axe has
# exceptions for them; and so is what is laid over another thing.
LOOKS = """() => {
    const grounds = new Map(), looks = new Set();
    const ground = (item) => {
        if (!item) return "";
        if (!grounds.has(item)) {
            const style = getComputedStyle(item), under = ground(item.parentElement);
            const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter,
                style.mixBlendMode, style.position === "static" ? "" : grounds.size].join();
            const isClear = own === "rgba(0, 0, 0, 0),none,1,none,normal,";
            grounds.set(item, isClear ? under : `${under}|${own}`);
        }
        return grounds.get(item);
    };
    const seen = {opacityProperty: true, visibilityProperty: true};
    for (const item of document.body.querySelectorAll("*")) {
        const parts = [...item.childNodes].filter((part) => part.nodeType === Node.TEXT_NODE);
        const isText = parts.map((part) => part.data.trim()).join("").length > 1;
        const isExcepted = item.closest("label, button, select, [disabled], [aria-disabled]");
        if (!isText || isExcepted || !item.checkVisibility(seen)) continue;
        const style = getComputedStyle(item);
        const look = [item.tagName, ground(item), style.color, style.fontSize, style.fontWeight,
            style.textShadow].join();
        if (looks.has(look)) item.dataset.again = "";
        looks.add(look);
    }
    axe.configure({rules: [{id: "color-contrast", selector: ":not([data-again])"}]});
    return looks.size;
}"""
# What a person can act on, in the order in which it stands; of closed details, the summary.
# At each key it is noted where one is: what is outlined, and in sight, has settled by then.
STOPS = """() => {
    const wanted = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']";
    const stops = [...document.querySelectorAll(wanted)].filter((item) =>
        item.checkVisibility({visibilityProperty: true}) && !item.disabled);
    const where = () => {
        const item = document.activeElement, style = getComputedStyle(item);
        const box = item.getBoundingClientRect();
        const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        const seen = box.bottom > 0 && box.top < innerHeight
            && box.right > 0 && box.left < innerWidth;
        return [stops.indexOf(item), ring && seen, item.outerHTML.slice(0, 120)];
    };
    window.steps = [];
    addEventListener("keydown", () => { window.steps.push(where()); }, true);
    window.first = stops[0];
    return stops.length;
}"""


@dataclass
class Looked:
    """A browser, the consoles that it looks at, and what it said."""

    browser: Browser
    full: ServedConsole
    empty: ServedConsole
    home: Path
    told: list[str] = field(default_factory=list)

    def opened(self, size: tuple[int, int], look: Any, language: str) -> Page:
        """Return a page that notes what is said and what is asked of others."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=look,
            locale="zh-CN" if language == "zh" else "en-US",
            # For the script of axe alone, which the policy of the console would not run.
            bypass_csp=True,
        )
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.told.append(str(error)))
        page.on("dialog", lambda dialog: self.told.append(f"dialog {dialog.message}"))
        page.on("console", lambda message: self.told.append(message.text))
        page.on("request", lambda asked: self._note(asked.url))
        return page

    def _note(self, url: str) -> None:
        own = f"{self.full.address}/", f"{self.empty.address}/", self.home.as_uri()
        if not url.startswith(own):
            self.told.append(f"asked {url}")


@pytest.fixture(scope="module")
def looked(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    with ExitStack() as stack:
        homes = tmp_path_factory.mktemp("full"), tmp_path_factory.mktemp("empty")
        for home in homes:
            home.chmod(0o700)
            store = Store.open(f"sqlite:///{home}/sync_pipeline.db")
            if home is homes[0]:
                fill(store, (Team("blue", 4, HOSTILE), Team("ruby", 2)), 7, sessions=2)
                sync_in_vain(store, home, ABSENT, NOW)
            store.close()
        served = [stack.enter_context(served_console(home, lambda: NOW)) for home in homes]
        yield Looked(browser, served[0], served[1], homes[0])


@cache
def axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def severe(page: Page) -> list[Any]:
    """Return the faults that keep people from using a page, by axe-core."""
    page.evaluate(axe())
    assert page.evaluate(LOOKS) > 0
    return [fault for fault in page.evaluate(RUN_AXE) if fault[0] in SEVERE]


def few(path: str) -> str:
    """Return the address with few rows: what is wrong with one is wrong with all."""
    return f"{path}{'&' if '?' in path else '?'}limit=3"


def test_every_page_is_looked_at(looked: Looked) -> None:
    """Where this fails for a resource more: `served_console.ASKED` needs a question of it."""
    assert set(looked.full.pages) == set(NAMES)


@pytest.mark.parametrize(("size", "look", "language"), WAYS)
def test_every_page_is_for_everybody(
    looked: Looked, size: tuple[int, int], look: str, language: str
) -> None:
    """With data and without: no serious fault, nothing wider than the screen, no other host."""
    page = looked.opened(size, look, language)
    addresses = [
        *(f"{looked.full.address}{few(path)}" for path in looked.full.pages.values()),
        f"{looked.full.address}/who-can",
        f"{looked.full.address}/login",
        f"{looked.full.address}/instance?name=nowhere",
    ]
    if size is DESKTOP:
        addresses += [f"{looked.empty.address}{path}" for path in looked.empty.pages.values()]
    for address in addresses:
        page.goto(address)
        assert page.evaluate(WIDER) <= 0, address
        assert page.locator("html").get_attribute("lang") == language
        assert severe(page) == [], address
    page.context.close()
    known = ("404", "username fields", "Autofocus processing")
    assert [text for text in looked.told if not any(word in text for word in known)] == []


def steps(page: Page, count: int) -> list[tuple[int, bool, str]]:
    """Go from stop to stop, as far as the first one again or out of the page.

    Return of each step its stop, whether one sees where one is, and its HTML.
    """
    found: list[tuple[int, bool, str]] = []
    while len(found) < count + 40:
        # One more than there are tells where the last one leads; what scrolls is a stop too.
        for _ in range(max(count - len(found), 0) + 2):
            page.keyboard.press("Tab")
        found = page.evaluate("window.steps")[1:]
        ends = (number for number, step in enumerate(found) if is_end(number, step))
        if (end := next(ends, None)) is not None:
            return found[:end]
    return found


def is_end(number: int, step: tuple[int, bool, str]) -> bool:
    return step[2].startswith("<body") or (number > 0 and step[0] == 0)


def test_every_page_is_used_by_keyboard_alone(looked: Looked) -> None:
    """Each link and control in the order in which it stands, and where one is can be seen."""
    page = looked.opened(DESKTOP, "light", "en")
    for path in looked.full.pages.values():
        page.goto(looked.full.address + few(path))
        count = page.evaluate(STOPS)
        found = steps(page, count)
        assert [html for _, is_seen, html in found if not is_seen] == [], path
        # What scrolls is a stop of the browser's own.
        assert [number for number, *_ in found if number >= 0] == list(range(count)), path
        page.evaluate("window.first.focus()")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content", "the way past the pages"
    page.context.close()


def test_why_an_instance_failed_is_three_clicks_away(looked: Looked) -> None:
    """From the instances that fail, and from the last session, to the error and what to do."""
    page = looked.opened(DESKTOP, "light", "en")
    page.goto(looked.full.address)
    page.get_by_role("link", name="Instances", exact=True).first.click()
    page.get_by_label("State").select_option("failing")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name=ABSENT, exact=True).click()
    held = page.get_by_role("region", name="What holds it back").first
    refused = re.compile(
        "archive: .*refused.*Check that the server runs and its port is right", re.DOTALL
    )
    expect(held).to_contain_text(refused)
    # What the last session did: its records that failed, by one filter.
    page.locator("section", has_text="Last sessions").locator("tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Session")
    page.get_by_label("Status").select_option("failed")
    page.get_by_role("button", name="Show").click()
    records = page.get_by_role("region", name="Records")
    expect(records.last).to_contain_text(refused)
    expect(records.last).to_contain_text("connect")
    # And by the list of sessions.
    page.goto(f"{looked.full.address}/sessions?status=failed")
    page.locator("tbody tr").first.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Records").last).to_contain_text(refused)
    page.context.close()


def test_an_export_is_read_from_a_disk(looked: Looked) -> None:
    """Without a server, a script or the net; with its styles, by its links."""
    place = looked.home / "export"
    with reading(Settings(home=looked.home), lambda: NOW) as deps:
        asked = Wanted(language="zh", who_can=(("SELECT", "database:shop"),), most=20)
        export(deps, asked, place)
    before = len(looked.told)
    page = looked.opened(PHONE, "dark", "en")
    page.goto((place / "index.html").as_uri())
    assert severe(page) == []
    page.get_by_role("link", name="SELECT database:shop").click()
    assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px", "the styles"
    assert page.evaluate(WIDER) <= 0
    page.locator("tbody td:nth-child(2) a").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.locator("a.brand").click()
    expect(page).to_have_url((place / "index.html").as_uri())
    assert looked.told[before:] == []
    page.context.close()
    # As a browser does whose policy nobody takes away: what a name would run is not run.
    context = looked.browser.new_context()
    page = context.new_page()
    page.goto((place / "index.html").as_uri())
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.evaluate("""() => { const made = document.createElement("script");
        made.textContent = "window.ran = 1"; document.body.append(made); }""")
    assert page.evaluate("window.ran") is None
    assert "Content Security Policy" in told[0]
    assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px", "the styles"
    context.close()
