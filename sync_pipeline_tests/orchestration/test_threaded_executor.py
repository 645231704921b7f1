"""What the threaded executor adds: deadlines, many steps at once, and an end that is heard."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster import DagsterEventType as Type
from dagster._core.definitions.scoped_resources_builder import ScopedResourcesBuilder
from dagster._core.execution.plan.active import ActiveExecution

from sync_pipeline.orchestration.runtime.event_buffer import BufferedEventLog
from sync_pipeline.orchestration.runtime.garbage import ALLOCATIONS
from workbench.running.configuration import variant
from workbench.running.system import environment_of, in_environment, wait_for
from workbench.running.thread_jobs import MODULE
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long

STEPS, THREADS = 2_000, 16


def execute(instance: dg.DagsterInstance, name: str, *arguments: object) -> str:
    job = dg.build_reconstructable_job(MODULE, name, arguments)
    with dg.execute_job(job, instance=instance) as result:
        return result.run_id


@pytest.fixture
def sqlite_instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with our storage in SQLite files."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "dagster.yaml").write_text(
        "storage: {custom: {module: sync_pipeline.orchestration.storage, "
        "class: HomeStorage, config: {}}}\ntelemetry: {enabled: false}\n"
    )
    with (
        in_environment(environment_of(tmp_path / "home")),
        dg.DagsterInstance.from_config(str(config)) as instance,
    ):
        assert isinstance(instance.event_log_storage, BufferedEventLog)
        yield instance


@pytest.fixture
def postgresql_instance(
    tmp_path: Path, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """An instance with our storage in PostgreSQL, as the project's file describes it."""
    server = postgresql_server
    where = f"host={server.host} port={server.port} user={server.admin_user}"
    with psycopg.connect(f"{where} dbname={server.database}", autocommit=True) as connection:
        connection.execute("CREATE DATABASE dagster_threads")
    (tmp_path / "dagster.yaml").write_text(variant(server.port))
    for name, value in {
        "HOST": server.host,
        "USER": server.admin_user,
        "PASSWORD": server.admin_password,
        "DB": "dagster_threads",
    }.items():
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", value)
    with (
        in_environment(environment_of(tmp_path / "home")),
        dg.DagsterInstance.from_config(str(tmp_path)) as instance,
    ):
        yield instance
    with psycopg.connect(f"{where} dbname={server.database}", autocommit=True) as connection:
        connection.execute("DROP DATABASE dagster_threads WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest) -> dg.DagsterInstance:
    found: dg.DagsterInstance = request.getfixturevalue(f"{request.param}_instance")
    return found


def told_by(instance: dg.DagsterInstance, run_id: str, step_key: str) -> list[str]:
    return [
        entry.dagster_event.event_type_value if entry.dagster_event else entry.user_message
        for entry in instance.all_logs(run_id)
        if entry.step_key == step_key
    ]


def test_a_stuck_step_is_failed_at_its_deadline_and_what_it_does_later_is_discarded(
    sqlite_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run_id = execute(sqlite_instance, "stuck_job", str(tmp_path))
    told = told_by(sqlite_instance, run_id, "work[k1]")
    assert told[-2:] == ["STEP_FAILURE", "HOOK_COMPLETED"]
    assert (tmp_path / "hooked").read_text().startswith("work[k1]: ")
    # The one place is free again at the deadline: the step after it was done.
    assert "STEP_SUCCESS" in told_by(sqlite_instance, run_id, "work[k2]")
    run = sqlite_instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    (tmp_path / "released").touch()
    wait_for((tmp_path / "late").exists, 10, "the end of the stuck thread")
    assert told_by(sqlite_instance, run_id, "work[k1]") == told
    (failure,) = sqlite_instance.all_logs(run_id, of_type=Type.STEP_FAILURE)
    assert failure.dagster_event is not None
    said = failure.dagster_event.step_failure_data.user_failure_data
    assert said is not None
    assert "within its deadline of 0.5 seconds" in (said.description or "")


def test_garbage_is_looked_for_seldom_while_steps_run(
    sqlite_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    before = gc.get_threshold()
    execute(sqlite_instance, "threshold_job", str(tmp_path))
    assert (tmp_path / "threshold").read_text() == str(ALLOCATIONS)
    assert gc.get_threshold() == before


def test_no_event_of_thousands_of_steps_is_lost(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything done for each step that looks at all of them, or makes a class."""
    done: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        plain = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *arguments: (done.update([name]), plain(*arguments))[1]
        )

    count(ActiveExecution, "get_known_state")
    count(ScopedResourcesBuilder, "build")
    run_id = execute(instance, "many_job", STEPS, THREADS)
    assert 0 < done["get_known_state"] <= 5
    assert 0 < done["build"] <= 20
    expected = ["STEP_START", "LOADED_INPUT", "STEP_INPUT", "begins", "ends", "STEP_OUTPUT",
                "STEP_SUCCESS"]  # fmt: skip
    told: dict[str, list[str]] = {}
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        text = event.event_type_value if event else entry.user_message
        told.setdefault(entry.step_key or "", []).append(text)
    steps = {key: texts for key, texts in told.items() if key.startswith("work[")}
    assert len(steps) == STEPS
    assert Counter(map(tuple, steps.values())) == {tuple(expected): STEPS}
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS


def test_steps_of_a_pool_take_turns(
    postgresql_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    postgresql_instance.event_log_storage.set_concurrency_slots("narrow", 1)
    execute(postgresql_instance, "pool_job", str(tmp_path))
    assert (tmp_path / "times").read_text() == "+-" * 4
