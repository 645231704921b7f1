"""Servers on which somebody changes something, and what they say of themselves: `news_model`.

Memberships and parameters of a PostgreSQL server can be hidden from the account that reads it. What
is hidden counts as it was when it was last seen, but for accounts that are gone since.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import psycopg
import pymysql

from sync_pipeline_tests.faults.news_model import (
    CRITICAL,
    DANGEROUS,
    GRANT_ADMIN,
    HIGH,
    INFO,
    LOW,
    MEDIUM,
    SUPERUSER,
    Held,
    Public,
    State,
)
from sync_pipeline_tests.integration.test_events_of_servers import (
    Ask,
    on_mariadb,
    on_postgresql,
    step_of_mariadb,
    step_of_postgresql,
)
from workbench.servers.running import RunningServer

MEMBERSHIPS, PARAMETERS = "pg_catalog.pg_auth_members", "pg_catalog.pg_parameter_acl"
TO_FILES = {"pg_execute_server_program", "pg_write_server_files"}
"""Roles that may write whatever the server itself may."""
PG_SUPERUSERS = """
    SELECT r.rolname FROM pg_roles AS r WHERE r.rolname LIKE 'ev\\_%' AND EXISTS (
        SELECT FROM pg_roles AS s WHERE pg_has_role(r.oid, s.oid, 'SET') AND (
            s.rolsuper
            OR pg_has_role(s.oid, 'pg_execute_server_program', 'USAGE')
            OR pg_has_role(s.oid, 'pg_write_server_files', 'USAGE')
        )
    )
"""
PG_ROLES = """
    SELECT rolname, rolsuper, rolcanlogin, rolcreatedb, rolreplication, rolbypassrls,
        coalesce(rolvaliduntil, 'infinity') = 'infinity', coalesce(rolvaliduntil < now(), false)
    FROM pg_roles
"""
PG_EDGES = """
    SELECT m.rolname, r.rolname, bool_or(a.set_option), bool_or(a.inherit_option),
        bool_or(a.admin_option)
    FROM pg_auth_members AS a
    JOIN pg_roles AS m ON m.oid = a.member JOIN pg_roles AS r ON r.oid = a.roleid
    GROUP BY 1, 2
"""
PG_PARAMETERS = """
    SELECT CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END,
        privilege_type || ' on parameter ' || parname, is_grantable
    FROM pg_parameter_acl CROSS JOIN aclexplode(paracl)
"""
PG_OBJECTS = """
    SELECT CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END,
        privilege_type, kind, name, is_grantable
    FROM (
        SELECT 'table' AS kind, relname::text AS name, coalesce(relacl, acldefault('r', relowner))
        FROM pg_class WHERE relname LIKE 'ev\\_%'
        UNION ALL
        SELECT 'function', proname || '()', coalesce(proacl, acldefault('f', proowner))
        FROM pg_proc WHERE proname LIKE 'ev\\_%'
    ) AS of_objects (kind, name, acl) CROSS JOIN aclexplode(acl)
"""
PG_DANGERS = {
    "CREATEDB": LOW,
    "REPLICATION": MEDIUM,
    "BYPASSRLS": MEDIUM,
    "pg_read_all_data": MEDIUM,
    "pg_signal_backend": LOW,
    "SET on parameter session_replication_role": MEDIUM,
    "ALTER SYSTEM on parameter work_mem": MEDIUM,
}
MARIADB_WORDS = {"FILE": HIGH, "PROCESS": MEDIUM, "RELOAD": LOW}
MARIADB_ACCOUNTS = """
    SELECT u.user, u.is_role = 'Y', u.super_priv = 'Y', u.file_priv = 'Y', u.process_priv = 'Y',
        u.reload_priv = 'Y', u.create_user_priv = 'Y', u.grant_priv = 'Y',
        u.authentication_string = '', coalesce(json_value(g.priv, '$.account_locked'), 0) = 1,
        coalesce(json_value(g.priv, '$.password_lifetime'), -1) <= 0
    FROM mysql.user AS u JOIN mysql.global_priv AS g ON g.user = u.user AND g.host = u.host
    WHERE u.user LIKE 'ev\\_%' OR u.user = 'PUBLIC'
