"""Small PostgreSQL worlds, written by hand, for unit tests of the access rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus

K = SecurableKind
ASKED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP = Securable(K.DATABASE, "shop")
SALES = Securable(K.SCHEMA, "shop", "sales", catalog="shop")
ORDERS = Securable(K.TABLE, "shop", "sales", "orders", catalog="shop")
AMOUNT = replace(ORDERS, kind=K.COLUMN, column="amount")
TOTAL = Securable(K.FUNCTION, "shop", "sales", "total(day date)", catalog="shop")
SERVER = Securable(K.SERVER)
_SERVER_SECTIONS = (
    *(SectionName.ACCOUNTS, SectionName.MEMBERSHIPS, SectionName.SETTINGS),
    *(SectionName.DATABASE, SectionName.TABLESPACE, SectionName.PARAMETER),
)
_DATABASE_SECTIONS = (
    *(SectionName.SCHEMA, SectionName.TABLE, SectionName.COLUMN, SectionName.ROUTINE),
    *(SectionName.TYPE, SectionName.LANGUAGE, SectionName.FOREIGN),
    *(SectionName.LARGE_OBJECT, SectionName.DEFAULT),
)


def role(
    name: str,
    *grants: Grant,
    member_of: Iterable[Membership] = (),
    login: bool = True,
    superuser: bool = False,
    **attributes: AttributeValue,
) -> AccountState:
    """Return a role; it can log in and inherits unless it is told not to."""
    return AccountState(
        name=name,
        kind=AccountKind.PUBLIC if name == "public" else AccountKind.USER,
        can_login=login and name != "public",
        is_superuser=superuser,
        attributes=tuple({"inherits": True, **attributes}.items()),
        memberships=tuple(member_of),
        grants=grants,
    )


def having(
    name: str, *, admin: bool = False, inherit: bool | None = True, set_role: bool | None = True
) -> Membership:
    """Return a membership of 16; before it the options are None."""
    return Membership(name, admin, inherit, set_role, None, "postgres")


def having_before_16(name: str, *, admin: bool = False) -> Membership:
    """Return a membership that says nothing of its options."""
    return Membership(name, admin, None, None, None, "postgres")


def on(securable: Securable, *privileges: str, grantable: bool = False) -> tuple[Grant, ...]:
    """Return grants by the owner of an object, who is `owner` in these worlds."""
    return tuple(Grant(securable, name, grantable, grantor="owner") for name in privileges)


def read_sections() -> dict[SectionKey, SectionReport]:
    """Return all sections of a server with one database as read."""
    read = SectionReport(SectionStatus.READ)
    keys = [SectionKey(name) for name in _SERVER_SECTIONS]
    keys += [SectionKey(name, "shop") for name in _DATABASE_SECTIONS]
    return dict.fromkeys(keys, read)


EVERYONE = role("public", *on(SHOP, "CONNECT", "TEMPORARY"))
OWNER = role(
    "owner",
    *on(SHOP, "OWNER", "CREATE", "CONNECT", "TEMPORARY"),
    *on(SALES, "OWNER", "USAGE", "CREATE"),
    *on(ORDERS, "OWNER", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"),
    *on(TOTAL, "OWNER", "EXECUTE"),
)


def world(
    *accounts: AccountState,
    version: str = "17.2",
    sections: dict[SectionKey, SectionReport] | None = None,
) -> AccessWorld:
    """Return a world with PUBLIC, the owner of all and the accounts of a test."""
    named = {account.name: account for account in (EVERYONE, OWNER, *accounts)}
    known = read_sections() if sections is None else sections
    return AccessWorld("shop-1", EngineName.POSTGRESQL, version, named, known, ASKED_AT)


def rules(*accounts: AccountState, version: str = "17.2") -> PostgreSqlAccess:
    """Return the rules over such a world."""
    return PostgreSqlAccess(world(*accounts, version=version))
