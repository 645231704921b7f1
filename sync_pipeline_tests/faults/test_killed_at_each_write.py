"""A run whose process is killed before any one of its writes, and executed again from failure.

Each moment is one of the run's own, by a copy of what it leaves then. What Dagster's log says
may be behind that: threads let it wait for some moments, and a killed process loses it.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import (
    ReconstructableJob,
    ReconstructableRepository,
)
from dagster._core.errors import DagsterInvalidSubsetError
from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteJob
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceRequestContext
from dagster._grpc.impl import core_execute_run

from sync_pipeline import definitions
from sync_pipeline.model.session import InstanceRecord, RecordStatus, Session, SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.ends import was_noted
from sync_pipeline.orchestration.runs.runs import (
    FAILED_INSTANCES_TAG,
    NONE_FAILED,
    NOTHING_LEFT,
    close_session_of,
)
from sync_pipeline.settings import project_root
from sync_pipeline_tests.faults.copied_homes import copied_before_each_write
from sync_pipeline_tests.orchestration.test_backfill import history as days
from workbench.fleet.worker import create_run
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.running import RunningServer
from workbench.strategies.sizes import put_history, today

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("real_migrations")]

INSTANCES = 3
NAMES = {f"m{number}" for number in range(INSTANCES)}
SETTINGS = {"executor": "in_process", "retry_limit": 0}
ONE_OF = 4
"""Of the moments of a run that continues another one so many times fewer are tried."""
MOST_CONTINUED = 2
"""Of so many runs of a job that continue another one the moments are tried too."""
OF_RUN = ("step_keys_to_execute", "execution_plan_snapshot_id")
EVENTS = """
    SELECT dagster_event_type, step_key FROM event_logs
    WHERE dagster_event_type LIKE 'STEP%' OR dagster_event_type LIKE 'PIPELINE%'
