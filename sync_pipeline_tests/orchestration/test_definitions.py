"""What Dagster is given: names, defaults and limits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from dagster import DefaultScheduleStatus, DefaultSensorStatus, SensorDefinition
from dagster._core.definitions.definitions_load_context import DefinitionsLoadType
from dagster._core.definitions.dependency import NodeHandle
from dagster._utils.test.definitions import scoped_definitions_load_context
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.categories import CATEGORIES
from sync_pipeline.definitions import defs, location
from sync_pipeline.fleet.shards import MOST_AT_ONCE
from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration import catalog, catalogued
from sync_pipeline.orchestration.categories.account.job import ACCOUNT_JOB
from sync_pipeline.orchestration.categories.aggregation.job import AGGREGATION_JOB
from sync_pipeline.orchestration.config import BackfillConfig, SyncConfig
from sync_pipeline.orchestration.jobs import build_job
from sync_pipeline.orchestration.partitions import EARLIEST, first_day, partitions_of
from sync_pipeline.orchestration.runs.lineage import SHARD_TAG
from sync_pipeline.orchestration.runs.runs import (
    AGGREGATE_PERIOD,
    ASSET_JOB,
    BACKFILL_TAG,
    fleet_key,
    leaves_session,
)
from sync_pipeline.orchestration.schedules import build_schedule
from sync_pipeline.orchestration.tasks import InstanceTask, instance_id_of
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import StoreBench
from workbench.strategies.sizes import History, put_history

SESSION_JOBS = {job for row in CATEGORIES.values() for job in (row.job, *row.more_jobs)}
JOB = defs.resolve_job_def("account_sync")
REPOSITORY = defs.get_repository_def()


def sensors() -> list[SensorDefinition]:
    return sorted(REPOSITORY.sensor_defs, key=lambda item: item.name)


def test_names() -> None:
    assert sorted(REPOSITORY.job_names) == [
        ASSET_JOB, "account_sync", "aggregate_day", "aggregate_month", "aggregate_quarter",
        "aggregate_sizes", "aggregate_week", "backfill_sizes", "capacity_sync", "maintain_sizes",
        "send_reports",
    ]  # fmt: skip
    sessionless = {ASSET_JOB, "maintain_sizes", "send_reports"}
    assert set(REPOSITORY.job_names) - SESSION_JOBS == sessionless
    assert sorted(node.name for node in JOB.nodes) == [
        "finish_session", "open_session", "select_instances", "sync_instance",
    ]  # fmt: skip
    assert sorted(item.name for item in REPOSITORY.schedule_defs) == [
        "account_sync_schedule", "aggregate_sizes_schedule", "capacity_sync_schedule",
        "maintain_sizes_schedule",
    ]  # fmt: skip
    assert [item.name for item in sensors()] == [
        "instance_freshness", "session_reaper",
    ]  # fmt: skip
    assert {hook.name for hook in JOB.hook_defs} == {"close_record"}


def test_all_can_be_loaded_at_once() -> None:
    """As a code server does: no op or graph has the name of another."""
    REPOSITORY.load_all_definitions()


def test_everything_is_on_by_default() -> None:
    assert all(item.default_status is DefaultSensorStatus.RUNNING for item in sensors())
    schedules = REPOSITORY.schedule_defs
    assert all(item.default_status is DefaultScheduleStatus.RUNNING for item in schedules)
    assert {item.job_name: item.cron_schedule for item in schedules} == {
        "account_sync": "*/30 * * * *",
        "capacity_sync": "0 3 * * *",
        "aggregate_sizes": "0 4 * * *",
        "maintain_sizes": "30 5 * * *",
    }


def test_every_job_that_leaves_a_session_is_watched_to_its_end() -> None:
    """Also the one in which Dagster materializes assets."""
    names = location().get_repository_def().job_names
    assert {name for name in names if not leaves_session(name)} == {
        "maintain_sizes",
        "send_reports",
    }
    assert set(names) == {*SESSION_JOBS, ASSET_JOB, "maintain_sizes", "send_reports"}
    for name in SESSION_JOBS - set(AGGREGATE_PERIOD.values()):
        hooks = {hook.name for hook in defs.resolve_job_def(name).hook_defs}
        assert hooks == {"close_record"}
    # In a job of assets the step of each instance has it.
    for kind, name in AGGREGATE_PERIOD.items():
        step = NodeHandle("aggregate_instance", NodeHandle(f"fleet_aggregations_{kind}", None))
        for job in (name, ASSET_JOB):
            found = defs.resolve_job_def(job).get_all_hooks_for_handle(step)
            assert {hook.name for hook in found} == {"close_record"}


def test_an_idle_system_evaluates_four_sensors_a_minute() -> None:
    """Each evaluation is more work of Dagster's (processes, its storage) than of ours."""
    assert sum(60 / (item.minimum_interval_seconds or 30) for item in sensors()) <= 4


