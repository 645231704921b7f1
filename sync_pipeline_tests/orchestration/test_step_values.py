"""What steps hand over stays in memory; a re-execution asks for it again, and gets the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    InputContext,
    JobDefinition,
    OutputContext,
    ReexecutionOptions,
    execute_job,
    reconstructable,
)
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.events import DagsterEvent

from sync_pipeline.definitions import defs
from sync_pipeline.errors import ConfigurationError, Phase, StoreUnavailable
from sync_pipeline.model.period import Period, PeriodType
from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.orchestration import ops
from sync_pipeline.orchestration.categories.account import job as account_job
from sync_pipeline.orchestration.categories.capacity import job as capacity_job
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.runs import close_session_of, fleet_key
from sync_pipeline.orchestration.runtime import step_values
from sync_pipeline.orchestration.runtime.step_values import StepValues
from sync_pipeline.orchestration.tasks import InstanceTask, SelectedInstances
from sync_pipeline.settings import project_root
from sync_pipeline.workflows.syncing import aggregation as workflow
from sync_pipeline.workflows.syncing import target
from sync_pipeline_tests.orchestration.test_backfill import history
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer
from workbench.strategies.sizes import put_history, today

BROKEN = ConfigurationError("Broken by a test.")
AWAY = StoreUnavailable("The store is away in a test.", phase=Phase.STORE)


def account_sync() -> JobDefinition:
    return defs.resolve_job_def("account_sync")


def capacity_sync() -> JobDefinition:
    return defs.resolve_job_def("capacity_sync")


def aggregate_sizes() -> JobDefinition:
    return defs.resolve_job_def("aggregate_sizes")


def aggregate_month() -> JobDefinition:
    return defs.resolve_job_def("aggregate_month")


def backfill_sizes() -> JobDefinition:
    return defs.resolve_job_def("backfill_sizes")


@dataclass(slots=True)
class Seen:
    """The values that the steps of a run handed over, and those that were loaded."""

    handed: dict[str, Any] = field(default_factory=dict)
    loaded: dict[str, Any] = field(default_factory=dict)


def name_of(step_key: str) -> str:
    """Return the key of a step without that of the graph of an asset."""
    return step_key.rpartition(".")[2]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    seen = Seen()
    keep, load = StepValues.handle_output, StepValues.load_input

    def handle_output(self: StepValues, context: OutputContext, obj: object) -> None:
        seen.handed[context.mapping_key or name_of(context.step_key)] = obj
        keep(self, context, obj)

    def load_input(self: StepValues, context: InputContext) -> object:
        assert context.upstream_output is not None
        found = load(self, context)
        before = context.upstream_output
        seen.loaded[before.mapping_key or name_of(before.step_key)] = found
        return found

    monkeypatch.setattr(StepValues, "handle_output", handle_output)
    monkeypatch.setattr(StepValues, "load_input", load_input)
    return seen


SETTINGS = {"retry_base_seconds": 0.05, "retry_limit": 1, "aggregation_wait_seconds": 0}


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer
) -> Callable[[date], Path]:
    """Homes with instances and sizes until a day: tests have copies, for to write them is dear."""

    @cache
    def home_of(day: date) -> Path:
        home = tmp_path_factory.mktemp("made")
        with in_environment(environment_of(home, **SETTINGS)):
            fleet = Fleet(home)
            for name in ("one", "ein Name mit Ü", "数据库"):
                added = fleet.add(name, postgresql_server)
                put_history(fleet.store, added.id, history(day - timedelta(days=200), day))
            fleet.store.close()
        return home

    return home_of


@pytest.fixture
def fleet(tmp_path: Path, made: Callable[[date], Path]) -> Iterator[Fleet]:
    shutil.copytree(made(today()), tmp_path, dirs_exist_ok=True)
    with in_environment(environment_of(tmp_path, **SETTINGS)):
        fleet = Fleet(tmp_path)
        yield fleet
        fleet.store.close()


@contextmanager
def broken(target: object, name: str) -> Iterator[None]:
    """Let a function fail, as long as the block lasts."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise BROKEN

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, name, fail)
        yield


