"""One bad table of MariaDB or MySQL costs its own size, and no other database's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.base import Connection
from sync_pipeline.engines.mysql_protocol.wire import connection
from sync_pipeline.errors import QueryError
from sync_pipeline.model.instance import Timeouts
from sync_pipeline.model.size import DatabaseSize, MeasureState, SizeSnapshot
from sync_pipeline_tests.contract.mysql_family import OBSERVED_AT, Family
from workbench.servers import mariadb
from workbench.servers.mysql_faults import listener
from workbench.servers.running import RunningServer

DATABASES = ("bad", "good", "remote")
TORN = ("torn", "crashed")
INNODB = ".ibd"


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    yield from lent_by(mysql_family_server)


@pytest.fixture
def mariadb_family(each_mariadb_server: RunningServer) -> Iterator[Family]:
    yield from lent_by(each_mariadb_server)


@pytest.fixture
def federated_mariadb(mariadb_server: RunningServer) -> Iterator[Family]:
    """Lend the system's MariaDB, whose package has the engine."""
    family = Family(mariadb_server)
    family.run("INSTALL SONAME 'ha_federatedx'")
    yield from lent_by(mariadb_server)
    family.run("UNINSTALL SONAME 'ha_federatedx'")


@pytest.fixture
def federated_mysql(mysql_server: RunningServer) -> Iterator[Family]:
    yield from lent_by(mysql_server)


def lent_by(server: RunningServer) -> Iterator[Family]:
    lent = Family(server)
    lent.run(*(f"CREATE DATABASE {name}" for name in DATABASES))
    lent.run(
        "CREATE TABLE good.t (id int PRIMARY KEY)",
        "CREATE TABLE bad.kept (id int PRIMARY KEY)",
        "CREATE TABLE bad.isam (id int NOT NULL) ENGINE=MyISAM",
        "INSERT INTO bad.isam VALUES (1), (2)",
    )
    yield lent
    lent.run("FLUSH TABLES")
    for name in TORN:  # which no server drops
        for item in (server.directory / "data" / "bad").glob(f"{name}.*"):
            item.unlink()
    lent.run(*(f"DROP DATABASE IF EXISTS {name}" for name in DATABASES))
    lent.run("DROP USER IF EXISTS reader@'127.0.0.1'", "DROP SERVER IF EXISTS elsewhere")


def federated(family: Family, port: int) -> None:
    """Make a table of a remote server, which then is at another port."""
    family.run(
        "CREATE USER reader@'127.0.0.1'",
        "GRANT ALL ON remote.* TO reader@'127.0.0.1'",
        "CREATE TABLE remote.t (id int PRIMARY KEY)",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER mysql OPTIONS"
        f" (HOST '127.0.0.1', PORT {family.server.port}, USER 'reader', DATABASE 'remote')",
        "CREATE TABLE bad.far (id int PRIMARY KEY) ENGINE=FEDERATED CONNECTION='elsewhere/t'",
        f"ALTER SERVER elsewhere OPTIONS (PORT {port})",
        "FLUSH TABLES",
    )


def found(snapshot: SizeSnapshot, name: str) -> DatabaseSize:
    (item,) = (item for item in snapshot.databases if item.name == name)
    return item


def files(family: Family, database: str) -> int:
    path = family.server.directory / "data" / database
    wanted = (INNODB, ".MYD", ".MYI", ".MAD", ".MAI")
    return sum(item.stat().st_size for item in path.iterdir() if item.suffix in wanted)


@contextmanager
def without(path: Path) -> Iterator[None]:
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


def everything_is_known(family: Family, snapshot: SizeSnapshot) -> None:
    for name in ("good", "bad"):
        assert found(snapshot, name).total.bytes == files(family, name)
        assert found(snapshot, name).data.bytes
    assert not snapshot.unread
    assert not snapshot.warnings


