"""No statement of a finding locks the last superuser, or the server's own accounts."""

from __future__ import annotations

import pytest

from sync_pipeline.engines.mariadb.engine import MariaDb
from sync_pipeline.engines.mysql.engine import MySql
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState

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
