"""The monitoring account of each engine: its script, and what is read and said with some of it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import pytest

from sync_pipeline.engines.base import Engine
from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import SyncError
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.mysql_family import Family
from sync_pipeline_tests.contract.oracle_family import sizes_of as oracle_sizes
from sync_pipeline_tests.contract.oracle_family import snapshot_of
from workbench.emulation import oracle_world, sqlserver_world
from workbench.emulation.oracle import EmulatedOracle, Session, granted_by, sees_all
from workbench.emulation.sqlserver_connection import accounts_of, sizes_of
from workbench.servers.postgresql_bench import ENGINE as POSTGRESQL
from workbench.servers.postgresql_bench import PostgresBench, bench_on
from workbench.servers.running import RunningServer
from workbench.servers.versions import MARIADB
from workbench.servers.versions import POSTGRESQL as MAJORS

LARGEST_TABLES = 3
TABLES = frozenset({"data", "index", "logical"})
"""The sizes that are asked of the tables."""


@dataclass(frozen=True)
class Found:
    """What an account sync and a measuring came to; an error stands for what it ended."""

    errors: tuple[SyncError, ...] = ()
    snapshot: Snapshot | None = None
    sizes: SizeSnapshot | None = None

    @property
    def said(self) -> str:
        """Return every sentence that people are told."""
        texts = [str(error) for error in self.errors]
        if self.snapshot is not None:
            texts += [report.reason for report in self.snapshot.unread.values()]
            texts += self.snapshot.warnings
            tls = self.snapshot.server.tls or ""
            texts += [tls] if tls.startswith("not known") else []
        if self.sizes is not None:
            texts += self.sizes.warnings
        return "\n".join(texts)

    @property
    def told(self) -> str:
        """Return what is said, and what only rules of findings lack."""
        lacking = self.snapshot.unreviewed.values() if self.snapshot else ()
        return "\n".join((self.said, *(report.reason for report in lacking)))


def found_by(read: Callable[[], Snapshot], measure: Callable[[], SizeSnapshot]) -> Found:
    errors: list[SyncError] = []
    snapshot, sizes = None, None
    try:
        snapshot = read()
    except SyncError as error:
        errors.append(error)
    try:
        sizes = measure()
    except SyncError as error:
        errors.append(error)
    return Found(tuple(errors), snapshot, sizes)


class Monitor(ABC):
    """A server, and an account that runs lines of its script there."""

    engine: Engine
    username: str
    databases: Sequence[str] = ()
    made_for_others: tuple[str, ...] = ("CREATE ",)
    """How lines begin that later ones need to run, or that nobody misses."""
    costs_one_section = False
    """Whether each line opens one section of a snapshot at most."""
    opens: ClassVar[Mapping[str, frozenset[str]]]
    """How lines begin that open sizes, and which: of a database, or (`server …`) of all."""
    leaves_shut: frozenset[str] = frozenset()
    """What the script leaves to those who want it."""

    @property
    def script(self) -> list[str]:
        """Return the lines of the script that are no comments."""
        text = self.engine.grants_script(self.username, "%", self.databases)
        return [line for line in text.splitlines() if not line.startswith("--")]

    @property
    def needed(self) -> list[str]:
        """Return the lines of which each must be named where it was left out."""
        return [line for line in self.script if not line.startswith(self.made_for_others)]

    def names(self, line: str) -> str:
        """Return what names a line to people."""
        return line

    @abstractmethod
    def found(self, lines: Sequence[str]) -> Found:
        """Sync and measure with an account that was given these lines alone."""

    @abstractmethod
    def everything(self) -> Found:
        """Sync and measure as the administrator."""


class FamilyMonitor(Monitor):
    """MySQL or MariaDB; the role and the database of the script go with the account."""

    username = "mon'i%tor"
    costs_one_section = True
    opens: ClassVar[Mapping[str, frozenset[str]]] = {
        "GRANT PROCESS ": frozenset({"total", "server shared", "server temporary"}),
        "GRANT SHOW VIEW ": frozenset({*TABLES, "total", "the list"}),
    }

    def __init__(self, server: RunningServer) -> None:
        self._family = Family(server)
        self.engine = self._family.engine
        # Nothing is logged by these servers: where nothing is, no privilege is missed.
        logs = ("GRANT REPLICATION CLIENT",) if self._family.is_mysql else ()
        self.made_for_others = ("CREATE ", *logs)
        self.leaves_shut = frozenset() if self._family.is_mysql else frozenset({"server log"})

    def found(self, lines: Sequence[str]) -> Found:
        family = self._family
        target = family.target(self.username, "<password>")
        try:
            family.run(*lines)
            return found_by(lambda: family.snapshot(target), lambda: family.sizes(target))
        finally:
            family.run(
                "DROP USER IF EXISTS 'mon''i%tor'@'%'",
                "DROP ROLE IF EXISTS sync_pipeline_definer",
                "DROP DATABASE IF EXISTS sync_pipeline",
            )

    def everything(self) -> Found:
        return found_by(self._family.snapshot, self._family.sizes)


class PostgreSqlMonitor(Monitor):
    """PostgreSQL: databases that let nobody in without a grant."""

    engine = POSTGRESQL
    username = 'sync "mon%itor"'
    databases = ("postgres", "template1", "bench", 'we"ird %s; --')
    # That the account may only read is kept by each of our sessions too.
    made_for_others = ("CREATE ", "ALTER ROLE ")
    opens: ClassVar[Mapping[str, frozenset[str]]] = {
        "GRANT CONNECT ON DATABASE ": TABLES,
        "GRANT pg_monitor ": frozenset({"server log", "server shared", "server temporary"}),
    }

    def __init__(self, bench: PostgresBench) -> None:
        self._bench = bench

    def found(self, lines: Sequence[str]) -> Found:
        bench = self._bench
        target = bench.target(self.username)
        role = '"' + self.username.replace('"', '""') + '"'
        try:
            bench.run(*lines)
            return found_by(lambda: bench.collect(target), lambda: bench.sizes(target))
        finally:
            bench.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    def everything(self) -> Found:
        return found_by(self._bench.collect, self._bench.sizes)


class SqlServerMonitor(Monitor):
    """SQL Server: emulated permissions."""

    engine = SqlServer()
    username = "m]on"
    databases = ("sales",)
    _grant = re.compile(r"GRANT ([A-Z ]+) TO \[m\]\]on\];")
    opens: ClassVar[Mapping[str, frozenset[str]]] = {
        "GRANT CONNECT ANY DATABASE ": TABLES,
        "GRANT VIEW SERVER STATE ": TABLES,
        "GRANT VIEW ANY DEFINITION ": frozenset({*TABLES, "total", "log"}),
    }

    def __init__(self, version: str) -> None:
        self._version = version

    def names(self, line: str) -> str:
        """Return the permission: its grant is not the only way to it."""
        match = self._grant.fullmatch(line)
        assert match
        return match[1]

    def _world(self, permissions: set[str]) -> sqlserver_world.World:
        world = sqlserver_world.World(
            username=self.username, version=self._version, permissions=permissions
        )
        database = world.database("sales")
        database.file()
        database.user("app", authentication=0)
        return world

    def found(self, lines: Sequence[str]) -> Found:
        given = {match[1] for line in lines if (match := self._grant.fullmatch(line))}
        world = self._world(given)
        return found_by(lambda: accounts_of(world), lambda: sizes_of(world))

    def everything(self) -> Found:
        return self.found(self.script)


class OracleMonitor(Monitor):
    """Oracle 23ai: a common user of the root, or a local one; emulated grants of views."""

    engine = Oracle()
    databases = ("ignored",)
    made_for_others = ("CREATE ", "GRANT CREATE SESSION")
    opens: ClassVar[Mapping[str, frozenset[str]]] = {
        "ALTER USER ": frozenset({"total", "data", "logical", "temporary"}),
        "GRANT READ ON SYS.V_$LOG ": frozenset({"server log"}),
        **{
            f"GRANT READ ON SYS.{views}_{name} ": frozenset(what)
            for views in ("CDB", "DBA")
            for name, what in {
                "DATA_FILES": {"total", "temporary"},
                "TEMP_FILES": {"total", "temporary"},
                "TABLESPACES": {"data", "logical"},
                "TABLESPACE_USAGE_METRICS": {"data", "logical"},
            }.items()
        },
    }

    def __init__(self, username: str) -> None:
        self.username = username

    def _world(self) -> oracle_world.World:
        made = oracle_world.World(EmulatedOracle((23,), "23.4.0.24.05"))
        if self.username.startswith("c##"):
            made.cdb("SALES")
        else:
            made.database()
        made.redo(1, 1, 2**20, 2)
        return made

    def found(self, lines: Sequence[str]) -> Found:
        text = "\n".join(lines)
        is_common = self.username.startswith("c##")
        session = Session(
            container=1 if is_common else 0,
            sees=None if sees_all(text) or not is_common else frozenset({1}),
            granted=granted_by(text),
        )
        world = self._world()
        return found_by(
            lambda: snapshot_of(world, session, self.username),
            lambda: oracle_sizes(world, session, LARGEST_TABLES, self.username),
        )

    def everything(self) -> Found:
        return self.found(self.script)


@contextmanager
def _family(request: pytest.FixtureRequest, variant: str) -> Iterator[Monitor]:
    if variant == "mysql":
        yield FamilyMonitor(request.getfixturevalue("mysql_server"))
    else:
        yield FamilyMonitor(request.getfixturevalue("mariadb_servers")[variant])


@contextmanager
def _postgresql(request: pytest.FixtureRequest, variant: str) -> Iterator[Monitor]:
    with bench_on(request.getfixturevalue("postgresql_servers")[int(variant)]) as bench:
        names = 'bench, "we""ird %s; --", postgres, template1'
        bench.run('CREATE DATABASE "we""ird %s; --"', "CREATE TABLE orders (id integer)")
        bench.run(f"REVOKE CONNECT ON DATABASE {names} FROM PUBLIC")
        yield PostgreSqlMonitor(bench)
        bench.run("GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC", database="postgres")


@contextmanager
def _sqlserver(request: pytest.FixtureRequest, variant: str) -> Iterator[Monitor]:
    yield SqlServerMonitor(variant)


@contextmanager
def _oracle(request: pytest.FixtureRequest, variant: str) -> Iterator[Monitor]:
    yield OracleMonitor(variant)


Making = Callable[[pytest.FixtureRequest, str], AbstractContextManager[Monitor]]
MONITORS: Mapping[str, tuple[Making, str]] = {
    **{f"mariadb-{line}": (_family, line) for line in MARIADB.every_run},
    "mysql": (_family, "mysql"),
    **{f"postgresql-{major}": (_postgresql, str(major)) for major in MAJORS.every_run},
    "sqlserver-2016": (_sqlserver, "13.0.7000.253"),
    "sqlserver-2022": (_sqlserver, "16.0.1000.6"),
    "oracle-common": (_oracle, "c##sync_monitor"),
    "oracle-local": (_oracle, "sync_monitor"),
}
