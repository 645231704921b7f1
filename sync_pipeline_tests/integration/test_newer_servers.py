"""A server of a newer release, from the sync's record to every answer of the command.

The servers are real; the engine is told that it knows one line of releases less than it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sync_pipeline.engines.postgresql.engine import CATALOG, PostgreSql
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.session import RecordStatus, SyncCategory
from workbench.benches.command import Command
from workbench.benches.review_bench import ReviewBench
from workbench.servers.running import RunningServer

SQL = {
    "mariadb": (
        "CREATE DATABASE nw",
        "CREATE TABLE nw.orders (id INT)",
        "CREATE USER nw_one@localhost",
        "CREATE USER nw_two@localhost",
        "GRANT SELECT ON nw.orders TO nw_one@localhost",
    ),
    "postgresql": (
        "CREATE SCHEMA nw",
        "CREATE TABLE nw.orders (id int)",
        "CREATE ROLE nw_one LOGIN",
        "CREATE ROLE nw_two LOGIN",
        "GRANT USAGE ON SCHEMA nw TO nw_one",
        "GRANT SELECT ON nw.orders TO nw_one",
    ),
}
CLEAN = {
    "mariadb": (
        "DROP DATABASE IF EXISTS nw",
        "DROP USER IF EXISTS nw_one@localhost, nw_two@localhost",
    ),
    "postgresql": ("DROP SCHEMA IF EXISTS nw CASCADE", "DROP ROLE IF EXISTS nw_one, nw_two"),
}
NAMES = {
    "mariadb": ("'nw_one'@'localhost'", "'nw_two'@'localhost'"),
    "postgresql": ("nw_one", "nw_two"),
}

UNCHANGED = "sync_pipeline.workflows.syncing.unchanged"


@pytest.fixture(params=["mariadb", "postgresql"])
def newer(request: pytest.FixtureRequest, command: Command) -> Iterator[ReviewBench]:
    server: RunningServer = request.getfixturevalue(f"{request.param}_server")
    bench = ReviewBench(command, server)
    engine = type(ENGINES[server.engine])
    try:
        bench.sql(*SQL[server.engine])
        command.patch.setattr(engine, "newest_tried", (1,))
        yield bench
    finally:
        bench.sql(*CLEAN[server.engine])


def test_a_column_that_nothing_reads_is_in_every_answer(
    command: Command, postgresql_server: RunningServer
) -> None:
    bench = ReviewBench(command, postgresql_server)
    known = {**CATALOG.known, "pg_auth_members": frozenset[str]()}
    try:
        bench.sql(*SQL["postgresql"])
        command.patch.setattr(PostgreSql, "catalog", replace(CATALOG, known=known))
        details: Any = bench.sync().details
    finally:
        bench.sql(*CLEAN["postgresql"])
    (warning,) = details["warnings"]
    assert "pg_auth_members.roleid" in warning
    assert "and 2 more" in warning
    assert details["unread_sections"] == {}
    found = command.ok("access", "who-can", "SELECT", "table:nw.orders", "--json").json
    assert found["is_complete"] is False
    (gap,) = found["not_known"]
    assert "pg_auth_members.roleid" in gap
    shown = command.ok("accounts", "show", "db", "nw_one", "--json").json
    assert shown["not_read"] == []
    assert "pg_auth_members.roleid" in shown["not_known"][0]
    assert "not known: what the catalog keeps" in command.ok("accounts", "show", "db", "nw_one").out


def said(items: list[str]) -> list[str]:
    return [item for item in items if "the newest" in item]


def test_a_newer_server_costs_a_warning_and_is_in_every_answer(newer: ReviewBench) -> None:
    record = newer.sync()
    assert record.status is RecordStatus.COMPLETED
    details: Any = record.details
    (warning,) = said(details["warnings"])
    assert "newer than" in warning
    sizes: Any = newer.sync(SyncCategory.CAPACITY).details
    assert len(said(sizes["warnings"])) == 1
    one, two = NAMES[newer.server.engine]
    asked = newer.command.ok
    found = asked("access", "who-can", "SELECT", "table:nw.orders", "--json").json
    assert found["is_complete"] is False
    assert len(said(found["not_known"])) == 1
    verdicts = {item["account"]: item["verdict"] for item in found["holders"]}
    assert verdicts[one] == "yes"
    # Nobody becomes a possible holder by it: that would be every account, on every question.
    assert two not in verdicts
    text = asked("access", "who-can", "SELECT", "table:nw.orders").out
    assert text.count("which were not tried") == 1
    csv = newer.command.run("access", "who-can", "SELECT", "table:nw.orders", "--csv")
    assert csv.err.count("which were not tried") == 1
    of = asked("access", "of", one, "--instance", "db", "--json").json
    assert of["is_complete"] is False
    assert len(said(of["not_known"])) == 1
    diff = asked("access", "diff", one, two, "--instance", "db", "--json").json
    assert diff["is_complete"] is False
    assert len(said(diff["not_known"])) == 1
    assert all(said(item["unknown"]) for item in diff["differences"])
    table = asked("access", "diff", one, two, "--instance", "db").out
    assert "not known to have it" in " ".join(table.split())
    assert table.count("which were not tried") == 1
    assert len(said(asked("findings", "--json").json["notes"])) == 1


def test_an_upgrade_of_the_server_changes_no_account(newer: ReviewBench) -> None:
    engine = type(ENGINES[newer.server.engine])
    newer.command.patch.setattr(engine, "newest_tried", (99,))
    known: Any = newer.sync().details
    assert said(known["warnings"]) == []
    newer.command.patch.setattr(engine, "newest_tried", (1,))
    # The attribute is code, of which a digest tells that there may be more to say.
    newer.command.patch.setattr(f"{UNCHANGED}.code_digest", lambda: "other code")
    record = newer.sync()
    details: Any = record.details
    assert len(said(details["warnings"])) == 1
    assert details["permissions"]["updated"] == details["permissions"]["created"] == 0
    assert (record.counters.items_created, record.counters.items_deleted) == (0, 0)
    # `instances test` asks whether a sync can read all: it can.
    (ready,) = newer.command.run("instances", "test", "db", "--json").json
    assert said([*ready["unread"].values(), *ready["unmeasured"]]) == []