def test_syncs_leave_the_queue_before_aggregations_and_these_before_backfills() -> None:
    """A run of an asset has no tags of a job: 0."""
    priorities = {
        name: int(REPOSITORY.get_job(name).tags["dagster/priority"])
        for name in set(REPOSITORY.job_names) - {ASSET_JOB}
    }
    by_priority: dict[int, set[str]] = {}
    for name, priority in priorities.items():
        by_priority.setdefault(priority, set()).add(name)
    assert [by_priority[key] for key in sorted(by_priority, reverse=True)] == [
        {"account_sync", "capacity_sync"},
        {"aggregate_sizes", "maintain_sizes", "send_reports"},
        {*AGGREGATE_PERIOD.values(), "backfill_sizes"},
    ]
    assert priorities["aggregate_sizes"] > 0


def test_neither_shards_nor_backfills_take_every_place() -> None:
    config = yaml.safe_load((project_root() / "dagster.yaml").read_text())["concurrency"]["runs"]
    limits = {item["key"]: item["limit"] for item in config["tag_concurrency_limits"]}
    assert set(limits) == {SHARD_TAG, BACKFILL_TAG}
    assert sum(limits.values()) < config["max_concurrent_runs"]
    assert limits[SHARD_TAG] == MOST_AT_ONCE


def test_waiting_for_the_collection_is_not_counted_as_runtime() -> None:
    settings = Settings(max_runtime_seconds=77, aggregation_wait_seconds=1000)
    assert build_job(settings, AGGREGATION_JOB).tags["dagster/max_runtime"] == "1077"


def test_limits_come_from_settings() -> None:
    settings = Settings(
        max_runtime_seconds=77, account_sync_cron="5 4 * * *", time_zone="Asia/Shanghai"
    )
    job = build_job(settings, ACCOUNT_JOB)
    schedule = build_schedule(settings, job, settings.account_sync_cron, "")
    assert job.tags["dagster/max_runtime"] == "77"
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("5 4 * * *", "Asia/Shanghai")


def test_failed_steps_never_start_a_run_again() -> None:
    assert JOB.tags["dagster/retry_on_asset_or_op_failure"] == "false"


def test_every_option_of_the_launchpad_is_described() -> None:
    common = ["created_by", "engines", "environments", "instances", "tags"]
    for config, more in ((SyncConfig, ["force"]), (BackfillConfig, ["first", "last", "period"])):
        fields = config.to_fields_dict()
        assert sorted(fields) == sorted([*common, *more])
        assert all(field.description for field in fields.values())


@given(st.text(max_size=200), st.integers(1, 2**40))
def test_a_mapping_key_is_valid_and_leads_back_to_the_instance(name: str, number: int) -> None:
    key = InstanceTask(number, name, is_forced=False).mapping_key
    assert re.fullmatch(r"[A-Za-z0-9_]+", key)
    assert instance_id_of(f"sync_instance[{key}]") == number


@pytest.mark.parametrize("step_key", ["select_instances", "open_session", "finish_session"])
def test_other_steps_have_no_instance(step_key: str) -> None:
    assert instance_id_of(step_key) is None


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of a new home, where the location has not been loaded yet."""
    monkeypatch.setenv("SYNC_PIPELINE_HOME", str(tmp_path))
    catalog.instance_assets.cache_clear()
    catalog.instance_checks.cache_clear()
    store = Store.open(Settings.load().effective_store_url)
    # A run that a test before has carried out in this process leaves the other context.
    with scoped_definitions_load_context(DefinitionsLoadType.INITIALIZATION):
        yield store
    store.close()
    catalog.instance_assets.cache_clear()
    catalog.instance_checks.cache_clear()


def test_the_code_server_has_each_instance_as_assets(store: Store) -> None:
    StoreBench(store, datetime.now(UTC)).fleet("one", "odd 'name' 100%/é")
    repository = location().get_repository_def()
    keys = repository.asset_graph.get_all_asset_keys()
    assert keys == {
        key
        for name in ("one", "odd 'name' 100%/é")
        for key in (
            catalogued.size_key(name),
            catalogued.accounts_key(name),
            *(catalogued.aggregation_key(kind, name) for kind in PeriodType),
        )
    } | {fleet_key(kind) for kind in PeriodType}
    assert set(repository.job_names) >= SESSION_JOBS
    checks = repository.asset_graph.asset_check_keys
    assert {item.asset_key.path[-1] for item in checks} == {"one", "odd 'name' 100%/é"}
    assert {item.name for item in checks} == {catalogued.FINDINGS}


def test_nobody_can_execute_the_check_of_an_instance(store: Store) -> None:
    """Dagster's UI offers that for a check that no other one belongs to."""
    StoreBench(store, datetime.now(UTC)).fleet("only one")
    graph = location().get_repository_def().asset_graph
    assert not graph.asset_check_keys
    catalog.known.cache_clear()
    catalog.instance_assets.cache_clear()
    catalog.instance_checks.cache_clear()
    StoreBench(store, datetime.now(UTC)).fleet("another one")
    graph = location().get_repository_def().asset_graph
    assert len(graph.asset_check_keys) == 2
    (step,) = {graph.get_execution_set_identifier(key) for key in graph.asset_check_keys}
    assert step is not None


