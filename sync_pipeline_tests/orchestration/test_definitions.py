"""What Dagster is given: names, defaults and limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DefaultScheduleStatus, DefaultSensorStatus, SensorDefinition
from dagster._core.definitions.definitions_load_context import DefinitionsLoadType
from dagster._utils.test.definitions import scoped_definitions_load_context
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.definitions import defs, location
from sync_pipeline.model.period import PeriodType
from sync_pipeline.orchestration import catalog
from sync_pipeline.orchestration.config import BackfillConfig, SyncConfig
from sync_pipeline.orchestration.jobs import build_account_sync, build_aggregate_sizes
from sync_pipeline.orchestration.runs import CATEGORY_OF_JOB
from sync_pipeline.orchestration.schedules import build_schedule
from sync_pipeline.orchestration.tasks import InstanceTask, instance_id_of
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline_tests.integration.store_bench import StoreBench

JOB = defs.resolve_job_def("account_sync")
REPOSITORY = defs.get_repository_def()


def sensors() -> list[SensorDefinition]:
    return sorted(REPOSITORY.sensor_defs, key=lambda item: item.name)


def test_names() -> None:
    assert sorted(REPOSITORY.job_names) == [
        "account_sync", "aggregate_day", "aggregate_month", "aggregate_quarter",
        "aggregate_sizes", "aggregate_week", "backfill_sizes", "capacity_sync", "maintain_sizes",
    ]  # fmt: skip
    assert set(REPOSITORY.job_names) - set(CATEGORY_OF_JOB) == {"maintain_sizes"}
    assert sorted(node.name for node in JOB.nodes) == [
        "finish_session", "open_session", "select_instances", "sync_instance",
    ]  # fmt: skip
    assert sorted(item.name for item in REPOSITORY.schedule_defs) == [
        "account_sync_schedule", "aggregate_sizes_schedule", "capacity_sync_schedule",
        "maintain_sizes_schedule",
    ]  # fmt: skip
    assert [item.name for item in sensors()] == [
        "close_session_on_canceled", "close_session_on_failure", "close_session_on_success",
        "instance_freshness", "session_reaper",
    ]  # fmt: skip
    assert {hook.name for hook in JOB.hook_defs} == {"close_record"}


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
    """A run-status sensor that did not monitor a job would leave its sessions to the reaper."""
    for sensor in sensors():
        if sensor.name.startswith("close_session"):
            watched = {target.name for target in sensor._monitored_jobs}  # type: ignore[attr-defined]
            assert watched == set(CATEGORY_OF_JOB)
    for name in CATEGORY_OF_JOB:
        hooks = {hook.name for hook in defs.resolve_job_def(name).hook_defs}
        assert hooks == {"close_record"}


def test_waiting_for_the_collection_is_not_counted_as_runtime() -> None:
    settings = Settings(max_runtime_seconds=77, aggregation_wait_seconds=1000)
    assert build_aggregate_sizes(settings).tags["dagster/max_runtime"] == "1077"


def test_limits_come_from_settings() -> None:
    settings = Settings(
        max_runtime_seconds=77, account_sync_cron="5 4 * * *", time_zone="Asia/Shanghai"
    )
    job = build_account_sync(settings)
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
    store = Store.open(Settings.load().effective_store_url)
    # A run that a test before has carried out in this process leaves the other context.
    with scoped_definitions_load_context(DefinitionsLoadType.INITIALIZATION):
        yield store
    store.close()
    catalog.instance_assets.cache_clear()


def test_the_code_server_has_each_instance_as_assets(store: Store) -> None:
    StoreBench(store, datetime.now(UTC)).fleet("one", "odd 'name' 100%/é")
    repository = location().get_repository_def()
    keys = repository.asset_graph.get_all_asset_keys()
    assert keys == {
        key
        for name in ("one", "odd 'name' 100%/é")
        for key in (
            catalog.size_key(name),
            *(catalog.aggregation_key(kind, name) for kind in PeriodType),
        )
    }
    assert set(repository.job_names) >= set(CATEGORY_OF_JOB)


def test_no_more_instances_are_assets_than_the_ui_bears(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MOST_INSTANCES", 1)
    StoreBench(store, datetime.now(UTC)).fleet("a", "b")
    assert {spec.key.path[-1] for spec in catalog.instance_assets(Settings.load())} == {"a"}


def test_the_processes_of_a_run_leave_the_assets_out(store: Store) -> None:
    StoreBench(store, datetime.now(UTC)).fleet("one")
    with scoped_definitions_load_context(DefinitionsLoadType.RECONSTRUCTION):
        assert not location().get_repository_def().asset_graph.get_all_asset_keys()


def test_the_jobs_load_without_a_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_STORE_URL", f"sqlite:///{tmp_path / 'no' / 'such' / 'place'}")
    assert set(location().get_repository_def().job_names) >= set(CATEGORY_OF_JOB)
