"""Small random snapshots of every engine in which rules find something, some by the time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

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
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot
from workbench.strategies.any_engine import SHAPES, newest
from workbench.strategies.postgresql_worlds import ASKED_AT

_SERVER = Securable(SecurableKind.SERVER)
_WIDE = ("CREATE USER", "SUPER", "CONTROL SERVER", "GRANT ANY ROLE", "SELECT ANY TABLE")
_OLD = {
    EngineName.MYSQL: (
        Securable(SecurableKind.DATABASE, "old"),
        Securable(SecurableKind.DATABASE_PATTERN, "old"),
    ),
    EngineName.MARIADB: (Securable(SecurableKind.DATABASE, "old"),),
    EngineName.POSTGRESQL: (Securable(SecurableKind.DATABASE, "old"),),
}
_PASSWORD = SectionReport(SectionStatus.DENIED, "it may not be read")
_READ = SectionReport(SectionStatus.READ)


def reviewed_snapshot(chance: random.Random, engine: EngineName, now: datetime) -> Snapshot:
    """Return what a sync at a moment could find."""
    names = [name for name in SHAPES[engine].names if chance.random() < 0.9]
    accounts = tuple(_account(chance, engine, name, now) for name in names)
    sections = {
        SectionKey(name): _PASSWORD if chance.random() < 0.1 else _READ
        for name in SectionName
        if chance.random() < 0.9
    }
    sections[SectionKey(SectionName.ACCOUNTS)] = _READ
    version = newest(engine)
    is_read = sections.get(SectionKey(SectionName.SERVER_SETTINGS)) == _READ
    facts = tuple(_facts(chance)) if is_read else ()
    return Snapshot(
        ServerIdentity(version, (1,)), now, accounts, sections, server_facts=tuple(sorted(facts))
    )


def _facts(chance: random.Random) -> Iterator[ServerFact]:
    """Yield settings of which each engine's rules look at their own."""
    yield ServerFact("password_encryption", value=chance.choice(["md5", "scram-sha-256"]))
    yield ServerFact("require_secure_transport", value=chance.choice(["ON", "OFF"]))


def _account(chance: random.Random, engine: EngineName, name: str, now: datetime) -> AccountState:
    shape = SHAPES[engine]
    is_everyone = name == shape.names[-1]
    role = shape.names[2]
    is_member = name in shape.names[:2] and chance.random() < 0.5
    member = Membership(role, admin=chance.random() < 0.3, default=True)
    return AccountState(
        name=name,
        kind=AccountKind.PUBLIC if is_everyone else AccountKind.USER,
        can_login=not is_everyone,
        is_locked=chance.random() < 0.2,
        is_superuser=not is_everyone and chance.random() < 0.2,
        database="shop" if engine is EngineName.SQLSERVER else "",
        attributes=tuple(_attributes(chance, engine, now)),
        memberships=(member,) if is_member else (),
        grants=tuple(_grants(chance, engine)),
    ).canonical()


def _attributes(
    chance: random.Random, engine: EngineName, now: datetime
) -> Iterator[tuple[str, AttributeValue]]:
    moment = now + timedelta(hours=chance.randint(-30, 60))
    if engine is EngineName.POSTGRESQL:
        yield "valid_until", chance.choice([None, "infinity", moment.isoformat()])
    elif engine is EngineName.ORACLE:
        yield "account_status", chance.choice(["OPEN", "LOCKED(TIMED)", "EXPIRED"])
        yield "authentication_type", "PASSWORD"
        yield "lock_date", moment.replace(tzinfo=None).isoformat()
        yield "password_lock_time", 1
    else:
        yield "plugins", chance.choice(["mysql_native_password", "ed25519"])
        yield "has_authentication_string", chance.random() < 0.8
        yield "default_password_lifetime", chance.choice([0, 90])


def _grants(chance: random.Random, engine: EngineName) -> Iterator[Grant]:
    shape = SHAPES[engine]
    for _ in range(chance.randint(0, 3)):
        on = chance.choice([*shape.securables, *_OLD.get(engine, ())])
        words = _WIDE if on.kind is SecurableKind.SERVER else shape.words
        yield Grant(on, chance.choice(words), grantable=chance.random() < 0.3)
    if _SERVER in shape.securables and chance.random() < 0.3:
        yield Grant(_SERVER, chance.choice(_WIDE))


