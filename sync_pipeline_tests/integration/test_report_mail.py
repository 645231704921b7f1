"""Reports by mail: each that is due is sent once, whoever is killed, refused or late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError, StoreUnavailable
from sync_pipeline.model.report import FleetReport
from sync_pipeline.model.report_route import ReportRoute
from sync_pipeline.settings import Settings, SmtpTls
from sync_pipeline.store.store import Store
from sync_pipeline.web.serve import NoSecrets
from sync_pipeline.workflows.answers.report_routes import report_routes
from sync_pipeline.workflows.answers.reporting import Asked, fleet_report
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.watching import reports
from sync_pipeline.workflows.watching.due_reports import due_reports
from sync_pipeline.workflows.watching.reports import SentReport, send_due
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench, an_account
from workbench.servers.inboxes import MailInbox, mail_inbox

MONDAY = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
FILE = """
reports:
  - name: fleet
    to: [dba@example.net, ops@example.net]
  - name: 支付
    to: [pay@example.net]
    tags: [team=pay]
    language: zh
    formats: [html]
"""


@dataclass
class Post:
    """A store, a mail server, and a clock that the test sets."""

    store: Store
    inbox: MailInbox
    home: Path
    now: datetime = MONDAY - timedelta(hours=1)

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            reports_file=self.home / "reports.yaml",
            alert_email_from="sync@example.net",
            alert_smtp_host="127.0.0.1",
            alert_smtp_port=self.inbox.port,
            alert_smtp_tls=SmtpTls.NONE,
        )

    @property
    def deps(self) -> SyncDeps:
        return SyncDeps(self.store, NoSecrets(), self.settings, lambda: self.now)

    def write(self, text: str = FILE) -> None:
        (self.home / "reports.yaml").write_text(text)

    def look(self, now: datetime | None = None) -> list[SentReport]:
        self.now = now or self.now
        return list(send_due(self.deps, due_reports(self.deps)))


@pytest.fixture
def post(store: Store, tmp_path: Path) -> Iterator[Post]:
    with mail_inbox() as inbox:
        made = Post(store, inbox, tmp_path)
        bench = StoreBench(store, made.now)
        pay, other = bench.fleet("pay-1", "other-1")
        store.registry.put_instances([replace(pay, tags=("team=pay",))], bench.now)
        for item in (pay, other):
            bench.apply(item, an_account("alice"))
        made.write()
        yield made


def test_each_report_is_sent_once_a_week(post: Post) -> None:
    assert post.look() == []  # they are new: nothing was due yet
    assert post.look(MONDAY - timedelta(seconds=1)) == []
    sent = post.look(MONDAY + timedelta(seconds=40))
    assert [(item.name, item.recipients, item.error) for item in sent] == [
        ("fleet", 2, None), ("支付", 1, None),
    ]  # fmt: skip
    assert post.look() == post.look(MONDAY + timedelta(days=6)) == []
    assert len(post.look(MONDAY + WEEK)) == 2
    assert post.inbox.recipients == [
        ["dba@example.net", "ops@example.net"], ["pay@example.net"],
    ] * 2  # fmt: skip


def parts_of(mail: EmailMessage) -> dict[str, bytes]:
    return {
        part.get_filename() or "": part.get_payload(decode=True)  # type: ignore[misc]
        for part in mail.iter_attachments()
    }


def test_a_team_gets_its_own_in_its_language(post: Post) -> None:
    post.look()
    post.look(MONDAY)
    fleet, pay = post.inbox.mails
    files = parts_of(fleet)
    assert list(files) == ["report-2026-11-30.html", "report-2026-11-30.xlsx"]
    assert b"other-1" in files["report-2026-11-30.html"]
    assert "The whole fleet" in str(fleet["Subject"])
    body = fleet.get_body()
    assert body is not None
    assert "active instances: 2" in body.get_content()
    own = parts_of(pay)
    assert list(own) == ["report-team-pay-2026-11-30.html"]
    page = own["report-team-pay-2026-11-30.html"].decode()
    assert '<html lang="zh">' in page
    assert "other-1" not in page
    assert "team=pay" in str(pay["Subject"])
    assert pay["Auto-Submitted"] == "auto-generated"


def test_it_tells_of_the_time_since_the_last_one(post: Post) -> None:
    post.write(FILE.partition("  - name: 支付")[0])
    post.look()
    post.look(MONDAY)
    assert due_reports(post.deps) == []
    post.now = MONDAY + 3 * WEEK + timedelta(hours=5)
    (due,) = due_reports(post.deps)
    assert (due.since, due.due_at) == (MONDAY, MONDAY + 3 * WEEK)
    assert len(post.look()) == 1  # one for all that were missed
    assert post.look() == []


def test_what_is_refused_is_tried_again_later_and_later(post: Post) -> None:
    post.write(FILE.partition("  - name: 支付")[0])
    post.look()
    post.inbox.answer = "451 later"
    (failed,) = post.look(MONDAY)
    assert "code 451" in str(failed)
    assert post.look() == []
    assert len(post.look(MONDAY + timedelta(minutes=1))) == 1
    assert post.look(MONDAY + timedelta(minutes=2)) == []
    assert len(post.look(MONDAY + timedelta(minutes=3))) == 1
    for _ in range(9):
        post.look(post.now + timedelta(hours=1))
    post.inbox.answer = "250 taken"
    post.inbox.mails.clear()
    (sent,) = post.look(post.now + timedelta(hours=1))
    assert sent.error is None
    assert len(post.inbox.mails) == 1
    assert post.look(post.now + timedelta(hours=1)) == []
    # The same report, however often it was tried.
    assert len({mail["Message-ID"] for mail in post.inbox.mails}) == 1


def test_one_route_that_fails_costs_the_others_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.look()

    def fails(deps: SyncDeps, asked: Asked) -> FleetReport:
        if not asked.selection.is_everything:
            raise ConfigurationError("It can't be had.")
        return fleet_report(deps, asked)

    monkeypatch.setattr(reports, "fleet_report", fails)
    sent = post.look(MONDAY)
    assert [item.error is None for item in sent] == [True, False]
    assert "It can't be had" in str(sent[1])


def test_a_report_of_no_instance_is_sent_once_and_says_so(post: Post) -> None:
    post.write(FILE.partition("  - name: 支付")[0].replace("]", "]\n    tags: [team=gone]"))
    post.look()
    (sent,) = post.look(MONDAY)
    assert sent.error is None
    assert post.look(MONDAY + timedelta(hours=2)) == []
    (mail,) = post.inbox.mails
    body = mail.get_body()
    assert body is not None
    said = body.get_content()
    assert "It is about no instance that is there now." in said
    assert "No instance has the tag 'team=gone'." in said
    page = parts_of(mail)["report-team-gone-2026-11-30.html"].decode()
    assert "This report is empty. No instance has the tag" in page
    assert "pay-1" not in page
    assert "alice" not in page


def test_a_route_that_is_put_back_tells_nothing_of_the_time_without_it(post: Post) -> None:
    alone = FILE.partition("  - name: 支付")[0]
    post.look()
    post.look(MONDAY)
    post.write(alone)
    for weeks in range(1, 3):
        post.look(MONDAY + weeks * WEEK)
    # For less than that it is as if it had been there.
    assert "支付" in post.store.report_routes.states()
    post.look(MONDAY + 2 * WEEK + timedelta(hours=1))
    assert set(post.store.report_routes.states()) == {"fleet"}
    post.write()
    back = MONDAY + 20 * WEEK - timedelta(hours=1)
    assert [item.name for item in post.look(back)] == ["fleet"]
    post.now = MONDAY + 20 * WEEK
    told = {item.route.name: item.since for item in due_reports(post.deps)}
    assert told["支付"] == MONDAY + 19 * WEEK
    post.write("reports: []")
    assert post.look(MONDAY + 30 * WEEK) == []
    assert post.store.report_routes.states() == {}


def test_of_a_process_that_was_killed_another_one_takes_over(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.write(FILE.partition("  - name: 支付")[0])
    post.look()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("fleet_report", "send_report"):
        post.now = post.now + WEEK
        with monkeypatch.context() as patch:
            patch.setattr(reports, place, killed)
            with pytest.raises(KeyboardInterrupt):
                post.look()
        assert post.look() == []  # somebody may be at it still
        assert len(post.look(post.now + reports.CLAIM)) == 1
        assert post.look() == []
    assert len(post.inbox.mails) == 2


def test_a_store_that_goes_away_loses_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post.write(FILE.partition("  - name: 支付")[0])
    post.look()

    def gone(*_: object) -> None:
        raise StoreUnavailable("The store does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(reports, "fleet_report", gone)
        with pytest.raises(StoreUnavailable):
            post.look(MONDAY)
    assert len(post.look(MONDAY + reports.CLAIM)) == 1


def test_two_processes_send_one(post: Post, store_url: str) -> None:
    post.look()
    post.now = MONDAY
    due = due_reports(post.deps)
    other = Store.open(store_url)
    try:
        second = SyncDeps(other, NoSecrets(), post.settings, lambda: post.now)
        first, rest = send_due(post.deps, due), send_due(second, due)
        sent = [next(first), *rest, *first]
    finally:
        other.close()
    assert sorted(item.name for item in sent) == ["fleet", "支付"]
    assert len(post.inbox.mails) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reports: [{name: a, to: []}]", "line 1, reports[1].to"),
        ("reports: [{name: a, to: [nobody]}]", "'nobody' is not an e-mail address"),
        ('reports: [{name: a, to: ["a@b.c\\r\\nBcc: x@y.z"]}]', "is not an e-mail address"),
        ("reports: [{name: a, to: [a@b.c], weekday: someday}]", "a day is one of monday"),
        ("reports: [{name: a, to: [a@b.c], time: 7}]", 'written as "07:00"'),
        ("reports: [{name: a, to: [a@b.c], time: '24:00'}]", 'written as "07:00"'),
        ("reports: [{name: a, to: [a@b.c], language: de}]", "known are en, zh"),
        ("reports: [{name: a, to: [a@b.c], engine: oracle}]", "engine"),
        ("reports: [{name: a, to: [a@b.c]}, {name: a, to: [a@b.c]}]", "two reports have the name"),
    ],
)
def test_a_file_that_is_wrong_says_where(post: Post, text: str, message: str) -> None:
    post.write(text)
    with pytest.raises(ConfigurationError) as caught:
        report_routes(post.settings)
    assert message in str(caught.value)


def test_reports_need_a_sender(post: Post) -> None:
    with pytest.raises(ConfigurationError, match="have no sender"):
        report_routes(post.settings.model_copy(update={"alert_email_from": ""}))


ZONES = "UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu"


@given(st.integers(0, 4 * 365 * 24 * 60), st.integers(0, 6), st.times(), st.sampled_from(ZONES))
def test_a_report_is_due_once_a_week(minutes: int, weekday: int, at: time, zone: str) -> None:
    route = ReportRoute("r", (), weekday=weekday, at=at)
    aware = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    due = route.last_due(aware, zone)
    # An hour of a change of the clocks more or less.
    assert timedelta() <= aware - due <= WEEK + timedelta(hours=1)
    assert route.last_due(due, zone) == due
    assert route.last_due(due + timedelta(days=6, hours=22), zone) == due


def test_the_command_sends_a_trial(
    command: Command, post: Post, monkeypatch: pytest.MonkeyPatch, store_url: str
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", store_url)
    monkeypatch.setenv("SYNC_PIPELINE_REPORTS_FILE", str(post.home / "reports.yaml"))
    assert "have no sender" in command.wrong("report", "--send", "--route", "fleet")
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_EMAIL_FROM", "sync@example.net")
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_PORT", str(post.inbox.port))
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_TLS", "none")
    said = command.ok("report", "--send", "--to", "me@example.net", "--tag", "team=pay")
    assert "The report of 1 instances was sent to me@example.net" in said.out
    command.ok("report", "--send", "--route", "支付")
    assert post.inbox.recipients == [["me@example.net"], ["pay@example.net"]]
    # A trial is none that was due.
    post.look()
    assert len(post.look(MONDAY)) == 2
    for arguments, message in (
        (("--send",), "does not say to whom"),
        (("--to", "a@b.c"), "Add --send"),
        (("--send", "--to", "nobody"), "not an e-mail address"),
        (("--send", "--route", "none"), "There is no report"),
        (("--route", "fleet", "--tag", "team=pay"), "already"),
        (("--send", "--to", "a@b.c", "--output", "x.html"), "writes no file"),
    ):
        assert message in command.wrong("report", *arguments)
