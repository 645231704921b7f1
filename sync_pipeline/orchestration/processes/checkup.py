"""What Dagster's storage says of schedules and heartbeats; nothing of it is changed.

It is a process of its own, so that the command that asks for it imports no Dagster, and can end it.
Dagster's classes make the tables and files that they miss when they are made as it makes them; here
they are given files that SQLite opens to read, or told to make none.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from dagster._core.instance.ref import InstanceRef, _runs_directory, _schedule_directory
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    TickStatus,
)
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.runs.base import RunStorage
from dagster._core.storage.schedules.base import ScheduleStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy.exc import ProgrammingError

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.errors import SyncError
from sync_pipeline.model.checkup import Check, fault, ok, warning
from sync_pipeline.orchestration.instance import dagster_environment
from sync_pipeline.orchestration.jobs import RETENTION_JOB
from sync_pipeline.orchestration.runs.troubles import storage_error
from sync_pipeline.orchestration.storage import HomeStorage, KeptSqliteRuns, KeptSqliteSchedules
from sync_pipeline.settings import Settings, project_root

SECONDS_TO_CONNECT, SECONDS_TO_ANSWER = 5, 10
HEARTBEATS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING")
SILENCE = timedelta(seconds=180)
"""Dagster's daemons give a heartbeat twice a minute, and its scheduler one a minute."""
_LATE = timedelta(minutes=5)
_LONGEST_ERROR = 200
_NO_TABLE = "42P01"


