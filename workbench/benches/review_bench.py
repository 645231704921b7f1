"""A real server as an instance of the fleet, for tests of access through the command."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.session import InstanceRecord, SyncCategory
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline.workflows.syncing.recorded import InstanceReport, InstanceWork
from sync_pipeline.workflows.syncing.sizes import sync_instance_sizes
from workbench.benches.command import Command
from workbench.benches.store_bench import START, StoreBench
from workbench.servers.running import RunningServer


class ReviewBench:
    """An instance `db`, synced by hand, and asked through the command."""

    def __init__(self, command: Command, server: RunningServer) -> None:
        self.command = command
        self.server = server
        self.now = START
        self.report: InstanceReport | None = None
        command.patch.setenv("ADMIN", server.admin_password)
        command.ok(
            "credentials", "add", "admin", "--username", server.admin_user,
            "--reference", "env:ADMIN",
        )  # fmt: skip
        command.ok(
            "instances", "add", "db", "--engine", server.engine, "--host", server.host,
            "--port", str(server.port), "--credential", "admin", "--environment", "staging",
            "--tls", "disable",
            *(("--database", server.database) if server.engine is EngineName.POSTGRESQL else ()),
        )  # fmt: skip

    def sql(self, *statements: str) -> None:
        login = {
            "host": self.server.host,
            "port": self.server.port,
            "user": self.server.admin_user,
            "password": self.server.admin_password,
            "autocommit": True,
        }
        if self.server.engine is EngineName.POSTGRESQL:
            connection: Any = psycopg.connect(dbname=self.server.database, **login)
        else:
            connection = pymysql.connect(**login)
        with closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def sync(self, category: SyncCategory = SyncCategory.ACCOUNT) -> InstanceRecord:
        self.now += timedelta(hours=1)
        store, settings = self.command.store(), Settings.load()
        deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: self.now)
        try:
            instance = store.registry.instance("db")
            assert instance is not None
            session_id = StoreBench(store, self.now).open([instance]).session_id
            work = InstanceWork(instance, session_id, session_id, category)
            run = (
                sync_instance_accounts if category is SyncCategory.ACCOUNT else sync_instance_sizes
            )
            self.report = run(deps, work)
            (record,) = store.sessions.records(session_id)
            return record
        finally:
            store.close()

    def counts(self) -> dict[str, int]:
        said = self.command.ok("accounts", "classes", "--json", "--days", "3700").json
        return {item["class"]: item["now"]["accounts"] for item in said if item["now"]}

    def classify(self, directory: Path, text: str) -> None:
        path = directory / "classes.yaml"
        path.write_text(text)
        self.command.patch.setenv("SYNC_PIPELINE_CLASSIFICATION_FILE", str(path))
