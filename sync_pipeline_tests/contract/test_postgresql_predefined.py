"""Predefined roles that a sync leaves out: what is known of them all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import who_can
from sync_pipeline.engines.postgresql.accounts.predefined import HOLDERS
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.scope import Scope
from workbench.servers.postgresql_bench import ENGINE, PostgresBench

pytestmark = pytest.mark.postgresql

SCOPE = Scope(ENGINE.system_accounts)
MADE = (
    "CREATE ROLE app LOGIN",
    "CREATE ROLE mon LOGIN IN ROLE pg_monitor",
    "CREATE ROLE boss LOGIN",
    "ALTER DATABASE bench OWNER TO boss",
    "CREATE TABLE orders (id integer)",
    "GRANT SELECT ON orders TO app",
)


def judged(snapshot: Snapshot) -> Judged:
    """Return the accounts that a sync with the default settings keeps."""
    kept = {state.name: state for state in snapshot.accounts if SCOPE.includes(state.name)}
    world = AccessWorld(
        "bench", EngineName.POSTGRESQL, snapshot.server.version, kept, snapshot.sections
    )
    return Judged(world, ENGINE.access_rules(world))


def test_who_can_has_nothing_unknown_because_of_predefined_roles(bench: PostgresBench) -> None:
    bench.run(*MADE)
    found = who_can([judged(bench.collect())], "SELECT", "table:bench.public.orders")
    assert {holder.state.name for holder in found.holders} == {"app", "postgres"}
    assert found.gaps == ()


@pytest.mark.parametrize(
    "given",
    [
        "GRANT SELECT ON orders TO pg_monitor",
        "GRANT SELECT ON orders TO pg_read_all_stats",
        "GRANT app TO pg_monitor",
        "GRANT pg_read_all_data TO pg_stat_scan_tables",
        "GRANT SELECT (id) ON orders TO pg_read_all_settings",
    ],
)
def test_what_was_granted_to_one_keeps_it_unknown(newest_bench: PostgresBench, given: str) -> None:
    """The grants of roles that are left out are not kept: no "no" may look certain."""
    bench = newest_bench
    bench.run(*MADE, given)
    try:
        found = who_can([judged(bench.collect())], "SELECT", "table:bench.public.orders")
        assert "mon" in {holder.state.name for holder in found.holders}
        assert any("left out as system accounts" in gap for gap in found.gaps)
    finally:
        bench.run("REVOKE SELECT ON orders FROM pg_monitor, pg_read_all_stats")
        bench.run("REVOKE app FROM pg_monitor", "REVOKE pg_read_all_data FROM pg_stat_scan_tables")


def test_the_owner_of_the_schema_public_is_asked_about_it_alone(
    newest_bench: PostgresBench,
) -> None:
    """From 15 on the schema public is of pg_database_owner, whose member is the database's."""
    newest_bench.run(*MADE)
    asked = judged(newest_bench.collect())
    (schema,) = asked.rules.securables("schema:bench.public")
    assert asked.rules.decide("boss", "CREATE", schema).unknown
    (orders,) = asked.rules.securables("table:bench.public.orders")
    assert asked.rules.decide("boss", "SELECT", orders).unknown == ()


def test_a_store_of_before_learns_it_without_a_line(newest_bench: PostgresBench) -> None:
    newest_bench.run(*MADE)
    snapshot = newest_bench.collect()
    kept = [state for state in snapshot.accounts if SCOPE.includes(state.name)]
    known = [
        KnownAccount(
            replace(state, attributes=()) if state.kind is AccountKind.PUBLIC else state,
            is_active=True,
        )
        for state in kept
    ]
    assert any(HOLDERS in dict(state.attributes) for state in kept)
    result = reconcile(known, snapshot, SCOPE, tuple(snapshot.sections))
    assert [line for change in result.changes for line in change.lines] == []
    assert result.created == result.deactivated == ()
