"""Small random worlds of every engine, in the names that its collector gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from hypothesis import strategies as st

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, SectionName, Securable
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.combined import combined

NEWER: Mapping[EngineName, str] = {
    EngineName.MYSQL: "26.7.0",
    EngineName.MARIADB: "12.3.2-MariaDB",
    EngineName.POSTGRESQL: "19.1 (Debian 19.1-1)",
    EngineName.SQLSERVER: "18.0.1000.6",
    EngineName.ORACLE: "27.4.0.0.0",
}
"""Versions as servers write them, above the newest that was tried."""


def newest(engine: EngineName) -> str:
    """Return a version of the newest line that was tried, and of a late release of it."""
    return ".".join(map(str, (*ENGINES[engine].newest_tried, 99)))


@dataclass(frozen=True)
class Shape:
    """How an engine's accounts and objects are called. The last name is everyone's."""

    names: tuple[str, ...]
    securables: tuple[Securable, ...]
    words: tuple[str, ...] = ("SELECT", "INSERT", "UPDATE", "DELETE")


def _family(public: str) -> Shape:
    return Shape(
        ("'ann'@'%'", "'bob'@'%'", "'team'@'%'", public),
        (
            Securable(K.SERVER),
            Securable(K.DATABASE, "shop"),
            Securable(K.TABLE, "shop", "", "orders"),
            Securable(K.TABLE, "hr", "", "pay"),
        ),
    )


SHAPES: Mapping[EngineName, Shape] = {
    EngineName.MYSQL: _family("'everyone'@'%'"),
    EngineName.MARIADB: _family("PUBLIC"),
    EngineName.POSTGRESQL: Shape(
        ("ann", "bob", "team", "public"),
        (
            Securable(K.SCHEMA, "shop", "sales", catalog="shop"),
            Securable(K.TABLE, "shop", "sales", "orders", catalog="shop"),
            Securable(K.TABLE, "shop", "sales", "people", catalog="shop"),
        ),
        ("SELECT", "INSERT", "USAGE", "CREATE"),
    ),
    EngineName.SQLSERVER: Shape(
        ("[shop].[ann]", "[shop].[bob]", "[shop].[team]", "[shop].[public]"),
        (
            Securable(K.DATABASE, "shop", catalog="shop"),
            Securable(K.SCHEMA, "shop", "dbo", catalog="shop"),
            Securable(K.TABLE, "shop", "dbo", "orders", catalog="shop"),
            Securable(K.TABLE, "shop", "dbo", "people", catalog="shop"),
        ),
    ),
    EngineName.ORACLE: Shape(
        ("ANN", "BOB", "TEAM", "PUBLIC"),
        (
            Securable(K.SERVER),
            Securable(K.SCHEMA, schema="HR"),
            Securable(K.TABLE, schema="HR", name="EMP"),
            Securable(K.TABLE, schema="HR", name="PAY"),
        ),
    ),
}


def _kind(engine: EngineName, name: str) -> AccountKind:
    if name in ("PUBLIC", "public"):
        return AccountKind.PUBLIC
    is_role = name.strip("'@%[]").lower().endswith(("team", "public"))
    return AccountKind.ROLE if is_role and engine is not EngineName.MYSQL else AccountKind.USER


@cache
def _grants(engine: EngineName) -> st.SearchStrategy[list[Grant]]:
    shape = SHAPES[engine]
    one = combined(Grant, securable=shape.securables, privilege=shape.words)
    return st.lists(one, max_size=3)


@st.composite
def worlds_of(draw: st.DrawFn, engine: EngineName) -> AccessWorld:
    """Draw a world whose grants are all known: users, a role, and who stands for all."""
    shape, grants = SHAPES[engine], _grants(engine)
    accounts = {}
    for name in shape.names:
        has_role = name in shape.names[:2] and draw(st.booleans())
        kind = _kind(engine, name)
        accounts[name] = AccountState(
            name=name,
            kind=kind,
            can_login=kind is AccountKind.USER,
            database="shop" if engine is EngineName.SQLSERVER else "",
            memberships=(Membership(shape.names[2], default=True),) if has_role else (),
            grants=tuple(draw(grants)),
        )
    return AccessWorld("i", engine, newest(engine), accounts, _read(engine))


def _read(engine: EngineName) -> dict[SectionKey, SectionReport]:
    """Return all sections as read, where the engine has them: the server's or a database's."""
    databases = {EngineName.POSTGRESQL: ("", "shop"), EngineName.SQLSERVER: ("", "shop")}
    return {
        SectionKey(name, database): SectionReport(SectionStatus.READ)
        for name in SectionName
        for database in databases.get(engine, ("",))
    }


def questions(engine: EngineName) -> Sequence[tuple[str, Securable]]:
    """Return every privilege of the worlds on every object of them."""
    shape = SHAPES[engine]
    return [(word, on) for word in shape.words for on in shape.securables]


def with_grant(world: AccessWorld, account: str, grant: Grant) -> AccessWorld:
    """Return a world in which an account has one more grant."""
    state = world.accounts[account]
    changed = replace(state, grants=(*state.grants, grant))
    return replace(world, accounts={**world.accounts, account: changed})
