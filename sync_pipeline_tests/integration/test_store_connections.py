"""The connections to the store: few, alive, and each transaction's view its own."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine, event, select, text

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.store import connections
from sync_pipeline.store.database import Database, among, insert_rows, upsert
from sync_pipeline.store.schema import Json, UtcDateTime
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import CREDENTIAL, START
from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer

WORKERS = 24
OURS = (
    "FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'sync_pipeline'"
)
THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("label", Text, nullable=True),
    Column("value", Json, nullable=False),
    Column("seen_at", UtcDateTime, nullable=True),
)
# PostgreSQL keeps no NUL and no half of a surrogate pair in a text.
LABELS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**31), 2**31), LABELS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(LABELS, inner)),
    max_leaves=10,
)
MOMENTS = st.datetimes(timezones=st.just(UTC))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 2**31 - 1),
            "label": st.none() | LABELS,
            "value": VALUES,
            "seen_at": st.none() | MOMENTS,
        }
    ),
    unique_by=lambda row: row["id"],
    max_size=8,
)


@pytest.fixture
def url(postgresql_server: RunningServer) -> Iterator[str]:
    with store_database(postgresql_server) as url:
        yield url


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    database = Database(store_url)
    THINGS.create(database.engine)
    yield database
    database.close()


@contextmanager
def administrator(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def end_connections(url: str) -> int:
    """End every connection to the store from the server's side; return how many there were."""
    query = f"SELECT pg_terminate_backend(pid) {OURS}"
    with administrator(url) as connection:
        return len(connection.execute(query).fetchall())


