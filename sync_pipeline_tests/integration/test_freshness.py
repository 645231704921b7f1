"""Checks of freshness on a store: what is remembered, what is sent, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.alert import Alert
from sync_pipeline.model.freshness import Quiet, WatchState
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import RecordStatus, SyncCategory
from sync_pipeline.notify.channel import Channel, not_sent
from sync_pipeline.store.store import Store
from sync_pipeline.store.watch.freshness import FreshnessStore
from sync_pipeline.workflows.watching.freshness import FreshnessReport, check_freshness, overdue_now
from workbench.benches.command import Command
from workbench.benches.store_bench import START, StoreBench
from workbench.benches.watch_bench import WatchBench, completed
from workbench.servers.statements import counted

ACCOUNT, CAPACITY = SyncCategory.ACCOUNT, SyncCategory.CAPACITY
LIMITS = {ACCOUNT: timedelta(minutes=90), CAPACITY: timedelta(days=3)}


@dataclass
class Ear:
    """A channel that keeps what it hears, while it works."""

    name: str
    works: bool = True
    heard: list[Alert] = field(default_factory=list)

    def send(self, alert: Alert) -> None:
        if not self.works:
            raise not_sent(self.name, "it is away")
        self.heard.append(alert)

    @property
    def subjects(self) -> list[str]:
        return [alert.subject.removeprefix("sync_pipeline: ") for alert in self.heard]


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> WatchBench:
    return WatchBench(store, tmp_path)


def check(bench: WatchBench, *ears: Ear, muted: tuple[int, ...] = ()) -> FreshnessReport:
    channels: list[Channel] = list(ears)
    return check_freshness(bench.deps, LIMITS, channels, frozenset(muted))


def kept(bench: WatchBench) -> dict[tuple[int, SyncCategory], WatchState]:
    return dict(bench.store.freshness.view([ACCOUNT, CAPACITY]).states)


def test_an_alert_and_a_recovery_once_each(bench: WatchBench) -> None:
    fleet, ear = bench.fleet("a", "b"), Ear("slack")
    bench.session(completed(fleet))
    for _ in range(2):
        assert check(bench, ear).overdue == 0
    bench.wait(91)
    bench.session([(fleet[0], RecordStatus.COMPLETED), (fleet[1], RecordStatus.FAILED)])
    for _ in range(3):
        assert check(bench, ear).overdue == 1
    assert ear.subjects == ["1 overdue"]
    assert "- b (account): last synced 2026-03-01 12:00Z, 1 h 31 min ago" in ear.heard[0].text
    bench.wait(1)
    bench.session(completed(fleet))
    for _ in range(3):
        assert check(bench, ear).overdue == 0
    assert ear.subjects == ["1 overdue", "1 up to date again"]
    assert kept(bench) == {}


def test_each_channel_catches_up_by_itself(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b")
    slack, email = Ear("slack"), Ear("email", works=False)
    bench.session(completed(fleet))
    bench.wait(91)
    report = check(bench, slack, email)
    assert [(item.channel, item.error is None) for item in report.deliveries] == [
        ("slack", True),
        ("email", False),
    ]
    bench.session(completed(fleet[:1]))
    check(bench, slack, email)
    email.works = True
    for _ in range(2):
        check(bench, slack, email)
    assert slack.subjects == ["2 overdue", "1 up to date again"]
    # It never heard that the other one was overdue, so it hears of no recovery.
    assert email.subjects == ["1 overdue"]


def test_an_alert_that_could_not_be_noted_is_sent_again(
    bench: WatchBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("The store is away.")

    ear = Ear("slack")
    bench.fleet("a")
    bench.wait(91)
    with monkeypatch.context() as patch:
        patch.setattr(FreshnessStore, "note_told", away)
        with pytest.raises(StoreUnavailable):
            check(bench, ear)
    check(bench, ear)
    check(bench, ear)
    assert ear.subjects == ["1 overdue", "1 overdue"]


def test_categories_are_apart(bench: WatchBench) -> None:
    fleet, ear = bench.fleet("a"), Ear("slack")
    bench.wait(60 * 72)
    bench.session(completed(fleet), ACCOUNT)
    check(bench, ear)
    assert ear.subjects == []
    bench.wait(1)
    check(bench, ear)
    assert ear.subjects == ["1 overdue"]
    assert "- a (capacity): never synced, registered 3 d 0 h ago" in ear.heard[0].text
    bench.session(completed(fleet), CAPACITY)
    check(bench, ear)
    assert ear.subjects[1:] == ["1 up to date again"]


def test_maintenance_alerts_nobody(bench: WatchBench) -> None:
    (instance,), ear = bench.fleet("a"), Ear("slack")
    for _ in range(3):
        bench.wait(60)
        assert check(bench, ear, muted=(instance.id,)).overdue == 0
    assert kept(bench)[instance.id, ACCOUNT].quiet is Quiet.MUTED
    check(bench, ear)
    bench.wait(89)
    check(bench, ear)
    assert ear.heard == []
    bench.wait(2)
    check(bench, ear)
    assert ear.subjects == ["1 overdue"]


def gone(bench: WatchBench, instance: Instance, how: str) -> None:
    if how == "removed":
        bench.store.registry.delete_instance(instance.name, bench.now)
    else:
        bench.store.registry.put_instances([replace(instance, is_active=False)], bench.now)


@pytest.mark.parametrize("how", ["removed", "deactivated"])
def test_what_leaves_the_fleet_is_forgotten_without_a_word(bench: WatchBench, how: str) -> None:
    (instance,), ear = bench.fleet("a"), Ear("slack")
    bench.wait(91)
    check(bench, ear)
    gone(bench, instance, how)
    bench.wait(500)
    assert check(bench, ear).overdue == 0
    assert overdue_now(bench.deps).overdue == ()
    bench.store.registry.put_instances([instance], bench.now)
    check(bench, ear)
    assert ear.subjects == ["1 overdue"]
    bench.wait(91)
    check(bench, ear)
    assert ear.subjects == ["1 overdue", "1 overdue"]


def test_a_whole_fleet_is_one_message_and_few_statements(bench: WatchBench) -> None:
    ear = Ear("slack")
    sent = []
    for count in (10, 2_000):
        fleet = bench.fleet(*(f"db{number:04}" for number in range(count)))
        bench.session(completed(fleet))
        check(bench, ear)
        bench.wait(91)
        ear.heard.clear()
        with counted(bench.store) as statements:
            check(bench, ear)
        sent.append(len(statements))
        assert ear.subjects == [f"{count} overdue"]
        assert ear.heard[0].text.count("\n- ") == min(count, 20)
        bench.session(completed(fleet))
        ear.heard.clear()
        check(bench, ear)
        assert ear.subjects == [f"{count} up to date again"]
    assert max(sent) <= 12
    # More rows than one statement may bind are written in a second one.
    assert sent[1] - sent[0] <= 1


def test_a_quiet_minute_costs_a_handful_of_statements(bench: WatchBench) -> None:
    bench.session(completed(bench.fleet("a", "b")))
    check(bench, Ear("slack"))
    with counted(bench.store) as statements:
        check(bench, Ear("slack"))
    assert len(statements) <= 6


def test_the_last_success_is_one_seek_of_an_index(bench: WatchBench) -> None:
    bench.session(completed(bench.fleet("a")))
    with counted(bench.store) as statements:
        bench.store.freshness.view([ACCOUNT])
    (query,) = [text for text in statements if "max(" in text]
    if not bench.store._database.is_sqlite:
        assert "status = 'completed'" in query
        return
    with bench.store._database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("account",))
        assert "ix_sync_instance_records_last_success" in str(plan.all())


def test_what_is_overdue_is_listed(command: Command) -> None:
    assert "Nothing was checked yet" in command.ok("alerts", "list").out
    store = command.store()
    bench = WatchBench(store, command.home)
    StoreBench(store, START).fleet("a")
    bench.wait(100)
    check(bench)
    store.close()
    said = command.ok("alerts", "list").out
    assert "account was checked" in said
    assert "a success counts for 1:30:00" in said
    assert "never" in said
    (found,) = command.ok("alerts", "list", "--json").json["overdue"]
    assert (found["instance"], found["category"]) == ("a", "account")
    assert found["stale_since"] == (START + timedelta(minutes=90)).isoformat()


def test_what_is_not_watched_any_more_is_forgotten(bench: WatchBench) -> None:
    bench.fleet("a")
    bench.wait(91)
    ear = Ear("slack")
    check(bench, ear)
    for limits in ({CAPACITY: timedelta(days=3)}, {}):
        report = check_freshness(bench.deps, limits, [ear], frozenset())
        assert (report.overdue, report.deliveries) == (0, ())
        view = bench.store.freshness.view([ACCOUNT, CAPACITY])
        assert (view.states, view.told) == ({}, {})
        assert [item.category for item in view.checks] == list(limits)
    assert ear.subjects == ["1 overdue"]
