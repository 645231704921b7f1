"""The outbox: what is told, once, in order, on each route, on both stores."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.route import (
    Alerting,
    ChannelKind,
    Match,
    Outgoing,
    QuietHours,
    Rhythm,
    Route,
    Rule,
    Timing,
)
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.news.telling import PAUSE, decide_by, wait_after
from sync_pipeline.workflows.retention import prune_history
from workbench.benches.alerts_bench import Ear, by_default, happen, tell
from workbench.benches.noticed import noticed_since
from workbench.benches.watch_bench import WatchBench
from workbench.servers.statements import counted

GAINED, LOST = EventKind.POWER_GAINED, EventKind.POWER_LOST
HIGH, LOW = Severity.HIGH, Severity.LOW
DAILY = Timing(Rhythm.DAILY, time(8))


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> WatchBench:
    return WatchBench(store, tmp_path)


@pytest.fixture
def instance(bench: WatchBench) -> Instance:
    (found,) = bench.fleet("db")
    return found


def event(
    bench: WatchBench,
    instance: Instance,
    subject: str = "superuser",
    kind: EventKind = GAINED,
    severity: Severity = HIGH,
) -> Event:
    return Event(kind, severity, instance.id, instance.name, bench.now, "bob", subject)


def one_route(
    timing: Timing = Timing(),  # noqa: B008 - it is frozen
    *quiet: QuietHours,
    most_lines: int = 20,
    match: Match = Match(),  # noqa: B008 - as above
) -> Alerting:
    route = Route("ops", ChannelKind.SLACK, timing=timing, quiet=quiet, most_lines=most_lines)
    return Alerting((route,), (Rule("all", match, ("ops",)),))


def subjects(ear: Ear) -> list[list[str]]:
    return [[item["subject"] for item in alert.payload["events"]] for alert in ear.heard]


def test_what_matches_is_told_once_and_the_rest_never(
    bench: WatchBench, instance: Instance
) -> None:
    ear = Ear("slack")
    happen(bench.store, event(bench, instance), event(bench, instance, "x", severity=LOW))
    for _ in range(3):
        tell(bench.deps, ear)
        bench.wait(5)
    assert ear.subjects == ["1 other event, worst is high"]
    assert subjects(ear) == [["superuser"]]


def test_each_route_gets_its_own(bench: WatchBench, instance: Instance) -> None:
    first, second = Ear("first"), Ear("second")
    alerting = Alerting(
        (Route("first", ChannelKind.SLACK), Route("second", ChannelKind.SLACK, timing=DAILY)),
        (
            Rule("a", Match(classes=("super%",)), ("first",)),
            Rule("b", Match(), ("first", "second")),
        ),
    )
    happen(bench.store, event(bench, instance), event(bench, instance, "shop"))
    tell(bench.deps, first, second, alerting=alerting)
    assert subjects(first) == [["superuser", "shop"]]
    assert second.heard == []
    bench.now = bench.now.replace(hour=8) + timedelta(days=1)
    tell(bench.deps, first, second, alerting=alerting)
    assert subjects(second) == [["superuser", "shop"]]
    assert len(first.heard) == 1


def test_a_flapping_change_is_one_line_of_a_digest(bench: WatchBench, instance: Instance) -> None:
    ear, alerting = Ear("ops"), one_route(DAILY)
    for kind in (GAINED, LOST, GAINED):
        happen(bench.store, event(bench, instance, kind=kind))
        bench.wait(60)
        tell(bench.deps, ear, alerting=alerting)
    assert ear.heard == []
    bench.wait(60 * 24)
    tell(bench.deps, ear, alerting=alerting)
    (alert,) = ear.heard
    assert "db, bob: gained superuser, then lost, then gained" in alert.text
    assert alert.text.count("\n- ") == 1


def test_what_was_not_delivered_before_quiet_hours_waits_for_their_end(
    bench: WatchBench, instance: Instance
) -> None:
    """Of a channel that refused, of one that may have it, and of a daemon that was away."""
    fails, slow = Ear("fails"), Ear("slow")
    today = bench.now.weekday()
    # From a quarter past noon for almost three days: longer than news is told.
    quiet = (
        QuietHours(12 * 60 + 15, 0, frozenset({today})),
        QuietHours(0, 0, frozenset((today + number) % 7 for number in (1, 2))),
        QuietHours(0, 7 * 60, frozenset({(today + 3) % 7})),
    )
    routes = tuple(Route(ear.name, ChannelKind.SLACK, quiet=quiet) for ear in (fails, slow))
    alerting = Alerting(routes, (Rule("all", Match(), ("fails", "slow")),))
    until = (bench.now + timedelta(days=3)).replace(hour=7)
    happen(bench.store, event(bench, instance, "tried"))
    fails.works = slow.works = slow.is_refused = False
    tell(bench.deps, fails, slow, alerting=alerting)
    bench.wait(14)
    happen(bench.store, event(bench, instance, "seen by nobody"))
    fails.works = slow.works = True
    while bench.now < until - timedelta(hours=7):
        bench.wait(7 * 60)
        tell(bench.deps, fails, slow, alerting=alerting)
    assert [len(ear.tried) for ear in (fails, slow)] == [1, 1]
    bench.now = until
    for _ in range(2):
        tell(bench.deps, fails, slow, alerting=alerting)
    assert subjects(fails) == subjects(slow) == [["tried", "seen by nobody"]]
    assert [alert.payload["not_told_count"] for alert in (*fails.heard, *slow.heard)] == [0, 0]


def test_nights_make_nothing_of_a_long_outage_new_again(
    bench: WatchBench, instance: Instance
) -> None:
    ear = Ear("ops", works=False)
    alerting = one_route(Timing(), QuietHours(22 * 60, 7 * 60, frozenset(range(7))))
    evening = bench.now.replace(hour=21, minute=50)
    happens = {0: "old", 15: "old", 49: "of this night"}
    for hours in (0, 1, 11, 15, 25, 35, 47, 49, 57.5):
        bench.now = evening + timedelta(hours=hours)
        if hours in happens:
            happen(bench.store, event(bench, instance, happens[int(hours)]))
        ear.works = hours in (49, 57.5)
        tell(bench.deps, ear, alerting=alerting)
    assert subjects(ear) == [["of this night"]]
    assert ear.heard[0].payload["not_told_count"] == 2


def test_a_digest_by_a_clock_that_was_ahead_is_told_in_time(
    bench: WatchBench, instance: Instance
) -> None:
    ear, alerting = Ear("ops"), one_route(DAILY)
    now = bench.now
    bench.now = now + timedelta(days=10)
    happen(bench.store, event(bench, instance))
    tell(bench.deps, ear, alerting=alerting)
    bench.now = now
    tell(bench.deps, ear, alerting=alerting)
    assert ear.heard == []
    bench.now = (now + timedelta(days=1)).replace(hour=8)
    tell(bench.deps, ear, alerting=alerting)
    assert subjects(ear) == [["superuser"]]


def test_quiet_hours_hold_everything_until_their_end(bench: WatchBench, instance: Instance) -> None:
    ear, alerting = Ear("ops"), one_route(Timing(), QuietHours(11 * 60, 14 * 60))
    happen(bench.store, event(bench, instance))  # at noon
    bench.wait(119)
    tell(bench.deps, ear, alerting=alerting)
    assert ear.heard == []
    bench.wait(1)
    tell(bench.deps, ear, alerting=alerting)
    assert len(ear.heard) == 1


def test_a_message_has_so_many_lines_and_the_number_of_the_rest(
    bench: WatchBench, instance: Instance
) -> None:
    ear, alerting = Ear("ops"), one_route(most_lines=3)
    happen(bench.store, *(event(bench, instance, f"class {number}") for number in range(8)))
    tell(bench.deps, ear, alerting=alerting)
    (alert,) = ear.heard
    assert alert.text.count("\n- ") == 3
    assert "… and 5 more" in alert.text
    assert alert.payload["events_count"] == 8


def test_what_was_refused_is_told_anew_with_what_came_since(
    bench: WatchBench, instance: Instance
) -> None:
    ear = Ear("slack", works=False)
    happen(bench.store, event(bench, instance))
    tell(bench.deps, ear)
    happen(bench.store, event(bench, instance, kind=LOST))
    bench.wait(5)
    ear.works = True
    tell(bench.deps, ear)
    (alert,) = ear.heard
    assert "gained superuser, then lost" in alert.text


def test_what_may_have_arrived_is_sent_again_as_it_was(
    bench: WatchBench, instance: Instance
) -> None:
    """And what came since is the next message, not before it."""
    ear = Ear("slack", works=False, is_refused=False)
    happen(bench.store, event(bench, instance))
    (failed,) = tell(bench.deps, ear)
    assert failed.error is not None
    happen(bench.store, event(bench, instance, kind=LOST))
    bench.wait(5)
    ear.works = True
    tell(bench.deps, ear)
    tell(bench.deps, ear)
    assert ear.tried[0] == ear.tried[1] != ear.tried[2]
    assert [[item["kind"] for item in alert.payload["events"]] for alert in ear.heard] == [
        ["power_gained"],
        ["power_lost"],
    ]


def test_a_channel_that_fails_is_asked_less_and_less(bench: WatchBench, instance: Instance) -> None:
    ear = Ear("slack", works=False)
    happen(bench.store, event(bench, instance))
    tried = 0
    for _ in range(4 * 60):
        tried += len(tell(bench.deps, ear))
        bench.wait(1)
    # After 0.5, 1, 2, 4, 8, 16, 32 minutes, and then once an hour.
    assert tried == 10
    state = bench.store.outbox.states(bench.now)["slack"]
    assert (state.failures, state.waiting) == (10, 1)
    assert "it is away" in state.error


def test_a_server_is_left_alone_for_as_long_as_it_asks(
    bench: WatchBench, instance: Instance
) -> None:
    ear = Ear("slack", works=False, wait_seconds=600)
    happen(bench.store, event(bench, instance))
    tell(bench.deps, ear)
    ear.works = True
    bench.wait(9.9)
    assert tell(bench.deps, ear) == ()
    bench.wait(0.2)
    tell(bench.deps, ear)
    assert len(ear.heard) == 1
    assert wait_after(99) == timedelta(hours=1)


def test_after_a_long_outage_only_the_number_of_what_is_old_is_told(
    bench: WatchBench, instance: Instance
) -> None:
    ear, began = Ear("slack", works=False), bench.now
    happen(bench.store, event(bench, instance), event(bench, instance, "shop"))
    tell(bench.deps, ear)
    bench.wait(60 * 30)
    happen(bench.store, event(bench, instance, "new"))
    ear.works = True
    tell(bench.deps, ear)
    (alert,) = ear.heard
    assert subjects(ear) == [["new"]]
    assert alert.subject.endswith("1 other event, 2 not told in time, worst is high")
    asked = f"--since {began:%Y-%m-%dT%H:%MZ}"
    assert f"2 older events were not told in time: sync-pipeline alerts replay {asked}" in (
        alert.text
    )
    tell(bench.deps, ear)
    assert len(ear.heard) == 1


def test_what_may_have_arrived_long_ago_is_counted_too(
    bench: WatchBench, instance: Instance
) -> None:
    ear = Ear("slack", works=False, is_refused=False)
    happen(bench.store, event(bench, instance))
    tell(bench.deps, ear)
    bench.wait(60 * 30)
    ear.works = True
    tell(bench.deps, ear)
    assert ear.subjects == ["1 not told in time"]


def test_events_that_nobody_took_for_long_are_counted(
    bench: WatchBench, instance: Instance
) -> None:
    """The daemon was away: how old they are counts, not when they were taken."""
    ear = Ear("slack")
    happen(bench.store, event(bench, instance))
    bench.wait(60 * 30)
    tell(bench.deps, ear)
    assert ear.subjects == ["1 not told in time"]


def test_a_weekly_digest_is_not_old(bench: WatchBench, instance: Instance) -> None:
    ear, alerting = Ear("ops"), one_route(Timing(Rhythm.WEEKLY, time(8), 0))
    happen(bench.store, event(bench, instance))  # on a Sunday
    bench.wait(60 * 24 * 7)
    happen(bench.store, event(bench, instance, "shop"))
    bench.wait(60 * 20)
    tell(bench.deps, ear, alerting=alerting)
    assert subjects(ear) == [["shop"]]
    assert ear.heard[0].payload["not_told_count"] == 1


def test_messages_of_a_route_come_in_their_order(bench: WatchBench, instance: Instance) -> None:
    slow, quick = Ear("slow", works=False, is_refused=False), Ear("quick")
    for number in range(5):
        happen(bench.store, event(bench, instance, f"{number}"))
        tell(bench.deps, slow, quick)
        bench.wait(3)
    slow.works = True
    for _ in range(3):
        bench.wait(60)
        tell(bench.deps, slow, quick)
    assert subjects(quick) == [[f"{number}"] for number in range(5)]
    assert subjects(slow) == [["0"], ["1", "2", "3", "4"]]


def test_two_daemons_at_once_tell_each_thing_once(bench: WatchBench, instance: Instance) -> None:
    """Each has its own connections, and hears the others' messages on the same channel."""
    ear = Ear("slack")
    url = bench.store._database.url.render_as_string(hide_password=False)
    benches = [replace_store(bench, Store.open(url)) for _ in range(4)]
    failed: list[BaseException] = []

    def run(own: WatchBench) -> None:
        try:
            for _ in range(15):
                tell(own.deps, ear)
        except BaseException as error:  # noqa: BLE001 - for the test to say
            failed.append(error)

    threads = [threading.Thread(target=run, args=(own,)) for own in benches]
    for thread in threads:
        thread.start()
    wanted = [f"{number}" for number in range(40)]
    for name in wanted:
        happen(bench.store, event(bench, instance, name))
    for thread in threads:
        thread.join()
    for own in benches:
        own.store.close()
    assert failed == []
    bench.wait(5)
    while tell(bench.deps, ear):
        pass
    heard = Counter(subject for message in subjects(ear) for subject in message)
    more = sum(alert.payload["events_count"] - len(alert.payload["events"]) for alert in ear.heard)
    assert set(heard.values()) <= {1}
    assert sum(heard.values()) + more == len(wanted)


