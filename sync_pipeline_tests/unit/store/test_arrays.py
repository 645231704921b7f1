"""An array as one value to bind: it is the condition that IN with each value by itself is."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine, not_, or_, select

from sync_pipeline.store.database import among

_TABLE = Table("rows", MetaData(), Column("id", Integer, primary_key=True), Column("value", Text))
_NAMES = ["a", 'b"', "c'", "ü", "1"]


@pytest.mark.parametrize("wanted", [[], ["a"], ['b"', "c'", "none"], ["ü", "1"]])
def test_it_finds_what_is_among_the_values_and_what_is_not(wanted: list[str]) -> None:
    """Beside other conditions, in a subquery, of another name of the table, and turned around."""
    engine = create_engine("sqlite://")
    _TABLE.metadata.create_all(engine)
    other = _TABLE.alias("other")
    with engine.begin() as connection:
        connection.execute(_TABLE.insert(), [{"value": name} for name in _NAMES])
        inside = among(connection, _TABLE.c.value, wanted)
        own = select(_TABLE.c.id).where(inside)
        asked = {
            inside: inside,
            not_(inside): not_(_TABLE.c.value.in_(wanted)),
            or_(inside, _TABLE.c.id == 1): or_(_TABLE.c.value.in_(wanted), _TABLE.c.id == 1),
            _TABLE.c.id.in_(own): _TABLE.c.value.in_(wanted),
        }
        for found, plain in asked.items():
            rows = connection.execute(select(_TABLE.c.value).where(found)).all()
            assert rows == connection.execute(select(_TABLE.c.value).where(plain)).all()
        inside = among(connection, other.c.value, wanted)  # type: ignore[arg-type]
        of_other = select(other.c.value).where(inside)
        assert set(connection.scalars(of_other)) == {*wanted} & {*_NAMES}
    engine.dispose()


def test_a_statement_is_made_once_whatever_is_bound() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        keys = [
            select(_TABLE).where(among(connection, _TABLE.c.id, wanted))._generate_cache_key()
            for wanted in ([1], [2, 3], [])
        ]
    assert keys[0]
    assert all(key == keys[0] for key in keys)
    engine.dispose()
