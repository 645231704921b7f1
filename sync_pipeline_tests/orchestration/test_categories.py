"""A category of jobs is one row and one folder: a toy that is registered here is found everywhere.

Annotations are not postponed here: Dagster reads them as types.
"""

import copy
import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from sync_pipeline.categories import CATEGORIES, Category, counter_words, reading_categories
from sync_pipeline.cli import run, sessions
from sync_pipeline.definitions import build_definitions
from sync_pipeline.errors import AuthenticationError, ConfigurationError
from sync_pipeline.model.maintenance import NewWindow
from sync_pipeline.model.session import (
    NewSession,
    RecordOutcome,
    RecordStatus,
    Session,
    SessionStatus,
    SyncCategory,
    SyncCounters,
    SyncType,
)
from sync_pipeline.orchestration import resources
from sync_pipeline.orchestration.catalog import Known
from sync_pipeline.orchestration.categories.job import CategoryJob
from sync_pipeline.orchestration.categories.registry import CATEGORY_JOBS, config_of
from sync_pipeline.orchestration.config import NO_CONFIG, SELECT_INSTANCES
from sync_pipeline.orchestration.freshness import freshness_limits, instance_freshness
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.ops import admitted
from sync_pipeline.orchestration.processes import launch
from sync_pipeline.orchestration.resources import PipelineResource
from sync_pipeline.orchestration.runs.runs import leaves_session, scheduled_jobs
from sync_pipeline.orchestration.tasks import InstanceTask
from sync_pipeline.report.metrics import render_metrics
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.metrics import fleet_metrics
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.admission import Skip
from sync_pipeline.workflows.syncing.recorded import recorded
from workbench.benches.store_bench import StoreBench, an_instance
from workbench.running.system import environment_of, in_environment

TOY = Category(
    name="toy",
    job="toy_sync",
    cron_setting="toy_cron",
    command="toy-sync",
    summary="Look at the toys of all active instances.",
    help="Look at the toys of all active instances, or of those selected.",
    counters=("seen", "broken"),
    reads_instances=True,
    force="Allow many toys to be broken.",
)
OPERATIONS = (project_root() / "docs" / "operations.md").read_text()


class ToySettings(Settings):
    """What a category of the package adds to the settings."""

    toy_cron: str = "7 * * * *"


@dg.op(config_schema=NO_CONFIG, out=dg.Out(dg.Nothing))
def look_at_toys(
    context: dg.OpExecutionContext, task: InstanceTask, pipeline: PipelineResource
) -> None:
    with admitted(context, task, pipeline) as (deps, work), recorded(deps, work) as begun:
        if isinstance(begun, Skip):
            return
        if work.instance.name == "locked":
            raise AuthenticationError("The toys are locked.")
        counters = SyncCounters(41, int(task.is_forced), 7, 7)
        outcome = RecordOutcome(RecordStatus.COMPLETED, counters)
        deps.store.sessions.finish(begun.claim, outcome, deps.clock())


