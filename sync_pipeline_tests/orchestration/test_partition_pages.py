"""The pages of partitions are true, whoever computed the periods: in process, on real storage.

What the webserver answers and what a browser shows of it is in `test_backfill.py` and
`browser/test_ui.py`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.definitions import defs
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.orchestration import catalogued, sensors
from sync_pipeline.orchestration.categories.aggregation import pages
from sync_pipeline.orchestration.categories.aggregation.pages import FROM_STORE, tell_missing
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.run_ends import SeenEnds
from sync_pipeline.orchestration.runs.runs import fleet_key
from sync_pipeline.orchestration.sensors import BETWEEN_COMPARISONS, Looked
from sync_pipeline.settings import project_root
from sync_pipeline.workflows.syncing import aggregation as workflow
from sync_pipeline.workflows.watching.liveness import Observation
from sync_pipeline_tests.orchestration.test_backfill import back, history
from sync_pipeline_tests.orchestration.test_run_ends import look
from workbench.benches.store_bench import StoreBench
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.strategies.sizes import noon, put_history, today

MONTH = PeriodType.MONTH
BROKEN = ConfigurationError("Broken by a test.")
KILLED = """
import os, signal
from sync_pipeline.definitions import defs
from sync_pipeline.orchestration import finish
from sync_pipeline.orchestration.instance import open_instance

finish.session_metadata = lambda session: os.kill(os.getpid(), signal.SIGKILL)
config = {{"ops": {{"select_instances": {{"config": {config}}}}}}}
with open_instance() as instance:
    defs.resolve_job_def("backfill_sizes").execute_in_process(config, instance=instance)
"""


@cache
def past_months() -> PeriodRange:
    """Return three whole months: kept, because they stay past, whatever day comes."""
    return back(Period.of(MONTH, today()).previous, 3)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two instances with sizes since long before the periods."""
    settings = {"retry_base_seconds": 0.05, "retry_limit": 0, "aggregation_wait_seconds": 0}
    with in_environment(environment_of(tmp_path, **settings)):
        fleet = Fleet(tmp_path)
        start = past_months().needs_from
        for item in StoreBench(fleet.store, datetime.now(UTC)).fleet("one", "two"):
            put_history(fleet.store, item.id, history(start, today()))
        yield fleet
        fleet.store.close()


@pytest.fixture
def instance(fleet: Fleet) -> Iterator[DagsterInstance]:
    with open_instance() as instance:
        yield instance


def run(
    instance: DagsterInstance,
    job: str,
    partition: str | None = None,
    tags: dict[str, str] | None = None,
    **config: Any,
) -> bool:
    selected: dict[str, Any] = {"select_instances": {"config": config}}
    if job.startswith("aggregate_") and job != "aggregate_sizes":
        selected = {job.replace("aggregate_", "fleet_aggregations_"): {"ops": selected}}
    done = defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": selected},
        instance=instance,
        partition_key=partition,
        tags=tags,
        raise_on_error=False,
    )
    return done.success


def in_a_range(instance: DagsterInstance, periods: PeriodRange, **config: Any) -> bool:
    first, last = periods.start.isoformat(), periods.last.start.isoformat()
    kind = str(periods.type)
    return run(instance, "backfill_sizes", period=kind, first=first, last=last, **config)


def events(instance: DagsterInstance, kind: PeriodType = MONTH) -> Counter[str]:
    """Return how many events of each partition there are."""
    found = instance.fetch_materializations(fleet_key(kind), 10_000).records
    return Counter(record.partition_key or "none" for record in found)


def keys(periods: PeriodRange) -> set[str]:
    return {item.start.isoformat() for item in periods}


def compute(fleet: Fleet, periods: PeriodRange, *names: str) -> None:
    """Compute periods as something does that tells Dagster nothing."""
    chosen = [item.id for item in fleet.store.registry.instances() if item.name in names]
    request = AggregationRequest(tuple(chosen), periods, today(), 5.0, noon(today()))
    fleet.store.aggregations.compute([request])


def test_a_backfill_by_our_command_is_one_event_a_period(instance: DagsterInstance) -> None:
    assert in_a_range(instance, past_months())
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)
    (event,) = instance.fetch_materializations(fleet_key(MONTH), 1).records
    assert event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert shown["instances"].value == 2
    assert shown["last bytes"].value > 2 * 10**9


def test_each_partition_of_the_job_is_one_event(instance: DagsterInstance) -> None:
    for period in past_months():
        assert run(instance, "aggregate_month", period.start.isoformat())
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)


def test_a_range_of_the_job_is_one_event_a_period(instance: DagsterInstance) -> None:
    tags = {
        "dagster/asset_partition_range_start": past_months().start.isoformat(),
        "dagster/asset_partition_range_end": past_months().last.start.isoformat(),
    }
    assert run(instance, "aggregate_month", tags=tags)
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)
    (planned,) = instance.get_runs(RunsFilter(job_name="aggregate_month"))
    assert planned.status is DagsterRunStatus.SUCCESS


def test_the_daily_run_is_one_event_for_each_period_that_is_due(instance: DagsterInstance) -> None:
    assert run(instance, "aggregate_sizes")
    for kind in PeriodType:
        running = Period.of(kind, today())
        found = events(instance, kind)
        assert set(found) <= keys(PeriodRange(running.previous, running))
        # A history has each fifth day, so that today and yesterday may have none.
        assert kind is PeriodType.DAY or running.previous.start.isoformat() in found
        assert set(found.values()) <= {1}


