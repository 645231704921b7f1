"""Predefined roles: a sync keeps them, and a store of before is known to lack them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.powers import superuser
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.own import is_own
from sync_pipeline.engines.postgresql.accounts.parse import RoleRow, account_states
from sync_pipeline.engines.postgresql.accounts.predefined import HOLDERS
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.finding import FindingRules
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.syncing.accounts import _scope
from workbench.servers.postgresql_bench import ENGINE, PostgresBench

pytestmark = pytest.mark.postgresql

SCOPE = Scope(ENGINE.system_accounts)
"""What syncs of versions before kept."""
MADE = (
    "CREATE ROLE app LOGIN",
    "CREATE ROLE mon LOGIN IN ROLE pg_monitor",
    "CREATE ROLE boss LOGIN",
    "ALTER DATABASE bench OWNER TO boss",
    "CREATE TABLE orders (id integer)",
    "GRANT SELECT ON orders TO app",
)


GIVEN = (
    "GRANT SELECT ON orders TO pg_monitor",
    "GRANT SELECT ON orders TO pg_read_all_stats",
    "GRANT app TO pg_monitor",
    "GRANT pg_read_all_data TO pg_stat_scan_tables",
    "GRANT SELECT (id) ON orders TO pg_read_all_settings",
)
TAKEN = (
    "REVOKE SELECT ON orders FROM pg_monitor, pg_read_all_stats, pg_read_all_settings",
    "REVOKE app FROM pg_monitor",
    "REVOKE pg_read_all_data FROM pg_stat_scan_tables",
)


def judged(snapshot: Snapshot, scope: Scope = SCOPE) -> Judged:
    """Return the accounts that a sync keeps: one of before, or of this scope."""
    kept = {state.name: state for state in snapshot.accounts if scope.includes(state.name)}
    world = AccessWorld(
        "bench", EngineName.POSTGRESQL, snapshot.server.version, kept, snapshot.sections
    )
    return Judged(world, ENGINE.access_rules(world))


def test_who_can_has_nothing_unknown_because_of_predefined_roles(bench: PostgresBench) -> None:
    bench.run(*MADE)
    found = who_can([judged(bench.collect())], "SELECT", "table:bench.public.orders")
    assert {holder.state.name for holder in found.holders} == {"app", "postgres"}
    assert found.gaps == ()


def by_default(tmp_path: Path, snapshot: Snapshot) -> Scope:
    deps = SimpleNamespace(settings=Settings(home=tmp_path))
    return _scope(deps, ENGINE, snapshot)  # type: ignore[arg-type]


def own(state: AccountState) -> bool:
    return is_own(EngineName.POSTGRESQL, state)


@pytest.mark.parametrize("given", GIVEN)
def test_what_was_granted_to_one_is_known_by_default(
    bench: PostgresBench, given: str, tmp_path: Path
) -> None:
    bench.run(*MADE, given)
    try:
        snapshot = bench.collect()
        world = judged(snapshot, by_default(tmp_path, snapshot))
        by_server = {
            name
            for (name,) in bench.rows(
                "SELECT rolname FROM pg_roles WHERE has_table_privilege(oid, 'orders', 'SELECT')"
            )
        }
        found = who_can([world], "SELECT", "table:bench.public.orders")
        assert found.gaps == ()
        held = {item.state.name for item in found.holders if item.decision.is_allowed_at_login}
        assert {item.state.name for item in found.holders if not item.decision.held} == set()
        assert held == by_server
        assert {"app", "postgres"} <= held
        assert {item.state.name for item in found.holders if item.is_own} == {
            name for name in held if name.startswith("pg_")
        }
        assert access_of(world, "mon").gaps == access_of(world, "app").gaps == ()
    finally:
        bench.run(*TAKEN)


def test_the_owner_of_a_database_is_certain_of_its_schema_public(
    bench: PostgresBench, tmp_path: Path
) -> None:
    bench.run(*MADE)
    snapshot = bench.collect()
    world = judged(snapshot, by_default(tmp_path, snapshot))
    found = who_can([world], "CREATE", "schema:bench.public")
    assert found.gaps == ()
    sql = "SELECT rolname FROM pg_roles WHERE has_schema_privilege(oid, 'public', 'CREATE')"
    by_server = {name for (name,) in bench.rows(sql)}
    assert {item.state.name for item in found.holders} - {"public"} == by_server
    assert "boss" in by_server


def test_a_store_of_before_gets_them_without_a_line(
    newest_bench: PostgresBench, tmp_path: Path
) -> None:
    newest_bench.run(*MADE, GIVEN[0])
    try:
        snapshot = newest_bench.collect()
    finally:
        newest_bench.run(*TAKEN)
    known = [
        KnownAccount(state, is_active=True)
        for state in snapshot.accounts
        if SCOPE.includes(state.name)
    ]
    scope = by_default(tmp_path, snapshot)
    result = reconcile(known, snapshot, scope, tuple(snapshot.sections), own)
    assert {"pg_monitor", "pg_database_owner", "pg_read_all_data"} <= set(result.created)
    assert all(name.startswith("pg_") for name in result.created)
    assert [line for change in result.changes for line in change.lines] == []
    assert (result.permissions_created, result.permissions_updated) == (0, 0)
    assert result.active == result.permissions_unchanged == len(known)
    # The next one finds nothing new, and one more grant to one is told.
    after = [KnownAccount(state, is_active=True) for state in (*result.states, *_states(known))]
    again = reconcile(after, snapshot, scope, tuple(snapshot.sections), own)
    assert (again.changes, again.created) == ((), ())
    changed = [
        replace(state, grants=state.grants[:-1]) if state.name == "pg_monitor" else state
        for state in snapshot.accounts
    ]
    fewer = reconcile(after, replace(snapshot, accounts=tuple(changed)), scope, (), own)
    assert [change.account for change in fewer.changes if change.lines] == ["pg_monitor"]


def _states(known: Sequence[KnownAccount]) -> list[AccountState]:
    return [item.state for item in known]


def test_one_of_a_newer_release_is_left_out(newest_bench: PostgresBench, tmp_path: Path) -> None:
    snapshot = newest_bench.collect()
    role = next(state for state in snapshot.accounts if state.name == "pg_monitor")
    rows = [RoleRow("pg_of_tomorrow", *([False] * 7), -1, None)]
    (_, tomorrow) = account_states(rows, (), (), ())
    assert (tomorrow.is_system, role.is_system) == (True, False)
    newer = replace(snapshot, accounts=(*snapshot.accounts, tomorrow))
    assert not by_default(tmp_path, newer).includes("pg_of_tomorrow")


def test_a_superuser_does_not_hide_behind_a_name_of_theirs(
    newest_bench: PostgresBench, tmp_path: Path
) -> None:
    """The server refuses such names, but not to who writes its catalog."""
    rename = "UPDATE pg_authid SET rolname = '{}' WHERE rolname = '{}'"
    newest_bench.run("CREATE ROLE door LOGIN SUPERUSER", rename.format("pg_door", "door"))
    try:
        snapshot = newest_bench.collect()
    finally:
        newest_bench.run(rename.format("door", "pg_door"))
    assert by_default(tmp_path, snapshot).includes("pg_door")
    door = next(state for state in snapshot.accounts if state.name == "pg_door")
    assert not own(door)
    found = review(
        [Case(judged(snapshot, by_default(tmp_path, snapshot)))],
        FindingRules(),
        date(2026, 11, 30),
        [superuser],
    )
    assert [item.severity for item in found.findings if item.account == "pg_door"] == ["high"]


@pytest.mark.parametrize("given", GIVEN)
def test_what_was_granted_to_one_keeps_it_unknown(newest_bench: PostgresBench, given: str) -> None:
    """The grants of roles that are left out are not kept: no "no" may look certain."""
    bench = newest_bench
    bench.run(*MADE, given)
    try:
        found = who_can([judged(bench.collect())], "SELECT", "table:bench.public.orders")
        assert "mon" in {holder.state.name for holder in found.holders}
        assert any("left out as system accounts" in gap for gap in found.gaps)
    finally:
        bench.run(*TAKEN)


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