"""
_NO_DEFAULT = "SELECT @@global.default_password_lifetime"


class Edge(NamedTuple):
    """A membership, by all of its grantors together."""

    member: str
    role: str
    sets: bool
    inherits: bool
    admin: bool


Parameter = tuple[str, str, bool]
"""To whom, what, and whether that may be passed on."""


@dataclass
class Server:
    """One server: what somebody does to it, and what it says of itself.

    `before` is what the last sync that came to its end could read, and `databases` the same of the
    last measuring; `known_databases` are all that any measuring saw.
    """

    name: str
    running: RunningServer
    ask: Ask
    change: Callable[[random.Random], str]
    gives_power: str = "ALTER ROLE ev_a SUPERUSER"
    renames: str = "ALTER ROLE ev_a RENAME TO ev_h"
    revokes: Sequence[str] = ("REVOKE ev_b FROM ev_c",)
    grants: Sequence[str] = ("GRANT ev_b TO ev_c",)
    drops: Sequence[str] = ("DROP ROLE ev_d",)
    makes: Sequence[str] = ("CREATE ROLE ev_d LOGIN", "GRANT ev_c TO ev_d")
    is_away: bool = False
    before: State | None = None
    databases: frozenset[str] | None = None
    known_databases: frozenset[str] = frozenset()

    def happen(self, chance: random.Random) -> None:
        for _ in range(chance.randrange(4)):
            self.do(self.change(chance))

    def do(self, *statements: str) -> None:
        for statement in statements:
            with suppress(psycopg.Error, pymysql.Error):
                self.ask(statement)

    def state(self) -> State:
        """Return what a sync of now could know."""
        raise NotImplementedError

    def listed(self) -> frozenset[str]:
        """Return its databases of ours."""
        raise NotImplementedError

    def keep(self) -> None:
        """Note that a sync came to its end which could read what `state` said last."""


@dataclass
class PostgreSql(Server):
    """A PostgreSQL server; some of its catalogs may be `hidden` for a while."""

    may_hide: bool = False
    hidden: set[str] = field(default_factory=set)
    edges: Sequence[Edge] = ()
    parameters: Sequence[Parameter] = ()
    _seen: tuple[Sequence[Edge], Sequence[Parameter]] = ((), ())

    def state(self) -> State:
        roles = {row[0]: row[1:] for row in self.ask(PG_ROLES)}
        edges = [Edge(*row) for row in self.ask(PG_EDGES)]
        parameters = self.ask(PG_PARAMETERS)
        self._check(edges)
        if MEMBERSHIPS in self.hidden:
            edges = [item for item in self.edges if {item.member, item.role} <= roles.keys()]
        if PARAMETERS in self.hidden:
            there = {"public", *roles}
            parameters = [item for item in self.parameters if item[0] in there]
        self._seen = edges, parameters
        world = _World(roles, edges, parameters, self.ask(PG_OBJECTS), self.running.database)
        return world.state()

    def _check(self, edges: Sequence[Edge]) -> None:
        """Check how roles are followed here, against the server's own functions."""
        ways = Ways([edge._replace(admin=False) for edge in edges], self._flagged())
        by_server = {name for (name,) in self.ask(PG_SUPERUSERS)}
        names = (name for (name,) in self.ask("SELECT rolname FROM pg_roles"))
        assert {n for n in names if n.startswith("ev_") and ways.is_superuser(n)} == by_server

    def _flagged(self) -> set[str]:
        return {name for (name,) in self.ask("SELECT rolname FROM pg_roles WHERE rolsuper")}

    def listed(self) -> frozenset[str]:
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'ev\\_%'"
        return frozenset(name for (name,) in self.ask(query))

    def keep(self) -> None:
        self.edges, self.parameters = self._seen

    def turn(self, table: str) -> None:
        """Hide a catalog, or show it again."""
        is_hidden = table in self.hidden
        verb, to = ("GRANT", "TO") if is_hidden else ("REVOKE", "FROM")
        self.ask(f"{verb} SELECT ON {table} {to} PUBLIC")
        self.hidden ^= {table}

    def show_all(self) -> None:
        for table in tuple(self.hidden):
            self.turn(table)


