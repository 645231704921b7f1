"""No statement of a finding locks the last superuser, or the server's own accounts."""

from __future__ import annotations

import pytest

from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.mysql.engine import MySql
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

ENGINES = [pytest.param(MariaDb(), id="mariadb"), pytest.param(MySql(), id="mysql")]


def user(name: str, *, is_superuser: bool = False, is_locked: bool = False) -> AccountState:
    return AccountState(
        name=name,
        kind=AccountKind.USER,
        can_login=not is_locked,
        is_locked=is_locked,
        is_superuser=is_superuser,
        attributes=(),
        memberships=(),
        grants=(),
    )


def disable(engine: MariaDb | MySql, account: str, *states: AccountState) -> str:
    world = AccessWorld("i", engine.name, "10.11.19", {state.name: state for state in states})
    return engine.access_rules(world).disable(account)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_never_locked(engine: MariaDb | MySql) -> None:
    root, admin = "'root'@'localhost'", "'admin'@'%'"
    app = user("'app'@'%'")
    both = (user(root, is_superuser=True), user(admin, is_superuser=True), app)
    assert disable(engine, root, *both) == ""
    assert disable(engine, admin, *both) == "ALTER USER 'admin'@'%' ACCOUNT LOCK;"
    assert disable(engine, "'app'@'%'", *both) == "ALTER USER 'app'@'%' ACCOUNT LOCK;"
    locked = user(root, is_superuser=True, is_locked=True)
    assert disable(engine, admin, locked, user(admin, is_superuser=True), app) == ""
    own = engine.access_rules(AccessWorld("i", engine.name, "9.7.0", {})).system_accounts  # type: ignore[attr-defined]
    for name in own:
        assert disable(engine, name, user(name), *both) == ""


SUPER = Grant(Securable(SecurableKind.SERVER), "SUPER", grantable=True)
ON_SHOP = Grant(Securable(SecurableKind.DATABASE, "shop"), "SELECT", grantable=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_statement_takes_the_rights_of_the_first_or_the_last_superuser(
    engine: MariaDb | MySql,
) -> None:
    root, chief, admin = "'root'@'localhost'", "'chief'@'localhost'", "'admin'@'%'"

    def rules_of(*names: str) -> AccessRules:
        states = {name: user(name, is_superuser=True) for name in names}
        return engine.access_rules(AccessWorld("i", engine.name, "10.11.19", states))

    # Root by its name, and root that was renamed: the last superuser, whatever its name.
    for account, rules in (
        (root, rules_of(root, admin)),
        (root, rules_of(root)),
        (chief, rules_of(chief)),
    ):
        assert rules.revoke(account, SUPER) == ""
        assert rules.revoke_option(account, SUPER) == ""
        assert rules.disable(account) == ""
        assert rules.revoke(account, ON_SHOP)
        assert rules.revoke_option(account, ON_SHOP)
    assert rules_of(root, admin).revoke(admin, SUPER)
    assert rules_of(chief, admin).revoke(admin, SUPER)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_superuser_is_one_by_its_rights_as_well(engine: MariaDb | MySql) -> None:
    root, chief = "'root'@'localhost'", "'chief'@'localhost'"
    for has_rights in (True, False):
        states = {root: user(root, is_superuser=has_rights), chief: user(chief, is_superuser=True)}
        rules = engine.access_rules(AccessWorld("i", engine.name, "10.11.19", states))
        assert rules.facts(root).is_built_in == has_rights
        assert not rules.facts(chief).is_built_in
