"""Access and findings of real PostgreSQL servers: the command says what the server says."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest

from workbench.benches.command import CANARY, Command
from workbench.benches.review_bench import ReviewBench
from workbench.servers.running import RunningServer
from workbench.servers.started import StartedServers

ROLES = ("rv_app", "rv_chain", "rv_team", "rv_dba", "rv_hr", "rv_left", "rv_owner", "rv_plain")
STATEMENTS = (
    "CREATE ROLE rv_dba SUPERUSER",
    "CREATE ROLE rv_team",
    f"CREATE ROLE rv_app LOGIN PASSWORD '{CANARY}' VALID UNTIL '2999-01-01'",
    "CREATE ROLE rv_chain LOGIN VALID UNTIL '2999-01-01'",
    "CREATE ROLE rv_hr LOGIN CREATEROLE VALID UNTIL '2999-01-01'",
    "CREATE ROLE rv_left LOGIN VALID UNTIL '2001-01-01'",
    "CREATE ROLE rv_owner LOGIN",
    "CREATE ROLE rv_plain LOGIN VALID UNTIL '2999-01-01'",
    "GRANT rv_dba TO rv_team",
    "GRANT rv_team TO rv_chain",
    "CREATE SCHEMA rv_shop AUTHORIZATION rv_owner",
    "CREATE TABLE rv_shop.orders (id int, note text)",
    "ALTER TABLE rv_shop.orders OWNER TO rv_owner",
    "GRANT USAGE ON SCHEMA rv_shop TO rv_app, PUBLIC",
    "GRANT SELECT ON rv_shop.orders TO rv_app WITH GRANT OPTION",
    "GRANT UPDATE (note) ON rv_shop.orders TO rv_app",
    "GRANT DELETE ON rv_shop.orders TO PUBLIC",
)
CLEAN = (
    "DROP SCHEMA IF EXISTS rv_shop CASCADE",
    *(f"DROP ROLE IF EXISTS {role}" for role in ROLES),
)


@pytest.fixture
def review(
    command: Command, postgresql_servers: StartedServers[int], postgresql_major: int
) -> Iterator[ReviewBench]:
    bench = ReviewBench(command, postgresql_servers[postgresql_major])
    try:
        bench.sql(*STATEMENTS)
        bench.sync()
        yield bench
    finally:
        bench.sql(*CLEAN)


def ours(said: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (item["account"], item["rule"]): item
        for item in said["findings"]
        # The server is shared: other tests leave databases in which PUBLIC may write.
        if item["account"].startswith("rv_") or "rv_shop" in item["fix"]
    }


def by_server(review: ReviewBench, privilege: str) -> set[str]:
    """Ask the server which of our roles may do something on the table."""
    server = review.server
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin_user,
        password=server.admin_password,
        dbname=server.database,
    ) as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'rv\\_%%' "
            "AND has_table_privilege(oid, 'rv_shop.orders', %s)",
            [privilege],
        )
        return {name for (name,) in rows}


@pytest.mark.parametrize("privilege", ["SELECT", "INSERT", "DELETE"])
def test_who_can_is_what_the_server_says(review: ReviewBench, privilege: str) -> None:
    table = f"table:{review.server.database}.rv_shop.orders"
    said = review.command.ok("access", "who-can", privilege, table, "--json").json
    assert said["is_complete"] is True
    at_login = {
        item["account"]
        for item in said["holders"]
        if item["verdict"] == "yes" and item["account"].startswith("rv_")
    }
    assert at_login == by_server(review, privilege)
    later = {item["account"] for item in said["holders"] if item["verdict"] == "after set role"}
    assert {"rv_chain", "rv_team"} <= later | at_login


def test_findings_and_their_fixes_are_true_on_the_server(review: ReviewBench) -> None:
    run = review.command.ok
    found = ours(run("findings", "--json").json)
    assert {key for key in found if key[1] != "no-password-expiry"} == {
        ("rv_chain", "superuser"),
        ("rv_team", "superuser"),
        ("rv_dba", "superuser"),
        # Before 16, CREATEROLE gives itself pg_execute_server_program; since, nothing.
        *([("rv_hr", "superuser")] if int(review.server.version.split(".")[0]) < 16 else []),
        ("rv_left", "expired-active"),
        ("rv_app", "grant-option"),
        ("public", "everyone-can-write"),
    }
    assert ("rv_owner", "no-password-expiry") in found
    assert ("rv_app", "no-password-expiry") not in found
    chain = found["rv_chain", "superuser"]
    assert [step["account"] for step in chain["path"]] == ["rv_chain", "rv_team", "rv_dba"]
    assert "DELETE on table" in found["public", "everyone-can-write"]["evidence"]
    fixed = {
        *(key for key in found if key[1] == "superuser"),
        ("rv_app", "grant-option"),
        ("rv_left", "expired-active"),
        ("public", "everyone-can-write"),
        ("rv_owner", "no-password-expiry"),
    }
    assert found["rv_dba", "superuser"]["fix"] == 'ALTER ROLE "rv_dba" NOSUPERUSER;'
    for key in sorted(fixed):
        review.sql(*found[key]["fix"].splitlines())
    assert "rv_owner" in by_server(review, "DELETE")
    assert "rv_app" not in by_server(review, "DELETE")
    review.sync()
    left = ours(run("findings", "--json").json)
    assert not left.keys() & fixed


def test_two_real_accounts_are_compared(review: ReviewBench) -> None:
    run = review.command.ok
    same = run("access", "diff", "rv_app", "rv_app", "--instance", "db", "--json").json
    assert same["is_equal"] is True
    said = run("access", "diff", "rv_app", "rv_plain", "--instance", "db", "--json").json
    assert {item["privilege"] for item in said["differences"]} == {"SELECT", "UPDATE"}
    expired = run("access", "diff", "rv_plain", "rv_left", "--instance", "db", "--json").json
    assert expired["differences"]
    assert all(
        item["second"]["lacking"] and not item["first"]["lacking"]
        for item in expired["differences"]
    )
    of = run("access", "of", "rv_app", "--instance", "db", "--json").json
    held = {(item["privilege"], item["securable"].get("name")) for item in of["privileges"]}
    assert {("SELECT", "orders"), ("UPDATE", "orders"), ("DELETE", "orders")} <= held


def test_a_store_of_before_gets_the_predefined_roles_unseen(
    command: Command, postgresql_server: RunningServer
) -> None:
    """Left out by a setting first, as versions before left them out."""
    review = ReviewBench(command, postgresql_server)

    def names(*arguments: str) -> set[str]:
        found = command.ok("accounts", *arguments, "--json").json
        return {item.get("account") or item["state"]["name"] for item in found}

    try:
        review.sql("CREATE ROLE rv_app LOGIN IN ROLE pg_monitor", "CREATE ROLE rv_team")
        command.patch.setenv("SYNC_PIPELINE_EXCLUDED_ACCOUNTS", r'["pg\\_%"]')
        review.sync()
        known = names("list", "--with-system")
        assert not any(name.startswith("pg_") for name in known)
        changes = command.ok("accounts", "changes").out
        command.patch.delenv("SYNC_PIPELINE_EXCLUDED_ACCOUNTS")
        record = review.sync()
        assert (record.counters.items_created, record.counters.items_updated) == (0, 0)
        assert record.details["inventory"]["active"] == len(known)
        assert names("list") == known == names("at", "--time", "0m")
        own = names("list", "--with-system") - known
        assert {"pg_monitor", "pg_database_owner"} <= own
        assert all(name.startswith("pg_") for name in own)
        # Nothing is told of it, in any form, but to who asks for all.
        assert command.ok("accounts", "changes").out == changes
        assert names("changes") == known
        assert names("changes", "--details") == names("changes", "--with-system") == known | own
        assert "pg_monitor" in command.ok("accounts", "changes", "--with-system").out
        assert "pg_monitor" in command.ok("accounts", "changes", "--account", "pg_monitor").out
        # What somebody does to one is told.
        review.sql("GRANT rv_team TO pg_read_all_stats")
        review.sync()
        told = command.ok("accounts", "changes", "--session", "latest").out
        assert "pg_read_all_stats" in told
        assert "rv_team" in told
    finally:
        review.sql("DROP ROLE IF EXISTS rv_app", "DROP ROLE IF EXISTS rv_team")


CHANGES = (
    "GRANT SELECT ON rv_shop.orders TO rv_plain",
    "GRANT INSERT ON rv_shop.orders TO rv_team",
    "GRANT rv_team TO rv_plain",
    "REVOKE rv_dba FROM rv_team",
    "ALTER ROLE rv_left SUPERUSER",
    "ALTER ROLE rv_left NOSUPERUSER",
    "REVOKE DELETE ON rv_shop.orders FROM PUBLIC",
    "ALTER TABLE rv_shop.orders OWNER TO rv_hr",
    "REVOKE SELECT ON rv_shop.orders FROM rv_app CASCADE",
    "GRANT rv_app TO rv_left",
    "REVOKE SELECT ON rv_shop.orders FROM rv_plain",
    "REVOKE rv_team FROM rv_plain",
    "REVOKE USAGE ON SCHEMA rv_shop FROM PUBLIC",
)


WORDS = ("SELECT", "INSERT")


def test_who_could_is_what_the_server_said_then(review: ReviewBench) -> None:
    """Through a random series of changes, and one moment after the other."""
    chance = random.Random(8)
    said = {}
    for _ in range(4):
        review.sql(*chance.sample(CHANGES, 2))
        review.sync()
        said[review.now] = {word: by_server(review, word) for word in WORDS}
    review.sql("DROP SCHEMA rv_shop CASCADE", "DROP ROLE rv_left")
    review.sync()
    assert len({str(answers) for answers in said.values()}) > 1
    table = f"table:{review.server.database}.rv_shop.orders"
    review.command.patch.setattr("sync_pipeline.cli.context.utc_now", lambda: review.now)
    for moment, answers in said.items():
        for word, names in answers.items():
            at = moment.isoformat()
            found = review.command.ok("access", "who-can", word, table, "--at", at, "--json").json
            assert (found["is_complete"], found["at"]) == (True, at)
            assert names == {
                item["account"]
                for item in found["holders"]
                if item["verdict"] == "yes" and item["account"].startswith("rv_")
            }, (moment, word)
    gone = review.command.run("access", "who-can", "SELECT", table)
    assert "names nothing that is known" in gone.err