@dataclass(frozen=True)
class Ways:
    """What roles can become of themselves, by memberships and by who has SUPERUSER."""

    edges: Sequence[Edge]
    flagged: set[str]

    def seats(self, name: str) -> set[tuple[str, bool]]:
        """Return each role that one gets to, and whether one can act as it.

        Who has ADMIN OPTION on a role that is no superuser grants it to itself.
        """
        found, left = {(name, True)}, [(name, True)]
        while left:
            role, is_acting = left.pop()
            for edge in self.edges:
                if edge.member != role:
                    continue
                new = {(edge.role, False)} if edge.inherits else set()
                is_given = edge.admin and edge.role not in self.flagged
                if (is_acting and edge.sets) or is_given:
                    new.add((edge.role, True))
                left += new - found
                found |= new
        return found

    def is_superuser(self, name: str) -> bool:
        return any(
            role in TO_FILES or (is_acting and role in self.flagged)
            for role, is_acting in self.seats(name)
        )

    def gives(self, name: str) -> bool:
        roles = {role for role, _ in self.seats(name)}
        return any(
            edge.admin and edge.member in roles and edge.role not in self.flagged
            for edge in self.edges
        )

    def acting(self, name: str) -> set[str]:
        """Return what SET ROLE takes, as it is."""
        plain = replace(self, edges=[edge._replace(admin=False) for edge in self.edges])
        return {role for role, is_acting in plain.seats(name) if is_acting}

    def used(self, name: str) -> set[str]:
        """Return whose privileges one has at login or after SET ROLE, as it is."""
        plain = replace(self, edges=[edge._replace(admin=False) for edge in self.edges])
        return {role for role, _ in plain.seats(name)}


@dataclass(frozen=True)
class _World:
    """What the catalogs of a PostgreSQL server say."""

    roles: Mapping[str, tuple[bool, ...]]
    edges: Sequence[Edge]
    parameters: Sequence[Parameter]
    objects: Sequence[tuple[str, str, str, str, bool]]
    database: str

    def state(self) -> State:
        ways = Ways(self.edges, {name for name, flags in self.roles.items() if flags[0]})
        own = (name for name in self.roles if name.startswith("ev_"))
        accounts = {name: self._held(ways, name) for name in own}
        dangers = self._granted({"public"})
        accounts["public"] = Held(dangers=dangers, of_power={DANGEROUS: CRITICAL})
        objects = frozenset(self._path(name) for _, _, _, name, _ in self.objects)
        return State(accounts, frozenset(self._public()), objects)

    def _path(self, name: str) -> str:
        return f"{self.database}.public.{name}"

    def _held(self, ways: Ways, name: str) -> Held:
        _, logs_in, _, _, _, is_endless, is_expired = self.roles[name]
        is_superuser = ways.is_superuser(name)
        dangers = self._dangers(ways, name)
        worst = min((PG_DANGERS[item] for item in dangers), default=INFO)
        found = {}
        if logs_in and is_endless:
            found["no-password-expiry"] = LOW
        if logs_in and is_expired:
            found["expired-active"] = MEDIUM
        if not is_superuser and self._passes_on(name):
            found["grant-option"] = MEDIUM
        return Held(
            is_superuser,
            ways.gives(name),
            dangers,
            {SUPERUSER: HIGH, GRANT_ADMIN: HIGH, DANGEROUS: worst}
            if logs_in
            else dict.fromkeys((SUPERUSER, GRANT_ADMIN, DANGEROUS), INFO),
            found,
        )

    def _dangers(self, ways: Ways, name: str) -> frozenset[str]:
        flags = ("CREATEDB", "REPLICATION", "BYPASSRLS")
        attributes = {
            word
            for role in ways.acting(name)
            for word, has in zip(flags, self.roles[role][2:5], strict=True)
            if has
        }
        used = ways.used(name)
        return frozenset(attributes | (used & PG_DANGERS.keys()) | self._granted(used))

    def _granted(self, names: Iterable[str]) -> frozenset[str]:
        wanted = set(names)
        return frozenset(
            what for grantee, what, _ in self.parameters if grantee in wanted and what in PG_DANGERS
        )

    def _passes_on(self, name: str) -> bool:
        return any(item[0] == name and item[-1] for item in (*self.parameters, *self.objects))

    def _public(self) -> Iterator[Public]:
        for grantee, privilege, kind, name, _ in self.objects:
            if grantee == "public":
                path, is_by_itself = self._path(name), kind == "function"
                yield Public(grantee, privilege, kind, self.database, path, is_by_itself)
        for grantee, what, _ in self.parameters:
            if grantee == "public":
                privilege, _, name = what.partition(" on parameter ")
                yield Public(grantee, privilege, "parameter", "", name)


