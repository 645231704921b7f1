"""What stands beside the grants of a real server is named in each answer that it changes."""

from __future__ import annotations

import psycopg
import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline_tests.contract.test_postgresql_access import world_of
from workbench.servers.postgresql_bench import PostgresBench, raw

pytestmark = pytest.mark.postgresql


def is_done(bench: PostgresBench, statement: str) -> bool:
    """Ask the server whether app may run a statement."""
    server = bench.server
    try:
        with psycopg.connect(
            host=server.host, port=server.port, user="bs_app", dbname="bench"
        ) as link:
            link.execute(raw(statement))
    except psycopg.Error:
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "privilege", "on", "statement"),
    [
        ("event triggers", "CREATE", "schema:bench.bs", "CREATE TABLE bs.made (id int)"),
        ("limits of connections", "SELECT", "table:bench.bs.t", "SELECT FROM bs.t"),
        ("views and functions", "SELECT", "view:bench.bs.lent", "SELECT FROM bs.lent"),
    ],
)
def test_a_rule_that_beats_a_grant_is_named_in_the_answer(
    bench: PostgresBench, rule: str, privilege: str, on: str, statement: str
) -> None:
    bench.run(
        "CREATE ROLE bs_app LOGIN",
        "CREATE SCHEMA bs",
        "CREATE TABLE bs.t (id int)",
        "CREATE TABLE bs.closed (id int)",
        "CREATE VIEW bs.lent AS SELECT id FROM bs.closed",
        "GRANT USAGE, CREATE ON SCHEMA bs TO bs_app",
        "GRANT SELECT ON bs.t, bs.lent TO bs_app",
    )
    assert is_done(bench, statement)
    bench.run("DROP TABLE IF EXISTS bs.made")
    if rule == "event triggers":
        bench.run(
            "CREATE FUNCTION bs.refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE 'refused'; END$$",
            "CREATE EVENT TRIGGER bs_refuse ON ddl_command_start EXECUTE FUNCTION bs.refuse()",
        )
    elif rule == "limits of connections":
        bench.run("ALTER DATABASE bench CONNECTION LIMIT 0")
    elif bench.server.version.startswith("14"):
        return
    else:
        bench.run("ALTER VIEW bs.lent SET (security_invoker = on)")
    assert not is_done(bench, statement)
    world = world_of(bench.collect())
    judged = Judged(world, PostgreSqlAccess(world))
    found = who_can([judged], privilege, on)
    assert "bs_app" in {item.state.name for item in found.holders}
    assert rule in {item.rule for item in found.not_modelled}
    assert rule in {item.rule for item in access_of(judged, "bs_app").not_modelled}


def test_a_standby_is_named_where_one_writes_alone(bench: PostgresBench) -> None:
    bench.run("CREATE TABLE public.t (id int)")
    world = world_of(bench.collect())
    judged = Judged(world, PostgreSqlAccess(world))
    for privilege, is_named in (("INSERT", True), ("SELECT", False)):
        found = who_can([judged], privilege, "table:bench.public.t").not_modelled
        assert ("hot standby" in {item.rule for item in found}) == is_named
