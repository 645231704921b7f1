"""Two daemons at once, whose clocks are apart, as when one takes over from another.

Only one works at a time (ADR 0024), so that this lasts for a moment, if at all. What is told then
is told as the same message, and no digest or report is told for both clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from sync_pipeline.model.alert import Alert
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.route import Alerting, ChannelKind, Match, Rhythm, Route, Rule, Timing
from sync_pipeline.settings import Settings, SmtpTls
from sync_pipeline.store.store import Store
from sync_pipeline.web.serve import NoSecrets
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.watching.due_reports import due_reports
from sync_pipeline.workflows.watching.reports import SentReport, send_due
from workbench.benches.alerts_bench import Ear, happen, tell
from workbench.benches.store_bench import StoreBench
from workbench.benches.watch_bench import WatchBench
from workbench.servers.inboxes import MailInbox, mail_inbox

APART = timedelta(seconds=90)
MINUTE, WEEK = timedelta(minutes=1), timedelta(days=7)
MONDAY = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)


@dataclass
class Slow(Ear):
    """A channel that takes its time, in which something else happens."""

    meanwhile: Callable[[], object] = lambda: None

    def send(self, alert: Alert) -> None:
        self.meanwhile()
        super().send(alert)


def by_timing(timing: Timing) -> Alerting:
    return Alerting(
        (Route("ops", ChannelKind.SLACK, timing=timing),), (Rule("a", Match(), ("ops",)),)
    )


def happened(bench: WatchBench, at: datetime, subject: str) -> Event:
    (instance,) = bench.store.registry.instances()
    return Event(
        EventKind.POWER_GAINED, Severity.HIGH, instance.id, instance.name, at, "bob", subject
    )


@pytest.mark.parametrize("ahead", [APART, -APART])
def test_every_event_is_told_and_twice_only_as_the_same_message(
    store: Store, tmp_path: Path, ahead: timedelta
) -> None:
    bench = WatchBench(store, tmp_path)
    bench.fleet("db")
    ours, theirs = Slow("ops"), Ear("ops")
    other = replace(bench.deps, clock=lambda: bench.now + ahead)
    alerting = by_timing(Timing())
    # While ours is being sent, theirs looks too.
    ours.meanwhile = lambda: tell(other, theirs, alerting=alerting)
    for number in range(6):
        # Noticed by the one clock or by the other.
        at = bench.now + (ahead if number % 2 else timedelta())
        happen(store, happened(bench, at, f"class {number}"))
        tell(bench.deps, ours, alerting=alerting)
        bench.now += MINUTE
    for _ in range(4):
        tell(bench.deps, ours, alerting=alerting)
        tell(other, theirs, alerting=alerting)
        bench.now += MINUTE
    heard = [*ours.heard, *theirs.heard]
    by_key = {alert.key: alert.payload["events"] for alert in heard}
    assert all(by_key[alert.key] == alert.payload["events"] for alert in heard)
    told = sorted(item["subject"] for events in by_key.values() for item in events)
    assert told == [f"class {number}" for number in range(6)]


@pytest.mark.parametrize("ahead", [APART, -APART])
def test_a_digest_is_told_once_whichever_clock_it_is(
    store: Store, tmp_path: Path, ahead: timedelta
) -> None:
    bench = WatchBench(store, tmp_path)
    bench.fleet("db")
    ours, theirs = Ear("ops"), Ear("ops")
    alerting = by_timing(Timing(Rhythm.DAILY, time(8)))
    happen(store, happened(bench, bench.now, "superuser"))
    bench.now = bench.now.replace(hour=7, minute=55) + timedelta(days=1)
    for _ in range(10):
        tell(bench.deps, ours, alerting=alerting)
        tell(replace(bench.deps, clock=lambda: bench.now + ahead), theirs, alerting=alerting)
        bench.now += MINUTE
    assert len(ours.heard) + len(theirs.heard) == 1
    assert len(theirs.heard) == (1 if ahead > timedelta() else 0)


@dataclass
class Mailing:
    """Two daemons that mail the same reports."""

    store: Store
    inbox: MailInbox
    settings: Settings
    now: datetime = MONDAY - timedelta(hours=1)

    def look(self, ahead: timedelta = timedelta()) -> list[SentReport]:
        deps = SyncDeps(self.store, NoSecrets(), self.settings, lambda: self.now + ahead)
        return list(send_due(deps, due_reports(deps)))


@pytest.fixture
def mailing(store: Store, tmp_path: Path) -> Iterator[Mailing]:
    (tmp_path / "reports.yaml").write_text("reports: [{name: fleet, to: [dba@example.net]}]")
    StoreBench(store, MONDAY).fleet("db")
    with mail_inbox() as inbox:
        settings = Settings(
            home=tmp_path,
            reports_file=tmp_path / "reports.yaml",
            alert_email_from="sync@example.net",
            alert_smtp_host="127.0.0.1",
            alert_smtp_port=inbox.port,
            alert_smtp_tls=SmtpTls.NONE,
        )
        yield Mailing(store, inbox, settings)


@pytest.mark.parametrize("ahead", [APART, -APART])
def test_a_report_is_mailed_once_a_week_whichever_clock_it_is(
    mailing: Mailing, ahead: timedelta
) -> None:
    for week in range(1, 4):
        mailing.now = MONDAY + (week - 1) * WEEK - 5 * MINUTE
        for _ in range(10):
            mailing.look()
            mailing.look(ahead)
            mailing.now += MINUTE
        assert len(mailing.inbox.mails) == week
    keys = [mail["Message-ID"] for mail in mailing.inbox.mails]
    assert len(set(keys)) == len(keys)
