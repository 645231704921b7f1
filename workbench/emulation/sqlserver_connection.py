"""Connections to an emulated SQL Server: in this process, or through TDS and a real driver."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.base import Connection
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.engines.sqlserver.wire.connection import bound
from sync_pipeline.engines.sqlserver.wire.errors import open_error, query_error
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from workbench.emulation.sqlserver import EmulatedSqlServer
from workbench.emulation.sqlserver_world import World
from workbench.servers.tds import Login, Rows, ServerError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def as_raised(error: ServerError) -> Exception:
    """Return what pyodbc raises for an answer of the server, as FreeTDS words it."""
    text = f"[42000] [FreeTDS][SQL Server]{error.message} ({error.number}) (SQLExecDirectW)"
    return RuntimeError("42000", text)


class Executes(Protocol):
    """An emulated server."""

    def execute(self, database: str, sql: str, values: Sequence[Any]) -> Rows:
        """Return what a statement answers in a database."""
        ...


class AnsweredConnection:
    """The protocol of a connection, in one database of an emulated server."""

    def __init__(self, server: Executes, database: str) -> None:
        self._server, self._database = server, database

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        text, values = bound(sql, parameters)
        try:
            rows = self._server.execute(self._database, text, values)
        except ServerError as error:
            raise query_error(as_raised(error), "emulated") from None
        return [dict(zip(rows.columns, row, strict=True)) for row in rows.values]

    def abort(self) -> None:
        """Nothing here waits."""

    def close(self) -> None:
        """Nothing here is held."""


class EmulatedConnection(AnsweredConnection):
    """One that stays in its login's session, and uses a database."""

    def __init__(self, server: EmulatedSqlServer, database: str | None) -> None:
        super().__init__(server, database or "master")
        if database is not None:
            try:
                server.use(database)
            except ServerError as error:
                name = server.world.username
                raise open_error(as_raised(error), "emulated", database, name) from None


def opener(server: EmulatedSqlServer) -> Callable[[str | None], AbstractContextManager[Connection]]:
    @contextlib.contextmanager
    def open_database(database: str | None) -> Iterator[Connection]:
        yield EmulatedConnection(server, database)

    return open_database


@contextlib.contextmanager
def emulated(world: World) -> Iterator[EmulatedSqlServer]:
    server = EmulatedSqlServer(world)
    try:
        yield server
    finally:
        server.close()


def accounts_of(world: World, **scope: Any) -> Snapshot:
    """Collect the accounts of a world with the engine's real queries."""
    with emulated(world) as server:
        wanted = CollectScope(world.username, **scope)
        return collect_accounts(SqlServer(), opener(server), wanted, NOW)


def sizes_of(world: World, largest_tables: int = 0, **scope: Any) -> SizeSnapshot:
    """Measure a world with the engine's real queries."""
    with emulated(world) as server:
        wanted = SizeScope(world.username, largest_tables, **scope)
        return collect_sizes(SqlServer(), opener(server), wanted, NOW)


def answers(server: EmulatedSqlServer) -> Callable[[Login, str], Rows | None]:
    """Return what a TDS listener answers: each login has its own current database."""
    current: dict[int, str] = {}

    def answer(login: Login, sql: str) -> Rows | None:
        found = re.fullmatch(r"USE \[((?:[^\]]|\]\])+)\]", sql.strip())
        if found:
            name = found[1].replace("]]", "]")
            server.use(name)
            current[id(login)] = name
            return None
        if "SELECT" not in sql:
            return None
        return server.execute(current.get(id(login), "master"), sql)

    return answer
