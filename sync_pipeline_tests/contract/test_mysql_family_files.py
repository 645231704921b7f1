"""The size of a database of MariaDB or MySQL is what its files take on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.mysql.sizes import database_of
from sync_pipeline.engines.mysql_protocol import size_tables
from sync_pipeline.model.size import DatabaseSize, MeasureState, SizeSnapshot
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

KEPT = ("information_schema", "performance_schema", "mysql", "sys")
COUNTED = (".ibd", ".MYD", ".MYI", ".MAD", ".MAI", ".ARZ")
MEGABYTE = 2**20
NAMES = ("aux", "AUX", "con", "nul", "lpt1", "aux@@@", "a@b", "a.b", "#sql-x", "ñandú$", "Ġ", "数")


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    yield from lent_by(mysql_family_server)


@pytest.fixture
def mariadb_family(each_mariadb_server: RunningServer) -> Iterator[Family]:
    yield from lent_by(each_mariadb_server)


@pytest.fixture
def mysql_family(mysql_server: RunningServer) -> Iterator[Family]:
    yield from lent_by(mysql_server)


def lent_by(server: RunningServer) -> Iterator[Family]:
    lent = Family(server)
    yield lent
    reset(lent)


def reset(family: Family) -> None:
    family.run("SET GLOBAL innodb_file_per_table = 1")
    for (name,) in family.rows("SHOW DATABASES"):
        if name not in KEPT:
            family.run(f"DROP DATABASE {quoted(name)}")


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def found(snapshot: SizeSnapshot, name: str) -> DatabaseSize:
    (item,) = (item for item in snapshot.databases if item.name == name)
    return item


def on_disk(path: Path) -> int:
    """Return what a file takes; blocks of the file system's own about it do not count."""
    said = path.stat()
    return min(said.st_size, said.st_blocks * 512)


def files(directory: Path) -> int:
    return sum(on_disk(item) for item in directory.iterdir() if item.suffix in COUNTED)


def directory_of(family: Family, name: str) -> Path:
    """Return the directory of a new database, as the server itself names it."""
    data = family.server.directory / "data"
    before = {item.name for item in data.iterdir()}
    family.run(f"CREATE DATABASE {quoted(name)}")
    (new,) = {item.name for item in data.iterdir()} - before
    return data / new


def filled(family: Family, table: str, options: str, megabytes: int = 6) -> None:
    family.run(
        f"CREATE TABLE {table} (id int PRIMARY KEY AUTO_INCREMENT, filler mediumblob) {options}",
        *[f"INSERT INTO {table} (filler) VALUES (REPEAT('compress', 131072))"] * megabytes,
        # Which writes the file as it will stay.
        f"FLUSH TABLES {table} FOR EXPORT",
        "UNLOCK TABLES",
    )


def test_whatever_its_name_encodes_to_a_database_has_its_files(family: Family) -> None:
    directories = {name: directory_of(family, name) for name in NAMES}
    for name in NAMES:
        family.run(
            f"CREATE TABLE {quoted(name)}.`aux` (id int PRIMARY KEY)",
            f"CREATE TABLE {quoted(name)}.`p#p` (id int PRIMARY KEY)"
            " PARTITION BY RANGE (id) SUBPARTITION BY HASH (id) SUBPARTITIONS 2"
            " (PARTITION p0 VALUES LESS THAN (5), PARTITION `p#p1` VALUES LESS THAN MAXVALUE)",
        )
    family.run("CREATE TABLE `aux`.`a/b` (id int PRIMARY KEY, t text, FULLTEXT (t))")
    snapshot = family.sizes()
    for name, directory in directories.items():
        size = found(snapshot, name)
        assert size.total.bytes == files(directory) >= 5 * 65536, name
        assert (size.total.bytes or 0) >= (size.logical.bytes or 0) > 0
    assert (found(snapshot, "aux").total.bytes or 0) > 15 * 65536


def test_a_page_compressed_table_counts_what_it_takes(family: Family) -> None:
    directory = directory_of(family, "packed")
    options = "COMPRESSION='zlib'" if family.is_mysql else "PAGE_COMPRESSED=1"
    filled(family, "packed.t", options)
    apparent = (directory / "t.ibd").stat().st_size
    size = found(family.sizes(), "packed")
    assert size.total.bytes == files(directory)
    assert (size.total.bytes or 0) < apparent // 2


def test_a_compressed_row_format_counts_its_small_file(family: Family) -> None:
    directory = directory_of(family, "packed")
    filled(family, "packed.t", "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4")
    assert found(family.sizes(), "packed").total.bytes == files(directory)


