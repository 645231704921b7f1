"""A whole sync through TDS and both drivers, from an emulated server, as the command does it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import UnsupportedServer
from sync_pipeline.model.instance import Timeouts
from sync_pipeline.model.snapshot import Snapshot
from workbench.emulation.sqlserver_connection import (
    NOW,
    accounts_of,
    answers,
    emulated,
    sizes_of,
)
from workbench.emulation.sqlserver_world import World
from workbench.servers.sqlserver_drivers import DRIVERS, driver_named, target_at
from workbench.servers.tds import Login, Rows, ServerError, tds_server

LIMITS = Timeouts(connect_seconds=10, statement_seconds=30, total_seconds=120)


def rich_world() -> World:
    world = World()
    sid = world.login("用户 o'brien", is_disabled=1)
    world.login("CORP\\dba", "U")
    world.member("sysadmin", "CORP\\dba")
    world.grant("CORP\\dba", "CONNECT SQL")
    database = world.database("my ] db")
    database.file(0, 2**30, -1)
    database.file(1, 10, 268435456)
    database.user("u", sid=sid)
    table = database.thing("Ordèrs", columns=("id",))
    database.grant("u", "SELECT", 1, table)
    database.grant("u", "UPDATE", 1, table, 1, state="D")
    database.member("db_datareader", "u")
    database.pages(table, 1, 99)
    world.database("off", state=6)
    return world


@contextlib.contextmanager
def reachable(world: World, kind: str) -> Iterator[Target]:
    with emulated(world) as server, tds_server(on_batch=answers(server)) as listener:
        yield target_at(listener.port, driver_named(kind), timeouts=LIMITS)


def collected(target: Target) -> Snapshot:
    engine, deadline = SqlServer(), Deadline(60)
    return collect_accounts(
        engine,
        lambda name: open_connection(engine, target, deadline, name),
        CollectScope("mon"),
        NOW,
    )


@pytest.mark.parametrize("kind", DRIVERS)
def test_accounts_through_a_driver_are_those_of_the_catalog(kind: str) -> None:
    world = rich_world()
    with reachable(world, kind) as target:
        snapshot = collected(target)
    expected = accounts_of(world)
    assert {item.name: item.fingerprint for item in snapshot.accounts} == {
        item.name: item.fingerprint for item in expected.accounts
    }
    assert snapshot.sections == expected.sections
    assert snapshot.warnings == expected.warnings
    assert snapshot.server == expected.server


@pytest.mark.parametrize("kind", DRIVERS)
def test_sizes_through_a_driver_are_those_of_the_files(kind: str) -> None:
    world = rich_world()
    with reachable(world, kind) as target:
        engine, deadline = SqlServer(), Deadline(60)
        snapshot = collect_sizes(
            engine,
            lambda name: open_connection(engine, target, deadline, name),
            SizeScope("mon", largest_tables=1),
            NOW,
        )
    assert snapshot.databases == sizes_of(world, largest_tables=1).databases
    assert snapshot.known_bytes > 2**30 * 8192


@pytest.mark.parametrize(
    ("version", "edition", "words"),
    [("12.0.6024.0", 3, "13.0"), ("12.0.2000.8", 6, "dedicated SQL pool")],
)
def test_what_is_too_old_or_no_server_is_said_plainly(
    version: str, edition: int, words: str
) -> None:
    world = World(version=version, engine_edition=edition)
    with reachable(world, DRIVERS[0]) as target, pytest.raises(UnsupportedServer, match=words):
        collected(target)


def test_a_managed_instance_is_read_as_the_newest_version() -> None:
    snapshot = accounts_of(World(version="12.0.2000.8", engine_edition=8))
    assert snapshot.server.version == "16.0 (Azure SQL Managed Instance, 12.0.2000.8)"
    assert snapshot.server.version_number == (16, 0)


@pytest.mark.parametrize(("is_encrypted", "expected"), [(True, "TLS"), (False, None)])
def test_the_state_of_tls_is_what_the_server_says(is_encrypted: bool, expected: str | None) -> None:
    assert accounts_of(World(is_encrypted=is_encrypted)).server.tls == expected


def test_the_state_of_tls_is_not_guessed() -> None:
    world = World(permissions={"VIEW ANY DEFINITION", "CONNECT ANY DATABASE"})
    assert accounts_of(world).server.tls == "not known: VIEW SERVER STATE is missing"


@pytest.mark.parametrize("number", [300, 208, 8134])
def test_a_permission_is_named_where_it_is_missing_alone(number: int) -> None:
    """Whatever the question failed of, VIEW SERVER STATE was said to be missing."""
    world = World()
    with emulated(world) as server:
        answer = answers(server)

        def refuse(login: Login, sql: str) -> Rows | None:
            if "encrypt_option" in sql:
                raise ServerError(number, "the server's words")
            return answer(login, sql)

        with tds_server(on_batch=refuse) as listener:
            target = target_at(listener.port, driver_named(DRIVERS[0]), timeouts=LIMITS)
            connection = SqlServer().connect(target)
            tls = SqlServer().identify(connection).tls
            connection.close()
    assert "VIEW SERVER STATE" not in str(tls)
    assert "not known" in str(tls)
    assert "the server's words" in str(tls)


def test_a_connection_that_is_not_listed_is_not_said_to_lack_tls() -> None:
    with emulated(World()) as server:
        answer = answers(server)

        def hide(login: Login, sql: str) -> Rows | None:
            rows = answer(login, sql)
            return Rows(rows.columns) if rows and "encrypt_option" in sql else rows

        with tds_server(on_batch=hide) as listener:
            target = target_at(listener.port, driver_named(DRIVERS[0]), timeouts=LIMITS)
            connection = SqlServer().connect(target)
            tls = SqlServer().identify(connection).tls
            connection.close()
    assert "not known" in str(tls)
