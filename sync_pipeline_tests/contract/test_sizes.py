"""What every engine promises of sizes, on each of its servers.

That a database is what its files are is in the files of the engines that have real ones.
"""

from __future__ import annotations

import pytest

from sync_pipeline.errors import SyncError
from sync_pipeline.model.size import DatabaseSize, MeasureName, MeasureState, SizeSnapshot
from sync_pipeline_tests.contract.worlds.world import Change, Row, World

KNOWN = (MeasureState.KNOWN, MeasureState.NOT_APPLICABLE)
TABLES = {"small": 2, "large % s": 5, "middle": 3}


def home_of(world: World, sizes: SizeSnapshot) -> DatabaseSize:
    (found,) = (item for item in sizes.databases if item.name == world.home)
    return found


@pytest.mark.on_babelfish
def test_a_whole_measuring_says_so_and_the_instance_is_the_sum(world: World) -> None:
    world.run(*world.tables({"t": 1}))
    sizes = world.sizes()
    assert sizes.warnings == ()
    assert sizes.inventory_is_complete
    assert sizes.unread == ()
    names = [item.name for item in sizes.databases]
    assert len(set(names)) == len(names)
    totals = [item.total.bytes for item in sizes.databases]
    assert None not in totals
    assert sum(size or 0 for size in totals) == sizes.known_bytes
    assert sizes.measures()[MeasureName.TOTAL].bytes == sizes.known_bytes
    for item in sizes.databases:
        for measure in (item.total, item.data, item.index, item.log, item.logical):
            assert measure.state in KNOWN, (item.name, measure)
            assert (measure.bytes is None) is (measure.state is MeasureState.NOT_APPLICABLE)
            assert (measure.bytes or 0) >= 0
        assert item.total.bytes is not None
        assert item.maximum_bytes is None or item.maximum_bytes >= item.total.bytes
    assert (home_of(world, sizes).total.bytes or 0) > 0


@pytest.mark.on_babelfish
def test_the_largest_tables_are_opt_in_bounded_and_in_order(world: World) -> None:
    world.run(*world.tables(TABLES))
    assert not any(item.tables for item in world.sizes().databases)
    said = {world.said_of("large % s")}
    sizes = world.sizes(largest_tables=2)
    said.add(world.said_of("large % s"))  # a vacuum may have come between
    tables = home_of(world, sizes).tables
    assert [item.name for item in tables] == ["large % s", "middle"]
    for item in tables:
        assert item.total_bytes == item.data_bytes + item.index_bytes
    assert tables[0].total_bytes > tables[1].total_bytes > 0
    assert said & {None, tables[0].total_bytes}
    assert {item.schema for item in tables} == {world.home_schema}
    assert all(len(item.tables) <= 2 for item in sizes.databases)
    more = home_of(world, world.sizes(largest_tables=3)).tables
    assert [item.name for item in more] == ["large % s", "middle", "small"]


def test_a_database_is_what_its_files_are_whatever_its_name(world: World) -> None:
    """Before and after it grew."""
    world.run(*world.stores())
    before = world.sizes()
    assert world.on_disk().items() <= totals(before).items()
    steps, grown = world.grows()
    world.run(*steps)
    after = world.sizes()
    assert world.on_disk().items() <= totals(after).items()
    assert world.home in world.on_disk()
    larger = totals(after)[world.home] - totals(before)[world.home]
    assert grown <= larger < 4 * grown
    for sizes in (before, after):
        assert sizes.warnings == ()
        assert sizes.inventory_is_complete
    if not world.is_emulated:
        was, now = (home_of(world, sizes).data.bytes or 0 for sizes in (before, after))
        assert grown <= now - was <= larger


def totals(sizes: SizeSnapshot) -> dict[str, int]:
    """Return the bytes of each database, all of them known."""
    found = {item.name: item.total.bytes for item in sizes.databases}
    return {name: size for name, size in found.items() if size is not None}


def test_beyond_the_limit_of_databases_the_totals_are_still_known(world: World) -> None:
    """Where each has a catalog of its own; elsewhere there is nothing to open."""
    world.run(*world.tables({"t": 1}))
    whole, sizes = world.sizes(), world.sizes(max_databases=1)
    assert totals(sizes).keys() == {item.name for item in whole.databases}
    if not world.databases:
        assert sizes.warnings == ()
        return
    states = [item.data.state for item in sizes.databases]
    assert states.count(MeasureState.KNOWN) == 1
    assert set(states) - set(KNOWN) == {MeasureState.UNREACHABLE}
    assert any("the limit of 1 databases was reached" in item for item in sizes.warnings)


def test_the_number_of_statements_does_not_grow_with_tables(world: World) -> None:
    world.run(*world.tables({"t": 1}))
    world.sizes(largest_tables=1)
    few, opened = world.statements, world.opened
    assert len(few) <= world.most_statements
    world.run(*world.tables({f"t{number}": 0 for number in range(60)}))
    world.sizes(largest_tables=1)
    assert (world.statements, world.opened) == (few, opened)


def test_the_order_of_rows_never_matters(world: World) -> None:
    def reversed_rows(sql: str, rows: list[Row]) -> list[Row]:
        return rows[::-1]

    world.run(*world.tables({"t": 1}))
    one, other = world.sizes(), world.sizes(reversed_rows)
    assert {item.name for item in other.databases} == {item.name for item in one.databases}
    assert home_of(world, other) == home_of(world, one)
    assert other.warnings == one.warnings


def without_a_row_of(statement: str) -> Change:
    return lambda sql, rows: rows[1:] if sql == statement else rows


def test_a_list_of_databases_that_lost_a_row_is_never_taken_for_the_whole(world: World) -> None:
    world.run(*world.tables({"t": 1}))
    world.sizes()
    lists = {sql for sql, rows in world.seen if len(rows) > 1 and world.is_list_of_databases(sql)}
    assert bool(lists) is bool(world.databases) or not world.is_emulated
    for lost in lists:
        with pytest.raises(SyncError, match="not whole"):
            world.sizes(without_a_row_of(lost))
