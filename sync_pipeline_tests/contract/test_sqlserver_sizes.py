"""SQL Server's sizes: the engine's real SQL over emulated files, one test a known case."""

from __future__ import annotations

import pytest

from sync_pipeline.model.size import (
    NOT_APPLICABLE,
    DatabaseSize,
    KnownDatabase,
    Measure,
    MeasureName,
    MeasureState,
    SizeSnapshot,
    TableSize,
)
from sync_pipeline.reconcile.databases import reconcile_databases
from sync_pipeline.reconcile.scope import Scope
from workbench.emulation.sqlserver_connection import sizes_of
from workbench.emulation.sqlserver_world import World

PAGE = 8192


@pytest.fixture
def world() -> World:
    found = World()
    database = found.database("sales")
    database.file(0, 1000)
    database.file(0, 500)
    database.file(1, 300, 268435456)
    return found


def of(snapshot: SizeSnapshot, name: str) -> DatabaseSize:
    (found,) = (item for item in snapshot.databases if item.name == name)
    return found


def test_files_tables_and_indexes_of_a_database(world: World) -> None:
    database = world.databases["sales"]
    heap, tree = database.thing("heap"), database.thing("tree")
    database.pages(heap, 0, 40)
    database.pages(tree, 1, 20)
    database.pages(tree, 1, 20)
    database.pages(tree, 2, 7)
    snapshot = sizes_of(world, largest_tables=1)
    found = of(snapshot, "sales")
    assert snapshot.warnings == ()
    assert snapshot.inventory_is_complete
    assert found.total.bytes == 1800 * PAGE
    assert found.log.bytes == 300 * PAGE
    assert found.data.bytes == 80 * PAGE
    assert found.index.bytes == 7 * PAGE
    assert found.tables == (TableSize("dbo", "tree", 47 * PAGE, 40 * PAGE, 7 * PAGE),)


def test_offline_and_restoring_databases_still_take_disk(world: World) -> None:
    for name, state in (("off", 6), ("restoring", 1)):
        database = world.database(name, state=state)
        database.file(0, 64)
        database.file(1, 8)
    replica = world.database("replica", replica_id="r", has_access=False)
    replica.file(0, 32)
    snapshot = sizes_of(world)
    assert of(snapshot, "off").total.bytes == 72 * PAGE
    assert of(snapshot, "restoring").total.bytes == 72 * PAGE
    assert of(snapshot, "replica").total.bytes == 32 * PAGE
    for name in ("off", "restoring", "replica"):
        assert of(snapshot, name).data.state is MeasureState.UNREACHABLE
        assert any(f"Database {name} was not opened" in text for text in snapshot.warnings)
    assert of(snapshot, "sales").data.state is MeasureState.KNOWN


@pytest.mark.parametrize("state", [3, 6])
def test_a_file_that_may_not_be_on_the_disk_makes_the_total_unknown(
    world: World, state: int
) -> None:
    """File States: one that is offline, or waits for a piecemeal restore."""
    world.databases["sales"].file(0, 700, state=state)
    world.database("sound").file(0, 64)
    snapshot = sizes_of(world)
    total = of(snapshot, "sales").total
    assert total.state is MeasureState.UNREACHABLE
    assert "1 files are offline or pending recovery" in total.reason
    assert total.reason in snapshot.warnings
    assert of(snapshot, "sound").total.bytes == 64 * PAGE


def test_a_database_whose_recovery_is_pending_may_lack_files(world: World) -> None:
    """Database States; one that is suspect or offline has its files."""
    for name, state in (("pending", 3), ("suspect", 4), ("off", 6)):
        database = world.database(name, state=state)
        database.file(0, 64, state=6 if name == "off" else 0)
    snapshot = sizes_of(world)
    assert of(snapshot, "suspect").total.bytes == of(snapshot, "off").total.bytes == 64 * PAGE
    assert "files of it may be missing" in of(snapshot, "pending").total.reason
    assert [item.name for item in snapshot.unread] == ["pending"]


@pytest.mark.parametrize("is_denied", [True, False])
def test_a_hidden_list_of_databases_is_read_as_far_as_it_goes(
    world: World, is_denied: bool
) -> None:
    """What may be seen is measured; the rest is not known, not 0, and not gone."""
    before = sizes_of(world)
    world.denied.add("VIEW ANY DATABASE")
    if is_denied:
        world.grant("public", "VIEW ANY DATABASE", state="D")
    snapshot = sizes_of(world)
    assert [item.name for item in snapshot.databases] == ["master"]
    assert of(snapshot, "master") == of(before, "master")
    assert snapshot.known_bytes == of(before, "master").total.bytes
    (said,) = snapshot.warnings
    for name in ("total", "data", "index", "log", "logical"):
        measure = snapshot.measures()[MeasureName(name)]
        assert measure == Measure.denied(said), name
    assert "GRANT VIEW ANY DATABASE TO [mon];" in said
    assert ("REVOKE VIEW ANY DATABASE FROM [public];" in said) is is_denied
    known = [KnownDatabase(item.name, is_active=True) for item in before.databases]
    assert reconcile_databases(known, snapshot, Scope()).vanished == ()


