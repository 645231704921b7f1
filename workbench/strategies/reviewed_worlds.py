"""Small random snapshots of every engine in which rules find something, some by the time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

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
