"""The report in a real browser: no error, no network, no script, usable on a phone."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from sync_pipeline.aggregate.fleet import FleetTotals, gaps
from sync_pipeline.aggregate.trend import growth
from sync_pipeline.model.access import PowerKind, Step
from sync_pipeline.model.change import ChangeType
from sync_pipeline.model.classification import ClassCount
from sync_pipeline.model.finding import Finding, Review, Severity
from sync_pipeline.model.freshness import Overdue, Watched
from sync_pipeline.model.instance import EngineName, Selection
from sync_pipeline.model.report import (
    AdministratorNews,
    CapacityReport,
    ChangeNews,
    ClassTrend,
    FindingChange,
    FindingNews,
    FleetReport,
    PowerSpell,
    ToldChange,
)
from sync_pipeline.model.review import FindingDay
from sync_pipeline.model.session import SyncCategory
from sync_pipeline.model.size import InstanceSize, SizePoint, TopDatabase
from sync_pipeline.notify.mail import MailServer
from sync_pipeline.notify.report_mail import Attachment, ReportMail, send_report
from sync_pipeline.report.html import render_html
from sync_pipeline.report.mail_text import mail_subject, mail_text
from sync_pipeline.report.texts import ReportTexts
from sync_pipeline.settings import SmtpTls
from workbench.servers.inboxes import mail_inbox

UNTIL = date(2026, 11, 24)
SINCE = UNTIL - timedelta(days=399)
NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
NASTY = "<script>alert('name')</script>"
LINK = '<a href="https://evil.example/" target="_top"><b>billing</b></a>'
TURNED = "pg\u202e\x9b\u200b"
LONG = "long" * 2500
SIZES = {"billing-pg": 900, "shop-mariadb": 400, NASTY: 120, LINK: 100, TURNED: 90}
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


def points(instance: str, gigabytes: int) -> list[SizePoint]:
    return [
        SizePoint(instance, "", SINCE + timedelta(days=day), gigabytes * (10**9 + 2 * 10**6 * day))
        for day in range(400)
        if day % 97
    ]


def capacity() -> CapacityReport:
    series = {name: points(name, size) for name, size in sorted(SIZES.items())}
    every = [point for own in series.values() for point in own]
    totals = FleetTotals(SINCE, UNTIL)
    for own in series.values():
        totals.add(own)
    growths = tuple(found for own in series.values() if (found := growth(own[-90:], 2 * 10**12)))
    largest = tuple(
        TopDatabase(name, f"database of {name}", UNTIL, size * 10**9, 10**9, SINCE)
        for name, size in SIZES.items()
    )
    newest = InstanceSize(every[-1], "postgresql", None, 10**9, 9, 0, NOW)
    return CapacityReport(
        since=SINCE,
        until=UNTIL,
        fleet=tuple(totals.days()),
        charted=tuple(every),
        newest=(newest,),
        instances=growths,
        databases=growths,
        largest=largest,
        growing=largest,
        near=growths[:2],
        gaps=tuple(gaps(every, UNTIL)),
    )


def made_report() -> FleetReport:
    week = NOW - timedelta(days=7)
    accounts = "alice", NASTY, TURNED, LONG, "=cmd()"
    findings = tuple(
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
    )
    days = [
        FindingDay(UNTIL - timedelta(days=back), severity, 2, 1, 20 - back // 5 + severity.rank * 4)
        for back in range(60, -1, -1)
        for severity in Severity
    ]
    counts = [
        ClassCount("admins", UNTIL - timedelta(days=back), 9 - back // 20, 3)
        for back in range(60, -1, -1)
    ]
    return FleetReport(
        generated_at=NOW,
        time_zone="UTC",
        since=week,
        until=NOW,
        capacity=capacity(),
        selection=Selection(tags=("team=billing",)),
        instances=5,
        changes=ChangeNews(
            {ChangeType.MODIFY_PRIVILEGE: len(accounts)},
            tuple(
                ToldChange(NOW, LINK, name, ChangeType.MODIFY_PRIVILEGE, (f"GRANT to {name}",))
                for name in accounts
            ),
        ),
        administrators=AdministratorNews(
            (
                *(
                    PowerSpell("billing-pg", name, PowerKind.SUPERUSER, NOW, None, f"{name} → dba")
                    for name in accounts
                ),
                PowerSpell("billing-pg", "bob", PowerKind.GRANT_ADMIN, None, NOW),
            )
        ),
        findings=FindingNews(
            Review(findings, notes=(f"{NASTY} was never synced.",)),
            (FindingChange("billing-pg", NASTY, "superuser", Severity.CRITICAL, True),),
            tuple(days),
            UNTIL - timedelta(days=89),
            dict.fromkeys(Severity, 5),
        ),
        classes=(ClassTrend("admins", "who may do all", counts[-1], tuple(counts)),),
        overdue=(
            Overdue(Watched(1, "billing-pg", SyncCategory.ACCOUNT, week, None), stale_since=week),
        ),
    )


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(render_html(made_report()))
    return path


class Seen:
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


def seen(browser: Browser, path: Path, viewport: dict[str, int], **more: object) -> Seen:
    context = browser.new_context(viewport=viewport, offline=True, **more)  # type: ignore[arg-type]
    watched = Seen(context.new_page())
    watched.page.goto(path.as_uri())
    return watched


def picture(page: Page, name: str, directory: Path) -> None:
    """Keep what is seen, where somebody wants to look at it."""
    wanted = os.environ.get("SYNC_PIPELINE_TEST_PICTURE")
    path = Path(wanted).with_name(name) if wanted else directory / name
    page.screenshot(path=path, full_page=bool(wanted))


def faults(browser: Browser, path: Path, viewport: dict[str, int], **more: object) -> list[str]:
    """Return what keeps people from using the page, by axe-core."""
    # For the script of axe alone, which the policy of the page would not run.
    page = seen(browser, path, viewport, bypass_csp=True, **more).page
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    page.context.close()
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:200]}"
        for item in found["violations"]
        if item["impact"] != "minor"
    ]


@pytest.mark.browser
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_report_opens_offline(
    browser: Browser, report: Path, viewport: dict[str, int], tmp_path: Path
) -> None:
    watched = seen(browser, report, viewport)
    page = watched.page
    assert watched.complaints == []
    assert watched.requests == [report.as_uri()]
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    assert page.locator("svg path.line").count() == 5 + 1 + 1 + 5 + 5
    for plot in ("findings", "classes", "fleet", "largest", "forecast"):
        box = page.locator(f"#plot-{plot} svg").bounding_box()
        assert box
        assert box["width"] > viewport["width"] / 2
        assert box["height"] > 100
    assert page.locator("td.name", has_text=NASTY).count() > 0
    findings = page.locator("#findings")
    assert findings.locator("tbody tr").count() == len(Severity)
    assert findings.locator(".bad").all_text_contents() == ["critical", "high"]
    text = findings.text_content() or ""
    assert "1 critical, 1 high, 1 medium, 1 low, 1 info" in text
    assert f"{NASTY} → dba (member)" in text
    assert page.locator("#new_administrators tbody tr").count() == 5
    assert "=cmd()" in (page.locator("#new_administrators").text_content() or "")
    # Names are text in the legends too: no link, and nothing that hides.
    legend = page.locator("#plot-largest .legend span").all_text_contents()
    assert {r"pg\u202e\x9b\u200b", "billing-pg"} <= set(legend)
    assert any(LINK.startswith(name.removesuffix("…")) for name in legend)
    assert page.locator("main a:not(nav a), td b, script").count() == 0
    assert not {"\u202e", "\x9b", "\u200b"} & set(page.locator("body").text_content() or "")
    page.locator("nav a", has_text="What changed").click()
    assert page.url.endswith("#changes")
    assert faults(browser, report, viewport) == []
    picture(page, f"report-{viewport['width']}.png", tmp_path)
    page.context.close()


@pytest.mark.browser
def test_the_report_in_the_dark_in_print_and_in_chinese(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(made_report(), ReportTexts("zh")))
    watched = seen(browser, path, PHONE, color_scheme="dark")
    page = watched.page
    assert page.locator("html").get_attribute("lang") == "zh"
    assert "新增管理员" in (page.locator("#new_administrators").text_content() or "")
    assert faults(browser, path, PHONE, color_scheme="dark") == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    picture(page, "report-dark.png", tmp_path)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    assert page.locator("nav").is_hidden()
    assert page.pdf(path=tmp_path / "report.pdf").startswith(b"%PDF")
    assert watched.complaints == []
    page.context.close()


@pytest.mark.browser
def test_the_file_of_a_mail_opens(browser: Browser, tmp_path: Path) -> None:
    found, texts = made_report(), ReportTexts("en")
    with mail_inbox() as inbox:
        file = Attachment("report.html", "text/html", render_html(found).encode())
        mail = ReportMail(mail_subject(found, texts), mail_text(found, texts), "k", NOW, (file,))
        server = MailServer("127.0.0.1", inbox.port, SmtpTls.NONE)
        send_report(server, "sync@example.net", ("dba@example.net",), mail)
    (got,) = inbox.mails
    (part,) = got.iter_attachments()
    path = tmp_path / "attached.html"
    path.write_bytes(part.get_payload(decode=True))  # type: ignore[arg-type]
    watched = seen(browser, path, PHONE)
    assert watched.page.locator("h1").text_content() == "Report of the databases"
    assert (watched.complaints, watched.requests) == ([], [path.as_uri()])
    watched.page.context.close()