def test_engines_without_data_of_their_own_count_nothing(family: Family) -> None:
    directory = directory_of(family, "own")
    family.run(
        "CREATE TABLE own.first (id int NOT NULL, filler varchar(1000)) ENGINE=MyISAM",
        *["INSERT INTO own.first VALUES (1, REPEAT('x', 1000))"] * 50,
        "CREATE TABLE own.merged (id int NOT NULL, filler varchar(1000))"
        " ENGINE=MERGE UNION=(own.first)",
        "CREATE TABLE own.memory (id int) ENGINE=MEMORY",
        "INSERT INTO own.memory VALUES (1)",
    )
    snapshot = family.sizes(largest_tables=5)
    size = found(snapshot, "own")
    assert size.total.bytes == size.logical.bytes == files(directory)
    assert [item.name for item in size.tables] == ["first"]
    assert not snapshot.warnings


def test_a_black_hole_and_an_archive_are_what_they_are_on_disk(mysql_family: Family) -> None:
    """MySQL has both built in."""
    directory = directory_of(mysql_family, "own")
    mysql_family.run(
        "CREATE TABLE own.nothing (id int) ENGINE=BLACKHOLE",
        "INSERT INTO own.nothing VALUES (1)",
    )
    assert found(mysql_family.sizes(), "own").total.bytes == 0
    mysql_family.run(
        "CREATE TABLE own.old (id int) ENGINE=ARCHIVE",
        "INSERT INTO own.old VALUES (1), (2)",
        "FLUSH TABLES",
    )
    assert found(mysql_family.sizes(), "own").total.bytes == files(directory)


def test_a_table_of_csv_tells_no_size(family: Family) -> None:
    directory_of(family, "texts")
    directory_of(family, "plain")
    family.run(
        "CREATE TABLE texts.`a b` (id int NOT NULL) ENGINE=CSV COMMENT='mine'",
        "INSERT INTO texts.`a b` VALUES (1)",
        "CREATE TABLE plain.t (id int PRIMARY KEY)",
    )
    snapshot = family.sizes()
    size = found(snapshot, "texts")
    assert size.total.state is size.data.state is MeasureState.UNREACHABLE
    assert size.total.reason == "Database texts: 1 tables tell no size: a b (CSV)."
    assert snapshot.warnings == (size.total.reason,)
    assert snapshot.unread == (size,)


@pytest.mark.parametrize("log", ["general_log", "slow_log"])
def test_log_tables_are_zero_only_where_they_are_empty(family: Family, log: str) -> None:
    """Also where the server stopped writing to them."""
    switch = "general_log" if log == "general_log" else "slow_query_log"
    assert found(family.sizes(), "mysql").total.state is MeasureState.KNOWN
    (before,) = family.rows(f"SELECT @@log_output, @@{switch}, @@GLOBAL.long_query_time")
    try:
        family.run(
            "SET GLOBAL log_output = 'TABLE'",
            "SET GLOBAL long_query_time = 0",
            f"SET GLOBAL {switch} = 1",
        )
        family.run("SELECT 1", "SELECT REPEAT('x', 100)")
        filling = found(family.sizes(), "mysql")
        family.run(f"SET GLOBAL {switch} = 0")
        left = family.sizes()
    finally:
        family.run(
            f"SET GLOBAL {switch} = 0",
            f"TRUNCATE TABLE mysql.{log}",
            f"SET GLOBAL log_output = '{before[0]}'",
            f"SET GLOBAL {switch} = {before[1]}",
            f"SET GLOBAL long_query_time = {before[2]}",
        )
    for size in (filling, found(left, "mysql")):
        assert size.total.state is size.data.state is MeasureState.UNREACHABLE
        assert "no size of its log tables (CSV), which are not empty" in size.total.reason
    assert [item.name for item in left.unread] == ["mysql"]
    assert found(family.sizes(), "mysql").total.state is MeasureState.KNOWN


def test_a_discarded_tablespace_has_no_file(family: Family) -> None:
    """MySQL says that it was discarded; on MariaDB it can't be told from a lost file."""
    directory = directory_of(family, "given")
    family.run(
        "CREATE TABLE given.away (id int PRIMARY KEY)",
        "CREATE TABLE given.kept (id int PRIMARY KEY)",
        "ALTER TABLE given.away DISCARD TABLESPACE",
    )
    size = found(family.sizes(), "given")
    if family.is_mysql:
        assert size.total.bytes == files(directory)
    else:
        assert "the file of given/away is not found (removed, or discarded)" in size.total.reason


def test_files_in_another_directory_are_their_database_s(mariadb_family: Family) -> None:
    family = mariadb_family
    directory = directory_of(family, "moved")
    elsewhere = family.server.directory / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(elsewhere, "mysql")
    family.run(
        f"CREATE TABLE moved.inno (id int PRIMARY KEY) DATA DIRECTORY='{elsewhere}'",
        f"CREATE TABLE moved.isam (id int PRIMARY KEY) ENGINE=MyISAM DATA DIRECTORY='{elsewhere}'",
        "INSERT INTO moved.isam VALUES (1)",
        "FLUSH TABLES",
    )
    expected = files(directory) + files(elsewhere / "moved")
    assert found(family.sizes(), "moved").total.bytes == expected


