"""What became of each tick: done, skipped, done twice, or lost."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import DagsterInstance, RunsFilter
from dagster._core.scheduler.instigation import InstigatorType, TickStatus
from sqlalchemy import select

from sync_pipeline.orchestration.runs.lineage import part_of
from sync_pipeline.orchestration.runs.runs import SCHEDULE_TAG, TICK_TAG
from sync_pipeline.store.daemon.schema import schedule_ticks
from sync_pipeline.store.database import Database
from sync_pipeline.store.store import Store

JOBS = ("account_sync", "capacity_sync")
TICK_SECONDS = 60
Tick = tuple[str, datetime]
Places = Sequence[tuple[Path, Mapping[str, str]]]
"""Where Dagster's state is: the directory of dagster.yaml, and the environment."""


@dataclass
class Ledger:
    """What the store and each of Dagster's storages know of the ticks."""

    done: dict[Tick, str] = field(default_factory=dict)
    sessions: dict[Tick, set[str]] = field(default_factory=lambda: defaultdict(set))
    runs: Counter[Tick] = field(default_factory=Counter)
    skipped: dict[Tick, str] = field(default_factory=dict)

    @classmethod
    def read(cls, store_url: str, places: Places) -> Ledger:
        """Read all that is known."""
        found = cls()
        database = Database(store_url)
        with database.read() as connection:
            for row in connection.execute(select(schedule_ticks)):
                found.done[row.job_name, row.scheduled_at] = row.done_by
        database.close()
        store = Store.open(store_url)
        for config, variables in places:
            with in_variables(variables), DagsterInstance.from_config(str(config)) as instance:
                found.add_runs(instance, store)
                found.add_skipped(instance)
        store.close()
        return found

    def add_runs(self, instance: DagsterInstance, store: Store) -> None:
        """Add the runs that schedules asked for, and the sessions that they left."""
        for run in instance.get_runs(RunsFilter()):
            if SCHEDULE_TAG in run.tags:
                key = run.job_name, datetime.fromisoformat(run.tags[TICK_TAG])
                self.runs[key] += 1
                session_id = part_of(run, instance).session_id
                if store.sessions.get(session_id) is not None:
                    self.sessions[key].add(session_id)

    def add_skipped(self, instance: DagsterInstance) -> None:
        """Add the ticks that were skipped, and why."""
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id):
                if tick.status is TickStatus.SKIPPED:
                    at = datetime.fromtimestamp(tick.timestamp, UTC)
                    job = tick.instigator_name.removesuffix("_schedule")
                    self.skipped.setdefault((job, at), tick.skip_reason or "")

    def outcome(self, key: Tick) -> str:
        """Return what became of a tick."""
        found = len(self.sessions[key])
        if found > 1:
            return "done twice"
        if found:
            return "done" if key in self.done else "run died before its session, kept as failed"
        if key in self.done:
            return "claimed, without a session"
        return "skipped, one was at work" if "still" in self.skipped.get(key, "") else "lost"


WRONG = ("done twice", "claimed, without a session", "lost")


def count(ledger: Ledger, first: datetime, last: datetime) -> tuple[Counter[str], list[str]]:
    """Return how many ticks had which outcome, and what is wrong."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    at = first
    while at <= last:
        for job in JOBS:
            key = job, at
            outcome = ledger.outcome(key)
            counts[outcome] += 1
            counts["with a superfluous run"] += ledger.runs[key] > 1
            if outcome in WRONG:
                wrong.append(
                    f"{job} {at}: {outcome}; {ledger.runs[key]} runs; sessions "
                    f"{sorted(ledger.sessions[key])}; {ledger.skipped.get(key)!r}"
                )
        at += timedelta(seconds=TICK_SECONDS)
    return counts, wrong


@contextmanager
def in_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these variables in the environment."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