def replace_store(bench: WatchBench, store: Store) -> WatchBench:
    found = WatchBench(store, bench.home)
    found.now = bench.now
    return found


def test_one_message_is_claimed_by_one(bench: WatchBench, instance: Instance) -> None:
    happen(bench.store, event(bench, instance))
    outbox, alerting = bench.store.outbox, by_default([Ear("slack")])
    decide, now = decide_by(alerting, bench.settings), bench.now
    outbox.introduce(["slack"], decide)
    outbox.take(decide, now)

    def claim(moment: datetime) -> list[Outgoing]:
        day = timedelta(days=1)
        return list(outbox.claim(["slack"], moment, oldest=day, pause=PAUSE))

    (first,) = claim(now)
    assert claim(now + PAUSE / 2) == []
    # Nothing was noted of it for long: it is taken over, and what the first says comes too late.
    (second,) = claim(now + PAUSE)
    assert (second.key, second.attempts) == (first.key, 2)
    outbox.note_failed(first, now + PAUSE, "late", is_refused=True, wait=lambda _: PAUSE)
    assert outbox.states(now + PAUSE)["slack"].failures == 0
    outbox.note_sent(second, now + PAUSE)
    assert claim(now + 3 * PAUSE) == []


def test_it_costs_as_many_statements_for_many_events(bench: WatchBench, instance: Instance) -> None:
    ear, sent = Ear("slack"), []
    tell(bench.deps, ear)
    for count in (1, 900):
        happen(bench.store, *(event(bench, instance, f"{number}") for number in range(count)))
        with counted(bench.store) as statements:
            tell(bench.deps, ear)
        sent.append(len(statements))
        bench.wait(5)
    assert ear.heard[1].payload["events_count"] == 900
    assert sent[1] <= sent[0] + 2
    with counted(bench.store) as statements:
        tell(bench.deps, ear)
    assert len(statements) <= 3