def rows_of(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        query = select(THINGS).order_by(THINGS.c.id)
        return [dict(row._mapping) for row in connection.execute(query)]


def exactly(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return rows as text, because 1 == True."""
    ordered = sorted(rows, key=lambda row: row["id"])
    return [json.dumps(row, sort_keys=True, default=str) for row in ordered]


@given(rows=ROWS, again=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_written_in_bulk_is_read_again(
    database: Database, rows: list[dict[str, Any]], again: list[dict[str, Any]]
) -> None:
    with database.write() as connection:
        connection.execute(THINGS.delete())
        insert_rows(connection, THINGS, rows)
    assert exactly(rows_of(database)) == exactly(rows)
    with database.write() as connection:
        upsert(connection, THINGS, again, ["id"], ["label", "value"])
    expected = {row["id"]: row for row in rows}
    for row in again:
        kept = expected.get(row["id"])
        expected[row["id"]] = {**row, "seen_at": kept["seen_at"]} if kept else row
    assert exactly(rows_of(database)) == exactly(list(expected.values()))


@given(rows=ROWS, other_ids=st.lists(st.integers(0, 2**31 - 1)), other_labels=st.lists(LABELS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_are_found_among_numbers_and_texts(
    database: Database, rows: list[dict[str, Any]], other_ids: list[int], other_labels: list[str]
) -> None:
    ids = [row["id"] for row in rows[::2]] + other_ids
    labels = [row["label"] for row in rows[::2] if row["label"] is not None] + other_labels
    with database.write() as connection:
        connection.execute(THINGS.delete())
        insert_rows(connection, THINGS, rows)
        by_id = select(THINGS.c.id).where(among(connection, THINGS.c.id, ids))
        by_label = select(THINGS.c.id).where(among(connection, THINGS.c.label, labels))
        found = set(connection.scalars(by_id)), set(connection.scalars(by_label))
    expected = {row["id"] for row in rows if row["id"] in ids}
    assert found == (expected, {row["id"] for row in rows if row["label"] in labels})


def test_rows_are_found_among_any_number_of_values(database: Database) -> None:
    """More than either store takes as values of one statement (Debian's SQLite: 250,000)."""
    ids = range(300_000)
    with database.write() as connection:
        insert_rows(connection, THINGS, [{"id": item, "value": {}} for item in (0, ids[-1])])
        query = select(THINGS.c.id).where(among(connection, THINGS.c.id, ids))
        assert set(connection.scalars(query)) == {0, ids[-1]}


def test_a_read_is_one_view(store: Store, store_url: str) -> None:
    other = Database(store_url)
    query = text("SELECT count(*) FROM credentials")
    with other.read() as connection:
        assert connection.scalar(query) == 0
        store.registry.put_credential(CREDENTIAL, START)
        assert connection.scalar(query) == 0
    with other.read_once() as connection:
        assert connection.scalar(query) == 1
    other.close()


def test_a_statement_alone_is_kept(store: Store, store_url: str) -> None:
    other = Database(store_url)
    store.registry.put_credential(CREDENTIAL, START)
    with other.write_once() as connection:
        connection.execute(text("DELETE FROM credentials"))
    other.close()
    assert store.registry.credentials() == []


def test_threads_take_turns_for_a_few_connections(url: str) -> None:
    store = Store.open(url)
    ended = threading.Event()
    most = 0

    def watch() -> None:
        nonlocal most
        query = f"SELECT count(*) {OURS}"
        with administrator(url) as connection:
            while not ended.is_set():
                row = connection.execute(query).fetchone()
                most = max(most, row[0] if row else 0)

    def work(_number: int) -> None:
        for _ in range(20):
            store.registry.put_credential(CREDENTIAL, START)
            store.registry.credentials()

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    ended.set()
    watcher.join()
    store.close()
    assert 1 < most <= connections.MOST_CONNECTIONS


def test_one_who_gets_no_turn_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(url)  # its upgrade holds more than two
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    database = Database(url)
    with (
        database.read(),
        database.read(),
        pytest.raises(StoreUnavailable, match="are busy"),
        database.read(),
    ):
        pass
    assert store.registry.credentials() == []
    database.close()
    store.close()


def test_a_connection_that_died_while_nobody_used_it_is_replaced(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", 0.1)
    store = Store.open(url)
    store.registry.put_credential(CREDENTIAL, START)
    assert end_connections(url) > 0
    time.sleep(0.2)
    assert [item.name for item in store.registry.credentials()] == [CREDENTIAL.name]
    store.close()


def test_a_connection_that_died_in_use_fails_one_transaction(url: str) -> None:
    store = Store.open(url)
    store.registry.put_credential(CREDENTIAL, START)
    store.registry.credentials()
    assert end_connections(url) > 0
    with pytest.raises(StoreUnavailable):
        store.registry.credentials()
    assert [item.name for item in store.registry.credentials()] == [CREDENTIAL.name]
    store.close()


def test_a_session_of_the_server_is_left_as_it_was(url: str) -> None:
    """The pool's connections serve reads, single statements and transactions in turn."""
    database = Database(url)
    engine = create_engine(url)
    THINGS.create(engine)
    engine.dispose()
    level = text("SHOW transaction_isolation")
    for _ in range(3):
        with database.read() as connection:
            assert connection.scalar(level) == "repeatable read"
        with database.write() as connection:
            assert connection.scalar(level) == "read committed"
            insert_rows(connection, THINGS, [{"id": 1, "value": {}}])
            connection.rollback()
        with database.read_once() as connection:
            assert connection.scalar(text("SELECT count(*) FROM things")) == 0
    database.close()


def test_a_connection_in_use_at_the_end_is_closed_when_it_is_given_back(store_url: str) -> None:
    """Else the garbage collector finds it open, in whatever thread and test that happens."""
    database = Database(store_url)
    closed: list[object] = []
    event.listen(database.engine, "close", lambda connection, _entry: closed.append(connection))
    with database.read() as connection:
        used = connection.connection.dbapi_connection
        assert used is not None
        database.close()
        assert used not in closed
        assert connection.scalar(text("SELECT 1")) == 1
    assert used in closed
    if isinstance(used, sqlite3.Connection):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            used.execute("SELECT 1")
    else:
        assert used.closed
    with database.read() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    database.close()
