"""What a session of Oracle sets before it reads, and that nothing else can change a name."""

from __future__ import annotations

import asyncio
import re
from importlib import resources
from types import TracebackType
from typing import Any, Self

import oracledb
import pytest
import sqlglot
from sqlglot import exp

from sync_pipeline.engines.base import Target, sql_text
from sync_pipeline.engines.oracle.engine import PACKAGE
from sync_pipeline.engines.oracle.wire import connection
from sync_pipeline.engines.oracle.wire.pinned import PINNED, pinning
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.engines.wire.links import Flow
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import Secret

FILES = sorted(
    item.name for item in (resources.files(PACKAGE) / "sql").iterdir() if item.name.endswith(".sql")
)


def test_each_parameter_has_a_value_and_a_reason() -> None:
    assert all(value and reason for value, reason in PINNED.values())
    assert re.fullmatch(r"ALTER SESSION SET( [A-Z_]+ = [A-Z']+)+", pinning())


def test_what_sets_others_too_comes_before_them() -> None:
    """Globalization Support Guide: NLS_LANGUAGE sets NLS_SORT, NLS_TERRITORY the formats."""
    names = list(PINNED)
    assert names.index("NLS_LANGUAGE") < names.index("NLS_SORT")


@pytest.mark.parametrize("file", FILES)
def test_each_table_is_named_with_its_owner(file: str) -> None:
    """Neither CURRENT_SCHEMA nor a synonym decides what is read."""
    (tree,) = sqlglot.parse(sql_text(PACKAGE, file), read="oracle")
    assert tree is not None
    tables = [table for table in tree.find_all(exp.Table) if table.name]
    assert tables
    assert {table.db.lower() for table in tables} == {"sys"}


class _Cursor:
    """Keeps what it is told: no server can be had that would answer."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        return None

    async def execute(self, sql: str) -> None:
        self._said.append(sql)


class _Raw:
    def __init__(self) -> None:
        self.said: list[str] = []

    def cursor(self) -> _Cursor:
        return _Cursor(self.said)


class _ThickCursor(_Cursor):
    def execute(self, sql: str) -> None:  # type: ignore[override]
        self._said.append(sql)


class _ThickRaw(_Raw):
    def cursor(self) -> _ThickCursor:
        return _ThickCursor(self.said)


INSTANCE = Instance(1, "erp", EngineName.ORACLE, "db1", 1521, "m", database="ERP")
TARGET = Target(INSTANCE, "m", Secret("x"), 5)


def test_a_session_sets_them_before_its_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _Raw()

    async def opened(**_: Any) -> _Raw:
        return raw

    monkeypatch.setattr(oracledb, "connect_async", opened)
    asyncio.run(connection._thin({}, TARGET, Flow(ReadLimits())))
    assert raw.said == [pinning(), connection.READ_ONLY]


def test_so_does_one_of_the_client_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _ThickRaw()
    monkeypatch.setattr(oracledb, "connect", lambda **_: raw)
    asyncio.run(connection._thick({}, TARGET))
    assert raw.said == [pinning(), connection.READ_ONLY]
