"""Sizes of Oracle: files, ceilings, what is used, redo; and never 0 for what is not known."""

from __future__ import annotations

import pytest

from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.size import NOT_APPLICABLE, Measure, MeasureState
from sync_pipeline_tests.contract.oracle_family import MONITOR, database, sizes_of
from workbench.emulation.oracle import Session
from workbench.emulation.oracle_world import GIB, World

ROOT = Session(container=1)
FIX = f"ALTER USER {MONITOR} SET CONTAINER_DATA = ALL CONTAINER = CURRENT;"


@pytest.fixture
def world() -> World:
    made = World()
    made.database()
    made.redo(1, 1, GIB, 2)
    made.redo(2, 1, GIB, 2)
    made.redo(3, 2, GIB // 2, 1)
    return made


@pytest.fixture
def cdb() -> World:
    made = World()
    made.cdb("SALES", "HR")
    made.redo(1, 1, GIB, 2)
    return made


def test_one_database_is_its_files_and_redo_and_temporary_files_stand_beside(
    world: World,
) -> None:
    world.tablespace("USERS", files=((GIB, "NO", 0), (2 * GIB, "NO", 0)), used=GIB // 4)
    world.tablespace("UNDO", files=((GIB, "NO", 0),), contents="UNDO", used=GIB // 8)
    sizes = sizes_of(world)
    (found,) = sizes.databases
    assert found.name == "ORCL"
    assert found.total == Measure.known(5 * GIB)
    assert found.data == Measure.known(GIB // 2 + GIB // 4)
    assert found.temporary == Measure.known(GIB // 4)
    assert found.index is NOT_APPLICABLE
    assert found.log is NOT_APPLICABLE
    assert sizes.log == Measure.known(4 * GIB + GIB // 2)
    assert sizes.warnings == ()


def test_mixed_files_have_the_ceiling_of_each_file(world: World) -> None:
    world.tablespace(
        "MIXED",
        files=(
            (4 * GIB, "NO", 0),  # does not grow: its own size is its ceiling
            (GIB, "YES", 8 * GIB),
            (6 * GIB, "YES", 5 * GIB),  # made larger than its ceiling by hand
        ),
        used=10 * GIB,
    )
    sizes = sizes_of(world)
    found = {item.name: item for item in sizes.tablespaces}
    assert found["MIXED"].total == Measure.known(11 * GIB)
    assert found["MIXED"].maximum_bytes == (4 + 8 + 6) * GIB
    assert found["TEMP"].maximum_bytes == GIB // 4
    (only,) = sizes.databases
    assert only.maximum_bytes == 18 * GIB + 32 * GIB
    assert only.data.bytes is not None
    assert only.data.bytes <= (only.total.bytes or 0)


def test_used_blocks_are_of_the_tablespace_own_size(world: World) -> None:
    world.tablespace("BIG_BLOCKS", files=((GIB, "NO", 0),), used=2**20, block_size=32768)
    (found,) = sizes_of(world).databases
    assert found.data == Measure.known(GIB // 2 + 2**20)


def test_a_file_that_is_offline_has_no_size_and_the_sum_is_unknown(world: World) -> None:
    world.tablespace("HALF", files=((GIB, "NO", 0), (None, "NO", 0)), used=None)
    sizes = sizes_of(world)
    (found,) = sizes.databases
    assert found.total.state is MeasureState.UNREACHABLE
    assert "HALF" in found.total.reason
    assert found.data.state is MeasureState.UNREACHABLE
    assert found.maximum_bytes is None
    tablespaces = {item.name: item.total for item in sizes.tablespaces}
    assert tablespaces["SYSTEM"] == Measure.known(GIB)
    assert tablespaces["HALF"].is_missing
    assert any("HALF" in warning for warning in sizes.warnings)


def test_no_redo_log_seen_is_not_zero_bytes(world: World) -> None:
    world.server._rows["v$log"] = []
    sizes = sizes_of(world)
    assert sizes.log.state is MeasureState.UNREACHABLE
    assert sizes.warnings


def test_files_that_may_not_be_read_are_denied_and_the_database_stays(world: World) -> None:
    refused = "ORA-01031: insufficient privileges"
    world.segment("HR", "T", "TABLE", 2**20)
    session = Session(fails={"dba_temp_files": refused})
    (found,) = sizes_of(world, session, largest_tables=1).databases
    assert found.total == found.temporary
    assert found.total.state is MeasureState.DENIED
    assert [item.name for item in found.tables] == ["T"]
    assert f"GRANT READ ON SYS.DBA_TEMP_FILES TO {MONITOR};" in found.total.reason
    assert found.data.state is MeasureState.KNOWN


def test_the_root_measures_each_container_with_the_same_statements(cdb: World) -> None:
    cdb.tablespace("USERS", 3, files=((2 * GIB, "YES", 4 * GIB),), used=GIB)
    sizes = sizes_of(cdb, ROOT)
    assert [item.name for item in sizes.databases] == ["CDB$ROOT", "PDB$SEED", "SALES", "HR"]
    assert database(sizes, "SALES").total == Measure.known(3 * GIB)
    assert database(sizes, "SALES").maximum_bytes == 36 * GIB
    assert database(sizes, "HR").total == Measure.known(GIB)
    assert database(sizes, "PDB$SEED").total == Measure.known(700 * 2**20)
    assert sizes.log == Measure.known(2 * GIB)
    names = {item.name for item in sizes.tablespaces}
    assert {"SYSTEM", "SALES.SYSTEM", "SALES.USERS", "HR.TEMP"} <= names
    assert len(names) == len(sizes.tablespaces)
    statements = len(cdb.server.statements)
    more = World()
    more.cdb(*(f"P{number}" for number in range(9)))
    more.redo(1, 1, GIB, 2)
    sizes_of(more, ROOT)
    assert len(more.server.statements) == statements


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"open_mode": "MOUNTED"}, "it is not open (MOUNTED, NORMAL)"),
        ({"open_mode": "MOUNTED", "status": "UNPLUGGED"}, "UNPLUGGED"),
        ({"restricted": "YES", "total_size": 5 * GIB}, "restricted mode"),
    ],
)
def test_a_closed_container_is_listed_with_an_unknown_size_and_the_reason(
    cdb: World, values: dict[str, object], said: str
) -> None:
    cdb.container(5, "ASIDE", **values)
    sizes = sizes_of(cdb, ROOT)
    found = database(sizes, "ASIDE")
    assert found.total.state is MeasureState.UNREACHABLE
    assert said in found.total.reason
    assert found.total.reason in sizes.warnings
    assert database(sizes, "SALES").total == Measure.known(GIB)
    assert [item.name for item in sizes.unread] == ["ASIDE"]


def test_without_container_data_the_containers_are_denied_with_the_statement(
    cdb: World,
) -> None:
    sizes = sizes_of(cdb, Session(container=1, sees=frozenset({1})))
    assert database(sizes, "CDB$ROOT").total == Measure.known(GIB)
    for name in ("SALES", "HR"):
        assert database(sizes, name).total.state is MeasureState.DENIED
        assert FIX in database(sizes, name).total.reason


def test_a_container_of_which_no_file_is_seen_is_never_zero(cdb: World) -> None:
    rows = cdb.server._rows["dba_data_files"]
    cdb.server._rows["dba_data_files"] = [row for row in rows if row["#con_id"] != 4]
    found = database(sizes_of(cdb, ROOT), "HR")
    assert found.total.state is MeasureState.DENIED
    assert FIX in found.total.reason


def test_the_list_of_containers_must_be_readable_and_whole(cdb: World) -> None:
    refused = "ORA-00942: table or view does not exist"
    with pytest.raises(PrivilegeError) as caught:
        sizes_of(cdb, Session(container=1, fails={"v$pdbs": refused}))
    assert "GRANT READ ON SYS.V_$PDBS TO" in str(caught.value)
    cdb.server._rows["dba_pdbs"] = []
    with pytest.raises(PrivilegeError) as caught:
        sizes_of(cdb, ROOT)
    assert FIX in str(caught.value)


def test_a_pluggable_database_has_no_redo_of_its_own(cdb: World) -> None:
    sizes = sizes_of(cdb, Session(container=3))
    (found,) = sizes.databases
    assert (found.name, found.total) == ("SALES", Measure.known(GIB))
    assert sizes.log is NOT_APPLICABLE


def _fill(world: World, c: int) -> None:
    world.segment("SHOP", "ORDERS", "TABLE PARTITION", 5 * GIB, c)
    world.segment("SHOP", "ORDERS", "TABLE PARTITION", 4 * GIB, c)
    world.segment("SHOP", "ORDERS_PK", "INDEX PARTITION", 2 * GIB, c)
    world.segment("SHOP", "SYS_LOB1", "LOBSEGMENT", GIB, c)
    world.segment("SHOP", "SYS_IL1", "LOBINDEX", 2**20, c)
    world.segment("SHOP", "SMALL", "TABLE", 2**20, c)
    world.segment("SHOP", "TINY", "TABLE", 2**16, c)
    world.segment("SHOP", "IOT_TOP", "INDEX", 3 * 2**20, c)
    for index, table in (("ORDERS_PK", "ORDERS"), ("SYS_IL1", "ORDERS"), ("IOT_TOP", "BY_KEY")):
        world.server.add(
            "dba_indexes", c, owner="SHOP", index_name=index, table_owner="SHOP", table_name=table
        )
    world.server.add(
        "dba_lobs",
        c,
        owner="SHOP",
        table_name="ORDERS",
        column_name="DOCUMENT",
        segment_name="SYS_LOB1",
    )


def test_the_largest_tables_count_partitions_indexes_and_large_objects(world: World) -> None:
    _fill(world, 0)
    (found,) = sizes_of(world, largest_tables=3).databases
    assert [(item.name, item.data_bytes, item.index_bytes) for item in found.tables] == [
        ("ORDERS", 10 * GIB, 2 * GIB + 2**20),
        ("BY_KEY", 0, 3 * 2**20),
        ("SMALL", 2**20, 0),
    ]
    assert found.tables[0].total_bytes == 12 * GIB + 2**20


def test_the_largest_tables_are_of_each_container(cdb: World) -> None:
    _fill(cdb, 3)
    cdb.segment("HR", "STAFF", "TABLE", 2**20, 4)
    sizes = sizes_of(cdb, ROOT, largest_tables=1)
    assert [item.name for item in database(sizes, "SALES").tables] == ["ORDERS"]
    assert [item.name for item in database(sizes, "HR").tables] == ["STAFF"]


def test_segments_are_read_only_where_the_largest_tables_are_wanted(world: World) -> None:
    sizes_of(world)
    assert not any("segments" in text for text in world.server.statements)


def test_segments_that_take_too_long_cost_the_tables_alone(world: World) -> None:
    slow = "DPY-4024: call timeout of 60000 ms exceeded"
    sizes = sizes_of(world, Session(fails={"dba_segments": slow}), largest_tables=3)
    (found,) = sizes.databases
    assert found.total.state is MeasureState.KNOWN
    assert found.tables == ()
    assert any("took too long" in warning for warning in sizes.warnings)


def test_the_rows_of_an_index_organised_table_are_in_its_index(world: World) -> None:
    world.segment("HR", "PLAIN", "TABLE", 8 * 2**20)
    world.segment("HR", "SYS_IOT_TOP_77", "INDEX", 6 * 2**20)
    world.segment("HR", "IOT_BY_NAME", "INDEX", 2 * 2**20)
    for name, kind in (("SYS_IOT_TOP_77", "IOT - TOP"), ("IOT_BY_NAME", "NORMAL")):
        world.server.add(
            "dba_indexes",
            0,
            owner="HR",
            index_name=name,
            index_type=kind,
            table_owner="HR",
            table_name="IOT",
        )
    (found,) = sizes_of(world, largest_tables=5).databases
    tables = {item.name: (item.data_bytes, item.index_bytes) for item in found.tables}
    assert tables == {"PLAIN": (8 * 2**20, 0), "IOT": (6 * 2**20, 2 * 2**20)}


@pytest.mark.parametrize("session", [Session(), ROOT])
def test_what_lies_in_the_recycle_bin_is_no_table(session: Session) -> None:
    made = World()
    if session is ROOT:
        made.cdb("SALES")
    else:
        made.database()
    c = session.container
    made.segment("HR", "BIN$aGVsbG8=$0", "TABLE", 2**30, c)
    made.segment("HR", "BINS", "TABLE", 2**20, c)
    made.segment("HR", "BIN$aW5kZXg=$0", "INDEX", 2**30, c)
    made.server.add(
        "dba_indexes",
        c,
        owner="HR",
        index_name="BIN$aW5kZXg=$0",
        table_owner="HR",
        table_name="BIN$aGVsbG8=$0",
    )
    found = sizes_of(made, session, largest_tables=5).databases[0]
    assert [item.name for item in found.tables] == ["BINS"]


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"status": "OFFLINE"}, "it is offline"),
        ({"extent_management": "DICTIONARY"}, "the dictionary manages its extents"),
        ({"status": "READ ONLY"}, "the metrics leave it out"),
    ],
)
def test_why_it_is_not_known_what_is_used_is_guessed_from_no_single_sign(
    world: World, values: dict[str, str], cause: str
) -> None:
    world.tablespace("OLD", files=((GIB, "NO", 0),), used=None, **{"status": "ONLINE", **values})
    (found,) = sizes_of(world).databases
    assert found.data.state is MeasureState.UNREACHABLE
    assert f"tablespace OLD is not known: {cause}" in found.data.reason
    assert ("offline" in found.data.reason) is (values.get("status") == "OFFLINE")
    assert found.total.state is MeasureState.KNOWN