def without_terms(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without what belongs to one run only."""
    return {
        key: replace(value, terms=None) if isinstance(value, InstanceTask) else value
        for key, value in values.items()
    }


def executed_again(
    instance: DagsterInstance, job: Any, run_id: str, steps: Sequence[str] = ()
) -> tuple[str, list[DagsterEvent]]:
    """Execute what failed again, or chosen steps, with the tags of the run, as the UI does."""
    failed = instance.get_run_by_id(run_id)
    assert failed is not None
    options = ReexecutionOptions.from_failure(run_id, instance)
    if steps:
        options = ReexecutionOptions(run_id, list(steps))
    with execute_job(job, instance, reexecution_options=options, tags=failed.tags) as again:
        assert again.success
        return again.run_id, list(again.all_events)


def test_a_re_execution_of_an_asset_does_the_same_range_again(fleet: Fleet) -> None:
    """In the one session: of all instances, and with the selection that the run was given."""
    days = [today() - timedelta(days=count) for count in (30, 10)]
    tags = {
        "dagster/asset_partition_range_start": days[0].isoformat(),
        "dagster/asset_partition_range_end": days[1].isoformat(),
    }
    config = {"select_instances": {"config": {"instances": ["one", "数据库"]}}}
    run_config = {"ops": {"fleet_aggregations_day": {"ops": config}}}
    where = ("sync_pipeline.definitions", "location", str(project_root()))
    job = ReconstructableRepository.for_module(*where).get_reconstructable_job("__ASSET_JOB")
    asset = [fleet_key(PeriodType.DAY)]
    with open_instance() as instance:
        with (
            broken(workflow, "aggregate_instance"),
            execute_job(
                job,
                instance,
                run_config=run_config,
                tags=tags,
                asset_selection=asset,
                raise_on_error=False,
            ) as first,
        ):
            assert not first.success
        assert fleet.store.sessions.records(first.run_id)
        executed_again(instance, job, first.run_id)
    session = fleet.ended_session(first.run_id, 1)
    assert (session.total, session.successful) == (2, 2)
    assert session.job_name == "fleet_aggregations/day"
    assert session.partition_key == f"{days[0]}...{days[1]}"
    for name in ("one", "数据库"):
        found = fleet.store.aggregations.find(PeriodType.DAY, date.min, date.max, name)
        assert {item.period_start for item in found} <= {
            days[0] + timedelta(days=count) for count in range(21)
        }
        assert len({item.period_start for item in found}) >= 4


WORK = {
    account_sync: (account_job, "sync_instance_accounts"),
    capacity_sync: (capacity_job, "sync_instance_sizes"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is launched with."""

    job: Any
    config: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def a_month() -> Asked:
    month = Period.of(PeriodType.MONTH, today() - timedelta(days=100)).start.isoformat()
    return Asked(aggregate_month, tags={"dagster/partition": month})


def past_weeks() -> Asked:
    first, last = (today() - timedelta(days=count) for count in (90, 30))
    config = {"period": "week", "first": first.isoformat(), "last": last.isoformat()}
    return Asked(backfill_sizes, config)


ASKED: list[Callable[[], Asked]] = [
    lambda: Asked(
        account_sync, {"instances": ["one", "数据库"], "force": True, "created_by": "me"}
    ),
    lambda: Asked(account_sync, tags={"dagster/schedule_name": "nightly"}),
    lambda: Asked(capacity_sync, {"engines": ["postgresql"]}),
    lambda: Asked(aggregate_sizes),
    a_month,
    past_weeks,
]
"""Asked in the test: the day of the import may have passed."""


def failed_first(
    instance: DagsterInstance, asked: Asked, *, is_opened: bool
) -> tuple[str, list[str]]:
    """Return a run that failed before its session was open, or in each instance, and its steps."""
    at_work = WORK.get(asked.job, (workflow, "aggregate_instance"))
    target, name = at_work if is_opened else (ops, "with_terms")
    config: dict[str, Any] = {"select_instances": {"config": asked.config}}
    if asked.job is aggregate_month:  # of an asset, whose steps are in a graph
        config = {"fleet_aggregations_month": {"ops": config}}
    with (
        broken(target, name),
        execute_job(
            reconstructable(asked.job),
            instance,
            run_config={"ops": config},
            tags=asked.tags,
            raise_on_error=False,
        ) as first,
    ):
        assert not first.success
        steps = [event.step_key or "" for event in first.all_events if event.is_step_failure]
        return first.run_id, steps


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("is_opened", [False, True])
def test_a_re_execution_gets_what_the_first_run_handed_over(
    fleet: Fleet,
    seen: Seen,
    ask: Callable[[], Asked],
    is_opened: bool,
) -> None:
    asked = ask()
    with open_instance() as instance:
        run_id, _ = failed_first(instance, asked, is_opened=is_opened)
        handed = without_terms(seen.handed)
        seen.loaded.clear()
        executed_again(instance, reconstructable(asked.job), run_id)
    loaded = without_terms(seen.loaded)
    tasks = {task.mapping_key: task for task in handed["select_instances"].tasks}
    assert {key: loaded[key] for key in tasks} == tasks
    again, before = loaded["select_instances"], handed["select_instances"]
    assert isinstance(again, SelectedInstances)
    assert set(again.tasks) == set(before.tasks)
    assert (again.sync_type, again.created_by) == (before.sync_type, before.created_by)
    statuses = {record.status for record in fleet.store.sessions.records(run_id)}
    assert statuses == {RecordStatus.COMPLETED}


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("is_opened", [False, True])
def test_chosen_steps_get_what_the_first_run_handed_over(
    fleet: Fleet,
    seen: Seen,
    ask: Callable[[], Asked],
    is_opened: bool,
) -> None:
    """The step of one instance, or (where no session was opened) all but the selection."""
    asked = ask()
    with open_instance() as instance:
        first, steps = failed_first(instance, asked, is_opened=is_opened)
        handed, before = without_terms(seen.handed), fleet.store.sessions.records(first)
        seen.loaded.clear()
        graph = "fleet_aggregations_month." if asked.job is aggregate_month else ""
        chosen = steps[:1] if is_opened else [f"{graph}open_session+"]
        run_id, _ = executed_again(instance, reconstructable(asked.job), first, chosen)
    loaded = without_terms(seen.loaded)
    records = fleet.store.sessions.records(run_id)
    after = fleet.store.sessions.records(first)
    if is_opened:
        (key,) = loaded
        assert loaded[key] == handed[key]
        assert [record.instance_id for record in records] == [handed[key].instance_id]
        assert after == before
    else:
        assert {record.status for record in after} == {RecordStatus.FAILED}
        (again, selected) = loaded["select_instances"], handed["select_instances"]
        assert set(again.tasks) == set(selected.tasks)
        assert len(records) == len(selected.tasks)
    assert {record.status for record in records} == {RecordStatus.COMPLETED}


def test_a_store_that_is_away_while_a_value_is_loaded_is_asked_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    asked = step_values.task_for

    def once(*arguments: Any) -> InstanceTask:
        if not refused:
            refused.append("now")
            raise AWAY
        return asked(*arguments)

    with open_instance() as instance:
        with (
            broken(account_job, "sync_instance_accounts"),
            execute_job(reconstructable(account_sync), instance, raise_on_error=False) as first,
        ):
            assert not first.success
        monkeypatch.setattr(step_values, "task_for", once)
        steps = [event.step_key or "" for event in first.all_events if event.is_step_failure]
        run_id, events = executed_again(
            instance, reconstructable(account_sync), first.run_id, steps
        )
    assert refused == ["now"]
    assert sum(event.event_type_value == "STEP_UP_FOR_RETRY" for event in events) == 1
    statuses = {record.status for record in fleet.store.sessions.records(run_id)}
    assert statuses == {RecordStatus.COMPLETED}


def test_a_step_of_an_instance_that_was_removed_since_contacts_nobody(fleet: Fleet) -> None:
    with open_instance() as instance:
        with execute_job(reconstructable(account_sync), instance) as first:
            assert first.success
        gone = fleet.store.sessions.records(first.run_id)[0]
        fleet.store.registry.delete_instance(gone.instance_name, datetime.now(UTC))
        key = InstanceTask(gone.instance_id, gone.instance_name).mapping_key
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, "open_connection", pytest.fail)
            run_id, _ = executed_again(
                instance, reconstructable(account_sync), first.run_id, [f"sync_instance[{key}]"]
            )
    (record,) = fleet.store.sessions.records(run_id)
    assert (record.instance_id, record.status) == (gone.instance_id, RecordStatus.SKIPPED)
    assert gone in fleet.store.sessions.records(first.run_id)


def test_steps_that_read_no_instance_leave_a_session_without_one(fleet: Fleet) -> None:
    with open_instance() as instance, open_dependencies() as deps:
        with execute_job(reconstructable(account_sync), instance) as first:
            assert first.success
        before = fleet.store.sessions.get(first.run_id)
        run_id, _ = executed_again(
            instance, reconstructable(account_sync), first.run_id, ["finish_session"]
        )
        run = instance.get_run_by_id(run_id)
        assert run is not None
        session = close_session_of(instance, run, deps)
    assert (session.session_id, session.total, session.repeats) == (run_id, 0, first.run_id)
    assert session.status is SessionStatus.COMPLETED
    assert fleet.store.sessions.get(first.run_id) == before


def test_nothing_is_kept_in_files(fleet: Fleet) -> None:
    with open_instance() as instance:
        with execute_job(reconstructable(account_sync), instance) as result:
            assert result.success
        assert list(Path(instance.storage_directory()).rglob("*")) == []
    names = {path.name for path in fleet.home.rglob("*")}
    assert not any("step_values" in name for name in names)
