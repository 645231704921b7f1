"""Engines share what is compiled where their dialects are alike, and only there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Engine, Integer, MetaData, Table, create_engine, select
from sqlalchemy.sql.compiler import SQLCompiler

TABLE = Table("made", MetaData(), Column("id", Integer), Column("told", JSON))


def told_by(**options: Any) -> object:
    engine = create_engine("sqlite://", **options)
    try:
        return _told(engine)
    finally:
        engine.dispose()


def _told(engine: Engine) -> object:
    with engine.begin() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert().values(id=1, told={"a": 1}))
        connection.execute(TABLE.insert().values(id=2, told={"a": 2}))
        return connection.execute(select(TABLE.c.told).where(TABLE.c.id == 2)).scalar()


def test_a_statement_is_compiled_once_for_engines_that_are_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[object] = []
    real = SQLCompiler.__init__

    def counted(self: SQLCompiler, dialect: Any, statement: Any, *rest: Any, **more: Any) -> None:
        compiled.append(statement)
        real(self, dialect, statement, *rest, **more)

    assert told_by() == {"a": 2}
    monkeypatch.setattr(SQLCompiler, "__init__", counted)
    assert told_by() == {"a": 2}
    before = len(compiled)
    assert told_by(json_deserializer=lambda text: (text, json.loads(text))) == (
        '{"a": 2}',
        {"a": 2},
    )
    assert len(compiled) > before
    again = len(compiled)
    assert told_by() == {"a": 2}
    assert len(compiled) == again