def test_a_deny_of_the_definitions_is_named_with_what_ends_it(world: World) -> None:
    """A GRANT beats no DENY: that goes for each permission, not for the databases alone."""
    world.permissions.remove("VIEW ANY DEFINITION")
    world.permissions.add("VIEW ANY SECURITY DEFINITION")
    world.version = "16.0.1000.6"
    world.grant("mon", "VIEW ANY DEFINITION", state="D")
    total = of(sizes_of(world), "sales").total
    assert total.state is MeasureState.DENIED
    assert "VIEW ANY DEFINITION is denied to mon" in total.reason
    assert (
        "REVOKE VIEW ANY DEFINITION FROM [mon]; GRANT VIEW ANY DEFINITION TO [mon];" in total.reason
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # size, max_size, growth: one that grows to its cap, one that can't grow.
        ([(100, 400, 10)], 400),
        ([(100, -1, 0)], 100),
        ([(100, 0, 10)], 100),
        ([(100, 50, 10)], 100),
        ([(100, 400, 10), (30, -1, 0)], 430),
        ([(100, 400, 10), (30, -1, 10)], None),
        ([(100, -1, 10)], None),
    ],
)
def test_the_ceiling_is_the_autogrow_cap_not_todays_file(
    files: list[tuple[int, int, int]], expected: int | None
) -> None:
    world = World()
    database = world.database("capped")
    for size, maximum, growth in files:
        database.file(0, size, maximum, growth)
    database.file(1, 7, 268435456)  # the cap of a log that nobody capped: 2 TiB
    found = of(sizes_of(world), "capped").maximum_bytes
    # The log as it is stands in the total too, so both are reached together.
    assert found == (None if expected is None else (expected + 7) * PAGE)


def test_filestream_and_in_memory_containers_are_measured_in_their_database() -> None:
    """sys.master_files says 0 pages and no growth of a container."""
    world = World()
    database = world.database("media")
    database.file(0, 100, 400)
    database.file(2, 0, -1, 0, container_size=900)
    found = of(sizes_of(world), "media")
    assert found.total.bytes == 1000 * PAGE
    assert found.maximum_bytes is None

    database.listed["state"], database.listed["state_desc"] = 6, "OFFLINE"
    offline = of(sizes_of(world), "media")
    assert offline.total.state is MeasureState.UNREACHABLE
    assert offline.total.bytes is None


def test_a_capped_container_counts_into_the_ceiling() -> None:
    world = World()
    database = world.database("media")
    database.file(0, 100, 400)
    database.file(2, 0, 2000, 0, container_size=900)
    assert of(sizes_of(world), "media").maximum_bytes == 2400 * PAGE


def test_a_snapshot_is_no_database_and_takes_what_its_sparse_files_take() -> None:
    world = World()
    assert sizes_of(world).shared == NOT_APPLICABLE
    database = world.database("before_release", source_database_id=1)
    database.file(0, 100_000, -1, 0, is_sparse=True)
    world.server.add(
        "io_virtual_file_stats",
        database_id=database.number,
        file_id=1,
        size_on_disk_bytes=3 * PAGE,
    )
    snapshot = sizes_of(world)
    assert [item.name for item in snapshot.databases] == ["master"]
    assert snapshot.shared.bytes == 3 * PAGE
    world.permissions.remove("VIEW SERVER STATE")
    denied = sizes_of(world).shared
    assert denied.state is MeasureState.DENIED
    assert "VIEW SERVER STATE" in denied.reason


def test_databases_that_are_started_to_be_measured_are_said_once() -> None:
    world = World()
    for name in ("express", "local"):
        world.database(name, is_auto_close_on=True).file()
    (warning,) = sizes_of(world).warnings
    assert "AUTO_CLOSE is on" in warning
    assert warning.endswith(": express, local.")


def test_tempdb_is_temporary_space_and_as_large_as_it_is_now() -> None:
    """sys.master_files has the sizes with which tempdb starts."""
    world = World()
    for row in world.databases["tempdb"].rows["database_files"]:
        row["size"] = 5000
    snapshot = sizes_of(world)
    assert snapshot.temporary.bytes == 10_000 * PAGE
    assert [item.name for item in snapshot.databases] == ["master"]


def test_more_than_two_gibibytes_do_not_overflow() -> None:
    world = World()
    database = world.database("huge")
    for _ in range(4):
        database.file(0, 2**31 - 1, 2**31 - 1)
    assert of(sizes_of(world), "huge").total.bytes == 4 * (2**31 - 1) * PAGE


def test_one_bad_database_does_not_lose_the_others(world: World) -> None:
    broken = world.database("broken")
    broken.file(0, 10)
    broken.is_reachable = False
    snapshot = sizes_of(world)
    assert of(snapshot, "broken").total.bytes == 10 * PAGE
    assert of(snapshot, "broken").data.state is MeasureState.UNREACHABLE
    assert of(snapshot, "sales").data.state is MeasureState.KNOWN