@dataclass(frozen=True, slots=True)
class Storage:
    """Dagster's storages of runs and of schedules."""

    runs: RunStorage
    schedules: ScheduleStorage


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of ours: that of a job, its cron line and its time zone."""

    job: str
    cron: str
    zone: str


def look(now: datetime) -> Iterator[Check]:
    """Yield how schedules and heartbeats are."""
    settings = Settings.load()
    storage = _storage(settings)
    if storage is None:
        yield _not_there()
        return
    try:
        heartbeats = _heartbeats(storage.runs, now)
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != _NO_TABLE:
            raise
        yield _not_there()
        return
    yield heartbeats
    yield from _schedules(storage.schedules, _own_schedules(settings), now)


def _not_there() -> Check:
    return warning("schedules", "Dagster's storage is not there yet.", "sync-pipeline up makes it.")


def _storage(settings: Settings) -> Storage | None:
    found = InstanceRef.from_dir(str(project_root())).storage_data
    if found is not None and found.class_name == HomeStorage.__name__:
        return _files(settings)
    read = _without_making(found) if found is not None else None
    return None if read is None else Storage(read.run_storage, read.schedule_storage)


def _files(settings: Settings) -> Storage | None:
    # Not before it is needed: the store is opened by others.
    from sync_pipeline.store.store import Store  # noqa: PLC0415

    base = str(settings.dagster_home)
    runs = Path(_runs_directory(base)) / "runs.db"
    schedules = Path(_schedule_directory(base)) / "schedules.db"
    if not (runs.is_file() and schedules.is_file()):
        return None
    return Storage(
        KeptSqliteRuns(Store.untouched(f"sqlite:///{runs}")),
        KeptSqliteSchedules(Store.untouched(f"sqlite:///{schedules}")),
    )


def _without_making(found: ConfigurableClassData) -> DagsterStorage:
    """Return a storage in PostgreSQL, of sessions that only read and soon end."""
    limits = f"-c statement_timeout={SECONDS_TO_ANSWER * 1000} -c default_transaction_read_only=on"
    os.environ["PGCONNECT_TIMEOUT"] = str(SECONDS_TO_CONNECT)
    os.environ["PGOPTIONS"] = f"{os.environ.get('PGOPTIONS', '')} {limits}".strip()
    config = yaml.safe_dump({**found.config_dict, "should_autocreate_tables": False})
    module, name = DagsterPostgresStorage.__module__, DagsterPostgresStorage.__name__
    return ConfigurableClassData(module, name, config).rehydrate(as_type=DagsterPostgresStorage)


def _own_schedules(settings: Settings) -> Sequence[Schedule]:
    """Return what `definitions` makes schedules of, without the second that making them takes."""
    lines = {row.job: settings.cron_of(row) for row in CATEGORIES.values()}
    lines[RETENTION_JOB] = settings.retention_cron
    return [Schedule(job, cron, settings.time_zone) for job, cron in lines.items()]


def _heartbeats(runs: RunStorage, now: datetime) -> Check:
    found = runs.get_daemon_heartbeats()
    if not found:
        return warning("heartbeats", "Dagster's daemon gave none yet.", "sync-pipeline up")
    ages = {
        name: now - datetime.fromtimestamp(found[name].timestamp, UTC)
        for name in HEARTBEATS
        if name in found
    }
    silent = sorted(name for name, age in ages.items() if age > SILENCE)
    failing = sorted(name for name in ages if found[name].errors)
    if silent:
        seconds = max(ages[name] for name in silent).total_seconds()
        return fault(
            "heartbeats",
            f"None for {seconds:.0f} s of {', '.join(silent)} of Dagster's daemon.",
            "Start it: sync-pipeline up; where it is there, it is replaced soon.",
        )
    if failing:
        return warning(
            "heartbeats",
            f"Errors are noted by {', '.join(failing)} of Dagster's daemon.",
            "See them in the UI: Deployment, Daemons.",
        )
    return ok("heartbeats", f"{len(ages)} parts of Dagster's daemon gave theirs lately.")


def _schedules(
    storage: ScheduleStorage, schedules: Sequence[Schedule], now: datetime
) -> Iterator[Check]:
    states = {state.instigator_name: state for state in storage.all_instigator_state()}
    for item in schedules:
        yield _schedule(storage, item, states, now)


def _schedule(
    storage: ScheduleStorage,
    item: Schedule,
    states: Mapping[str, InstigatorState],
    now: datetime,
) -> Check:
    name, state = f"schedule {item.job}", states.get(f"{item.job}_schedule")
    if state is None:
        return warning(name, "Dagster's daemon does not know it yet.", "sync-pipeline up")
    if state.status is InstigatorStatus.STOPPED:
        return fault(name, "Somebody stopped it.", "Start it in the UI: Automation.")
    ticks = storage.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    if not ticks:
        return ok(name, f"It runs ({item.cron}, {item.zone}); none of its moments has come yet.")
    return _ticked(name, item, ticks[0], now)


def _ticked(name: str, item: Schedule, tick: InstigatorTick, now: datetime) -> Check:
    last = datetime.fromtimestamp(tick.timestamp, UTC)
    said = f"Its last tick was at {last:%Y-%m-%d %H:%M} UTC"
    if tick.status is TickStatus.FAILURE:
        message = " ".join((tick.error.message if tick.error else "").split())[:_LONGEST_ERROR]
        return fault(name, f"{said}, and failed: {message}", "See it in the UI: Automation.")
    due = _due_after(item, last)
    if due is not None and now - due > _LATE:
        return fault(
            name,
            f"{said}; the one of {due:%Y-%m-%d %H:%M} UTC did not come.",
            "Start the daemon: sync-pipeline up.",
        )
    return ok(name, f"{said} ({str(tick.status.value).lower()}); it runs {item.cron} {item.zone}.")


def _due_after(item: Schedule, moment: datetime) -> datetime | None:
    from dagster._utils.schedules import schedule_execution_time_iterator  # noqa: PLC0415

    begin = (moment + timedelta(seconds=1)).timestamp()
    times = schedule_execution_time_iterator(begin, item.cron, item.zone, ascending=True)
    found = next(times, None)
    return None if found is None else found.astimezone(UTC)


def main() -> int:
    """Print what was found, as JSON."""
    os.environ.update(dagster_environment())
    try:
        found = list(look(datetime.now(UTC)))
    except SyncError as error:
        found = [fault("schedules", error.message, error.hint or "")]
    except Exception as error:  # noqa: BLE001 - of a library, or of a driver
        told = storage_error(error)
        found = [fault("schedules", told.message, told.hint or "")]
    json.dump([asdict(item) for item in found], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