def test_no_more_instances_are_assets_than_the_ui_bears(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogued, "MOST_INSTANCES", 2)
    monkeypatch.setattr(catalogued, "MOST_WITH_PERIODS", 1)
    StoreBench(store, datetime.now(UTC)).fleet("a", "b", "c")
    found = Counter(spec.key.path[-1] for spec in catalog.instance_assets(Settings.load()))
    assert found == {"a": 6, "b": 2}


def test_the_processes_of_a_run_leave_the_assets_out(store: Store) -> None:
    StoreBench(store, datetime.now(UTC)).fleet("one")
    with scoped_definitions_load_context(DefinitionsLoadType.RECONSTRUCTION):
        keys = location().get_repository_def().asset_graph.get_all_asset_keys()
    assert keys == {fleet_key(kind) for kind in PeriodType}


def starts() -> dict[str, str]:
    """Return the first partition of each job and asset that has partitions, by kind."""
    repository = location().get_repository_def()
    found = {}
    for kind in PeriodType:
        jobs = repository.get_job(AGGREGATE_PERIOD[kind]).partitions_def
        assets = repository.asset_graph.get(fleet_key(kind)).partitions_def
        assert jobs == assets
        found[str(kind)] = str(jobs.get_first_partition_key()) if jobs else ""
    return found


def test_partitions_begin_with_the_period_of_the_oldest_size(store: Store) -> None:
    """Also where the instance was removed since, and others are younger."""
    gone, here = StoreBench(store, datetime.now(UTC)).fleet("gone", "here")
    put_history(store, here.id, History({date(2026, 3, 4): {}}, date(2026, 3, 4)))
    put_history(store, gone.id, History({date(2025, 5, 15): {}}, date(2025, 5, 15)))
    store.registry.delete_instance("gone", datetime.now(UTC))
    assert starts() == {
        "day": "2025-05-15", "week": "2025-05-12", "month": "2025-05-01", "quarter": "2025-04-01",
    }  # fmt: skip
    specs = [item.partitions_def for item in catalog.instance_assets(Settings.load())]
    assert len(specs) == 6
    assert specs.count(None) == 1  # the accounts
    begins = {item.get_first_partition_key() for item in specs if item is not None}
    assert begins == set(starts().values())


def test_what_needs_pruned_sizes_is_not_offered(store: Store) -> None:
    """So that all periods that are offered are a range that can be computed."""
    (here,) = StoreBench(store, datetime.now(UTC)).fleet("here")
    days = (date(2025, 5, 14), date(2025, 5, 15), date(2025, 12, 31))
    put_history(store, here.id, History({day: {} for day in days}, days[-1]))
    store.retention.prune(date(2025, 5, 15))
    assert starts() == {
        "day": "2025-05-16", "week": "2025-05-26", "month": "2025-07-01", "quarter": "2025-10-01",
    }  # fmt: skip


def test_without_sizes_partitions_begin_where_sizes_could(store: Store) -> None:
    """What is collected or brought in while the system runs is in them."""
    expected = datetime.now(UTC).date() - timedelta(days=Settings.load().size_retention_days)
    assert starts()["day"] == expected.isoformat()


def test_a_store_that_is_away_leaves_the_partitions_where_sizes_could_be(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", f"sqlite:///{tmp_path / 'no' / 'such' / 'place'}")
    expected = datetime.now(UTC).date() - timedelta(days=Settings.load().size_retention_days)
    assert starts()["day"] == expected.isoformat()


def test_the_processes_of_a_run_know_every_partition_without_the_store(store: Store) -> None:
    """They are told theirs: the store may be away, and its oldest size pruned since."""
    store.close()
    with scoped_definitions_load_context(DefinitionsLoadType.RECONSTRUCTION):
        assert starts()["day"] == EARLIEST.isoformat()


@pytest.mark.parametrize("oldest", [None, date(2025, 5, 15), date(2019, 1, 1)])
def test_a_first_period_that_is_set_wins(oldest: date | None) -> None:
    settings = Settings(first_period=date(2023, 2, 15))
    for kind, first in ((PeriodType.DAY, "2023-02-15"), (PeriodType.QUARTER, "2023-01-01")):
        assert partitions_of(kind, settings, oldest).get_first_partition_key() == first


def test_a_size_of_an_impossible_day_makes_no_partitions_of_centuries() -> None:
    assert first_day(Settings(), date(1, 1, 1)) == EARLIEST


def test_the_jobs_load_without_a_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", f"sqlite:///{tmp_path / 'no' / 'such' / 'place'}")
    assert set(location().get_repository_def().job_names) >= SESSION_JOBS
