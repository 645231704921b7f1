"""The job in one process, on a real Dagster instance, against a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    ExecuteInProcessResult,
    RunConfig,
    SkipReason,
    build_sensor_context,
)

from sync_pipeline.cli.sessions import show_outcome
from sync_pipeline.definitions import defs
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.errors import Phase, StaleClaim, StoreUnavailable
from sync_pipeline.model.session import RecordStatus, SessionStatus, SyncType
from sync_pipeline.orchestration import resources
from sync_pipeline.orchestration.categories.account import job as account_job
from sync_pipeline.orchestration.config import SyncConfig
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import PipelineResource, open_dependencies
from sync_pipeline.orchestration.runs.lineage import part_of
from sync_pipeline.orchestration.runs.runs import (
    FAILED_INSTANCES_TAG,
    close_session_of,
    new_session,
    reap_sessions,
)
from sync_pipeline.orchestration.sensors import build_session_reaper
from sync_pipeline.settings import Settings
from sync_pipeline.store.sessions.sessions import SessionStore
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import AccountSyncReport
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from workbench.running.system import Fleet, environment_of, in_environment, wait_for
from workbench.servers.running import RunningServer, free_port

PASSWORD = "a-password-that-nobody-has"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with in_environment(environment_of(tmp_path, retry_base_seconds=0.1, retry_limit=2)):
        fleet = Fleet(tmp_path)
        yield fleet
        fleet.store.close()


def run(tags: dict[str, str] | None = None, **config: Any) -> ExecuteInProcessResult:
    options = SyncConfig(**config)
    with open_instance() as instance:
        return defs.resolve_job_def("account_sync").execute_in_process(
            run_config=RunConfig(ops={"select_instances": options}),
            instance=instance,
            tags=tags,
            raise_on_error=False,
        )


def test_one_instance(fleet: Fleet, postgresql_server: RunningServer) -> None:
    fleet.add("only", postgresql_server)
    result = run(instances=["only"], created_by="carol")
    assert result.success
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.sync_type) == (
        SessionStatus.COMPLETED,
        SyncType.MANUAL_SINGLE,
    )
    assert session.created_by == "carol"
    shown = shown_by_sync(result)
    assert int(shown["accounts created"]) > 0
    assert shown["changes"].startswith("First sync: ")
    assert "| total |" in shown["durations"]
    role = f"new_{result.run_id[:8]}"
    server = postgresql_server
    where = f"host={server.host} port={server.port} user={server.admin_user}"
    with psycopg.connect(f"{where} dbname={server.database}", autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}")
        try:
            changed = shown_by_sync(run(instances=["only"]))
        finally:
            connection.execute(f"DROP ROLE {role}")
    assert "| account | change | what |" in changed["changes"]
    assert role in changed["changes"].replace("\\", "")


def test_an_empty_fleet_is_no_failure(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    session = fleet.ended_session(run().run_id, 1)
    assert (session.status, session.total) == (SessionStatus.COMPLETED, 0)
    capsys.readouterr()
    show_outcome(fleet.store, session)
    assert "No active instance" in capsys.readouterr().out


def test_a_second_run_finds_nothing_to_change(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    fleet.add("only", postgresql_server)
    run()
    result = run()
    (record,) = fleet.store.sessions.records(result.run_id)
    assert record.status is RecordStatus.COMPLETED
    assert record.counters.items_synced == 0


def shown_by_sync(result: ExecuteInProcessResult) -> dict[str, str]:
    """Return the metadata of the step that synced the only instance."""
    (shown,) = [
        {name: str(value.value) for name, value in event.step_output_data.metadata.items()}
        for event in result.all_events
        if event.is_successful_output and (event.step_key or "").startswith("sync_instance")
    ]
    return shown


def shown_by_finish(result: ExecuteInProcessResult) -> dict[str, str]:
    """Return the metadata of the step that says how the session ended."""
    (shown,) = [
        {name: str(value.value) for name, value in event.step_output_data.metadata.items()}
        for event in result.all_events
        if event.is_successful_output and event.step_key == "finish_session"
    ]
    return shown


def test_the_run_says_what_a_review_finds(
    fleet: Fleet, mariadb_server: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fleet.add("only", mariadb_server)
    first = shown_by_finish(run())
    rows = [line for line in first["findings"].splitlines() if line.startswith("| info")]
    assert rows
    assert "| superuser | " in first["findings by rule"]
    assert {line.split("|")[3].strip() for line in rows} == {"0"}  # it is all there was before
    again = shown_by_finish(run())
    assert again["findings"].splitlines()[2].endswith("| 0 |")
    turnover = ("findings new since the sync before", "findings resolved since the sync before")
    assert [shown[name] for shown in (first, again) for name in turnover] == ["0"] * 4
    assert "gone-database" in again["findings: notes"].replace("\\", "")
    broken = tmp_path / "findings.yaml"
    broken.write_text("disabled_rules: [nonsense]")
    monkeypatch.setenv("SYNC_PIPELINE_FINDINGS_FILE", str(broken))
    result = run()
    assert result.success
    notes = shown_by_finish(result)["findings: notes"].replace("\\", "")
    assert "The findings were not evaluated" in notes
    assert "'nonsense' is no rule" in notes


def test_a_defect_in_a_rule_does_not_fail_the_run(
    fleet: Fleet, mariadb_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:  # stands in for a bug that we don't know of
        raise ZeroDivisionError(PASSWORD)

    fleet.add("only", mariadb_server)
    monkeypatch.setattr(MariaDb, "access_rules", broken)
    result = run()
    assert result.success
    assert fleet.ended_session(result.run_id, 1).status is SessionStatus.COMPLETED
    shown = shown_by_finish(result)
    assert "an unexpected ZeroDivisionError" in shown["findings: notes"]
    assert PASSWORD not in str(shown)


def test_one_failure_does_not_stop_the_others(
    fleet: Fleet, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    fleet.add("good", postgresql_server)
    fleet.add("refused", mariadb_server, port=free_port())
    fleet.add("denied", mariadb_server, password=PASSWORD)
    result = run()
    assert not result.success
    session = fleet.ended_session(result.run_id, 1)
    assert session.status is SessionStatus.FAILED
    assert session.sync_type is SyncType.MANUAL_TASK
    outcomes = {
        item.instance_name: (item.status, item.error_kind, item.attempt)
        for item in fleet.store.sessions.records(result.run_id)
    }
    assert outcomes == {
        "good": (RecordStatus.COMPLETED, None, 1),
        "refused": (RecordStatus.FAILED, "connect", 3),
        "denied": (RecordStatus.FAILED, "authentication", 1),
    }


def test_a_bug_in_an_engine_is_on_record(
    fleet: Fleet,
    postgresql_server: RunningServer,
    mariadb_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:  # stands in for a bug that we don't know of
        raise ZeroDivisionError(PASSWORD)

    fleet.add("broken", postgresql_server)
    fleet.add("sound", mariadb_server)
    monkeypatch.setattr(PostgreSql, "connect", broken)
    result = run()
    assert not result.success
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.successful, session.failed) == (SessionStatus.FAILED, 1, 1)
    record = fleet.record(result.run_id, "broken")
    assert record is not None
    assert "ZeroDivisionError" in (record.error_message or "")
    written = [path for path in fleet.home.rglob("*") if path.is_file()]
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]


def test_the_hook_ends_the_record_of_a_step_that_could_not(
    fleet: Fleet, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(
        *_: object, **__: object
    ) -> None:  # stands in for a step that fails before its workflow
        raise ZeroDivisionError(PASSWORD)

    fleet.add("only", postgresql_server)
    monkeypatch.setattr(account_job, "sync_instance_accounts", broken)
    result = run()
    assert fleet.ended_session(result.run_id, 1).status is SessionStatus.FAILED
    record = fleet.record(result.run_id, "only")
    assert record is not None
    assert record.error_kind == "unexpected"
    assert "ZeroDivisionError" in (record.error_message or "")
    assert PASSWORD not in (record.error_message or "")


def test_the_hook_ends_the_record_that_a_step_forgot(
    fleet: Fleet, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(deps: SyncDeps, work: InstanceWork, **_: object) -> AccountSyncReport:
        """Stand in for a step that succeeds and writes nothing."""
        assert deps.store.registry.by_id(work.instance.id)
        return AccountSyncReport(work.instance.name, RecordStatus.COMPLETED, "done")

    fleet.add("only", postgresql_server)
    monkeypatch.setattr(account_job, "sync_instance_accounts", forgetful)
    result = run()
    assert result.success
    assert fleet.ended_session(result.run_id, 1).status is SessionStatus.FAILED
    record = fleet.record(result.run_id, "only")
    assert record is not None
    assert "without recording an outcome" in (record.error_message or "")


def test_no_secret_in_events_or_step_outputs(
    fleet: Fleet, mariadb_server: RunningServer, tmp_path: Path
) -> None:
    fleet.add("denied", mariadb_server, password=PASSWORD)
    result = run()
    assert not result.success
    dagster_home = tmp_path / "dagster"
    files = [path for path in dagster_home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


def test_no_instance_is_a_completed_session_with_a_note(fleet: Fleet) -> None:
    result = run()
    assert result.success
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.total) == (SessionStatus.COMPLETED, 0)
    assert session.error


def test_an_unknown_name_fails_with_one_sentence(fleet: Fleet) -> None:
    result = run(instances=["nobody"])
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    assert error is not None
    assert "nobody" in error.message
    with open_instance() as instance, open_dependencies() as deps:
        dagster_run = instance.get_run_by_id(result.run_id)
        assert dagster_run is not None
        close_session_of(instance, dagster_run, deps)
    session = fleet.ended_session(result.run_id, 1)
    assert (session.status, session.total) == (SessionStatus.FAILED, 0)
    assert session.sync_type is SyncType.MANUAL_SINGLE


def test_a_schedule_is_told_from_a_person(fleet: Fleet, postgresql_server: RunningServer) -> None:
    fleet.add("only", postgresql_server)
    result = run(tags={"dagster/schedule_name": "account_sync_schedule"})
    session = fleet.ended_session(result.run_id, 1)
    assert session.sync_type is SyncType.SCHEDULED_TASK
    assert session.created_by == "account_sync_schedule"


@pytest.mark.usefixtures("fleet")
def test_an_instance_without_our_configuration_is_refused() -> None:
    with DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("account_sync").execute_in_process(
            instance=instance, raise_on_error=False
        )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    assert error is not None
    assert "without the project's dagster.yaml" in error.message
    assert "sync-pipeline up" in error.message


def test_the_summary_is_left_on_the_run_once(fleet: Fleet, mariadb_server: RunningServer) -> None:
    fleet.add("denied", mariadb_server, password=PASSWORD)
    run_id = run().run_id
    with open_instance() as instance, open_dependencies() as deps:
        for _ in range(2):
            found = instance.get_run_by_id(run_id)
            assert found is not None
            close_session_of(instance, found, deps)
        found = instance.get_run_by_id(run_id)
        assert found is not None
        assert found.tags[FAILED_INSTANCES_TAG] == "denied"
        messages = [
            entry.dagster_event.message or ""
            for entry in instance.all_logs(run_id)
            if entry.dagster_event and entry.dagster_event.is_engine_event
        ]
    assert len([text for text in messages if "denied: failed" in text]) == 1


def test_a_run_gives_signs_of_life_while_it_works(
    fleet: Fleet, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the store was away for a moment."""
    monkeypatch.setenv("SYNC_PIPELINE_STALE_AFTER_SECONDS", "5")
    fleet.add("only", postgresql_server)
    sync, give = account_job.sync_instance_accounts, SessionStore.give_sign
    calls: list[str] = []
    signs: list[datetime] = []

    def away_at_times(self: SessionStore, session_id: str, run_id: str, now: datetime) -> None:
        calls.append(run_id)
        if len(calls) % 2:
            raise StoreUnavailable("The store is away in a test.", phase=Phase.STORE)
        give(self, session_id, run_id, now)

    def look() -> bool:
        (sign,) = fleet.store.sessions.signs().values()
        if sign not in signs:
            signs.append(sign)
        return len(signs) == 4

    def slowly(*arguments: Any, **named: Any) -> AccountSyncReport:
        wait_for(look, 30, "signs of life")
        return sync(*arguments, **named)

    monkeypatch.setattr(SessionStore, "give_sign", away_at_times)
    monkeypatch.setattr(account_job, "sync_instance_accounts", slowly)
    result = run()
    assert result.success
    assert set(calls) == {result.run_id}
    assert signs == sorted(signs)
    assert not any(thread.name == "signs of life" for thread in threading.enumerate())


