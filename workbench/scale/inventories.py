"""What collectors would find on the instances of a large fleet, made without any server.

Every second instance is MariaDB, the others are PostgreSQL. On each there are users, roles or
groups of which users are members, and tables that are granted to them, `s1.t5` among them. Roles,
tables and the first few users have the same names everywhere, as in a fleet that one team keeps,
and the other users are of one instance; who has what differs with the number of the instance.
Only the first few users are as a review does not want them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot

_SCHEMAS = 5
_OWNED = (
    *("OWNER", "SELECT", "INSERT", "UPDATE", "DELETE"),
    *("TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"),
)
_GIVEN = ("SELECT", "INSERT", "UPDATE")
_DATABASE = "shop"
_ROLES_SHARE = 10
_EVERYWHERE = 5


@dataclass(frozen=True, slots=True)
class FleetWorld:
    """A fleet in which each instance has so many accounts, and so many grants on tables."""

    instances: int = 1000
    accounts: int = 103
    grants: int = 2400
    seed: int = 0

    def engine(self, number: int) -> EngineName:
        """Return the engine of an instance by its number."""
        return EngineName.MARIADB if number % 2 else EngineName.POSTGRESQL

    def snapshot(self, number: int, observed_at: datetime) -> Snapshot:
        """Return what is found on an instance; the same for the same number."""
        chance = random.Random(self.seed * 1_000_003 + number)
        if self.engine(number) is EngineName.MARIADB:
            accounts = tuple(_mariadb(self, number, chance))
            return Snapshot(
                ServerIdentity("11.8.3-MariaDB", (11, 8, 3)),
                observed_at,
                accounts,
                sections_of(EngineName.MARIADB, ()),
            )
        return Snapshot(
            ServerIdentity("18.1", (18, 1)),
            observed_at,
            tuple(_postgresql(self, number, chance)),
            sections_of(EngineName.POSTGRESQL, (_DATABASE,)),
            frozenset({_DATABASE}),
        )


def changed(snapshot: Snapshot, observed_at: datetime) -> Snapshot:
    """Return what is found after one account was granted one privilege more."""
    *others, last = snapshot.accounts
    granted = next(grant for account in others for grant in account.grants)
    grant = replace(granted, privilege="DELETE", grantor="")
    more = replace(last, grants=(*last.grants, grant))
    return replace(snapshot, accounts=(*others, more), observed_at=observed_at)


def sections_of(engine: EngineName, databases: Sequence[str]) -> dict[SectionKey, SectionReport]:
    """Return every section that an engine's queries fill, as read."""
    read = SectionReport(SectionStatus.READ)
    return {
        SectionKey(name, database): read
        for query in ENGINES[engine].account_queries
        for database in (databases if query.per_database else ("",))
        for name in query.fills
    }


def _numbers(world: FleetWorld) -> tuple[int, int]:
    """Return how many roles and how many users there are."""
    roles = max(1, world.accounts // _ROLES_SHARE)
    return roles, world.accounts - roles


def _users(number: int, count: int) -> Iterator[str]:
    """Yield names of users: a few that are everywhere, and those of this instance."""
    for position in range(count):
        yield f"u{position}" if position < _EVERYWHERE else f"i{number}_u{position}"


def _postgresql(world: FleetWorld, number: int, chance: random.Random) -> Iterator[AccountState]:
    """Yield PUBLIC, `postgres`, who owns all, groups and users: one group is in each other one."""
    groups, users = _numbers(world)
    names = [f"g{number}" for number in range(groups)]
    tables = max(5, world.grants // (len(_OWNED) + len(_GIVEN)))
    held: Mapping[str, list[Grant]] = defaultdict(list)
    for table in range(1, tables + 1):
        schema = f"s{(table - 1) // 5 % _SCHEMAS + 1}"
        on = Securable(SecurableKind.TABLE, _DATABASE, schema, f"t{table}", "", _DATABASE)
        held["postgres"] += [Grant(on, word, grantor="postgres") for word in _OWNED]
        held[chance.choice(names)] += [Grant(on, word, grantor="postgres") for word in _GIVEN]
    for schema_number in range(1, _SCHEMAS + 1):
        on = Securable(SecurableKind.SCHEMA, _DATABASE, f"s{schema_number}", catalog=_DATABASE)
        held["public"].append(Grant(on, "USAGE", grantor="postgres"))
    shop = Securable(SecurableKind.DATABASE, _DATABASE)
    held["public"].append(Grant(shop, "CONNECT", grantor="postgres"))

    def account(name: str, kind: AccountKind, *roles: str) -> AccountState:
        is_user = kind is AccountKind.USER
        return AccountState(
            name,
            kind,
            can_login=is_user,
            is_superuser=name == "postgres",
            attributes=()
            if kind is AccountKind.PUBLIC
            else tuple(
                {
                    **_ROLE_ATTRIBUTES,
                    "valid_until": _LATER if name.startswith("i") else None,
                }.items()
            ),
            memberships=tuple(
                Membership(role, inherit=True, set_role=True, grantor="postgres")
                for role in sorted(set(roles))
            ),
            grants=tuple(held[name]),
        )

    yield account("public", AccountKind.PUBLIC)
    yield account("postgres", AccountKind.USER)
    for position, name in enumerate(names):
        yield account(name, AccountKind.ROLE, *names[: position and 1])
    for name in _users(number, users - 2):
        yield account(name, AccountKind.USER, chance.choice(names), chance.choice(names))


def _mariadb(world: FleetWorld, number: int, chance: random.Random) -> Iterator[AccountState]:
    """Yield roles, and users of which each has one by default; both have grants on tables."""
    roles, users = _numbers(world)
    names = [f"r{number}" for number in range(roles)]
    people = [
        f"'{name}'@'{'%' if name.startswith('u') else '10.0.0.%'}'"
        for name in _users(number, users)
    ]
    tables = max(5, world.grants // len(_GIVEN) // 2)
    held: Mapping[str, list[Grant]] = defaultdict(list)
    for table in range(1, tables + 1):
        database = f"s{(table - 1) // 5 % _SCHEMAS + 1}"
        on = Securable(SecurableKind.TABLE, database, "", f"t{table}")
        for holder in (chance.choice(names), chance.choice(people)):
            held[holder] += [Grant(on, word, grantor="root@localhost") for word in _GIVEN]
    for name in names:
        yield AccountState(name, AccountKind.ROLE, can_login=False, grants=tuple(held[name]))
    for name in people:
        role = chance.choice(names)
        yield AccountState(
            name,
            AccountKind.USER,
            can_login=True,
            attributes=tuple((_WEAK if name.startswith("'u") else _STRONG).items()),
            memberships=(Membership(role, default=True),),
            grants=tuple(held[name]),
        )


_ROLE_ATTRIBUTES: Mapping[str, AttributeValue] = {
    "inherits": True,
    "can_create_roles": False,
    "can_create_databases": False,
    "can_replicate": False,
    "bypasses_row_security": False,
    "connection_limit": -1,
    "valid_until": None,
}
_LATER = "2027-01-01T00:00:00Z"
_WEAK: Mapping[str, AttributeValue] = {
    "plugins": "mysql_native_password",
    "has_authentication_string": True,
    "password_expired": False,
    "password_last_changed": "2026-01-01T00:00:00Z",
    "default_password_lifetime": 0,
    "validates_passwords": True,
}
_STRONG: Mapping[str, AttributeValue] = {
    **_WEAK,
    "plugins": "ed25519",
    "default_password_lifetime": 90,
}
