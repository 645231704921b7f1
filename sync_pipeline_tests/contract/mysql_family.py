"""One running MariaDB or MySQL, its engine, and what the tests do with the two."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pymysql

from sync_pipeline.collect.accounts import CollectScope, ConnectionOpener, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, Target
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.mysql.engine import MySql
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from workbench.servers.running import RunningServer

OBSERVED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIMEOUTS = Timeouts(connect_seconds=5, statement_seconds=20, total_seconds=60)
MANY_WORLDS_SECONDS = 280


class RecordingConnection:
    """A connection that keeps what was asked and what was answered."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.statements: list[str] = []
        self.rows: list[dict[str, Any]] = []

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        self.statements.append(sql)
        rows = self._inner.fetch(sql, parameters)
        self.rows.extend(rows)
        return rows

    def abort(self) -> None:
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()


def instance_at(
    engine: EngineName,
    port: int,
    *,
    host: str = "127.0.0.1",
    tls: TlsOptions | None = None,
    timeouts: Timeouts = TIMEOUTS,
) -> Instance:
    return Instance(
        id=1,
        name="the-instance",
        engine=engine,
        host=host,
        port=port,
        credential="c",
        tls=tls or TlsOptions(),
        timeouts=timeouts,
    )


@dataclass
class Family:
    """A server with its engine; the administrator's statements go through PyMySQL alone."""

    server: RunningServer
    engine: MariaDb | MySql = field(init=False)

    def __post_init__(self) -> None:
        self.engine = MariaDb() if self.server.engine is EngineName.MARIADB else MySql()

    @property
    def is_mysql(self) -> bool:
        return self.server.engine is EngineName.MYSQL

    @property
    def version(self) -> tuple[int, ...]:
        return tuple(map(int, re.findall(r"\d+", self.server.version)[:3]))

    @contextmanager
    def admin(self) -> Iterator[pymysql.cursors.Cursor]:
        with (
            pymysql.connect(
                host=self.server.host,
                port=self.server.port,
                user=self.server.admin_user,
                password=self.server.admin_password,
                charset="utf8mb4",
                autocommit=True,
                ssl_disabled=True,
            ) as link,
            link.cursor() as cursor,
        ):
            yield cursor

    def run(self, *statements: str) -> None:
        with self.admin() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.admin() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def target(
        self,
        username: str | None = None,
        password: str = "",
        tls: TlsOptions | None = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> Target:
        instance = instance_at(
            self.engine.name, self.server.port, host=self.server.host, tls=tls, timeouts=timeouts
        )
        return Target(
            instance,
            username or self.server.admin_user,
            Secret(password or self.server.admin_password),
            timeouts.statement_seconds,
        )

    def snapshot(
        self,
        target: Target | None = None,
        wrap: Callable[[Connection], Connection] = lambda connection: connection,
    ) -> Snapshot:
        whom = target or self.target()
        scope = CollectScope(whom.username)
        return collect_accounts(self.engine, self.opener(whom, wrap), scope, OBSERVED_AT)

    @contextmanager
    def connected(self) -> Iterator[Callable[[], Snapshot]]:
        """Yield what reads the accounts again and again on one connection.

        For tests of many worlds: a login costs more than all statements of a sync.
        """
        target = self.target(tls=TlsOptions(TlsMode.DISABLE))
        scope = CollectScope(target.username)
        with open_connection(self.engine, target, Deadline(MANY_WORLDS_SECONDS)) as connection:

            @contextmanager
            def opened(database: str | None) -> Iterator[Connection]:
                yield connection

            yield lambda: collect_accounts(self.engine, opened, scope, OBSERVED_AT)

    def sizes(
        self,
        target: Target | None = None,
        wrap: Callable[[Connection], Connection] = lambda connection: connection,
        largest_tables: int = 0,
    ) -> SizeSnapshot:
        whom = target or self.target()
        scope = SizeScope(whom.username, largest_tables)
        return collect_sizes(self.engine, self.opener(whom, wrap), scope, OBSERVED_AT)

    def opener(self, target: Target, wrap: Callable[[Connection], Connection]) -> ConnectionOpener:
        @contextmanager
        def opened(database: str | None) -> Iterator[Connection]:
            deadline = Deadline(target.instance.timeouts.total_seconds)
            with open_connection(self.engine, target, deadline, database) as connection:
                yield wrap(connection)

        return opened

    def account(self, name: str) -> AccountState:
        found = {state.name: state for state in self.snapshot().accounts}
        return found[name]

    @contextmanager
    def users(self, *specifications: str) -> Iterator[None]:
        """Have users (`'u'@'h' IDENTIFIED BY …`) for the length of a block."""
        names = [text.partition(" ")[0] for text in specifications]
        self.run(*(f"CREATE USER {text}" for text in specifications))
        try:
            yield
        finally:
            self.run(*(f"DROP USER {name}" for name in names))
