"""Backfills of past periods: from the UI, by Dagster's command, and by ours, in one run each.

Months and quarters of an instance that is there and of one that was removed, each way on a
real system; all leave the same tables, apart from the time of computing, and the same partitions on
Dagster's pages. That many periods do so, each in a run of its own, is shown in process
(`test_capacity_in_process.py`): here each run is a process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.session import Session, SessionFilter, SessionStatus, SyncType
from sync_pipeline.model.size import Measure
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.runs.runs import BACKFILL_SIZES, BACKFILL_TAG
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import StoreBench
from workbench.running.system import System, quick_up, running_system, selector, wait_for
from workbench.strategies.sizes import Day, History, put_history, today

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

COMMAND = (sys.executable, "-m", "sync_pipeline.cli.main")
NEVER = "0 0 1 1 *"
BACKFILL = """
mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
STATUS = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status unfinishedRuns { id } } } }
"""


PARTITIONS = """
query ($path: [String!]!) { assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode {
  partitionStats { numMaterialized numFailed numMaterializing }
  assetPartitionStatuses { ... on TimePartitionStatuses { ranges { startKey endKey status } } }
} } }
"""
JOB = """
query ($selector: PipelineSelector!) { pipelineOrError(params: $selector) {
  ... on Pipeline { isAssetJob } } }
