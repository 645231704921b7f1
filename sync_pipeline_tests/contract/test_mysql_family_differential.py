"""Random users, roles and grants: what we collect equals what SHOW GRANTS says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from typing import Any

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract import mysql_show_grants as show
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer
from workbench.strategies.combined import combined

pytestmark = pytest.mark.long

DATABASE = "di'ff"
TABLES = ("t", "t.x", "t`y", "täble")
COLUMNS = ("a", "b c", "c,d", "e)")
ROUTINES = (("PROCEDURE", "p q"), ("FUNCTION", "f'né日"))
WORLDS, PLANS_IN_ONE = 80, 5
"""Most of the time goes into reading: what several plans make is read, and dropped, at once."""
LOSES_NAMES_BEYOND = 32
"""MySQL 9.7 cuts the name of a user off after so many bytes where it keeps a grant on a routine:
what is in its memory, and in SHOW GRANTS, is gone when it restarts."""
PATTERNS = (DATABASE, r"d\_%", "a%b", r"under\_score", "x.y", "Ünï`", r"back\\slash", "n" * 64)

ODD = st.text("a'\"` .%_@\\é日Z", min_size=1, max_size=20).map(str.strip).filter(bool)
HOSTS = st.sampled_from(["%", "10.0.0.%", "192.168.7.9", "10.1.0.0/255.255.0.0"])
ON_SERVER = sorted(show.ON_DATABASE | {"RELOAD", "PROCESS", "FILE", "SUPER", "CREATE USER"})
DYNAMIC = {
    True: ["BACKUP_ADMIN", "ROLE_ADMIN", "XA_RECOVER_ADMIN", "SYSTEM_VARIABLES_ADMIN"],
    False: ["BINLOG ADMIN", "SLAVE MONITOR", "DELETE HISTORY", "SET USER"],
}
LEVELS = {
    "server": ON_SERVER,
    "database": sorted(show.ON_DATABASE),
    "table": sorted(show.ON_TABLE),
    "column": ["SELECT", "INSERT", "UPDATE", "REFERENCES"],
    "routine": sorted(show.ON_ROUTINE),
}


@dataclass(frozen=True)
class Plan:
    """What to make: users and roles by number, roles of roles, and grants."""

    users: tuple[tuple[str, str], ...]
    roles: tuple[str, ...]
    edges: tuple[tuple[int, int, bool], ...]
    grants: tuple[tuple[int, str, tuple[str, ...], int, bool], ...]
    dynamic: tuple[tuple[int, int, bool], ...]
    proxies: tuple[tuple[int, int, bool], ...]


_users = st.lists(st.tuples(ODD, HOSTS), min_size=1, max_size=4, unique=True)
_roles = st.lists(ODD.map(lambda name: f"r{name}"), max_size=4, unique=True)
_level = st.sampled_from(sorted(LEVELS))
_words = {
    level: st.lists(st.sampled_from(words), max_size=6, unique=True).map(tuple)
    for level, words in LEVELS.items()
}
_place = st.integers(0, 2 * 64 - 1)
"""A place and an option, as one number."""
BOTH = (True, False)


@st.composite
def _grants(draw: Any, who: st.SearchStrategy[int]) -> tuple[int, str, tuple[str, ...], int, bool]:
    holder, level, place = draw(who), draw(_level), draw(_place)
    return holder, level, draw(_words[level]), place // 2, bool(place % 2)


# Made once, not for each plan: see sizes.py.
@cache
def _of_holders(count: int) -> tuple[st.SearchStrategy[tuple[Any, ...]], ...]:
    """Return what draws grants, edges, dynamic privileges and proxies of so many accounts."""
    who = range(count)
    edges = combined(_together, role=range(4), who=who, is_admin=BOTH)
    dynamic = combined(_together, who=who, which=range(4), option=BOTH)
    proxies = combined(_together, who=who, whom=who, option=BOTH)
    return (
        st.lists(_grants(st.sampled_from(who)), max_size=14).map(tuple),
        st.lists(edges, max_size=6).map(tuple),
        st.lists(dynamic, max_size=4).map(tuple),
        st.lists(proxies, max_size=2).map(tuple),
    )


def _together(**parts: Any) -> tuple[Any, ...]:
    return tuple(parts.values())


@st.composite
def plans(draw: Any) -> Plan:
    users, roles = draw(_users), draw(_roles)
    grants, edges, dynamic, proxies = _of_holders(len(users) + len(roles))
    return Plan(
        tuple(users),
        tuple(roles),
        draw(edges) if roles else (),
        draw(grants),
        draw(dynamic),
        draw(proxies),
    )


class Maker:
    """Carries a plan out. Roles are granted downwards only: a circle is refused."""

    def __init__(self, family: Family, plan: Plan, cursor: pymysql.cursors.Cursor) -> None:
        self.is_mysql = family.is_mysql
        self.plan = plan
        self.cursor = cursor

    def principal(self, number: int) -> str:
        if number < len(self.plan.users):
            user, host = self.plan.users[number]
            return f"{self.literal(user)}@{self.literal(host)}"
        return self.role(number - len(self.plan.users))

    def role(self, number: int) -> str:
        return identifier(self.plan.roles[number])

    def literal(self, text: str) -> str:
        return str(self.cursor.connection.escape(text))

    def keeps_routines_of(self, number: int) -> bool:
        """Return whether the server keeps grants on routines for a user or role."""
        names = [*(user for user, _ in self.plan.users), *self.plan.roles]
        return not self.is_mysql or len(names[number].encode()) <= LOSES_NAMES_BEYOND

    def statements(self) -> Iterator[str]:
        yield from (f"CREATE USER {self.principal(n)}" for n in range(len(self.plan.users)))
        yield from (f"CREATE ROLE {self.role(n)}" for n in range(len(self.plan.roles)))
        # Nothing is granted twice with another option: where a role (MySQL) or a proxy
        # (MariaDB) is, the server's memory and its table differ until it restarts.
        edges = {(low % len(self.plan.roles), who): on for low, who, on in self.plan.edges}
        first_role = len(self.plan.users)
        for (role, who), is_admin in edges.items():
            if who < first_role or role < who - first_role:
                option = " WITH ADMIN OPTION" if is_admin else ""
                yield f"GRANT {self.role(role)} TO {self.principal(who)}{option}"
        for who, level, words, where, option in self.plan.grants:
            if level != "routine" or self.keeps_routines_of(who):
                yield self.grant(who, level, words, where, option)
        for who, which, option in self.plan.dynamic:
            suffix = " WITH GRANT OPTION" if option else ""
            word = DYNAMIC[self.is_mysql][which]
            yield f"GRANT {word} ON *.* TO {self.principal(who)}{self.suffix(who, suffix)}"
        proxies = {(who, proxied): option for who, proxied, option in self.plan.proxies}
        for (who, proxied), option in proxies.items():
            if max(who, proxied) < len(self.plan.users):
                suffix = " WITH GRANT OPTION" if option else ""
                yield f"GRANT PROXY ON {self.principal(proxied)} TO {self.principal(who)}{suffix}"

    def suffix(self, who: int, suffix: str) -> str:
        """Return the option: MariaDB gives it to no role."""
        return "" if who >= len(self.plan.users) and not self.is_mysql else suffix

    def grant(self, who: int, level: str, words: tuple[str, ...], where: int, option: bool) -> str:
        table = f"{identifier(DATABASE)}.{identifier(TABLES[where % 4])}"
        kind, name = ROUTINES[where % 2]
        on = {
            "server": "*.*",
            "database": f"{identifier(PATTERNS[where % len(PATTERNS)])}.*",
            "table": table,
            "column": table,
            "routine": f"{kind} {identifier(DATABASE)}.{identifier(name)}",
        }[level]
        suffix = self.suffix(who, " WITH GRANT OPTION" if option else "")
        if level == "column":
            columns = f" ({identifier(COLUMNS[where // 4 % 4])}, {identifier(COLUMNS[where % 4])})"
            if where // 4 % 4 == where % 4:
                columns = f" ({identifier(COLUMNS[where % 4])})"
            words = tuple(word + columns for word in words)
        return f"GRANT {', '.join(words) or 'USAGE'} ON {on} TO {self.principal(who)}{suffix}"


def identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    columns = ", ".join(f"{identifier(column)} INT" for column in COLUMNS)
    here = identifier(DATABASE)
    found.run(
        f"CREATE DATABASE {here}",
        *(f"CREATE TABLE {here}.{identifier(table)} ({columns})" for table in TABLES),
        f"CREATE PROCEDURE {here}.`p q`() SELECT 1",
        f"CREATE FUNCTION {here}.`f'né日`() RETURNS INT DETERMINISTIC RETURN 1",
    )
    yield found
    found.run(f"DROP DATABASE {here}")


def test_what_is_collected_is_what_show_grants_says(family: Family) -> None:
    serial = count()
    with family.connected() as read, family.admin() as cursor:

        @settings(
            max_examples=WORLDS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(st.lists(plans(), min_size=PLANS_IN_ONE, max_size=PLANS_IN_ONE))
        def check(found: list[Plan]) -> None:
            makers = [Maker(family, numbered(plan, next(serial)), cursor) for plan in found]
            try:
                for maker in makers:
                    for statement in maker.statements():
                        cursor.execute(statement)
                compare(family, makers, read())
            finally:
                drop(makers, cursor)

        check()


def numbered(plan: Plan, number: int) -> Plan:
    """Return a plan whose names nobody had: MariaDB may keep grants of a dropped user in memory."""
    return replace(
        plan,
        users=tuple((f"{user}-{number}", host) for user, host in plan.users),
        roles=tuple(f"{role}.{number}" for role in plan.roles),
    )


def drop(makers: list[Maker], cursor: pymysql.cursors.Cursor) -> None:
    users = [maker.principal(n) for maker in makers for n in range(len(maker.plan.users))]
    roles = [maker.role(n) for maker in makers for n in range(len(maker.plan.roles))]
    for kind, names in (("ROLE", roles), ("USER", users)):
        if names:
            cursor.execute(f"DROP {kind} IF EXISTS {', '.join(names)}")


def compare(family: Family, makers: list[Maker], snapshot: Snapshot) -> None:
    states = {state.name: state for state in snapshot.accounts}
    for maker in makers:
        for user, host in maker.plan.users:
            assert account_name(user, host) in states
    # Under --skip-name-resolve MariaDB does not load accounts of a host name.
    not_loaded = account_name("root", socket.gethostname().lower())
    for state in states.values():
        if state.name == not_loaded:
            continue
        lines = show_grants(family, makers, state)
        said = show.read(lines, state.name, is_mysql=family.is_mysql, version=family.version)
        ours = show.collected(state)
        if not family.is_mysql:  # which shows the empty host of mysql.proxies_priv as %
            ours.grants = {
                (*fact[:3], "''@'%'", *fact[4:]) if fact[3] == "''@''" else fact
                for fact in ours.grants
            }
        assert ours.roles == said.roles, state.name
        assert ours.grants == said.grants, (state.name, lines)


def show_grants(family: Family, makers: list[Maker], state: AccountState) -> list[str]:
    if state.kind is AccountKind.PUBLIC:
        whom = "PUBLIC"
    elif state.kind is AccountKind.ROLE and not family.is_mysql:
        (whom,) = [
            maker.role(number)
            for maker in makers
            for number, name in enumerate(maker.plan.roles)
            if state.name in (name, "'" + name.replace("'", "''") + "'")
        ]
    else:
        whom = state.name.replace("\\", "\\\\")
    cursor = makers[0].cursor
    cursor.execute(f"SHOW GRANTS FOR {whom}")
    return [row[0] for row in cursor.fetchall()]
