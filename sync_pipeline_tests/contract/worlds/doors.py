"""How each engine's connections are opened, and what its servers are like behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.wire.drivers import DRIVER_OPTION
from sync_pipeline.errors import ConfigurationError, ConnectError, SyncError, UnsupportedServer
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.postgresql_bench import bench_on
from workbench.servers.sqlserver_drivers import FREETDS, MICROSOFT, driver_named
from workbench.servers.tds import Login, Rows, ServerError, tds_server
from workbench.servers.versions import MARIADB, POSTGRESQL

NAME, USER = "the-instance", "mon"
PASSWORD = "Tr0ub4dor&3 }ünï;x="
SHORT = Timeouts(connect_seconds=1, statement_seconds=1, total_seconds=20)
OTHER = (UnsupportedServer,)


@dataclass(frozen=True)
class Door:
    """An engine, and a driver of it.

    `no_name` is the error where the host can be the name of no machine, and `other` where what
    answers speaks another protocol. A closed port is told within `at_once_seconds`; one that is
    silent `margin_seconds` after the limit of connecting.
    """

    engine: EngineName
    driver: str = ""
    no_name: type[SyncError] = ConnectError
    other: tuple[type[SyncError], ...] = OTHER
    at_once_seconds: float = 2.0
    margin_seconds: float = 2.0

    def target(self, port: int, host: str = "127.0.0.1", password: str = PASSWORD) -> Target:
        """Return a target with short limits and without TLS."""
        instance = Instance(
            1,
            NAME,
            self.engine,
            host,
            port,
            "c",
            database={EngineName.POSTGRESQL: "postgres", EngineName.ORACLE: "ERP"}.get(self.engine),
            tls=TlsOptions(TlsMode.DISABLE),
            timeouts=SHORT,
        )
        options = {DRIVER_OPTION: driver_named(self.driver)} if self.driver else {}
        return Target(instance, USER, Secret(password), SHORT.statement_seconds, options)


UNCLEAR = (ConnectError, UnsupportedServer)
"""ODBC drivers tell a server that speaks another protocol from one that fails by chance only."""
DOORS = {
    "mysql": Door(EngineName.MYSQL),
    "mariadb": Door(EngineName.MARIADB),
    "postgresql": Door(EngineName.POSTGRESQL, no_name=ConfigurationError),
    "sqlserver-freetds": Door(EngineName.SQLSERVER, FREETDS, other=UNCLEAR, at_once_seconds=1.0),
    "sqlserver-microsoft": Door(
        EngineName.SQLSERVER, MICROSOFT, other=UNCLEAR, at_once_seconds=1.0
    ),
    "oracle": Door(
        EngineName.ORACLE, no_name=ConfigurationError, at_once_seconds=4.0, margin_seconds=3.0
    ),
}


def is_open(target: Target) -> None:
    """Open a connection and close it."""
    ENGINES[target.instance.engine].connect(target).close()


@contextmanager
def _family(request: pytest.FixtureRequest, variant: str) -> Iterator[Target]:
    if variant == "mysql":
        server = request.getfixturevalue("mysql_server")
    else:
        server = request.getfixturevalue("mariadb_servers")[variant]
    door = DOORS[server.engine]
    with Family(server).users(f"'{USER}'@'%' IDENTIFIED BY '{PASSWORD}'"):
        target = door.target(server.port)
        # MySQL wants TLS for a password that it has not seen before.
        yield replace(target, instance=replace(target.instance, tls=TlsOptions(TlsMode.PREFER)))


@contextmanager
def _postgresql(request: pytest.FixtureRequest, variant: str) -> Iterator[Target]:
    server = request.getfixturevalue("postgresql_servers")[int(variant)]
    with bench_on(server) as bench:
        bench.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        with bench.hba(f"host all {USER} 127.0.0.1/32 scram-sha-256"):
            yield DOORS["postgresql"].target(server.port)


@contextmanager
def _sqlserver(request: pytest.FixtureRequest, variant: str) -> Iterator[Target]:
    """A listener of the tests: no SQL Server can be had."""

    def judge(login: Login) -> None:
        if login.password != PASSWORD:
            raise ServerError(18456, f"Login failed for user '{login.username}'.")

    def answer(login: Login, sql: str) -> Rows | None:
        return Rows(["x"], [[1]]) if sql.startswith("SELECT") else None

    with tds_server(judge, answer) as server:
        yield DOORS[f"sqlserver-{variant}"].target(server.port)


Opening = Callable[[pytest.FixtureRequest, str], AbstractContextManager[Target]]
LETTING_IN: Mapping[str, tuple[Opening, str]] = {
    **{f"mariadb-{line}": (_family, line) for line in MARIADB.every_run},
    "mysql": (_family, "mysql"),
    **{f"postgresql-{major}": (_postgresql, str(major)) for major in POSTGRESQL.every_run},
    "sqlserver-freetds": (_sqlserver, "freetds"),
    "sqlserver-microsoft": (_sqlserver, "microsoft"),
}
"""Servers that know the account's password. Nothing that can be had here lets Oracle's driver in:
`test_oracle_server.py` asks a real server, and `unit/engines/oracle/test_oracle_errors.py` what
the codes say."""