"""


def back(period: Period, count: int) -> PeriodRange:
    """Return the `count` periods that end with this one."""
    first = period
    for _ in range(count - 1):
        first = first.previous
    return PeriodRange(first, period)


LATE = 200
"""The day of a history on which another database comes, and one vanishes."""


@cache
def past_months() -> PeriodRange:
    """Return two whole months: kept, because tests compare what the same ones gave."""
    return back(Period.of(PeriodType.MONTH, today()).previous, 2)


@cache
def past_quarters() -> PeriodRange:
    """Return two whole quarters: kept as the months are."""
    return back(Period.of(PeriodType.QUARTER, today()).previous, 2)


def history(first: date, last: date) -> History:
    """Return a size for every fifth day; one database comes late, another vanishes."""
    days: dict[date, Day] = {}
    for offset in range(0, (last - first).days, 5):
        size = Measure.known(10**9 + 10**6 * offset)
        values = (size, size, Measure.known(offset))
        days[first + timedelta(days=offset)] = {
            "app": values,
            **({"late": values} if offset > LATE else {"early": values}),
        }
    return History(days, last)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("backfill")
    crons = ("account_sync", "capacity_sync", "aggregation", "retention")
    settings = {f"{name}_cron": NEVER for name in crons}
    with running_system(home, quick_up, **settings) as system:
        bench = StoreBench(system.fleet.store, datetime.now(UTC))
        here, gone = bench.fleet("here", "gone")
        # The change of databases is in a quarter, and in both ranges one instance goes.
        start = past_quarters().start - timedelta(days=LATE - 45)
        put_history(bench.store, here.id, history(start, today()))
        put_history(bench.store, gone.id, history(start, past_months().start + timedelta(days=20)))
        bench.store.registry.delete_instance("gone", datetime.now(UTC))
        yield system


def rows_of(store: Store, *ranges: PeriodRange) -> list[dict[str, Any]]:
    """Return every aggregation without the time at which it was computed."""
    found = [
        item
        for periods in ranges
        for database in ("", None)
        for item in store.aggregations.find(periods.type, date.min, date.max, database=database)
    ]
    return [
        {key: value for key, value in asdict(item).items() if key != "calculated_at"}
        for item in found
    ]


def rows(system: System) -> list[dict[str, Any]]:
    return rows_of(system.fleet.store, past_months(), past_quarters())


def materialized(system: System, kind: PeriodType) -> set[str]:
    """Return the partitions that the page of an asset, and that of its job, shows as computed."""
    path = ["fleet_aggregations", str(kind)]
    answer = system.graphql(PARTITIONS, path=path)["assetNodeOrError"]
    stats = answer["partitionStats"]
    assert (stats["numFailed"], stats["numMaterializing"]) == (0, 0)
    days: set[str] = set()
    for item in answer["assetPartitionStatuses"]["ranges"]:
        assert item["status"] == "MATERIALIZED"
        first, last = (date.fromisoformat(item[name]) for name in ("startKey", "endKey"))
        days |= {period.start.isoformat() for period in PeriodRange.between(kind, first, last)}
    assert len(days) == stats["numMaterialized"]
    return days


def keys(*periods: Period) -> set[str]:
    return {item.start.isoformat() for item in periods}


def forget(settings: Settings) -> None:
    """Leave no aggregation."""
    engine = create_engine(settings.effective_store_url)
    with engine.begin() as connection:
        for table in ("database_size_aggregations", "instance_size_aggregations"):
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()


def ours(system: System, periods: PeriodRange) -> str:
    """Backfill with our command and return its session."""
    done = subprocess.run(
        [*COMMAND, "backfill", "--period", str(periods.type),
         "--from", str(periods.start), "--to", str(periods.last.start)],
        env=system.environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def in_one_run(system: System) -> list[dict[str, Any]]:
    """Return what one run writes for the months, and one for the quarters.

    Our command starts the first, for seven seconds of CPU; its job is what matters here, so the
    other one is started from the launchpad, with the configuration that the command gives.
    """
    ours(system, past_months())
    first, last = (day.isoformat() for day in (past_quarters().start, past_quarters().last.start))
    run_id = system.launch(job=BACKFILL_SIZES, period="quarter", first=first, last=last)
    assert system.ended_run(run_id) == "SUCCESS"
    return rows(system)


def runs_of(system: System, job: str) -> list[Session]:
    sessions = system.fleet.store.sessions.list(SessionFilter(limit=1000))
    return [item for item in sessions if item.job_name == job]


def wait_for_runs(system: System, job: str, count: int) -> list[Session]:
    """Wait until this many sessions of a job have ended well, each of a partition."""

    def look() -> list[Session] | None:
        found = runs_of(system, job)
        is_over = len(found) >= count and all(item.status.is_terminal for item in found)
        return found if is_over else None

    found = wait_for(look, 600, f"{count} runs of {job}")
    assert {item.status for item in found} == {SessionStatus.COMPLETED}
    return found


def test_one_run_computes_the_whole_range(system: System, in_one_run: list[dict[str, Any]]) -> None:
    found = in_one_run
    months = {item["period_start"] for item in found if item["period_type"] == "month"}
    assert months == {item.start for item in past_months()}
    quarters = {item["period_start"] for item in found if item["period_type"] == "quarter"}
    assert quarters == {item.start for item in past_quarters()}
    assert {item["instance"] for item in found} == {"here", "gone"}
    assert {item["database"] for item in found} == {"", "app", "early", "late"}
    sessions = runs_of(system, BACKFILL_SIZES)
    assert len(sessions) == 2
    assert {item.sync_type for item in sessions} == {SyncType.BACKFILL}
    assert {(item.total, item.successful) for item in sessions} == {(2, 2)}
    # Dagster's pages show it, that of the job too, because it is the job of an asset.
    assert materialized(system, PeriodType.MONTH) == keys(*past_months())
    assert materialized(system, PeriodType.QUARTER) == keys(*past_quarters())
    for kind in PeriodType:
        asked = selector(f"aggregate_{kind}")
        asked["pipelineName"] = asked.pop("jobName")
        assert system.graphql(JOB, selector=asked)["pipelineOrError"] == {"isAssetJob": True}


def test_the_page_shows_what_was_computed_without_dagster(
    system: System, in_one_run: list[dict[str, Any]]
) -> None:
    """As before there were events: the next run that aggregates lets Dagster be told."""
    earlier = past_months().first.previous
    request = AggregationRequest(
        tuple(item.id for item in system.fleet.store.registry.select_ever(Selection())),
        PeriodRange(earlier, earlier),
        today(),
        5.0,
        datetime.now(UTC),
    )
    system.fleet.store.aggregations.compute([request])
    ours(system, PeriodRange(past_months().last, past_months().last))

    def is_shown() -> bool:
        return materialized(system, PeriodType.MONTH) == keys(earlier, *past_months())

    wait_for(is_shown, 90, "the partition on the page")


def test_the_ui_gives_the_same(system: System, in_one_run: list[dict[str, Any]]) -> None:
    """From the page of the job: it is that of an asset, so that a range is one run there, too."""
    forget(system.fleet.settings)
    identifiers = []
    for periods in (past_months(), past_quarters()):
        selector = {
            "partitionSetName": f"aggregate_{periods.type}_partition_set",
            "repositorySelector": {
                "repositoryLocationName": "sync_pipeline",
                "repositoryName": "__repository__",
            },
        }
        names = [item.start.isoformat() for item in periods]
        params = {"selector": selector, "partitionNames": names, "fromFailure": False}
        answer = system.graphql(BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        identifiers.append(answer["backfillId"])
    for periods in (past_months(), past_quarters()):
        (found,) = wait_for_runs(system, f"aggregate_{periods.type}", 1)
        assert found.partition_key == f"{periods.start}...{periods.last.start}"
        assert found.sync_type is SyncType.BACKFILL
    assert rows(system) == in_one_run

    def is_over(identifier: str) -> bool:
        answer = system.graphql(STATUS, id=identifier)["partitionBackfillOrError"]
        return answer["status"] in ("COMPLETED", "COMPLETED_SUCCESS")

    for identifier in identifiers:
        wait_for(lambda found=identifier: is_over(found), 60, "the end of the backfill")


def test_a_range_of_the_asset_is_one_run_and_gives_the_same(
    system: System, in_one_run: list[dict[str, Any]]
) -> None:
    """Each from the page of its asset."""
    forget(system.fleet.settings)
    for periods in (past_months(), past_quarters()):
        params = {
            "assetSelection": [{"path": ["fleet_aggregations", str(periods.type)]}],
            "partitionNames": [item.start.isoformat() for item in periods],
        }
        answer = system.graphql(BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
    for periods in (past_months(), past_quarters()):
        (session,) = wait_for_runs(system, f"fleet_aggregations/{periods.type}", 1)
        assert session.sync_type is SyncType.BACKFILL
        assert session.partition_key == f"{periods.start}...{periods.last.start}"
        assert (session.total, session.successful) == (2, 2)
        records = system.fleet.store.sessions.records(session.session_id)
        assert {item.instance_name for item in records} == {"here", "gone"}
        assert system.ended_run(session.session_id) == "SUCCESS"
        with open_instance() as instance:
            run = instance.get_run_by_id(session.session_id)
        assert run is not None
        assert run.tags["dagster/max_runtime"] == str(system.fleet.settings.max_runtime_seconds)
        assert BACKFILL_TAG in run.tags
    assert rows(system) == in_one_run


def test_dagsters_command_gives_the_same(system: System, in_one_run: list[dict[str, Any]]) -> None:
    """Of the months: it names a job, a range and no more, and the jobs differ in that alone."""
    forget(system.fleet.settings)
    before = len(runs_of(system, "aggregate_month"))
    root = system.environment | {"DAGSTER_HOME": str(project_root())}
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "job", "backfill", "--noprompt",
         "-j", "aggregate_month", "-w", "workspace.yaml",
         "--from", str(past_months().start), "--to", str(past_months().last.start)],
        cwd=project_root(), env=root, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for_runs(system, "aggregate_month", before + 1)
    expected = [item for item in in_one_run if item["period_type"] == PeriodType.MONTH]
    assert rows(system) == expected