def test_more_than_is_read_is_counted(
    bench: WatchBench, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_pipeline.store.events.outbox_reads.MOST_READ", 10)
    ear = Ear("slack")
    happen(bench.store, *(event(bench, instance, f"{number}") for number in range(1200)))
    tell(bench.deps, ear)
    (alert,) = ear.heard
    assert alert.payload["more_count"] == 1190
    assert "… and 1190 more events" in alert.text


def test_the_worst_is_told_of_however_many(
    bench: WatchBench, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_pipeline.store.events.outbox_reads.MOST_READ", 10)
    ear = Ear("ops")
    lesser = [event(bench, instance, f"{number}", severity=LOW) for number in range(20)]
    worst = event(bench, instance, severity=Severity.CRITICAL)
    happen(bench.store, *lesser, worst, replace(worst, kind=LOST))
    tell(bench.deps, ear, alerting=one_route())
    (alert,) = ear.heard
    assert ear.subjects == ["9 other events, 12 more, worst is critical"]
    assert alert.text.splitlines()[1].startswith(
        "- [critical] db, bob: gained superuser, then lost"
    )


@pytest.mark.parametrize("days", [1, 400])
def test_a_clock_that_was_ahead_holds_nothing_back(
    bench: WatchBench, instance: Instance, days: int
) -> None:
    ear, now = Ear("ops"), bench.now
    bench.now = now + timedelta(days=days)
    noticed = event(bench, instance)
    bench.now = now
    happen(bench.store, noticed)
    tell(bench.deps, ear, alerting=one_route())
    assert subjects(ear) == [["superuser"]]


def test_what_a_clock_that_was_ahead_put_off_is_told(bench: WatchBench, instance: Instance) -> None:
    ear, now = Ear("ops", works=False), bench.now
    bench.now = now + timedelta(days=400)
    happen(bench.store, event(bench, instance))
    for alerting in (one_route(DAILY), one_route()):
        tell(bench.deps, ear, alerting=alerting)
        happen(bench.store, event(bench, instance, "other"))
    bench.now, ear.works = now, True
    tell(bench.deps, ear, alerting=one_route())
    assert subjects(ear) == [["superuser", "other"]]


@pytest.fixture
def kept(bench: WatchBench) -> WatchBench:
    settings = bench.settings.model_copy(
        update={
            "alert_retention_days": 7,
            "event_retention_days": 30,
            "alert_slack_url": "http://127.0.0.1/x",
        }
    )
    object.__setattr__(bench.deps, "settings", settings)
    return bench


def test_what_is_old_is_pruned_and_nothing_that_waits(kept: WatchBench, instance: Instance) -> None:
    told, away = Ear("slack"), Ear("gone", works=False)
    happen(kept.store, event(kept, instance), event(kept, instance, "x", severity=LOW))
    tell(kept.deps, told, away)
    kept.wait(60 * 24 * 8)
    happen(kept.store, event(kept, instance, "new"))
    done = prune_history(kept.deps, lambda _: None)
    # The line and message of each route; the route that is gone is forgotten.
    assert (done.told, done.events, done.is_all) == (3, 0, True)
    assert set(kept.store.outbox.states(kept.now)) == {"slack"}
    kept.wait(60 * 24 * 30)
    done = prune_history(kept.deps, lambda _: None)
    assert (done.told, done.events) == (0, 2)
    # It was never taken: it is still there to be.
    assert len(noticed_since(kept.store)) == 1
    told.works = False
    tell(kept.deps, told)
    kept.wait(60 * 24 * 60)
    assert prune_history(kept.deps, lambda _: None).told == 0


def test_a_rule_may_look_at_the_instance(bench: WatchBench) -> None:
    fleet = bench.fleet("a", "b")
    found = replace(fleet[1], tags=("team=billing",), environment="production")
    bench.store.registry.put_instances([found], bench.now)
    ear = Ear("ops")
    match = Match(tags=frozenset({"team=billing"}), environments=frozenset({"production"}))
    happen(bench.store, *(event(bench, item, item.name) for item in fleet))
    tell(bench.deps, ear, alerting=one_route(match=match))
    assert subjects(ear) == [["b"]]
