"""The report in a real browser: no error, no network, usable on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from sync_pipeline.aggregate.fleet import FleetTotals, gaps
from sync_pipeline.aggregate.trend import growth
from sync_pipeline.model.access import Step
from sync_pipeline.model.finding import Finding, Review, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.report import FleetReport
from sync_pipeline.model.size import InstanceSize, SizePoint, TopDatabase
from sync_pipeline.report.html import write_html
from workbench.running.programs import chromium

UNTIL = date(2026, 11, 24)
SINCE = UNTIL - timedelta(days=399)
NASTY = "<script>alert('name')</script>"
LINK = '<a href="https://evil.example/" target="_top"><b>billing</b></a>'
TURNED = "pg\u202e\x9b\u200b"
SIZES = {"billing-pg": 900, "shop-mariadb": 400, NASTY: 120, LINK: 100, TURNED: 90}
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


def points(instance: str, gigabytes: int) -> list[SizePoint]:
    return [
        SizePoint(instance, "", SINCE + timedelta(days=day), gigabytes * (10**9 + 2 * 10**6 * day))
        for day in range(400)
        if day % 97
    ]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    series = {name: points(name, size) for name, size in sorted(SIZES.items())}
    every = [point for own in series.values() for point in own]
    sizes = [
        InstanceSize(point, "postgresql", None, point.total_bytes or 0, 9, 0, datetime.now(UTC))
        for point in every
    ]
    totals = FleetTotals(SINCE, UNTIL)
    for own in series.values():
        totals.add(own)
    growths = [found for own in series.values() if (found := growth(own[-90:], 2 * 10**12))]
    largest = tuple(
        TopDatabase(name, f"database of {name}", UNTIL, size * 10**9, 10**9, SINCE)
        for name, size in SIZES.items()
    )
    path = tmp_path / "report.html"
    write_html(
        FleetReport(
            generated_at=datetime(2026, 11, 24, 5, tzinfo=UTC),
            time_zone="UTC",
            since=SINCE,
            until=UNTIL,
            fleet=tuple(totals.days()),
            charted=tuple(every),
            newest=tuple(sizes[-1:]),
            instances=tuple(growths),
            databases=tuple(growths),
            largest=largest,
            growing=largest,
            anomalies=(),
            gaps=tuple(gaps(every, UNTIL)),
            failures=(),
            review=Review(
                findings=tuple(
                    Finding(
                        NASTY,
                        EngineName.POSTGRESQL,
                        NASTY,
                        "superuser",
                        severity,
                        f"It may do everything: {NASTY}.",
                        (Step(NASTY), Step("dba", "member")),
                        f'REVOKE "dba" FROM "{NASTY}";\n' * 3,
                    )
                    for severity in Severity
                ),
                notes=(f"{NASTY} was never synced.",),
            ),
        ),
        path,
    )
    return path


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page whose complaints and requests are kept."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)


@pytest.mark.browser
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_report_opens_offline(
    browser: Browser, report: Path, viewport: dict[str, int], tmp_path: Path
) -> None:
    context = browser.new_context(viewport=viewport, offline=True)  # type: ignore[arg-type]
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(report.as_uri())
    page.wait_for_selector("#plot-forecast .main-svg")
    assert page.locator(".js-plotly-plot").count() == 3
    assert watched.complaints == []
    assert watched.requests == [report.as_uri()]
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    assert page.locator("td.name", has_text=NASTY).count() > 0
    findings = page.locator("#findings")
    assert findings.locator("tbody tr").count() == len(Severity)
    assert findings.locator(".bad").all_text_contents() == ["critical", "high"]
    assert "1 critical, 1 high, 1 medium, 1 low, 1 info" in findings.text_content()
    assert f"{NASTY} → dba (member)" in findings.text_content()
    # Names are text in the plots too: no link, and nothing that hides.
    for plot in ("#plot-instances", "#plot-forecast"):
        legend = page.locator(f"{plot} .legendtext").all_text_contents()
        assert {LINK, NASTY, r"pg\u202e\x9b\u200b"} <= set(legend)
    page.locator("#plot-instances .nsewdrag").hover()
    page.wait_for_selector("#plot-instances .hoverlayer .legendtext")
    hovered = page.locator("#plot-instances .hoverlayer .legendtext").all_text_contents()
    assert "<a href" in " ".join(hovered)
    assert page.locator(".js-plotly-plot a, td a, .js-plotly-plot b").count() == 0
    assert not {"\u202e", "\x9b", "\u200b"} & set(page.locator("body").text_content() or "")
    # The plots answer: hovering shows a number.
    page.locator("#plot-fleet .nsewdrag").hover()
    page.wait_for_selector("#plot-fleet .hovertext")
    picture = os.environ.get("SYNC_PIPELINE_TEST_PICTURE")
    name = f"report-{viewport['width']}.png"
    page.screenshot(path=Path(picture).with_name(name) if picture else tmp_path / name)
    context.close()
