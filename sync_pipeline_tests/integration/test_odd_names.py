"""Names that servers take in no statement, and that somebody wrote into their tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pymysql

from sync_pipeline.model.inventory import AccountFilter
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline_tests.integration.test_sync_accounts import Bench
from workbench.servers.running import RunningServer

PUT = r"INSERT INTO mysql.global_priv VALUES ('localhost', 'o\0d', '{}')"
TAKE = r"DELETE FROM mysql.global_priv WHERE User = 'o\0d'"


def test_one_costs_no_sync_and_is_told_on_either_store(
    mariadb_server: RunningServer, store_url: str, tmp_path: Path
) -> None:
    bench = Bench(mariadb_server, tmp_path)
    bench.store.close()
    bench.store = Store.open(store_url)
    settings = Settings(home=tmp_path, store_url=store_url)
    bench.deps = replace(bench.deps, store=bench.store, settings=settings)
    bench.put_password(mariadb_server.admin_password)
    bench.put(bench.unregistered())
    with pymysql.connect(
        host=mariadb_server.host,
        port=mariadb_server.port,
        user=mariadb_server.admin_user,
        password=mariadb_server.admin_password,
        autocommit=True,
    ) as link:
        cursor = link.cursor()
        try:
            cursor.execute(PUT)
            report = bench.sync()
            again = bench.sync()
        finally:
            cursor.execute(TAKE)
    (warning,) = (text for text in report.warnings if "no statement can hold" in text)
    assert warning.endswith(r": 'o\x00d'@'localhost'.")
    assert warning in again.warnings
    assert again.message.endswith("unchanged, 1 warnings")
    names = [view.state.name for view in bench.store.accounts.find(AccountFilter())]
    assert r"'o\x00d'@'localhost'" in names
    assert "1 deactivated" in bench.sync().message
    bench.store.close()