def test_a_run_that_gives_no_sign_of_life_is_ended_in_dagster_too(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    """Its worker and all that watched over it are gone, so Dagster waits for it for ever."""
    only = fleet.add("only", postgresql_server)
    with open_instance() as instance, open_dependencies() as deps:
        job = defs.resolve_job_def("account_sync")
        run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
        new = new_session(run, part_of(run, instance), SyncType.MANUAL_TASK, None)
        deps.store.sessions.open(new, [only], deps.clock())
        assert reap_sessions(instance, deps) == ()
        assert reap_sessions(instance, deps, {"another run"}) == ()
        (reaped,) = reap_sessions(instance, deps, {run.run_id})
        ended = instance.get_run_by_id(run.run_id)
        with pytest.raises(StaleClaim):
            deps.store.sessions.claim(run.run_id, only.id, run.run_id, deps.clock())
    assert ended is not None
    assert ended.status is DagsterRunStatus.FAILURE
    assert "no sign of life for 300 seconds" in reaped.reason
    session = fleet.ended_session(run.run_id, 1)
    assert (session.status, session.failed) == (SessionStatus.FAILED, 1)


def test_the_reaper_remembers_what_it_saw(
    fleet: Fleet, postgresql_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look has the cursor of the one before; a run at work is silent after the last."""
    only = fleet.add("only", postgresql_server)
    start = datetime.now(UTC)
    cursor = None
    with open_instance() as instance, open_dependencies() as deps:
        job = defs.resolve_job_def("account_sync")
        run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
        new = new_session(run, part_of(run, instance), SyncType.MANUAL_TASK, None)
        deps.store.sessions.open(new, [only], start)
        said = []
        for seconds in (0, 100, 200, 299, 301):
            moment = start + timedelta(seconds=seconds)
            monkeypatch.setattr(resources, "utc_now", lambda moment=moment: moment)
            resource = {"pipeline": PipelineResource()}
            with build_sensor_context(instance, cursor, resources=resource) as context:
                found = build_session_reaper(Settings())(context)
                cursor = context.cursor
            assert isinstance(found, SkipReason)
            said.append(found.skip_message or "")
    assert said[:-1] == ["No session to close."] * 4
    assert "no sign of life" in said[-1]


def test_the_reaper_closes_the_session_of_a_deleted_run(
    fleet: Fleet, postgresql_server: RunningServer
) -> None:
    fleet.add("only", postgresql_server)
    result = run()
    now = fleet.store.sessions.get(result.run_id)
    assert now is not None
    fleet.store.sessions.claim(
        result.run_id, 1, result.run_id, now.started_at
    )  # as a worker does that then vanishes with its run
    with open_instance() as instance, open_dependencies() as deps:
        instance.delete_run(result.run_id)
        (reaped,) = reap_sessions(instance, deps)
    assert reaped.session.session_id == result.run_id
    session = fleet.ended_session(result.run_id, 1)
    assert session.status is SessionStatus.FAILED
