"""Servers that send without end cost a bounded amount of memory and time, and say which limit.

The drivers are real and in a process of their own, whose memory is measured; the servers are
rogues of the tests, because no real one does this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain, repeat

import pytest

from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract.victims import run_victims
from workbench.servers.rogue import mysql, postgresql, tds
from workbench.servers.rogue.mysql import rogue_mysql
from workbench.servers.rogue.postgresql import message, rogue_postgresql
from workbench.servers.rogue.victim import (
    CONNECT_SECONDS,
    PASSWORD,
    STATEMENT_SECONDS,
    Outcome,
)
from workbench.servers.tds import Stream, tds_server

MOST_GROWTH = 160 * 2**20
LATEST = CONNECT_SECONDS + STATEMENT_SECONDS + 12  # on a machine that is busy
MARIADB, POSTGRESQL, SQLSERVER = EngineName.MARIADB, EngineName.POSTGRESQL, EngineName.SQLSERVER

Server = Callable[[], AbstractContextManager[int]]


def on_select(parts: Callable[[], Iterator[bytes]]) -> mysql.Attack:
    return lambda sql: parts() if "SELECT" in sql else None


def mysql_rows() -> Iterator[bytes]:
    row = mysql.text(b"10.11.6-MariaDB") + mysql.text(b"x")
    return chain(mysql.head("version", "comment"), repeat(row))


def mysql_value() -> Iterator[bytes]:
    whole = b"\xfe" + (2**31).to_bytes(8, "little")
    long = b"x" * mysql.LONGEST
    return chain(mysql.head("version"), [(whole + long)[: mysql.LONGEST]], repeat(long))


def mysql_columns() -> Iterator[bytes]:
    return chain([b"\xfe" + (2**40).to_bytes(8, "little")], repeat(mysql.column("c")))


def mysql_results() -> Iterator[bytes]:
    return repeat(mysql.MORE_RESULTS)


def of_mysql(parts: Callable[[], Iterator[bytes]]) -> Server:
    return lambda: rogue_mysql(on_select(parts))


def endless_greeting() -> AbstractContextManager[int]:
    long = b"\x0a" + b"x" * (mysql.LONGEST - 1)
    return rogue_mysql(lambda sql: None, first=lambda: repeat(long))


def of_postgresql(*parts: bytes, then: bytes) -> Server:
    def attack(sql: str) -> Iterator[bytes] | None:
        return chain(parts, repeat(then)) if "SELECT" in sql.upper() else None

    return lambda: rogue_postgresql(attack, password=PASSWORD)


def postgresql_login(then: bytes) -> Server:
    return lambda: rogue_postgresql(
        lambda sql: None,
        password=PASSWORD,
        login=lambda: chain([postgresql.ACCEPTED], repeat(then)),
    )


PG_COLUMNS = postgresql.description("product", "version", "version_number", "tls")
PG_ROWS = postgresql.row(b"PostgreSQL 16", b"16", b"160001", None) * 2000
PG_LONG = b"D" + (2**30).to_bytes(4, "big") + b"\0\1" + (2**30 - 10).to_bytes(4, "big")
PG_WIDE = postgresql.description(*["c"] * 30_000) + postgresql.row(*[b"1"] * 30_000)
NOTICES = message(b"N", b"SNOTICE\0Mhello\0\0") * 5000
PARAMETERS = b"".join(message(b"S", b"name%d\0value\0" % number) for number in range(2000))


def of_tds(parts: Callable[[], Iterator[bytes]]) -> Server:
    def answer(login: object, sql: str) -> Stream | None:
        return Stream(parts()) if "SELECT" in sql else None

    @contextmanager
    def server() -> Iterator[int]:
        with tds_server(on_batch=answer) as listening:
            yield listening.port

    return server


ROWS, VALUE, BYTES = "MAX_RESULT_ROWS", "MAX_VALUE_BYTES", "MAX_RESULT_BYTES"
ATTACKS: dict[str, tuple[EngineName, Server, str]] = {
    "mysql rows": (MARIADB, of_mysql(mysql_rows), ROWS),
    "mysql value": (MARIADB, of_mysql(mysql_value), VALUE),
    "mysql columns": (MARIADB, of_mysql(mysql_columns), "columns"),
    "mysql results": (MARIADB, of_mysql(mysql_results), ""),
    "mysql greeting": (MARIADB, endless_greeting, VALUE),
    "postgresql rows": (POSTGRESQL, of_postgresql(PG_COLUMNS, then=PG_ROWS), ROWS),
    "postgresql value": (
        POSTGRESQL,
        of_postgresql(PG_COLUMNS, PG_LONG, then=b"x" * 2**18),
        "MAX_",
    ),
    "postgresql columns": (POSTGRESQL, of_postgresql(then=PG_WIDE), "columns"),
    "postgresql notices": (
        POSTGRESQL,
        of_postgresql(then=NOTICES),
        BYTES,
    ),
    "postgresql parameters": (POSTGRESQL, of_postgresql(then=PARAMETERS), ""),
    "postgresql login": (POSTGRESQL, postgresql_login(NOTICES), "before the login"),
    "sqlserver rows": (SQLSERVER, of_tds(tds.endless_rows), ROWS),
    "sqlserver value": (SQLSERVER, of_tds(tds.endless_value), "MAX_"),
    "sqlserver columns": (SQLSERVER, of_tds(tds.many_columns), "columns"),
    "sqlserver messages": (SQLSERVER, of_tds(tds.endless_messages), ""),
}


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcome]]:
    with ExitStack() as stack:
        servers = [
            (label, engine, stack.enter_context(server()))
            for label, (engine, server, _) in ATTACKS.items()
        ]
        # What is ended by its time alone is waited for at once, in a process each.
        quick = [item for item in servers if ATTACKS[item[0]][2]]
        yield run_victims([quick, *([item] for item in servers if item not in quick)])


@pytest.mark.parametrize("label", ATTACKS)
def test_what_has_no_end_meets_a_limit(outcomes: dict[str, Outcome], label: str) -> None:
    found = outcomes[label]
    assert found.grown_bytes < MOST_GROWTH, found
    assert found.seconds < LATEST, found
    assert found.message.startswith("rogue: "), found
    if ATTACKS[label][2]:
        assert found.kind == "result_limit", found
        assert ATTACKS[label][2] in found.message, found


def test_all_of_them_together_cost_no_more(outcomes: dict[str, Outcome]) -> None:
    assert sum(found.grown_bytes for found in outcomes.values()) < MOST_GROWTH
