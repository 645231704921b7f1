"""The commented PostgreSQL section of dagster.yaml, put in force."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from sync_pipeline.model.session import SessionStatus
from workbench.running.configuration import variant
from workbench.running.system import dagster_dev, running_system
from workbench.servers.running import RunningServer

DATABASE = "dagster_storage"


def test_a_run_on_postgresql_storage(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: RunningServer
) -> None:
    server = postgresql_server
    where = f"host={server.host} port={server.port} user={server.admin_user}"
    with psycopg.connect(f"{where} dbname={server.database}", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    home = tmp_path_factory.mktemp("postgresql")
    config = Path(tmp_path_factory.mktemp("config"))
    (config / "dagster.yaml").write_text(variant(server.port))
    variables = {
        "DAGSTER_HOME": str(config),
        "DAGSTER_POSTGRES_HOST": server.host,
        "DAGSTER_POSTGRES_USER": server.admin_user,
        "DAGSTER_POSTGRES_PASSWORD": server.admin_password,
        "DAGSTER_POSTGRES_DB": DATABASE,
    }
    with running_system(home, dagster_dev, variables, account_sync_cron="0 0 1 1 *") as system:
        system.fleet.add("pg", server)
        run_id = system.launch()
        assert system.ended_run(run_id) == "SUCCESS"
        assert system.fleet.ended_session(run_id).status is SessionStatus.COMPLETED
        with psycopg.connect(f"{where} dbname={DATABASE}") as connection:
            found = connection.execute("SELECT status FROM runs WHERE run_id = %s", [run_id])
            assert found.fetchone() == ("SUCCESS",)
    assert not (home / "dagster" / "history").exists()
    with psycopg.connect(f"{where} dbname={server.database}", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
