"""What stands beside the grants of a real server is named in each answer that it changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, compare, who_can
from sync_pipeline.model.access import AccessWorld
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

ANN, PASSWORD = "'bs_ann'@'%'", "Canary-beside-1"
RULES = {
    "read_only": "SET GLOBAL read_only = {}",
    "super_read_only": "SET GLOBAL super_read_only = {}",
    "offline_mode": "SET GLOBAL offline_mode = {}",
    "require_secure_transport": "SET GLOBAL require_secure_transport = {}",
}
ONLY_MYSQL = ("super_read_only", "offline_mode")


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    found.run(
        "CREATE DATABASE bs",
        "CREATE TABLE bs.t (a INT)",
        f"CREATE USER bs_ann IDENTIFIED BY '{PASSWORD}'",
        "GRANT SELECT, INSERT ON bs.t TO bs_ann",
    )
    try:
        yield found
    finally:
        found.run("DROP DATABASE bs", "DROP USER bs_ann")


def judged(family: Family, version: str = "") -> Judged:
    snapshot = family.snapshot()
    states = {state.name: state for state in snapshot.accounts}
    version = version or snapshot.server.version
    world = AccessWorld("i", family.engine.name, version, states, snapshot.sections)
    return Judged(world, family.engine.access_rules(world))


def inserts(family: Family) -> bool:
    """Ask the server whether ann, who holds INSERT, may insert now."""
    server = family.server
    try:
        with (
            closing(
                pymysql.connect(
                    host=server.host, port=server.port, user="bs_ann", password=PASSWORD,
                    ssl_disabled=True, server_public_key=None, autocommit=True,
                )
            ) as link,
            link.cursor() as cursor,
        ):  # fmt: skip
            cursor.execute("INSERT INTO bs.t VALUES (1)")
    except pymysql.err.MySQLError:
        return False
    return True


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_beats_a_grant_is_named_in_the_answer(family: Family, rule: str) -> None:
    if rule in ONLY_MYSQL and not family.is_mysql:
        assert rule not in {item.rule for item in judged(family).not_modelled()}
        return
    world = judged(family)
    assert inserts(family)
    # One session all along: the rule may let nobody else in.
    with family.admin() as admin:
        admin.execute(RULES[rule].format("ON"))
        try:
            assert not inserts(family)
        finally:
            admin.execute(RULES[rule].format("OFF"))
            admin.execute("SET GLOBAL read_only = OFF")
    found = who_can([world], "INSERT", "table:bs.t")
    assert ANN in {item.state.name for item in found.holders}
    assert rule in {item.rule for item in found.not_modelled}
    assert rule in {item.rule for item in access_of(world, ANN).not_modelled}
    assert rule in {item.rule for item in compare(world, ANN, world, ANN).not_modelled}


def test_a_ban_on_writes_is_not_named_where_only_reading_is_asked(family: Family) -> None:
    rules = {item.rule for item in who_can([judged(family)], "SELECT", "table:bs.t").not_modelled}
    assert "skip_grant_tables" in rules
    assert not rules & {"read_only", "super_read_only"}


def test_a_doubt_of_the_rules_hides_none_of_them(family: Family) -> None:
    newer = judged(family, "99.9.9")
    assert newer.everywhere
    assert newer.not_modelled() == judged(family).not_modelled()


def test_what_changes_by_the_hour_makes_no_account_changed(family: Family) -> None:
    before = family.account(ANN)
    family.run("SET GLOBAL read_only = ON")
    try:
        assert family.account(ANN) == before
    finally:
        family.run("SET GLOBAL read_only = OFF")


def test_a_renamed_root_is_a_superuser_like_others(family: Family) -> None:
    family.run("RENAME USER 'root'@'localhost' TO 'bs_chief'@'localhost'")
    try:
        family.run("CREATE USER 'root'@'localhost'")
        world = judged(family)
    finally:
        family.run(
            "DROP USER IF EXISTS 'root'@'localhost'",
            "RENAME USER 'bs_chief'@'localhost' TO 'root'@'localhost'",
        )
    for name in ("'root'@'localhost'", "'bs_chief'@'localhost'"):
        assert not world.rules.facts(name).is_built_in
    assert world.rules.powers("'bs_chief'@'localhost'")
    assert not world.rules.powers("'root'@'localhost'")
    assert judged(family).rules.facts("'root'@'localhost'").is_built_in
