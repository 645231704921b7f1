"""Effective privileges of SQL Server and Oracle, over accounts that their collectors read.

No server of either can be had here: the catalogs are emulated. What the rules decide is
tested against the documentation elsewhere; this is that both halves fit together.
"""

from __future__ import annotations

from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld, PowerKind, path_text
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract import oracle_family
from workbench.emulation import oracle_world, sqlserver_world
from workbench.emulation.sqlserver_connection import accounts_of


def rules_over(engine: EngineName, snapshot: Snapshot) -> AccessRules:
    states = {state.name: state for state in snapshot.accounts}
    version = snapshot.server.version
    world = AccessWorld("i", engine, version, states, snapshot.sections)
    return ENGINES[engine].access_rules(world)


def can(rules: AccessRules, account: str, privilege: str, text: str) -> list[str]:
    """Return the paths by which an account has a privilege."""
    (securable, *_) = rules.securables(text)
    return [path_text(item.path) for item in rules.decide(account, privilege, securable).held]


def test_every_account_of_a_collected_sql_server_is_answered_for() -> None:
    world = sqlserver_world.World()
    sales = world.database("sales")
    sid = world.login("alice")
    world.login("boss")
    world.member("sysadmin", "boss")
    sales.user("al", sid=sid)
    sales.user("team", type_="R")
    sales.member("team", "al")
    orders = sales.thing("orders", columns=("id", "amount"))
    sales.grant("team", "SELECT", 1, orders)
    sales.grant("team", "UPDATE", 1, orders)
    sales.grant("al", "UPDATE", 1, orders, state="D")
    snapshot = accounts_of(world)
    rules = rules_over(EngineName.SQLSERVER, snapshot)
    table = "table:sales.dbo.orders"
    (path,) = can(rules, "alice", "SELECT", table)
    assert path.startswith("alice → [sales].[al] (")
    assert "[sales].[team]" in path
    assert can(rules, "alice", "UPDATE", table) == []
    assert can(rules, "boss", "UPDATE", table)
    assert [power.kind for power in rules.powers("boss")][:1] == [PowerKind.SUPERUSER]
    assert can(rules, "mon", "SELECT", table) == []
    answer_for_all(rules, snapshot, table)


def test_every_account_of_a_collected_oracle_is_answered_for() -> None:
    world = oracle_world.World()
    world.database()
    for user in ("APP", "CHAINED", "HR"):
        world.user(user)
    world.role("TEAM")
    world.role("INNER")
    world.grant("SELECT", "HR", "T", "TEAM")
    world.grant_role("TEAM", "APP")
    world.grant_role("DBA", "INNER")
    world.grant_role("INNER", "CHAINED")
    snapshot = oracle_family.snapshot_of(world)
    rules = rules_over(EngineName.ORACLE, snapshot)
    assert can(rules, "APP", "SELECT", "table:HR.T")[0].startswith("APP → TEAM (")
    assert can(rules, "APP", "DELETE", "table:HR.T") == []
    assert can(rules, "HR", "DELETE", "table:HR.T")
    assert rules.powers("CHAINED")[0].kind is PowerKind.SUPERUSER
    answer_for_all(rules, snapshot, "table:HR.T")


def answer_for_all(rules: AccessRules, snapshot: Snapshot, text: str) -> None:
    """Ask everything of every account; all that is listed is decided the same way."""
    (securable, *_) = rules.securables(text)
    for state in snapshot.accounts:
        rules.decide(state.name, "SELECT", securable)
        rules.facts(state.name)
        rules.powers(state.name)
        for item in rules.everything(state.name):
            assert rules.decide(state.name, item.privilege, item.securable).is_allowed, item
        for grant in state.grants:
            rules.revoke(state.name, grant)
        for membership in state.memberships:
            assert rules.revoke_role(state.name, membership)
