"""A value of a size is declared once; what is stored, read and shown follows from it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime

import pytest

from sync_pipeline.model.size import (
    DatabaseSize,
    Measure,
    MeasureName,
    SizePoint,
    SizeSnapshot,
)
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.store.sizes.schema import database_size_stats, instance_size_stats
from sync_pipeline.workflows.answers.exports import _point

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def numbered() -> DatabaseSize:
    """Return a database none of whose values is another's."""
    known = [Measure.known(10**place) for place in range(5)]
    return DatabaseSize("shop", *known)


def test_every_value_is_a_field_a_column_and_a_key() -> None:
    names = [name.column for name in MeasureName]
    assert names == [f"{name}_bytes" for name in MeasureName]
    point = [item.name for item in fields(SizePoint) if item.name.endswith("_bytes")]
    assert point == [*names, "maximum_bytes"]
    for table in (database_size_stats, instance_size_stats):
        assert set(names) <= set(table.columns.keys())
    exported = _point(SizePoint("i", "shop", date(2026, 11, 29), 1))
    assert [key for key in exported if key in names] == names


def test_a_database_tells_each_value_by_its_own_name() -> None:
    found = {name: measure.bytes for name, measure in numbered().measures().items()}
    assert found == {
        MeasureName.TOTAL: 1,
        MeasureName.DATA: 10,
        MeasureName.INDEX: 100,
        MeasureName.LOG: 1000,
        MeasureName.TEMPORARY: 10000,
        MeasureName.LOGICAL: 110,
    }


@pytest.mark.parametrize("hidden", [False, True])
def test_an_instance_adds_its_own_to_each_value(hidden: bool) -> None:
    why = Measure.denied("some are hidden")
    snapshot = SizeSnapshot(
        ServerIdentity("1", (1,)),
        NOW,
        (numbered(), numbered()),
        log=Measure.known(7),
        temporary=Measure.known(9),
        **({"hidden": why} if hidden else {}),
    )
    found = snapshot.measures()
    assert list(found) == list(MeasureName)
    assert found[MeasureName.TEMPORARY] == Measure.known(20009)
    others = {MeasureName.TOTAL: 2, MeasureName.DATA: 20, MeasureName.INDEX: 200}
    others |= {MeasureName.LOG: 2007, MeasureName.LOGICAL: 220}
    for name, count in others.items():
        assert found[name] == (why if hidden else Measure.known(count))
