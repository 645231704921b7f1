"""Events are in the store as they were noticed."""

from __future__ import annotations

from dataclasses import replace

from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.store import Store
from workbench.benches.noticed import noticed_since
from workbench.benches.store_bench import StoreBench, minutes


def test_what_is_written_is_found_from_a_moment_on_oldest_first(store: Store) -> None:
    one, two = StoreBench(store).fleet("one", "two")
    gained = Event(
        EventKind.POWER_GAINED,
        Severity.CRITICAL,
        one.id,
        "one",
        minutes(2),
        account="'Ö'@'%'",
        subject="superuser",
        before="no",
        after="yes",
        path=("alice", "team (member)"),
        session_id="s1",
        run_id="r1",
    )
    gone = Event(EventKind.DATABASE_GONE, Severity.HIGH, two.id, "two", minutes(1), subject="shop")
    early = replace(gone, occurred_at=minutes(0))
    with store._database.write() as connection:
        write_events(connection, [gained, gone, early])
    found = noticed_since(store, minutes(1))
    assert [item.event for item in found] == [gone, gained]
    assert len({item.id for item in found}) == 2
    assert [item.event for item in noticed_since(store, minutes(0), 1)] == [early]
