"""Checks of freshness on a store: what is remembered, what is sent, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.freshness import Quiet, WatchState
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import RecordStatus, SyncCategory
from sync_pipeline.reconcile.freshness import events_of, news_of, next_states
from sync_pipeline.store.events.outbox import OutboxStore
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.watching.freshness import overdue_now
from workbench.benches.alerts_bench import Ear, look
from workbench.benches.command import Command
from workbench.benches.store_bench import START, StoreBench
from workbench.benches.watch_bench import WatchBench, completed
from workbench.servers.statements import counted

ACCOUNT, CAPACITY = SyncCategory.ACCOUNT, SyncCategory.CAPACITY
LIMITS = {ACCOUNT: timedelta(minutes=90), CAPACITY: timedelta(days=3)}


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> WatchBench:
    return WatchBench(store, tmp_path)


def check(bench: WatchBench, *ears: Ear, muted: tuple[int, ...] = ()) -> int:
    return look(bench.deps, LIMITS, *ears, muted=muted)[0]


def kept(bench: WatchBench) -> dict[tuple[int, SyncCategory], WatchState]:
    return dict(bench.store.freshness.view([ACCOUNT, CAPACITY]).states)


def test_an_alert_and_a_recovery_once_each(bench: WatchBench) -> None:
    fleet, ear = bench.fleet("a", "b"), Ear("slack")
    bench.session(completed(fleet))
    for _ in range(2):
        assert check(bench, ear) == 0
    bench.wait(91)
    bench.session([(fleet[0], RecordStatus.COMPLETED), (fleet[1], RecordStatus.FAILED)])
    for _ in range(3):
        assert check(bench, ear) == 1
    assert ear.subjects == ["1 overdue"]
    assert "- b (account): last synced 2026-03-01 12:00Z, 1 h 31 min ago" in ear.heard[0].text
    bench.wait(1)
    bench.session(completed(fleet))
    for _ in range(3):
        assert check(bench, ear) == 0
    assert ear.subjects == ["1 overdue", "1 up to date again"]
    assert kept(bench) == {}


def test_each_channel_catches_up_by_itself(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b")
    slack, email = Ear("slack"), Ear("email", works=False)
    bench.session(completed(fleet))
    bench.wait(91)
    _, deliveries = look(bench.deps, LIMITS, slack, email)
    assert sorted((item.channel, item.error is None) for item in deliveries) == [
        ("email", False),
        ("slack", True),
    ]
    bench.session(completed(fleet[:1]))
    check(bench, slack, email)
    email.works = True
    for _ in range(2):
        bench.wait(1)
        check(bench, slack, email)
    assert slack.subjects == ["2 overdue", "1 up to date again"]
    # It never heard that the other one was overdue, so both is one line.
    assert email.subjects == ["1 overdue, 1 up to date again"]
    assert "- a (account): last synced 2026-03-01 13:31Z, 1 min ago; overdue once since" in (
        email.heard[0].text
    )


def test_an_alert_that_could_not_be_noted_is_sent_again(
    bench: WatchBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("The store is away.")

    ear = Ear("slack")
    bench.fleet("a")
    bench.wait(91)
    with monkeypatch.context() as patch:
        patch.setattr(OutboxStore, "note_sent", away)
        with pytest.raises(StoreUnavailable):
            check(bench, ear)
    check(bench, ear)
    # Not before it is sure that nobody is sending it.
    assert ear.subjects == ["1 overdue"]
    bench.wait(2)
    check(bench, ear)
    check(bench, ear)
    assert ear.subjects == ["1 overdue", "1 overdue"]
    assert len({alert.key for alert in ear.heard}) == 1
    assert ear.heard[0] == ear.heard[1]


def test_a_new_route_is_told_of_what_is_overdue(bench: WatchBench) -> None:
    fleet, first, second = bench.fleet("a", "b"), Ear("first"), Ear("second")
    bench.wait(91)
    check(bench, first)
    bench.session(completed(fleet[:1]))
    bench.wait(60 * 30)
    check(bench, first, muted=(fleet[0].id,))
    check(bench, first, second, muted=(fleet[0].id,))
    check(bench, first, second, muted=(fleet[0].id,))
    assert second.subjects == ["1 overdue"]
    assert "- b (account)" in second.heard[0].text


def test_categories_are_apart(bench: WatchBench) -> None:
    fleet, ear = bench.fleet("a"), Ear("slack")
    bench.wait(60 * 72)
    bench.session(completed(fleet), ACCOUNT)
    check(bench, ear)
    assert ear.subjects == []
    bench.wait(1)
    check(bench, ear)
    assert ear.subjects == ["1 overdue"]
    assert "- a (capacity): never synced, overdue for 1 min" in ear.heard[0].text
    bench.session(completed(fleet), CAPACITY)
    check(bench, ear)
    assert ear.subjects[1:] == ["1 up to date again"]


def test_maintenance_alerts_nobody(bench: WatchBench) -> None:
    (instance,), ear = bench.fleet("a"), Ear("slack")
    for _ in range(3):
        bench.wait(60)
        assert check(bench, ear, muted=(instance.id,)) == 0
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
    assert check(bench, ear) == 0
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
    assert max(sent) <= 37
    # A thousand events are taken at once, and more rows than a statement may bind in a second one.
    assert sent[1] - sent[0] <= 5


def test_a_quiet_minute_costs_a_handful_of_statements(bench: WatchBench) -> None:
    bench.session(completed(bench.fleet("a", "b")))
    check(bench, Ear("slack"))
    with counted(bench.store) as statements:
        check(bench, Ear("slack"))
    assert len(statements) <= 9


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
        assert look(bench.deps, limits, ear) == (0, ())
        view = bench.store.freshness.view([ACCOUNT, CAPACITY])
        assert (view.states, view.announced) == ({}, frozenset())
        assert [item.category for item in view.checks] == list(limits)
    assert ear.subjects == ["1 overdue"]


def test_two_daemons_announce_it_once(bench: WatchBench) -> None:
    """Both looked before the one wrote: what the other finds is known then."""
    bench.fleet("a")
    bench.wait(91)
    ear, freshness = Ear("slack"), bench.store.freshness
    view = freshness.view([ACCOUNT])
    check(bench, ear)
    states = next_states(view.watched, view.states, LIMITS, frozenset(), bench.now)
    events = events_of(news_of(view.watched, states, frozenset()), {}, bench.now)
    assert len(events) == 1
    freshness.save(view.states, states, (), events=events)
    check(bench, ear)
    assert ear.subjects == ["1 overdue"]


def test_what_left_the_fleet_before_it_was_told_is_not_told(bench: WatchBench) -> None:
    fleet, ear = bench.fleet("a", "b"), Ear("slack", works=False)
    bench.wait(91)
    check(bench, ear)
    gone(bench, fleet[0], "removed")
    bench.wait(5)
    ear.works = True
    check(bench, ear)
    assert ear.subjects == ["1 overdue"]
    assert "- b (account)" in ear.heard[0].text