def change_of_postgresql(chance: random.Random) -> str:
    """Return what somebody does: memberships and superusers mostly, and the rest."""
    if chance.random() < 0.4:
        return step_of_postgresql(chance)
    one, two = (f"ev_{chance.choice('abcdefgh')}" for _ in range(2))
    table, function = f"ev_t{chance.randrange(2)}", "ev_f()"
    to, parameter = chance.choice([one, one, "PUBLIC"]), "session_replication_role"
    word = chance.choice(["CREATEDB", "REPLICATION", "BYPASSRLS"])
    role = chance.choice(["pg_read_all_data", "pg_signal_backend", "pg_execute_server_program"])
    options = chance.choice(["", " WITH INHERIT FALSE", " WITH SET FALSE", " WITH ADMIN TRUE"])
    until = chance.choice(["2020-01-01", "2099-01-01", "infinity"])
    privilege = chance.choice(["SELECT", "INSERT"])
    return chance.choice(
        [
            *[f"ALTER ROLE {one} {chance.choice(['', 'NO'])}{word}"] * 3,
            *[f"ALTER ROLE {one} {chance.choice(['', 'NO'])}LOGIN"] * 2,
            f"ALTER ROLE {one} {chance.choice(['', 'NO'])}CREATEROLE",
            *[f"ALTER ROLE {one} VALID UNTIL '{until}'"] * 2,
            *[f"GRANT {role} TO {one}{options}"] * 2,
            *[f"REVOKE {role} FROM {one}"] * 2,
            f"GRANT {one} TO {two} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
            *[f"REVOKE ADMIN OPTION FOR {one} FROM {two}"] * 2,
            f"GRANT SET ON PARAMETER {parameter} TO {to}",
            f"REVOKE SET ON PARAMETER {parameter} FROM {to}",
            f"GRANT ALTER SYSTEM ON PARAMETER work_mem TO {one}",
            f"REVOKE ALTER SYSTEM ON PARAMETER work_mem FROM {one}",
            f"GRANT {privilege} ON {table} TO {one} WITH GRANT OPTION",
            f"REVOKE GRANT OPTION FOR {privilege} ON {table} FROM {one}",
            *[f"GRANT {privilege} ON {table} TO PUBLIC"] * 2,
            *[f"REVOKE {privilege} ON {table} FROM PUBLIC"] * 2,
            f"DROP TABLE {table}; CREATE TABLE {table} (id int)",
            f"CREATE FUNCTION {function} RETURNS int LANGUAGE sql AS 'SELECT 1'",
            f"DROP FUNCTION {function}",
            f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC",
            f"DROP OWNED BY {one}; DROP ROLE {one}",
            f"DROP OWNED BY {one}; DROP ROLE {one}; CREATE ROLE {one} LOGIN",
            f"CREATE DATABASE ev_d{chance.randrange(2)}",
            f"DROP DATABASE ev_d{chance.randrange(2)}",
        ]
    )


