"""The store goes away while a run is going on, and comes back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from sync_pipeline.model.session import RecordStatus, SessionStatus
from workbench.running.system import System, held, quick_up, running_system
from workbench.servers import postgresql
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.long


def break_the_store(
    system: System, store_server: ExitStack, postgresql_server: RunningServer
) -> str:
    """Stop the store's server during a run; return the run after it has ended."""
    with held(postgresql_server) as release:
        run_id = system.launch()
        system.fleet.wait_running(run_id, "pg")
        store_server.close()
        release()
        assert system.ended_run(run_id) == "FAILURE"
    return run_id


def test_the_session_ends_when_the_store_is_back(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer
) -> None:
    home = tmp_path_factory.mktemp("store_gone")
    directory = tmp_path_factory.mktemp("store_server") / "server"
    with ExitStack() as first, ExitStack() as rest:
        newest = postgresql.installations()[-1]
        server = first.enter_context(postgresql.run_postgresql(newest, directory))
        url = f"postgresql+psycopg://{server.admin_user}@{server.host}:{server.port}/postgres"
        system = rest.enter_context(
            running_system(
                home,
                quick_up,
                store_url=url,
                account_sync_cron="0 0 1 1 *",
                retry_base_seconds=0.5,
                stale_after_seconds=15,
            )
        )
        system.fleet.add("pg", postgresql_server)
        run_id = break_the_store(system, first, postgresql_server)
        rest.enter_context(postgresql.serve(newest, directory, server.port))
        session = system.fleet.ended_session(run_id, 90)
        assert session.status is SessionStatus.FAILED
        (record,) = system.fleet.store.sessions.records(run_id)
        assert record.status is RecordStatus.FAILED
        assert record.error_message
        again = system.launch()
        assert system.ended_run(again) == "SUCCESS"
        assert system.fleet.ended_session(again).status is SessionStatus.COMPLETED
        system.fleet.store.close()