"""
OF_STORE = (
    "SELECT status FROM sync_sessions",
    "SELECT status FROM sync_session_runs ORDER BY id",
    "SELECT instance_name, status FROM sync_instance_records ORDER BY instance_name",
)
Row = tuple[Any, ...]


@dataclass
class World:
    """The job as the webserver has it, and what was seen: it is executed again once for each."""

    directory: Path
    job: ReconstructableJob
    workspace: WorkspaceRequestContext
    location: CodeLocation
    remote: RemoteJob
    states: list[object] = field(default_factory=list)
    shapes: set[object] = field(default_factory=set)
    refused: int = 0
    copies: int = 0

    def again(self, instance: dg.DagsterInstance, parent: dg.DagsterRun) -> dg.DagsterRun | None:
        """Make the run that the UI's button makes; None where Dagster finds nothing to do.

        Then a person who clicks is told just that.
        """
        try:
            return instance.create_reexecuted_run(
                parent_run=parent,
                request_context=self.workspace,
                code_location=self.location,
                remote_job=self.remote,
                strategy=ReexecutionStrategy.FROM_FAILURE,
                use_parent_run_tags=True,
            )
        except DagsterInvalidSubsetError as error:
            if "No steps needed to be retried" not in str(error):
                raise
            self.refused += 1
            return None

    def moments(self, home: Path, instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[Path]:
        """Carry out a run in a home; return what it leaves if it is killed before each write."""
        self.copies += 1
        into = self.directory / f"of-{self.copies}"
        with copied_before_each_write(home, into) as copies:
            self.carry_out(instance, run)
        assert len(copies) > INSTANCES * 5, copies  # Dagster's events and the store's transactions
        return copies

    def carry_out(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        for _ in core_execute_run(self.job, run, instance, inject_env_vars=False):
            pass


@pytest.fixture
def home(tmp_path: Path, mariadb_server: RunningServer) -> Iterator[Path]:
    home = tmp_path / "home"
    with in_environment(environment_of(home, **SETTINGS)):
        fleet = Fleet(home)
        for name in NAMES:
            added = fleet.add(name, mariadb_server)
            put_history(fleet.store, added.id, days(today() - timedelta(days=30), today()))
        fleet.store.close()
        load_definitions()
        yield home
    load_definitions()


def past_weeks() -> dict[str, Any]:
    """Return what asks for the sums of weeks that are over."""
    first, last = (today() - timedelta(days=count) for count in (21, 14))
    return {"period": "week", "first": first.isoformat(), "last": last.isoformat()}


def load_definitions() -> None:
    """Load the jobs as the settings of this moment have them: they were read at the import."""
    importlib.reload(definitions)
    # A test before may have had the same jobs in this process.
    ReconstructableJob.get_repository_definition.cache_clear()
    ReconstructableJob.get_definition.cache_clear()


@pytest.fixture
def world(home: Path, tmp_path: Path, job: str) -> Iterator[World]:
    place = {"working_directory": str(project_root())}
    module = "sync_pipeline.definitions"
    origin = LoadableTargetOrigin(module_name=module, attribute="location", **place)
    local = ReconstructableRepository.for_module(module, "location", **place)
    with open_instance() as instance, in_process_test_workspace(instance, origin) as workspace:
        (location,) = workspace.code_locations
        (repository,) = location.get_repositories().values()
        remote = repository.get_full_job(job)
        yield World(tmp_path, local.get_reconstructable_job(job), workspace, location, remote)


@pytest.mark.parametrize("job", ["account_sync"])
def test_what_was_asked_for_is_done_at_whichever_write_the_run_is_killed(
    home: Path, world: World
) -> None:
    run, moments = first_run(home, world, {})
    for moment in moments:
        dead(world, moment, run.run_id, run.run_id, deeper=True)
    assert world.refused, "no moment was after all the steps"
    begun = next(number for number, moment in enumerate(moments) if is_started(moment)) + 1
    for number in range(begun, len(moments), 6):
        late = behind(moments[number], moments[begun], run.run_id)
        dead(world, late, run.run_id, run.run_id, deeper=False)


@pytest.mark.parametrize(
    ("job", "asked"), [("capacity_sync", dict), ("backfill_sizes", past_weeks)]
)
def test_so_it_is_with_every_job(
    home: Path, world: World, asked: Callable[[], dict[str, Any]]
) -> None:
    """What kills and continues them is the same, so a few moments show it, and the last one."""
    run, moments = first_run(home, world, asked())
    for moment in moments[-1::-12]:
        dead(world, moment, run.run_id, run.run_id, deeper=False)
    assert world.refused


def first_run(home: Path, world: World, config: dict[str, Any]) -> tuple[dg.DagsterRun, list[Path]]:
    """Return a run, and what it leaves if it is killed before each of its writes."""
    with open_instance() as instance:
        run = create_run(instance, world.job, config=config, tags={})
        return run, world.moments(home, instance, run)


def is_started(home: Path) -> bool:
    return state_of(home)[0][-1][0] == "STARTED"


def state_of(home: Path) -> tuple[list[Row], ...]:
    """Return what a home holds of all that anybody reads who continues a session."""
    logs = home / "dagster" / "history"
    rows = [
        (run_id, status, json.loads(body))
        for run_id, status, body in rows_of(
            logs / "runs.db", "SELECT run_id, status, run_body FROM runs ORDER BY id"
        )
    ]
    runs = [(status, *(body[name] for name in OF_RUN)) for _, status, body in rows]
    events = [rows_of(logs / "runs" / f"{run_id}.db", EVENTS) for run_id, *_ in rows]
    store = home / "sync_pipeline.db"
    return (runs, *events, *(rows_of(store, query) for query in OF_STORE))


def rows_of(file: Path, query: str) -> list[Row]:
    if not file.exists():
        return []
    with closing(sqlite3.connect(file)) as connection:
        has_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return connection.execute(query).fetchall() if has_tables else []


def behind(home: Path, earlier: Path, run_id: str) -> Path:
    """Return a copy of a home in which the log of a run is the one of an earlier moment."""
    late = home.with_name(f"{home.name}-late")
    shutil.copytree(home, late)
    logs = Path("dagster", "history", "runs")
    for file in (late / logs).glob(f"{run_id}.db*"):
        file.unlink()
    for file in (earlier / logs).glob(f"{run_id}.db*"):
        shutil.copy(file, late / logs)
    return late


def dead(world: World, home: Path, session_id: str, run_id: str, *, deeper: bool) -> None:
    """Let a run be found dead in a home, and execute it again as the webserver does."""
    state = state_of(home)
    if state in world.states:
        return
    world.states.append(state)
    moments = []
    with (
        in_environment(environment_of(home, **SETTINGS)),
        open_instance() as instance,
        open_dependencies() as deps,
    ):
        run = the_run(instance, run_id)
        store = deps.store.sessions
        before = completed(store.records(session_id))
        if not run.is_finished:
            instance.report_run_failed(run)
            run = the_run(instance, run_id)
        closed = close_session_of(instance, run, deps)
        assert closed.status.is_terminal
        assert run.is_success or was_noted(instance, run_id, f"Session {session_id} is ")
        assert completed(store.records(session_id)) == before
        again = None if run.is_success else world.again(instance, run)
        if again is None:
            assert is_complete(closed, store.records(session_id))
            assert run.is_success or is_told(instance, run_id)
            return
        keys = frozenset(again.step_keys_to_execute or ())
        shape = (len(before), closed.total, keys, run.execution_plan_snapshot_id)
        if shape in world.shapes:
            return
        world.shapes.add(shape)
        if deeper and world.copies <= MOST_CONTINUED:
            moments = world.moments(home, instance, again)
        else:
            world.carry_out(instance, again)
        assert the_run(instance, again.run_id).is_success
        session = close_session_of(instance, the_run(instance, again.run_id), deps)
        records = store.records(session_id)
        assert is_complete(session, records), (run_id, keys)
        # It was made with the tags of the run before.
        tags = the_run(instance, again.run_id).tags
        assert tags.get(FAILED_INSTANCES_TAG, NONE_FAILED) == NONE_FAILED
        assert all(completed(records)[name] == item for name, item in before.items())
    # Which ones is another choice each time, so that all kinds come.
    for moment in moments[world.copies % ONE_OF :: ONE_OF]:
        dead(world, moment, session_id, again.run_id, deeper=False)


def the_run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def completed(records: list[InstanceRecord]) -> dict[str, InstanceRecord]:
    return {item.instance_name: item for item in records if item.status is RecordStatus.COMPLETED}


def is_complete(session: Session, records: list[InstanceRecord]) -> bool:
    counts = (session.successful, session.failed, session.total)
    return (
        session.status is SessionStatus.COMPLETED
        and session.error is None
        and counts == (INSTANCES, 0, INSTANCES)
        and set(completed(records)) == NAMES
    )


def is_told(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return whether a run's page says that nothing is left of it."""
    events = [entry.dagster_event for entry in instance.all_logs(run_id)]
    tag = the_run(instance, run_id).tags[FAILED_INSTANCES_TAG]
    return tag == NONE_FAILED and any(NOTHING_LEFT in (e.message or "") for e in events if e)
