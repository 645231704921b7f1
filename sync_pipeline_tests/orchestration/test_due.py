"""The aggregation of a day waits for that day's collection, when both are due at one instant.

Both are scheduled runs of a real Dagster instance: the project's schedules ask for them, and the
project's jobs carry them out, at once, against a real server. The clock of the runs alone is
another one: it stands a few seconds after the tick, and goes on from there.
"""

from __future__ import annotations

import runpy
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import RunRequest, ScheduleDefinition, build_schedule_context
from dagster._utils.schedules import schedule_execution_time_iterator

from sync_pipeline.model.period import PeriodType
from sync_pipeline.model.session import Session, SessionStatus, SyncCategory, SyncType
from sync_pipeline.orchestration import resources
from sync_pipeline.orchestration.categories.aggregation import steps
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.settings import project_root
from workbench.running.system import Fleet, environment_of, in_environment, wait_for
from workbench.servers.running import RunningServer


@dataclass(frozen=True)
class Tick:
    """An instant at which the schedules of both jobs are due, in a time zone."""

    zone: str
    at: datetime
    day: date
    capacity: str = "0 3 * * *"
    aggregation: str = "0 4 * * *"


TICKS = [
    # Clocks go from 03:00 to 04:00: the tick of 03:00 is moved to that of 04:00.
    Tick("Europe/Helsinki", datetime(2026, 3, 29, 1, tzinfo=UTC), date(2026, 3, 29)),
    # Clocks go from 00:00 to 01:00: that day has no midnight.
    Tick(
        "Asia/Beirut",
        datetime(2026, 3, 28, 22, tzinfo=UTC),
        date(2026, 3, 29),
        capacity="0 0 * * *",
        aggregation="0 1 * * *",
    ),
    # Clocks go from 24:00 back to 23:00: the day before has the hour before midnight twice.
    Tick(
        "Asia/Beirut",
        datetime(2026, 10, 24, 22, tzinfo=UTC),
        date(2026, 10, 25),
        capacity="0 0 * * *",
        aggregation="0 0 * * *",
    ),
]


@pytest.fixture(params=TICKS, ids=lambda tick: f"{tick.zone} {tick.day}")
def tick(request: pytest.FixtureRequest) -> Tick:
    found: Tick = request.param
    return found


@pytest.fixture
def fleet(
    tmp_path: Path,
    tick: Tick,
    postgresql_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Fleet]:
    began = datetime.now(UTC)
    now = tick.at + timedelta(seconds=20)
    monkeypatch.setattr(resources, "utc_now", lambda: now + (datetime.now(UTC) - began))
    monkeypatch.setattr(steps, "SECONDS_BETWEEN_LOOKS", 0.2)
    settings = {
        "time_zone": tick.zone,
        "capacity_sync_cron": tick.capacity,
        "aggregation_cron": tick.aggregation,
        "retry_limit": 0,
    }
    with in_environment(environment_of(tmp_path, **settings)):
        fleet = Fleet(tmp_path)
        fleet.add("pg", postgresql_server)
        with open_instance():
            pass  # its tables are there before two runs come at once
        yield fleet
        fleet.store.close()


def definitions() -> Any:
    return runpy.run_path(str(project_root() / "sync_pipeline" / "definitions.py"))["defs"]


def run_of(defs: Any, name: str, tick: Tick) -> str:
    """Carry out what a schedule asks for at its tick; return the run."""
    (schedule,) = [item for item in defs.schedules if item.name == f"{name}_schedule"]
    assert isinstance(schedule, ScheduleDefinition)
    before = (tick.at - timedelta(hours=5)).timestamp()
    assert schedule.execution_timezone == tick.zone
    ticks = schedule_execution_time_iterator(before, schedule.cron_schedule, tick.zone)
    assert next(ticks).timestamp() == tick.at.timestamp()  # in a gap, == is never true (PEP 495)
    with open_instance() as instance:
        with build_schedule_context(
            instance,
            scheduled_execution_time=tick.at,
            resources={"pipeline": PipelineResource()},
        ) as context:
            asked = schedule(context)
        request = asked[0] if isinstance(asked, list) else asked
        assert isinstance(request, RunRequest)
        result = defs.resolve_job_def(name).execute_in_process(
            instance=instance,
            tags={**request.tags, "dagster/schedule_name": schedule.name},
            raise_on_error=False,
        )
        assert result.success
        return str(result.run_id)


def newest(fleet: Fleet, category: SyncCategory) -> Session | None:
    return fleet.store.sessions.newest(category, datetime(2000, 1, 1, tzinfo=UTC))


def test_the_aggregation_that_comes_first_waits(fleet: Fleet, tick: Tick) -> None:
    defs = definitions()
    ended: list[str] = []
    thread = threading.Thread(
        target=lambda: ended.append(run_of(defs, "aggregate_sizes", tick)), daemon=True
    )
    thread.start()

    def is_waiting() -> bool:
        with open_instance() as instance:
            return any(
                entry.dagster_event is not None
                and entry.dagster_event.event_type_value == "STEP_START"
                for run in instance.get_runs()
                for entry in instance.all_logs(run.run_id)
            )

    wait_for(is_waiting, 60, "the first step of the aggregation")
    assert not ended
    assert newest(fleet, SyncCategory.AGGREGATION) is None
    run_of(defs, "capacity_sync", tick)
    thread.join(60)
    assert ended

    collection = newest(fleet, SyncCategory.CAPACITY)
    aggregation = newest(fleet, SyncCategory.AGGREGATION)
    assert collection is not None
    assert aggregation is not None
    for session in (collection, aggregation):
        assert session.status is SessionStatus.COMPLETED
        assert session.sync_type is SyncType.SCHEDULED_TASK
    assert collection.completed_at is not None
    assert aggregation.started_at >= collection.completed_at
    # The day that was collected is in the rows that the aggregation wrote.
    rows = fleet.store.aggregations.find(
        PeriodType.DAY, tick.day, tick.day + timedelta(days=1), "pg"
    )
    assert rows
    assert all(row.data_count == 1 for row in rows)