@contextmanager
def postgresql(name: str, running: RunningServer, monitor: str = "") -> Iterator[PostgreSql]:
    """Yield a server with a chain of roles, read by its administrator or by a monitor."""
    with on_postgresql(running) as ask:
        if monitor:
            ask(f"CREATE ROLE {monitor} LOGIN PASSWORD 'word'")
            seen_by = replace(running, admin_user=monitor, admin_password="word")
        else:
            seen_by = running
        for letter in "abcdef":
            ask(f"CREATE ROLE ev_{letter} LOGIN")
        for one, two in ("ab", "bc", "cd"):
            ask(f"GRANT ev_{one} TO ev_{two}")
        for number in range(2):
            ask(f"CREATE TABLE ev_t{number} (id int)")
        server = PostgreSql(name, seen_by, ask, change_of_postgresql, may_hide=bool(monitor))
        try:
            yield server
        finally:
            server.show_all()
            server.do(
                *(f"DROP DATABASE {item}" for item in server.listed()),
                "DROP TABLE IF EXISTS ev_t0",
                "DROP TABLE IF EXISTS ev_t1",
                "DROP FUNCTION IF EXISTS ev_f()",
                "REVOKE SET ON PARAMETER session_replication_role FROM PUBLIC",
            )


@dataclass
class MariaDb(Server):
    """A MariaDB server. What everybody has is PUBLIC's alone, and the rest each account's own."""

    def state(self) -> State:
        rows = {row[0]: row[1:] for row in self.ask(MARIADB_ACCOUNTS)}
        pairs = self.ask("SELECT user, role, admin_option = 'Y' FROM mysql.roles_mapping")
        grants = self.ask(
            "SELECT user, db, select_priv = 'Y', insert_priv = 'Y', grant_priv = 'Y' FROM mysql.db"
        )
        passing = {row[0] for row in grants if row[-1]} | {n for n, r in rows.items() if r[6]}
        ((default,),) = self.ask(_NO_DEFAULT)
        assert default == 0
        of_all = [rows[item] for item in _reached("PUBLIC", pairs) if item in rows]
        is_all_super = any(row[1] for row in of_all)

        def held(name: str) -> Held:
            reached = _reached(name, pairs)
            own = [rows[item] for item in reached if item in rows]
            is_superuser = any(row[1] for row in own)
            words = zip(MARIADB_WORDS, zip(*(row[2:5] for row in own), strict=True), strict=True)
            dangers = frozenset(word for word, has in words if any(has))
            gives = any(row[5] or row[6] for row in own)
            gives = gives or any(admin and member in reached for member, _, admin in pairs)
            worst = min((MARIADB_WORDS[item] for item in dangers), default=INFO)
            plain = {SUPERUSER: HIGH, GRANT_ADMIN: HIGH, DANGEROUS: worst}
            is_role, is_empty, is_locked, is_endless = rows[name][0], *rows[name][7:10]
            if name == "PUBLIC":
                plain = dict.fromkeys(plain, CRITICAL)
            elif is_role:
                plain = dict.fromkeys(plain, INFO)
            elif is_locked:
                plain = dict.fromkeys(plain, LOW)
            found = {}
            if not (is_role or is_locked):
                # Also who is one as everybody is, gives all away with his password.
                is_super = is_superuser or is_all_super
                found["weak-authentication"] = (MEDIUM, HIGH, CRITICAL)[is_empty + is_super]
                if is_endless:
                    found["no-password-expiry"] = LOW
            if name in passing and not is_superuser:
                found["grant-option"] = MEDIUM
            return Held(is_superuser, gives, dangers, plain, found)

        accounts = {name: held(name) for name in rows}
        public = {
            Public("PUBLIC", word, "server", "", "")
            for word, has in zip(
                ("SUPER", *MARIADB_WORDS), rows.get("PUBLIC", (False,) * 10)[1:5], strict=True
            )
            if has
        }
        public |= {
            Public("PUBLIC", word, "database pattern", database, database)
            for user, database, selects, inserts, _ in grants
            for word, has in (("SELECT", selects), ("INSERT", inserts))
            if user == "PUBLIC" and has
        }
        named = {
            name if rows[name][0] or name == "PUBLIC" else f"'{name}'@'%'": one
            for name, one in accounts.items()
        }
        return State(named, frozenset(public))

    def listed(self) -> frozenset[str]:
        return frozenset(name for (name,) in self.ask("SHOW DATABASES LIKE 'ev\\_%'"))


def _reached(name: str, pairs: Sequence[tuple[str, str, bool]]) -> set[str]:
    """Return an account with its roles, through any chain."""
    found, left = {name}, [name]
    while left:
        here = left.pop()
        new = {role for member, role, _ in pairs if member == here} - found
        found |= new
        left += new
    return found