_SHOP = Securable(SecurableKind.DATABASE, "shop")
_SALES = Securable(SecurableKind.SCHEMA, "shop", "sales", catalog="shop")
_CATALOG = Securable(SecurableKind.SCHEMA, "shop", "pg_catalog", catalog="shop")
OBJECTS = (
    *(_SHOP, _SALES, _CATALOG, Securable(SecurableKind.DATABASE, "old")),
    *(
        Securable(kind, "shop", "sales", name, catalog="shop")
        for kind, name in (
            (SecurableKind.TABLE, "orders"),
            (SecurableKind.TABLE, "people"),
            (SecurableKind.VIEW, "totals"),
            (SecurableKind.SEQUENCE, "numbers"),
            (SecurableKind.FUNCTION, "total()"),
        )
    ),
    Securable(SecurableKind.COLUMN, "shop", "sales", "orders", "amount", "shop"),
    Securable(SecurableKind.TABLE, "shop", "pg_catalog", "pg_authid", catalog="shop"),
    Securable(SecurableKind.COLUMN, "shop", "pg_catalog", "pg_authid", "rolpassword", "shop"),
    Securable(SecurableKind.TABLE, "shop", "information_schema", "tables", catalog="shop"),
    Securable(SecurableKind.PARAMETER, name="archive_command"),
)
"""What is granted in the worlds of `reviewed_world`, and what else could be."""
_ROLES = ("ann", "bob", "team", "lead", "owner", "app", "web", "etl", "dba", "old")
_GIVEN = ("SELECT", "UPDATE", "INSERT", "OWNER", "CREATE", "USAGE", "SET", "EXECUTE")


def reviewed_world(chance: random.Random) -> AccessWorld:
    """Return a world of PostgreSQL with more accounts than are tried out as a whole."""
    version = chance.choice(["14.2", "16.2", "18.1"])
    states = [_role(chance, name, version) for name in _ROLES if chance.random() < 0.9]
    everyone = AccountState(
        name="public",
        kind=AccountKind.PUBLIC,
        can_login=False,
        grants=tuple(_given(chance, chance.randint(0, 2), 0)),
    )
    sections = {
        SectionKey(name, database): _PASSWORD if chance.random() < 0.03 else _READ
        for name in SectionName
        for database in ("", "shop")
    }
    sections[SectionKey(SectionName.ACCOUNTS)] = _READ
    accounts = {state.name: state.canonical() for state in (*states, everyone)}
    return AccessWorld("i", EngineName.POSTGRESQL, version, accounts, sections, ASKED_AT)


def _role(chance: random.Random, name: str, version: str) -> AccountState:
    has_options = not version.startswith("14")
    known = (*_ROLES, "pg_read_all_data", "pg_write_server_files")
    options = (True, True) if has_options else (None, None)
    roles = chance.sample([item for item in known if item != name], chance.randint(0, 2))
    return AccountState(
        name=name,
        kind=AccountKind.USER,
        can_login=chance.random() < 0.7,
        is_superuser=chance.random() < 0.1,
        attributes=(
            ("inherits", chance.random() < 0.9),
            ("can_create_roles", chance.random() < 0.1),
            ("can_replicate", chance.random() < 0.1),
            ("valid_until", chance.choice([None, "infinity", "2026-01-01 00:00:00+00"])),
        ),
        memberships=tuple(
            Membership(role, chance.random() < 0.2, *options, grantor=chance.choice(_ROLES))
            for role in roles
        ),
        grants=tuple(_given(chance, chance.randint(0, 4), 0.15)),
    )


def _given(chance: random.Random, count: int, share: float) -> Iterator[Grant]:
    for _ in range(count):
        on, grantor = chance.choice(OBJECTS), chance.choice(_ROLES)
        yield Grant(on, chance.choice(_GIVEN), grantable=chance.random() < share, grantor=grantor)