def test_a_general_tablespace_is_shared_by_what_its_tables_hold(mysql_family: Family) -> None:
    directory_of(mysql_family, "guest")
    mysql_family.run("CREATE TABLESPACE room ADD DATAFILE 'room.ibd'")
    try:
        filled(mysql_family, "guest.t", "TABLESPACE room", 2)
        mysql_family.run("ANALYZE TABLE guest.t")
        snapshot = mysql_family.sizes()
        size = found(snapshot, "guest")
        room = mysql_family.server.directory / "data" / "room.ibd"
        assert size.total.bytes == size.logical.bytes
        assert 2 * MEGABYTE <= (size.total.bytes or 0) <= room.stat().st_size
        said = {item.name: item.total.bytes for item in snapshot.tablespaces}
        assert said["room"] == room.stat().st_size
    finally:
        mysql_family.run("DROP TABLE guest.t", "DROP TABLESPACE room")


def test_a_shared_file_that_is_not_found_is_not_zero(family: Family) -> None:
    data = family.server.directory / "data"
    path = data / ("undo_001" if family.is_mysql else "undo001")
    if not path.exists():
        path = data / "ibdata1"  # MariaDB before 11.0 has no undo tablespaces by default
        name = "innodb_system"
    else:
        name = "innodb_undo_001" if family.is_mysql else "innodb_undo001"
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        snapshot = family.sizes()
    finally:
        away.rename(path)
    (lost,) = (item.total for item in snapshot.tablespaces if item.name == name)
    assert lost.state is snapshot.shared.state is MeasureState.UNREACHABLE
    assert lost.reason == f"Tablespace {name}: its file is not found."
    assert lost.reason in snapshot.warnings
    assert not snapshot.unread


@dataclass(frozen=True)
class World:
    """Databases by name, each with the engine and options of its tables."""

    databases: dict[str, list[str]]


ANY_NAME = st.text(
    st.characters(min_codepoint=33, max_codepoint=0xFFFD, exclude_categories=("Cs", "Cn", "Co")),
    min_size=1,
    max_size=12,
)
OPTIONS = (
    "ENGINE=InnoDB",
    "ENGINE=InnoDB ROW_FORMAT=COMPRESSED",
    "ENGINE=InnoDB PARTITION BY HASH (id) PARTITIONS 2",
    "ENGINE=MyISAM",
    "ENGINE=MEMORY",
)
WORLDS = st.builds(
    World,
    st.dictionaries(
        ANY_NAME.filter(lambda name: name.lower() not in KEPT),
        st.lists(st.sampled_from(OPTIONS), max_size=3),
        min_size=1,
        max_size=3,
    ),
)


@settings(
    max_examples=6,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=WORLDS)
def test_every_database_is_what_its_directory_takes(family: Family, world: World) -> None:
    directories: dict[str, Path] = {}
    for name, tables in world.databases.items():
        directories[name] = directory_of(family, name)
        for number, options in enumerate(tables):
            table = f"{quoted(name)}.{quoted(f'{name}{number}')}"
            family.run(
                f"CREATE TABLE {table} (id int PRIMARY KEY) {options}",
                f"INSERT INTO {table} VALUES (1), (2)",
            )
    snapshot = family.sizes()
    said = {name: found(snapshot, name).total.bytes for name in directories}
    assert said == {name: files(path) for name, path in directories.items()}
    reset(family)


@pytest.mark.parametrize(
    ("directory", "tablespace", "names", "database"),
    [
        ("aux@@@", "aux/t", ["aux", "aux@@@"], "aux"),
        ("aux@0040@0040@0040", "aux@@@/t", ["aux", "aux@@@"], "aux@@@"),
        ("@0k@002fb", "ä/b/c", ["ä", "ä/b"], "ä/b"),
        ("@0k", "ä/b/c", ["ä", "ä/b"], "ä"),
        ("@0k", "ö/t", ["ä"], None),
        ("a@0k", "aä/t", ["aä", "bä"], "aä"),
    ],
)
def test_a_directory_names_one_database(
    directory: str, tablespace: str, names: list[str], database: str | None
) -> None:
    assert database_of(directory, tablespace, names) == database


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
@pytest.mark.parametrize("file", ["size_schemas", "size_listed", "size_tables"])
def test_statements_leave_out_only_engines_that_are_known_to_have_no_data(
    engine: str, file: str
) -> None:
    text = (Path(size_tables.__file__).parents[1] / engine / "sql" / f"{file}.sql").read_text()
    inside = text.partition("engine NOT IN (")[2].partition(")")[0]
    named = {word.strip().strip("'").lower() for word in inside.split(",")}
    assert named <= size_tables.WITHOUT_DATA
    assert {"mrg_myisam", "memory", "federated", "blackhole"} <= named
