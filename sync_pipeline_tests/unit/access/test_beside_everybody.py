"""What accounts have beside everybody: what is denied to all, and fixes that leave all the rest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, examine
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

SERVER = Securable(SecurableKind.SERVER)
ANN = "'ann'@'%'"


def found(engine: EngineName, version: str, *states: AccountState) -> dict[str, list[Finding]]:
    """Return the findings of each account."""
    accounts = {state.name: state for state in states}
    moment = datetime(2026, 11, 30, tzinfo=UTC)
    world = AccessWorld("db", engine, version, accounts, {}, asked_at=moment)
    items = examine(Case(Judged(world, ENGINES[engine].access_rules(world))), RULES).findings
    return {name: [item for item in items if item.account == name] for name in accounts}


def public(name: str, *privileges: str, roles: tuple[str, ...] = ()) -> AccountState:
    grants = tuple(Grant(SERVER, privilege) for privilege in privileges)
    memberships = tuple(map(Membership, roles))
    kind = AccountKind.PUBLIC
    return AccountState(name, kind, can_login=False, grants=grants, memberships=memberships)


def user(name: str, *grants: Grant) -> AccountState:
    return AccountState(name, AccountKind.USER, can_login=True, grants=grants)


def test_what_a_role_of_everybody_is_denied_nobody_has_beside_everybody() -> None:
    denied = Grant(SERVER, "SUPER", deny=True)
    role = AccountState("held_back", AccountKind.ROLE, can_login=False, grants=(denied,))
    items = found(
        EngineName.MARIADB,
        "13.1.1",
        public("PUBLIC", "FILE", roles=("held_back",)),
        role,
        user(ANN, Grant(SERVER, "SUPER")),
    )
    assert [item.rule for item in items["PUBLIC"]].count("dangerous-privilege") == 1
    assert "superuser" not in [item.rule for item in items[ANN]]


@pytest.mark.parametrize(
    ("engine", "version", "everybody", "name", "most", "some"),
    [
        (EngineName.MARIADB, "11.8.2", "PUBLIC", ANN, "SUPER", "CREATE USER"),
        (EngineName.SQLSERVER, "16.0", "public", "ann", "CONTROL SERVER", "ALTER ANY LOGIN"),
        (EngineName.ORACLE, "19.0", "PUBLIC", "ANN", "SYSDBA", "GRANT ANY ROLE"),
    ],
)
@pytest.mark.parametrize("others", [0, 9])
def test_a_fix_takes_what_one_has_beside_everybody_and_nothing_from_everybody(
    engine: EngineName, version: str, everybody: str, name: str, most: str, some: str, others: int
) -> None:
    # Nobody else may do everything on SQL Server, but for who administers it.
    boss = AccountState("sa", AccountKind.USER, True, memberships=(Membership("sysadmin"),))
    more = [boss, *(user(f"U{number}") for number in range(others))]
    for privilege, rule in ((most, "superuser"), (some, "grant-admin")):
        ann = user(name, Grant(SERVER, privilege))
        items = found(engine, version, public(everybody, most), ann, *more)
        (own,) = (item for item in items[name] if item.rule == rule)
        assert privilege in own.fix
        assert everybody not in own.fix
        assert "a superuser, as all accounts: see what is found" in own.left
        (of_all,) = (item for item in items[everybody] if item.rule == "superuser")
        assert of_all.fix
