"""The ways to sync a fleet that are compared, and one run of one of them."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from sync_pipeline.model.session import InstanceRecord, RecordStatus
from sync_pipeline.model.shard import Shard
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, SHARD_TAG
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from workbench.fleet.addresses import EndpointKind
from workbench.fleet.homes import FleetPlan, Home
from workbench.fleet.measured import Usage, measure


class Runner(StrEnum):
    """A way to sync a fleet."""

    BARE_COLLECT = "bare-collect"
    BARE_STORE = "bare-store"
    BARE_UNTOLD = "bare-untold"
    IN_PROCESS = "in_process"
    MULTIPROCESS = "multiprocess"
    THREADED = "threaded"

    @property
    def is_dagster(self) -> bool:
        """Return whether it is a run of the job."""
        return self not in (Runner.BARE_COLLECT, Runner.BARE_STORE, Runner.BARE_UNTOLD)


class LostRecords(RuntimeError):
    """A run left an instance without a true record: its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run did and used. `records` counts the instances by how they ended.

    Of a run that was cut these are the instances that had ended by then.
    """

    usage: Usage
    records: Counter[str]
    event_rows: int
    profile: Mapping[str, Any] | None = None

    @property
    def ended(self) -> int:
        """Return how many instances ended."""
        return self.records.total()


@dataclass(frozen=True, slots=True)
class Watching:
    """How a run is watched: cut after so many seconds, and profiled or not."""

    limit_seconds: float
    is_profiled: bool = False


def run_once(runner: Runner, home: Home, plan: FleetPlan, watching: Watching) -> Outcome:
    """Run once, in fresh processes, and check that it left the records it must.

    Raises:
        LostRecords: an instance has no true record. A run cut at its limit is not checked.
    """
    shards = plan.shards if runner.is_dagster else 1
    results = [home.directory / f"result-{shard}.json" for shard in range(shards)]
    profile = home.directory / "profile.json"
    before = [sys.executable, "-m"]
    if watching.is_profiled:
        before += ["workbench.fleet.profiled", str(profile)]
    commands = [[*before, *program] for program in _programs(runner, results)]
    usage = measure(commands, home.environment, home.directory, watching.limit_seconds)
    if usage.is_cut:
        return Outcome(usage, _ended(home), 0)
    if not all(path.exists() for path in results):
        raise LostRecords(f"{runner} ended without a result:\n{_tail(home.directory / 'run.log')}")
    found = [json.loads(path.read_text()) for path in results]
    shown = json.loads(profile.read_text()) if watching.is_profiled else None
    if runner is Runner.BARE_COLLECT:
        return Outcome(usage, _collected(found[0], plan), 0, shown)
    sessions = sorted({item["session_id"] for item in found})
    records = counted(_records(home, sessions), plan, runner)
    rows = sum(_event_rows(home, item["run_id"]) for item in found if "run_id" in item)
    return Outcome(usage, records, rows, shown)


def _programs(runner: Runner, results: Sequence[Path]) -> Iterator[list[str]]:
    """Yield a module and its arguments for each run: those of all shards work side by side."""
    if not runner.is_dagster:
        yield ["workbench.fleet.bare", runner.removeprefix("bare-"), str(results[0])]
        return
    session_id = str(uuid4())
    for number, result in enumerate(results, 1):
        # As the schedule tags the runs of one session.
        shard = str(Shard(number, len(results)))
        tags = {SESSION_TAG: session_id, SHARD_TAG: shard} if len(results) > 1 else {}
        yield ["workbench.fleet.worker", str(result), "--tags", json.dumps(tags)]


@contextmanager
def _store(home: Home) -> Iterator[Store]:
    settings = Settings(home=home.directory, store_url=home.store_url)
    store = Store.open(settings.effective_store_url)
    try:
        yield store
    finally:
        store.close()


def _ended(home: Home) -> Counter[str]:
    """Count the records that have ended, of every session that has not."""
    with _store(home) as store:
        return Counter(
            str(record.status)
            for session in store.sessions.unfinished()
            for record in store.sessions.records(session.session_id)
            if record.status.is_terminal
        )


def _records(home: Home, sessions: Sequence[str]) -> list[InstanceRecord]:
    with _store(home) as store:
        unended = [
            session_id
            for session_id in sessions
            if not (found := store.sessions.get(session_id)) or not found.status.is_terminal
        ]
        if unended:
            raise LostRecords(f"the sessions {unended} have not ended")
        return [record for item in sessions for record in store.sessions.records(item)]


def counted(records: list[InstanceRecord], plan: FleetPlan, runner: Runner) -> Counter[str]:
    """Count the records by status, after a check that each instance has one that is true.

    Raises:
        LostRecords: one is missing, or says something else than what became of its instance.
    """
    names = [record.instance_name for record in records]
    wanted = [instance.name for instance in plan.instances()]
    if sorted(names) != sorted(wanted):
        raise LostRecords(f"{runner} left {len(names)} records for {len(wanted)} instances")
    for record in records:
        is_live = record.instance_name.endswith(f"-{EndpointKind.LIVE}")
        expected = RecordStatus.COMPLETED if is_live else RecordStatus.FAILED
        if record.status is not expected:
            raise LostRecords(
                f"{runner} recorded {record.instance_name} as {record.status}, not as {expected}: "
                f"{record.error_message}"
            )
    _require_alike(records, runner)
    updated = [record.instance_name for record in records if record.counters.items_updated]
    if plan.updated not in (None, len(updated)):
        raise LostRecords(
            f"{runner} updated {len(updated)} instances; {plan.updated} had changed. "
            f"The first: {updated[:3]}"
        )
    return Counter(str(record.status) for record in records)


def _require_alike(records: Sequence[InstanceRecord], runner: Runner) -> None:
    """Check that of every live instance the same was read: behind all of them is one server."""
    unread: dict[str, Mapping[str, Any]] = {
        record.instance_name: record.details.get("unread_sections", {})
        for record in records
        if record.status is RecordStatus.COMPLETED
    }
    usual = min(unread.values(), key=len, default={})
    for name, sections in unread.items():
        if sections.keys() != usual.keys():
            raise LostRecords(f"{runner} did not read all of {name}: {dict(sections)}")


def _collected(found: Mapping[str, int], plan: FleetPlan) -> Counter[str]:
    """Count what was collected, where there are no records, after the same check."""
    live = plan.mix.counts(plan.count)[EndpointKind.LIVE]
    completed = found["tried"] - found["failed"]
    if (completed, found["tried"]) != (live, plan.count):
        raise LostRecords(f"{completed} of {found['tried']} were collected; {live} are live")
    return Counter({"completed": completed, "failed": found["failed"]})


def _event_rows(home: Home, run_id: str) -> int:
    """Return how many rows a run left in Dagster's event log."""
    query = "SELECT count(*) FROM event_logs WHERE run_id = "
    if home.dagster_url:
        with psycopg.connect(home.dagster_url) as connection:
            row = connection.execute(f"{query}%s", [run_id]).fetchone()
            return int(row[0]) if row else 0
    path = home.directory / "dagster" / "history" / "runs" / f"{run_id}.db"
    with closing(sqlite3.connect(path)) as link:
        return int(link.execute(f"{query}?", [run_id]).fetchone()[0])


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