class Failing:
    """A real connection on which the statement on all tables fails."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner

    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Any]:
        if "unclear_tables" in sql:
            raise QueryError("One table failed it.")
        return self._inner.fetch(sql, parameters)

    def abort(self) -> None:
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()


def test_a_remote_server_that_is_gone_costs_nothing_on_mariadb(federated_mariadb: Family) -> None:
    with listener() as port:
        pass
    federated(federated_mariadb, port)
    everything_is_known(federated_mariadb, federated_mariadb.sizes())


def test_a_remote_server_that_is_gone_costs_nothing_on_mysql(federated_mysql: Family) -> None:
    with listener() as port:
        pass
    federated(federated_mysql, port)
    everything_is_known(federated_mysql, federated_mysql.sizes())


def test_a_remote_account_that_is_gone_is_no_missing_grant_of_ours(
    federated_mariadb: Family,
) -> None:
    """The server hands its error 1045 on, which says nothing of the monitoring account."""
    federated(federated_mariadb, federated_mariadb.server.port)
    federated_mariadb.run("DROP USER reader@'127.0.0.1'", "FLUSH TABLES")
    everything_is_known(federated_mariadb, federated_mariadb.sizes())


SHORT = Timeouts(connect_seconds=5, statement_seconds=2, total_seconds=60)


def test_a_silent_remote_server_costs_one_statement_on_mariadb(
    federated_mariadb: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLIENT_MARGIN_SECONDS", 1.0)
    with listener() as port:
        federated(federated_mariadb, port)
        snapshot = federated_mariadb.sizes(federated_mariadb.target(timeouts=SHORT))
        federated_mariadb.run("DROP DATABASE remote")
    everything_is_known(federated_mariadb, snapshot)


def test_a_silent_remote_server_is_not_asked_on_mysql(federated_mysql: Family) -> None:
    with listener() as port:
        federated(federated_mysql, port)
        started = time.monotonic()
        snapshot = federated_mysql.sizes(largest_tables=2)
        assert time.monotonic() - started < SHORT.total_seconds
        assert all(row.name != "far" for item in snapshot.databases for row in item.tables)
    everything_is_known(federated_mysql, snapshot)


def test_a_merge_table_without_its_members_costs_nothing(family: Family) -> None:
    family.run(
        "CREATE TABLE bad.member (id int NOT NULL) ENGINE=MyISAM",
        "CREATE TABLE bad.both (id int NOT NULL) ENGINE=MERGE UNION=(bad.isam, bad.member)",
        "DROP TABLE bad.member",
        "FLUSH TABLES",
    )
    everything_is_known(family, family.sizes())


def test_a_view_whose_definer_is_gone_costs_nothing(family: Family) -> None:
    family.run(
        "CREATE USER reader@'127.0.0.1'",
        "CREATE DEFINER=reader@'127.0.0.1' VIEW bad.v AS SELECT id FROM bad.kept",
        "CREATE VIEW bad.w AS SELECT id FROM good.t",
        "DROP USER reader@'127.0.0.1'",
        "DROP TABLE good.t",
        "CREATE TABLE good.u (id int PRIMARY KEY)",
    )
    everything_is_known(family, family.sizes())


@pytest.mark.parametrize("ending", [".MYD", ".MYI"])
def test_a_table_without_one_of_its_files_is_named(family: Family, ending: str) -> None:
    family.run("FLUSH TABLES")
    path = family.server.directory / "data" / "bad" / f"isam{ending}"
    with without(path):
        snapshot = family.sizes()
    lost = found(snapshot, "bad")
    assert lost.total.state is MeasureState.UNREACHABLE
    assert lost.data.state is MeasureState.UNREACHABLE
    assert "Database bad: 1 tables can't be opened: isam (" in lost.total.reason
    assert lost.total.reason in snapshot.warnings
    assert found(snapshot, "good").total.bytes == files(family, "good")
    assert snapshot.unread == (lost,)


@pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
def test_a_definition_that_is_no_definition_is_named(mariadb_family: Family, engine: str) -> None:
    family = mariadb_family
    family.run(f"CREATE TABLE bad.torn (id int) ENGINE={engine}", "FLUSH TABLES")
    (family.server.directory / "data" / "bad" / "torn.frm").write_bytes(b"torn")
    snapshot = family.sizes()
    assert "1 tables can't be opened: torn (" in found(snapshot, "bad").total.reason
    assert [item.name for item in snapshot.unread] == ["bad"]


def test_a_crashed_aria_table_is_named(mariadb_family: Family) -> None:
    family = mariadb_family
    family.run("CREATE TABLE bad.crashed (id int PRIMARY KEY) ENGINE=Aria", "FLUSH TABLES")
    path = family.server.directory / "data" / "bad" / "crashed.MAI"
    content = bytearray(path.read_bytes())
    content[:100] = bytes(100)
    path.write_bytes(content)
    snapshot = family.sizes()
    assert "1 tables can't be opened: crashed (" in found(snapshot, "bad").total.reason
    assert [item.name for item in snapshot.unread] == ["bad"]


def test_an_innodb_file_that_is_not_found_is_not_zero(family: Family) -> None:
    """MariaDB then states 4 GiB, and MySQL 0."""
    # A server that has pages left to write to a file that is gone may end itself.
    family.run(
        "CREATE TABLE bad.removed (id int PRIMARY KEY)",
        "FLUSH TABLES bad.removed FOR EXPORT",
        "UNLOCK TABLES",
    )
    path = family.server.directory / "data" / "bad" / "removed.ibd"
    with without(path):
        snapshot = family.sizes()
    lost = found(snapshot, "bad")
    assert lost.total.state is MeasureState.UNREACHABLE
    assert "Database bad: the file of bad/removed is not found" in lost.total.reason
    assert [item.name for item in snapshot.unread] == ["bad"]


def test_what_is_broken_at_the_start_of_the_server_is_known_as_far_as_it_is(
    tmp_path: Path,
) -> None:
    """A file that is there has a size, whatever is in it; one that is not there has none."""
    installed = mariadb.installation()
    assert installed is not None
    directory = tmp_path / "server"
    with mariadb.run_mariadb(installed, directory) as server:
        family = Family(server)
        family.run("CREATE DATABASE torn", "CREATE DATABASE gone", "CREATE DATABASE sound")
        for name in ("torn", "gone", "sound"):
            family.run(f"CREATE TABLE {name}.t (id int PRIMARY KEY)")
            family.run(f"CREATE TABLE {name}.u (id int PRIMARY KEY)")
        family.run("SET GLOBAL innodb_fast_shutdown = 0")
    data = directory / "data"
    (data / "gone" / "t.ibd").unlink()
    with (data / "torn" / "t.ibd").open("r+b") as file:
        file.write(b"\xff" * 65536)
    with mariadb.serve(installed, directory) as server:
        family = Family(server)
        snapshot = family.sizes()
        torn = found(snapshot, "torn")
        assert torn.total.bytes == files(family, "torn")
        assert torn.data.state is MeasureState.UNREACHABLE
        assert "1 tables can't be opened: t (" in torn.data.reason
        assert "the file of gone/t is not found" in found(snapshot, "gone").total.reason
        assert found(snapshot, "sound").total.bytes == files(family, "sound")
        assert [item.name for item in snapshot.unread] == ["gone"]


def test_reading_database_by_database_finds_the_same(family: Family) -> None:
    """A server with every kind of table, read as a whole, by database, and table by table."""
    family.run(
        "SET GLOBAL innodb_file_per_table = 0",
        "CREATE TABLE good.shared (id int PRIMARY KEY)",
        "SET GLOBAL innodb_file_per_table = 1",
        "CREATE TABLE bad.parts (id int PRIMARY KEY) PARTITION BY HASH(id) PARTITIONS 3",
        "CREATE TABLE bad.memory (id int) ENGINE=MEMORY",
        "CREATE TABLE remote.lines (id int NOT NULL) ENGINE=CSV",
        "CREATE TABLE bad.merged (id int NOT NULL) ENGINE=MERGE UNION=(bad.isam)",
        "FLUSH TABLES",
    )
    whole, narrowed = family.sizes(), family.sizes(wrap=Failing)
    assert narrowed.databases == whole.databases
    assert (narrowed.shared, narrowed.warnings) == (whole.shared, whole.warnings)
    assert [item.name for item in whole.unread] == ["remote"]
    most = family.sizes(wrap=Failing, largest_tables=2)
    by_name = {item.name: item.tables for item in family.sizes(largest_tables=2).databases}
    for item in (found(most, name) for name in ("good", "bad")):
        sizes = [row.total_bytes for row in item.tables]
        assert sizes == [row.total_bytes for row in by_name[item.name]]


@pytest.mark.parametrize(("after", "is_listed"), [("unclear_tables", False), ("AS counted", True)])
def test_a_database_that_is_dropped_meanwhile_is_never_zero(
    family: Family, after: str, is_listed: bool
) -> None:
    """After its tables were read it is not listed; after that its files are unknown."""

    class Dropping(Failing):
        def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Any]:
            found = self._inner.fetch(sql, parameters)
            if after in sql:
                family.run("DROP DATABASE IF EXISTS good")
            return found

    snapshot = family.sizes(wrap=Dropping)
    sizes = {item.name: item.total for item in snapshot.databases}
    assert ("good" in sizes) is is_listed
    assert not is_listed or sizes["good"].state is MeasureState.UNREACHABLE
    assert sizes["bad"].state is MeasureState.KNOWN


def test_where_no_time_is_left_a_database_is_unknown_and_the_record_is_kept(
    family: Family,
) -> None:
    target = family.target()

    @contextmanager
    def opened(database: str | None) -> Iterator[Connection]:
        with family.opener(target, Failing)(database) as link:
            yield link

    scope = SizeScope(target.username, ends_at=time.monotonic() + 11, statement_seconds=2)
    snapshot = collect_sizes(family.engine, opened, scope, OBSERVED_AT)
    lost = found(snapshot, "good")
    assert "Database good: no time was left to read its tables." in lost.total.reason
    assert "One table failed it." in lost.total.reason
    assert lost.data.state is MeasureState.UNREACHABLE