def change_of_mariadb(chance: random.Random) -> str:
    """Return what somebody does: roles and superusers mostly, and the rest."""
    if chance.random() < 0.4:
        return step_of_mariadb(chance)
    user = f"ev_{chance.choice('abc')}@'%'"
    one, two = (f"ev_r{number}" for number in sorted(chance.sample(range(4), 2)))
    either = chance.choice([user, one])
    word = chance.choice(list(MARIADB_WORDS))
    until = chance.choice(["INTERVAL 30 DAY", "NEVER", "DEFAULT"])
    privilege = chance.choice(["SELECT", "INSERT"])
    return chance.choice(
        [
            *[f"GRANT {word} ON *.* TO {either}"] * 2,
            *[f"REVOKE {word} ON *.* FROM {either}"] * 2,
            f"GRANT {word} ON *.* TO PUBLIC",
            f"REVOKE {word} ON *.* FROM PUBLIC",
            "GRANT SUPER ON *.* TO PUBLIC",
            *["REVOKE SUPER ON *.* FROM PUBLIC"] * 2,
            f"GRANT {word} ON *.* TO {either} WITH GRANT OPTION",
            *[f"REVOKE GRANT OPTION ON *.* FROM {either}"] * 2,
            f"GRANT CREATE USER ON *.* TO {either}",
            f"REVOKE CREATE USER ON *.* FROM {either}",
            f"GRANT {two} TO {either} WITH ADMIN OPTION",
            *[f"REVOKE ADMIN OPTION FOR {two} FROM {either}"] * 2,
            f"GRANT {privilege} ON ev_pay.* TO {either} WITH GRANT OPTION",
            f"REVOKE GRANT OPTION ON ev_pay.* FROM {either}",
            *[f"GRANT {privilege} ON ev_pay.* TO PUBLIC"] * 2,
            *[f"REVOKE {privilege} ON ev_pay.* FROM PUBLIC"] * 2,
            *[f"ALTER USER {user} IDENTIFIED BY {chance.choice(['word', ''])!r}"] * 2,
            f"ALTER USER {user} ACCOUNT {chance.choice(['LOCK', 'UNLOCK', 'UNLOCK'])}",
            f"ALTER USER {user} PASSWORD EXPIRE {until}",
            f"DROP USER {user}",
            f"CREATE USER {user} IDENTIFIED BY 'word'",
            f"CREATE DATABASE ev_d{chance.randrange(2)}",
            f"DROP DATABASE ev_d{chance.randrange(2)}",
        ]
    )


@contextmanager
def mariadb(name: str, running: RunningServer) -> Iterator[MariaDb]:
    """Yield a server with a chain of roles."""
    with on_mariadb(running) as ask:
        ask("CREATE DATABASE ev_pay")
        for letter in "abc":
            ask(f"CREATE USER ev_{letter}@'%' IDENTIFIED BY 'word'")
        for number in range(4):
            ask(f"CREATE ROLE ev_r{number}")
        for one, two in (("ev_r3", "ev_r2"), ("ev_r2", "ev_r1"), ("ev_r1", "ev_a@'%'")):
            ask(f"GRANT {one} TO {two}")
        server = MariaDb(
            name,
            running,
            ask,
            change_of_mariadb,
            gives_power="GRANT SUPER ON *.* TO ev_r3",
            renames="RENAME USER ev_a@'%' TO ev_h@'%'",
            revokes=("REVOKE ev_r2 FROM ev_r1",),
            grants=("GRANT ev_r2 TO ev_r1",),
            drops=("DROP USER ev_h@'%'",),
            makes=("CREATE USER ev_h@'%' IDENTIFIED BY 'word'", "GRANT ev_r1 TO ev_h@'%'"),
        )
        try:
            yield server
        finally:
            server.do(
                *(f"DROP DATABASE {item}" for item in server.listed()),
                "REVOKE ALL PRIVILEGES ON *.* FROM PUBLIC",
                "REVOKE ALL PRIVILEGES ON ev_pay.* FROM PUBLIC",
            )
