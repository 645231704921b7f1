"""What a real MySQL has that is not known here: a privilege, a column of a grant table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.mysql
ANN, BOB = "'un_ann'@'%'", "'un_bob'@'%'"


@pytest.fixture
def family(mysql_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_server)
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
        found.run(
            "DELETE FROM mysql.global_grants WHERE PRIV = 'EMBED_ADMIN'",
            "DROP DATABASE un",
            "DROP USER un_ann, un_bob",
        )


def judged(family: Family, snapshot: Snapshot) -> Judged:
    states = {state.name: state for state in snapshot.accounts}
    world = AccessWorld("i", family.engine.name, snapshot.server.version, states, snapshot.sections)
    return Judged(world, family.engine.access_rules(world))


def test_a_server_of_today_has_nothing_unknown(family: Family) -> None:
    privileges = [name for name, *_ in family.rows("SHOW PRIVILEGES")]
    dynamic = [name for name in privileges if name == name.upper()]
    family.run(f"GRANT {', '.join(dynamic)} ON *.* TO un_bob")
    snapshot = family.snapshot()
    assert snapshot.warnings == ()
    assert judged(family, snapshot).unknown() == ()


def test_a_privilege_of_the_server_that_no_manual_names_is_doubted(family: Family) -> None:
    # The server keeps what a component registered, whatever its name is.
    family.run("INSERT INTO mysql.global_grants VALUES ('un_bob', '%', 'EMBED_ADMIN', 'N')")
    snapshot = family.snapshot()
    (warning,) = snapshot.warnings
    assert "EMBED_ADMIN on server" in warning
    found = judged(family, snapshot)
    answer = who_can([found], "SELECT", "table:un.t")
    unsure = {item.state.name for item in answer.holders if item.decision.unknown}
    assert unsure == {BOB}
    assert any("EMBED_ADMIN" in gap for gap in access_of(found, BOB).gaps)
    assert not any("EMBED_ADMIN" in gap for gap in access_of(found, ANN).gaps)


def test_a_new_column_of_a_grant_table_makes_no_answer_certain(family: Family) -> None:
    before = family.snapshot()
    family.run("ALTER TABLE mysql.proxies_priv ADD COLUMN Embed_priv CHAR(1) NOT NULL DEFAULT 'N'")
    try:
        snapshot = family.snapshot()
    finally:
        family.run("ALTER TABLE mysql.proxies_priv DROP COLUMN Embed_priv")
    (warning,) = snapshot.warnings
    assert "proxies_priv.Embed_priv" in warning
    assert snapshot.is_known(SectionKey(SectionName.ACCOUNTS))
    assert snapshot.accounts == before.accounts
    found = judged(family, snapshot)
    assert not who_can([found], "SELECT", "table:un.t").is_complete
    assert any("Embed_priv" in gap for gap in access_of(found, ANN).gaps)