def shown(deps: SyncDeps, session: Session) -> dict[str, dg.MetadataValue]:
    assert deps.store.sessions.records(session.session_id)
    return {"toys": dg.MetadataValue.int(session.successful)}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of a home with one instance, where the toy is registered."""
    monkeypatch.setitem(CATEGORIES, TOY.name, TOY)
    job = CategoryJob(TOY, "Look at toys.", look_at_toys, shown=shown)
    monkeypatch.setitem(CATEGORY_JOBS, TOY.name, job)
    monkeypatch.setattr(resources, "Settings", ToySettings)
    with in_environment(environment_of(tmp_path)):
        store = Store.open(Settings.load().effective_store_url)
        StoreBench(store, datetime.now(UTC)).fleet("here")
        yield store
        store.close()


@pytest.fixture
def launched(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[dg.ExecuteInProcessResult]:
    """The runs that `sync-pipeline run` launched: in this process, where the toy is."""
    found = []

    def run_job(_store: object, _console: object, job: str, config: dict[str, Any]) -> Session:
        definitions = build_definitions(ToySettings.load(), Known()).resolve_job_def(job)
        with open_instance() as instance:
            found.append(
                definitions.execute_in_process(
                    run_config=config, instance=instance, raise_on_error=False
                )
            )
        session = store.sessions.get(found[-1].run_id)
        assert session is not None
        return session

    monkeypatch.setattr(run, "run_job", run_job)
    return found


def command(*arguments: str, status: int = 0) -> str:
    """Return what `sync-pipeline run` or `sessions` says, with the categories of now."""
    app = run.build(CATEGORIES.values()) if arguments[0] == "run" else sessions.app
    result = CliRunner().invoke(app, arguments[1:], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def test_it_has_a_job_and_a_schedule(store: Store) -> None:
    repository = build_definitions(ToySettings.load(), Known()).get_repository_def()
    assert "toy_sync" in repository.job_names
    schedules = {item.name: item.cron_schedule for item in repository.schedule_defs}
    assert schedules["toy_sync_schedule"] == "7 * * * *"
    job = repository.get_job("toy_sync")
    assert {hook.name for hook in job.hook_defs} == {"close_record"}
    assert leaves_session("toy_sync")
    assert "toy_sync" in scheduled_jobs()
    assert "force" in type(config_of("toy_sync", {})).model_fields


def test_a_large_fleet_takes_several_runs(store: Store) -> None:
    """Of what reads instances alone: an aggregation is one run."""
    elsewhere = replace(an_instance("there"), host="elsewhere")  # one host is one run's
    store.registry.put_instances([elsewhere], datetime.now(UTC))
    settings = ToySettings(instances_per_run=1)
    repository = build_definitions(settings, Known()).get_repository_def()
    runs = {}
    for name in ("toy_sync", "aggregate_sizes"):
        with (
            open_instance() as instance,
            dg.build_schedule_context(
                instance,
                scheduled_execution_time=datetime.now(UTC),
                resources={"pipeline": PipelineResource()},
            ) as context,
        ):
            found = repository.get_schedule_def(f"{name}_schedule")(context)
        runs[name] = len(found)
    assert runs == {"toy_sync": 2, "aggregate_sizes": 1}


def test_its_command_runs_it(store: Store, launched: list[dg.ExecuteInProcessResult]) -> None:
    said = command("run", "toy-sync", "--instance", "here", "--force")
    assert "seen" in said
    assert "broken" in said
    assert "41" in said
    (result,) = launched
    (metadata,) = [
        event.step_output_data.metadata
        for event in result.all_events
        if event.is_successful_output and event.step_key == "finish_session"
    ]
    assert (metadata["toys"].value, metadata["completed"].value) == (1, 1)
    (record,) = store.sessions.records(result.run_id)
    assert record.category == "toy"
    assert record.counters.items_created == 1
    assert "Allow many toys" in " ".join(command("run", "toy-sync", "--help").split())


def test_its_sessions_are_listed_and_shown(
    store: Store, launched: list[dg.ExecuteInProcessResult]
) -> None:
    command("run", "toy-sync")
    assert launched[0].run_id in command("sessions", "list", "--category", "toy", "--json")
    assert launched[0].run_id not in command("sessions", "list", "--category", "account", "--json")
    heading, *_ = command("sessions", "show", "latest").partition("here")
    assert "broken" in heading
    assert "updated" not in heading
    assert "'toy'" in command("sessions", "list", "--category", "x", status=2)


def test_maintenance_and_the_breaker_leave_it_alone(
    store: Store, launched: list[dg.ExecuteInProcessResult]
) -> None:
    StoreBench(store, datetime.now(UTC)).fleet("locked")
    for _ in range(Settings().breaker_failures):
        command("run", "toy-sync", status=1)
    command("run", "toy-sync")  # the schedule's selection: every instance
    record = next(
        item
        for item in store.sessions.records(launched[-1].run_id)
        if item.instance_name == "locked"
    )
    assert (record.status, record.error_kind) == (RecordStatus.SKIPPED, "breaker")
    assert "To try it now: sync-pipeline run toy-sync --instance locked." in (
        record.error_message or ""
    )
    now = datetime.now(UTC)
    (here,) = [item for item in store.registry.instances() if item.name == "here"]
    store.maintenance.start(NewWindow(now, now + timedelta(hours=1), "x", instance_id=here.id))
    command("run", "toy-sync", "--instance", "here")
    (record,) = store.sessions.records(launched[-1].run_id)
    assert (record.status, record.error_kind) == (RecordStatus.SKIPPED, "maintenance")


def test_a_run_that_dies_counts_for_the_breaker(store: Store) -> None:
    now = datetime.now(UTC)
    (here,) = store.registry.instances()
    for category in map(SyncCategory, CATEGORIES):
        run_id = f"{category:-<36}"
        new = NewSession(run_id, SyncType.MANUAL_TASK, category, "any", run_id)
        store.sessions.open(new, [here], now)
        store.sessions.claim(run_id, here.id, run_id, now)
        store.sessions.close_run(run_id, run_id, SessionStatus.FAILED, None, now)
    assert {item.category for item in store.streaks.all()} == set(reading_categories())


def test_metrics_and_freshness_know_it(
    store: Store, launched: list[dg.ExecuteInProcessResult]
) -> None:
    assert freshness_limits(ToySettings())[SyncCategory("toy")] == timedelta(hours=3)
    command("run", "toy-sync")
    with (
        open_instance() as instance,
        dg.build_sensor_context(instance, resources={"pipeline": PipelineResource()}) as context,
    ):
        instance_freshness(context)
    with resources.open_dependencies() as deps:
        checks = deps.store.freshness.view([]).checks
        assert {item.category for item in checks} == set(reading_categories())
        lines = render_metrics(fleet_metrics(deps)).splitlines()
    for line in (
        'sync_pipeline_sessions{category="toy",status="completed"} 1.0',
        'sync_pipeline_last_session_status{category="toy",status="completed"} 1.0',
        'sync_pipeline_freshness_limit_seconds{category="toy"} 10800.0',
    ):
        assert line in lines
    (last,) = [line for line in lines if "last_success_timestamp" in line and '"toy"' in line]
    assert float(last.split()[-1]) > 0


def test_freshness_is_of_what_reads_instances(store: Store) -> None:
    assert Settings().freshness_categories == reading_categories()
    assert {"account", "capacity", "toy"} <= set(reading_categories())
    assert "aggregation" not in reading_categories()
    wrong = {"SYNC_PIPELINE_FRESHNESS_CATEGORIES": '["toy", "aggregation"]'}
    reason = "FRESHNESS_CATEGORIES: .*each must be one of account, capacity,"
    with (
        in_environment(wrong),
        pytest.raises(ConfigurationError, match=reason),
    ):
        Settings.load()


def test_the_launcher_takes_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for job, said in (("toy_sync", "--config"), ("maintain_sizes", "invalid choice")):
        monkeypatch.setattr("sys.argv", ["launch", job, "--no-such-option"])
        with pytest.raises(SystemExit):
            launch.main()
        assert said in capsys.readouterr().err


def undocumented() -> list[str]:
    """Return the categories that the table of docs/operations.md does not show as they are."""
    lines = {
        row.name: f"| `{row.name}` | `{row.job}` | `SYNC_PIPELINE_{row.cron_setting.upper()}` | "
        f"`sync-pipeline run {row.command}` | {', '.join(row.counters)} | "
        f"{'yes' if row.reads_instances else 'no'} |"
        for row in CATEGORIES.values()
    }
    return [name for name, line in lines.items() if line not in OPERATIONS]


def test_every_category_is_documented() -> None:
    assert undocumented() == []


def test_one_that_is_not_documented_is_noticed(store: Store) -> None:
    assert "toy" in undocumented()


@pytest.mark.parametrize("name", [*CATEGORIES, "gone"])
def test_equal_categories_are_identical_also_after_a_pickle_or_a_copy(name: str) -> None:
    category = SyncCategory(name)
    for other in (
        SyncCategory(category),
        SyncCategory("".join(name)),
        pickle.loads(pickle.dumps(category)),
        copy.deepcopy(category),
    ):
        assert other is category
    assert type(str(category)) is str
    assert json.dumps({"of": category}) == json.dumps({"of": name})


def test_every_row_holds_together() -> None:
    jobs = [job for row in CATEGORIES.values() for job in (row.job, *row.more_jobs)]
    assert len(jobs) == len(set(jobs))
    assert CATEGORIES.keys() == CATEGORY_JOBS.keys()
    for name, row in CATEGORIES.items():
        item = CATEGORY_JOBS[name]
        assert item.row is row
        assert row.name == name
        assert len(name) <= 32  # the store's columns
        assert row.cron_setting in Settings.model_fields
        assert len(row.counters) <= 4
        assert set(row.more_jobs) == {more.name for more in item.more_jobs}


def test_what_a_job_selects_with_is_what_its_launchpad_shows() -> None:
    definitions = build_definitions(Settings(), Known())
    for row in CATEGORIES.values():
        for job in (row.job, *row.more_jobs):
            graph = definitions.resolve_job_def(job).graph
            if SELECT_INSTANCES not in graph.node_dict:  # of an asset, whose steps are in a graph
                (node,) = graph.nodes
                graph = node.definition  # type: ignore[assignment]
            node = graph.node_named(SELECT_INSTANCES)
            fields = node.definition.config_schema.config_type.fields  # type: ignore[attr-defined]
            config = CATEGORY_JOBS[row.name].config_of(job)
            assert set(fields) == set(config.model_fields)


def test_a_session_of_a_category_of_another_version_is_shown(store: Store) -> None:
    """One that was removed, or that a newer version has: what it did stays history."""
    new = NewSession("s" * 36, SyncType.MANUAL_TASK, SyncCategory("gone"), "gone_sync", "s" * 36)
    store.sessions.open(new, store.registry.instances(), datetime.now(UTC))
    said = command("sessions", "show", "latest")
    assert all(word in said for word in counter_words("gone"))
    with resources.open_dependencies() as deps:
        assert "gone" not in render_metrics(fleet_metrics(deps))