def test_many_instances_leave_no_event_more(fleet: Fleet, instance: DagsterInstance) -> None:
    more = [f"more {number}" for number in range(20)]
    for item in StoreBench(fleet.store, datetime.now(UTC)).fleet(*more):
        put_history(fleet.store, item.id, history(past_months().start, today()))
    assert in_a_range(instance, past_months())
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)


def test_a_period_again_is_an_event_more_and_no_partition_more(instance: DagsterInstance) -> None:
    assert in_a_range(instance, past_months())
    assert in_a_range(instance, PeriodRange(past_months().last, past_months().last))
    expected = dict.fromkeys(keys(past_months()), 1) | {past_months().last.start.isoformat(): 2}
    assert events(instance) == expected


def test_a_period_of_which_an_instance_is_left_out_is_missing(
    fleet: Fleet, instance: DagsterInstance
) -> None:
    """Whoever chose some instances only; the rest later makes it whole."""
    assert in_a_range(instance, past_months(), instances=["one"])
    assert run(instance, "aggregate_month", past_months().start.isoformat(), instances=["one"])
    assert not events(instance)
    assert in_a_range(instance, past_months(), instances=["two"])
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)


def test_a_run_in_which_an_instance_failed_leaves_its_periods_missing(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    aggregate = workflow.aggregate_instance

    def fail(deps: Any, work: Any, choice: Any) -> Any:
        if work.instance.name == "two":
            raise BROKEN
        return aggregate(deps, work, choice)

    monkeypatch.setattr(workflow, "aggregate_instance", fail)
    assert not in_a_range(instance, past_months())
    with open_dependencies() as deps:
        assert tell_missing(instance, deps).count == 0
    assert not events(instance)


@pytest.mark.long
def test_a_run_that_is_killed_before_it_says_so_is_found_by_the_next_look(
    fleet: Fleet, instance: DagsterInstance
) -> None:
    """All instances are in the store by then; the process dies in the last step."""
    cursor = look(instance)
    first, last = past_months().start.isoformat(), past_months().last.start.isoformat()
    script = KILLED.format(config={"period": "month", "first": first, "last": last})
    done = subprocess.run([sys.executable, "-c", script], check=False, cwd=project_root())
    assert done.returncode == -signal.SIGKILL
    assert not events(instance)
    (left,) = instance.get_runs(RunsFilter(job_name="backfill_sizes"))
    assert left.status is DagsterRunStatus.STARTED
    instance.report_run_failed(left)  # as Dagster's monitoring does
    look(instance, cursor)
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)
    session = fleet.ended_session(left.run_id)
    assert session.successful == 2


def test_what_was_computed_before_dagster_knew_is_told_once(
    fleet: Fleet, instance: DagsterInstance
) -> None:
    """A part of the months is of one instance alone, which is not the whole fleet."""
    compute(fleet, past_months(), "one", "two")
    earlier = PeriodRange(past_months().first.previous, past_months().first.previous)
    compute(fleet, earlier, "one")
    cursor = look(instance)
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)
    (record, *_) = instance.fetch_materializations(fleet_key(MONTH), 1).records
    assert record.asset_materialization is not None
    assert record.asset_materialization.description == FROM_STORE
    look(instance, cursor)
    look(instance)
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)


def test_an_idle_look_compares_nothing(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    monkeypatch.setattr(sensors, "tell_missing", lambda *_: looks.append(1) or pages.Told())
    cursor = look(instance)
    look(instance, cursor)
    assert len(looks) == 1
    now = datetime.now(UTC)
    seen = Looked.of_cursor(cursor, now)
    assert seen.compared is not None
    long_ago = Looked(seen.ends, seen.signs, now - BETWEEN_COMPARISONS).to_cursor()
    look(instance, long_ago)
    assert len(looks) == 2


def test_very_many_periods_are_told_over_several_looks(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_AT_ONCE", 2)
    compute(fleet, past_months(), "one", "two")
    cursor = look(instance)
    assert len(events(instance)) == 2
    look(instance, look(instance, cursor))
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)


def test_a_look_that_fails_closes_sessions_all_the_same_and_is_repeated(
    fleet: Fleet, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BROKEN

    compute(fleet, past_months(), "one", "two")
    with monkeypatch.context() as patch:
        patch.setattr(sensors, "tell_missing", fail)
        cursor = look(instance)
    assert not events(instance)
    look(instance, cursor)
    assert events(instance) == dict.fromkeys(keys(past_months()), 1)


def test_no_event_is_of_an_instance(fleet: Fleet, instance: DagsterInstance) -> None:
    """Beyond those that the catalog has: each would be a line of the catalog that shows nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogued, "MOST_INSTANCES", 0)
        assert in_a_range(instance, past_months())
        assert run(instance, "aggregate_sizes")
    assert set(instance.all_asset_keys()) <= {fleet_key(kind) for kind in PeriodType}
    (last,) = instance.get_runs(RunsFilter(job_name="backfill_sizes"))
    logged = instance.all_logs(last.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    assert len(logged) == len(keys(past_months()))


@given(st.none() | st.datetimes(timezones=st.just(UTC)), st.integers(0, 10**6))
def test_when_periods_were_compared_is_kept(compared: datetime | None, seconds: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    seen = Looked(SeenEnds.first(now), Observation(), compared)
    assert Looked.of_cursor(seen.to_cursor(), now).compared == compared
