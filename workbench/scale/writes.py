"""What syncs and people write of one instance, a topic at a time, as often as is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import insert, update

from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.change import ChangeType, Effect
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.size import Measure, SizeLimit
from sync_pipeline.store.schema import account_change_log, instance_finding_counts
from sync_pipeline.store.store import Store
from sync_pipeline.store.topics import Topic, note
from workbench.benches.store_bench import DONE, StoreBench
from workbench.strategies.sizes import put_snapshots, snapshot_of

_STEP = 7919
"""Far from one to the next, as instances that are synced one after the other are."""


@dataclass(slots=True)
class TopicWrites:
    """Writes to a store: each is of another instance, and is none that was there before."""

    store: Store
    fleet: Sequence[Instance]
    done: int = 0

    @classmethod
    def of(cls, store: Store) -> TopicWrites:
        """Return it for all instances of a store."""
        return cls(store, store.registry.instances(include_inactive=False))

    @property
    def topics(self) -> Mapping[str, Callable[[], None]]:
        """Return what can be written, by a word for it."""
        return {
            "a sync, unchanged": self.unchanged,
            "changes": self.changes,
            "findings": self.findings,
            "sizes": self.sizes,
            "aggregations": self.aggregations,
            "limits": self.limits,
            "registry": self.registry,
        }

    def _next(self) -> Instance:
        self.done += 1
        return self.fleet[self.done * _STEP % len(self.fleet)]

    def unchanged(self) -> None:
        """Write the record of a sync that found nothing new, in a session of its own."""
        item, now = self._next(), datetime.now(UTC)
        bench = StoreBench(self.store, now)
        claim = bench.claim(bench.open([item]), item)
        self.store.sessions.finish(claim, DONE, now)
        self.store.registry.note_connection(item.id, "18.1", now)

    def changes(self) -> None:
        """Write an entry of the change log, that an account came."""
        row = {
            "instance_id": self._next().id,
            "account_name": f"new_{self.done}",
            "change_type": str(ChangeType.ADD),
            "diff": {},
            "lines": ["added"],
            "session_id": "benchmark",
            "changed_at": datetime.now(UTC),
            "told": int(Effect.NONE),
        }
        with self.store._database.write() as connection:
            connection.execute(insert(account_change_log).values(row))

    def findings(self) -> None:
        """Write other numbers of an instance's findings."""
        counts, item = instance_finding_counts, self._next()
        with self.store._database.write() as connection:
            own = counts.c.instance_id == item.id
            connection.execute(update(counts).where(own).values(accepted=counts.c.accepted + 1))
            note(connection, Topic.FINDINGS, [item.id])

    def sizes(self) -> None:
        """Write the sizes of a day."""
        item, day = self._next(), datetime.now(UTC).date()
        known = (Measure.known(10**9 + self.done),) * 3
        put_snapshots(self.store, item.id, {day: snapshot_of(day, {"shop": known})})

    def aggregations(self) -> None:
        """Aggregate the last week that ended."""
        item, now = self._next(), datetime.now(UTC)
        week = Period.of(PeriodType.WEEK, now.date()).previous
        periods = PeriodRange(week, week)
        request = AggregationRequest((item.id,), periods, now.date(), 5.0, now)
        self.store.aggregations.compute([request])

    def limits(self) -> None:
        """Set the limit of a database."""
        limit = SizeLimit(self._next().name, "shop", 10**12 + self.done)
        self.store.size_queries.put_limit(limit)

    def registry(self) -> None:
        """Say something else of an instance."""
        item = self._next()
        new = replace(item, description=f"said {datetime.now(UTC).isoformat()}")
        self.store.registry.put_instances([new], datetime.now(UTC))
