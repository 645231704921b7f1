"""What a server says may be anything: one sentence says it, and the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.wire.drivers import DRIVER_OPTION
from sync_pipeline.errors import MemoryExhausted, SyncError
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.workflows.syncing.recorded import one_instance
from workbench.servers.rogue import answers
from workbench.servers.rogue.mysql import rogue_mysql
from workbench.servers.rogue.postgresql import rogue_postgresql
from workbench.servers.rogue.victim import PASSWORD, target, tried
from workbench.servers.sqlserver_drivers import driver_named
from workbench.servers.tds import Rows, tds_server

CASES: list[tuple[EngineName, str, Any]] = [
    *((EngineName.MARIADB, name, parts) for name, parts in answers.MYSQL.items()),
    *((EngineName.MYSQL, name, parts) for name, parts in answers.MYSQL.items()),
    *((EngineName.POSTGRESQL, name, parts) for name, parts in answers.POSTGRESQL.items()),
    *((EngineName.SQLSERVER, name, rows) for name, rows in answers.TDS.items()),
]


@contextmanager
def tds(rows: Rows | None) -> Iterator[int]:
    with tds_server(on_batch=lambda _, sql: rows if "SELECT" in sql else None) as server:
        yield server.port


def server_of(engine: EngineName, answer: Any) -> AbstractContextManager[int]:
    if engine is EngineName.SQLSERVER:
        return tds(answer)

    def attack(sql: str) -> Any:
        return answer if "SELECT" in sql.upper() else None

    if engine is EngineName.POSTGRESQL:
        return rogue_postgresql(attack, password=PASSWORD)
    return rogue_mysql(attack)


@pytest.mark.parametrize(
    ("engine", "name", "answer"), CASES, ids=[f"{engine}-{name}" for engine, name, _ in CASES]
)
def test_no_answer_is_more_than_one_error(engine: EngineName, name: str, answer: Any) -> None:
    options = {DRIVER_OPTION: driver_named("FreeTDS")}
    with server_of(engine, answer) as port, pytest.raises(SyncError) as caught:
        tried(replace(target(engine, port), options=options))
    assert PASSWORD not in f"{caught.value}{caught.value.__dict__}"
    assert caught.value.__cause__ is None


class Answers:
    """A connection that answers every statement alike."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def fetch(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        return self.rows

    def abort(self) -> None: ...

    def close(self) -> None: ...


IDENTITY = ServerIdentity("16.0", (16, 0), None)
ODD_ROWS: list[list[dict[str, Any]]] = [
    [],
    [{}],
    [{"a": None}],
    [{"a": 1, "b": []}] * 3,
]


@pytest.mark.parametrize("engine", EngineName)
@pytest.mark.parametrize("rows", ODD_ROWS, ids=["nothing", "no columns", "null", "others"])
@pytest.mark.parametrize("what", ["accounts", "sizes"])
def test_whatever_every_statement_answers_the_error_is_ours(
    engine: EngineName, rows: list[dict[str, Any]], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is a mock, because no one server speaks for every engine's queries."""
    found = ENGINES[engine]
    monkeypatch.setattr(type(found), "identify", lambda *_: IDENTITY)

    @contextmanager
    def opened(database: str | None) -> Iterator[Any]:
        yield Answers(rows)

    try:
        if what == "accounts":
            collect_accounts(found, opened, CollectScope("mon"), datetime.now(UTC))
        else:
            collect_sizes(found, opened, SizeScope("mon"), datetime.now(UTC))
    except SyncError as error:
        assert str(error)  # noqa: PT017 - none is as good, where a section says it


@pytest.mark.parametrize(
    "identity",
    [
        ServerIdentity(b"16", (16,)),  # type: ignore[arg-type]
        ServerIdentity("16", ()),
        ServerIdentity("16", ("x",)),  # type: ignore[arg-type]
        ServerIdentity("16", (16,), 5),  # type: ignore[arg-type]
    ],
)
def test_an_identity_of_the_wrong_types_is_none(
    identity: ServerIdentity, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = ENGINES[EngineName.POSTGRESQL]
    monkeypatch.setattr(type(found), "identify", lambda *_: identity)
    with (
        rogue_postgresql(lambda _: None, password=PASSWORD) as port,
        caplog.at_level(logging.WARNING),
        pytest.raises(SyncError, match="identity could not be understood"),
    ):
        tried(target(EngineName.POSTGRESQL, port))
    assert "identified" in caplog.text


@pytest.mark.parametrize("error", [MemoryError, RecursionError, ZeroDivisionError, KeyError])
def test_one_instance_is_all_that_an_exception_costs(error: type[Exception]) -> None:
    instance = target(EngineName.MARIADB, 1).instance
    with pytest.raises(SyncError, match=r"^rogue: ") as caught, one_instance(instance):
        raise error("secret")
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, MemoryExhausted) is (error is MemoryError)


def test_a_thread_that_can_not_be_started_is_want_of_memory() -> None:
    instance = target(EngineName.MARIADB, 1).instance
    with pytest.raises(MemoryExhausted), one_instance(instance):
        raise RuntimeError("can't start new thread")
