"""What a real MariaDB has that is not known here: a key of an account's JSON, a column."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.mariadb
ANN, BOB = "'un_ann'@'%'", "'un_bob'@'%'"


@pytest.fixture
def family(each_mariadb_server: RunningServer) -> Iterator[Family]:
    found = Family(each_mariadb_server)
    found.run(
        "CREATE DATABASE un",
        "CREATE TABLE un.t (a INT)",
        "CREATE USER un_ann",
        "CREATE USER un_bob",
        "GRANT SELECT ON un.t TO un_ann",
    )
    try:
        yield found
    finally:
        found.run("DROP DATABASE un", "DROP USER un_ann, un_bob")


def judged(family: Family, snapshot: Snapshot) -> Judged:
    states = {state.name: state for state in snapshot.accounts}
    world = AccessWorld("i", family.engine.name, snapshot.server.version, states, snapshot.sections)
    return Judged(world, family.engine.access_rules(world))


def test_a_server_of_today_has_nothing_unknown(family: Family) -> None:
    family.run(
        "GRANT ALL ON *.* TO un_bob WITH GRANT OPTION",
        "GRANT ALL ON un.* TO un_bob",
        "GRANT ALL ON un.t TO un_bob",
        "ALTER USER un_bob IDENTIFIED VIA mysql_native_password OR unix_socket REQUIRE SUBJECT 's'"
        " WITH MAX_QUERIES_PER_HOUR 5 MAX_UPDATES_PER_HOUR 5 MAX_CONNECTIONS_PER_HOUR 5"
        " MAX_USER_CONNECTIONS 5 MAX_STATEMENT_TIME 1.5"
        " PASSWORD EXPIRE INTERVAL 5 DAY ACCOUNT LOCK",
        "CREATE ROLE un_role",
        "GRANT un_role TO un_bob",
        "SET DEFAULT ROLE un_role FOR un_bob",
    )
    try:
        snapshot = family.snapshot()
    finally:
        family.run("DROP ROLE un_role")
    assert snapshot.warnings == ()
    assert judged(family, snapshot).unknown() == ()


def test_an_unknown_key_is_said_in_the_sync_and_in_each_answer(family: Family) -> None:
    before = {state.name: state for state in family.snapshot().accounts}
    family.run(
        "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.embed', 's3cret')"
        " WHERE User = 'un_bob'"
    )
    snapshot = family.snapshot()
    (warning,) = snapshot.warnings
    assert "embed" in warning
    found = judged(family, snapshot)
    answer = who_can([found], "SELECT", "table:un.t")
    unsure = {item.state.name for item in answer.holders if item.decision.unknown}
    assert unsure == {BOB}
    assert any("embed" in gap for gap in access_of(found, BOB).gaps)
    assert not any("embed" in gap for gap in access_of(found, ANN).gaps)
    assert "s3cret" not in repr((snapshot, answer))
    changed = {state.name for state in snapshot.accounts if state != before[state.name]}
    assert changed == {BOB}


def test_a_new_column_of_a_grant_table_makes_no_answer_certain(family: Family) -> None:
    before = family.snapshot()
    family.run("ALTER TABLE mysql.db ADD COLUMN Embed_priv ENUM('N','Y') NOT NULL DEFAULT 'N'")
    try:
        snapshot = family.snapshot()
    finally:
        family.run("ALTER TABLE mysql.db DROP COLUMN Embed_priv")
    (warning,) = snapshot.warnings
    assert "db.Embed_priv" in warning
    assert snapshot.accounts == before.accounts
    found = judged(family, snapshot)
    assert not who_can([found], "SELECT", "table:un.t").is_complete
    assert any("Embed_priv" in gap for gap in access_of(found, ANN).gaps)
