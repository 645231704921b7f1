"""An instance whose server never answers costs its run no more than the step's deadline."""

from __future__ import annotations

from pathlib import Path

from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.runs import close_session_of
from workbench.fleet.worker import account_sync, create_run
from workbench.running.cancelled_runs import run_processes, started
from workbench.running.system import (
    Fleet,
    environment_of,
    held,
    in_environment,
)
from workbench.servers.running import RunningServer


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, postgresql_server: RunningServer, mariadb_server: RunningServer
) -> None:
    with in_environment(environment_of(tmp_path, step_deadline_seconds=3)):
        fleet = Fleet(tmp_path)
        fleet.add("stuck", postgresql_server)
        fleet.add("quick", mariadb_server)
        with (
            run_processes() as processes,
            open_instance() as instance,
            open_dependencies() as deps,
            held(postgresql_server),
        ):
            run = create_run(instance, account_sync(), config={}, tags={})
            process = started(processes, run.run_id)
            process.join(60)
            assert process.exitcode == 0
            ended = instance.get_run_by_id(run.run_id)
            assert ended is not None
            assert ended.status.value == "FAILURE"
            close_session_of(instance, ended, deps)
        assert fleet.ended_session(run.run_id, 1).status is SessionStatus.FAILED
        quick, stuck = fleet.record(run.run_id, "quick"), fleet.record(run.run_id, "stuck")
        assert quick is not None
        assert quick.status is RecordStatus.COMPLETED
        assert stuck is not None
        assert (stuck.status, stuck.error_kind) == (RecordStatus.FAILED, "query_timeout")
        assert "within its deadline of 3 seconds" in (stuck.error_message or "")
        fleet.store.close()
