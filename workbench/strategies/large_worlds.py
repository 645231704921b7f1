"""Worlds of every engine that are large in one way: deep chains of roles, many holders."""

from __future__ import annotations

from dataclasses import replace

from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from workbench.strategies.any_engine import SHAPES, newest


def table_of(engine: EngineName) -> Securable:
    """Return the table that is asked about."""
    return next(on for on in SHAPES[engine].securables if on.kind is SecurableKind.TABLE)


def text_of(engine: EngineName) -> str:
    """Return the table as people write it."""
    on = table_of(engine)
    return "table:" + ".".join(part for part in (on.database, on.schema, on.name) if part)


def chain(engine: EngineName, depth: int) -> AccessWorld:
    """Return a role in a role in a role …: the last one holds SELECT on the table."""
    roles = [_role(engine, number) for number in range(depth)]
    states = [
        _account(engine, role, roles[place - 1 : place] if place else (), holds=not place)
        for place, role in enumerate(roles)
    ]
    return _world(engine, [*states, _account(engine, SHAPES[engine].names[0], roles[-1:])])


def holders(engine: EngineName, count: int) -> AccessWorld:
    """Return many accounts that hold SELECT on the table themselves."""
    names = [_role(engine, number) for number in range(count)]
    return _world(engine, [_account(engine, name, holds=True) for name in names])


def beside(world: AccessWorld, count: int) -> AccessWorld:
    """Return a world with so many accounts more, which hold nothing."""
    names = [_role(world.engine, 10_000 + number) for number in range(count)]
    others = {name: _account(world.engine, name) for name in names}
    return replace(world, accounts={**world.accounts, **others})


def _role(engine: EngineName, number: int) -> str:
    written = {
        EngineName.MYSQL: "'n{}'@'%'",
        EngineName.SQLSERVER: "[shop].[n{}]",
        EngineName.ORACLE: "N{}",
    }
    return written.get(engine, "n{}").format(number)


def _account(
    engine: EngineName, name: str, roles: tuple[str, ...] | list[str] = (), *, holds: bool = False
) -> AccountState:
    is_user = name in SHAPES[engine].names
    return AccountState(
        name,
        AccountKind.USER if is_user else AccountKind.ROLE,
        can_login=is_user,
        database="shop" if engine is EngineName.SQLSERVER else "",
        memberships=tuple(
            Membership(role, inherit=True, set_role=True, default=True) for role in roles
        ),
        grants=(Grant(table_of(engine), "SELECT"),) if holds else (),
    ).canonical()


def _world(engine: EngineName, states: list[AccountState]) -> AccessWorld:
    public = SHAPES[engine].names[-1]
    database = "shop" if engine is EngineName.SQLSERVER else ""
    everyone = AccountState(public, AccountKind.PUBLIC, can_login=False, database=database)
    named = {state.name: state for state in (*states, everyone)}
    return AccessWorld("i", engine, newest(engine), named)
