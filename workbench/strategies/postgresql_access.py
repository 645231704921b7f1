"""Random PostgreSQL worlds for effective privileges: roles, options, owners, grants."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from workbench.strategies.postgresql_roles import quoted

ROLES = ("r0", "r1", "r 2", 'r"3', "R%4_", "r5")
DATABASES = ("bench", "oth.er")
PREDEFINED = (
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_maintain",
    "pg_monitor",
    "pg_signal_backend",
    "pg_execute_server_program",
)
OBJECTS = (
    "CREATE SCHEMA s",
    "CREATE SCHEMA t",
    "CREATE TABLE s.t (a integer, b integer)",
    "CREATE TABLE t.t (a integer, b integer)",
    "CREATE TABLE s.part (a integer, b integer) PARTITION BY RANGE (a)",
    "CREATE VIEW s.v AS SELECT 1 AS a, 2 AS b",
    "CREATE MATERIALIZED VIEW s.m AS SELECT 1 AS a, 2 AS b",
    "CREATE SEQUENCE s.q",
    "CREATE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE PROCEDURE s.p(integer) LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE s.total(integer) (SFUNC = int4pl, STYPE = integer)",
    "CREATE DOMAIN s.d AS integer",
    "CREATE TYPE s.y AS ENUM ('x')",
    "CREATE FOREIGN DATA WRAPPER w",
    "CREATE SERVER remote FOREIGN DATA WRAPPER w",
    "CREATE FOREIGN TABLE s.far (a integer, b integer) SERVER remote",
    "SELECT lo_create(4711)",
)
LATER_OBJECTS = (
    "CREATE TABLE s.later (a integer, b integer)",
    "CREATE FUNCTION s.later() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE SEQUENCE s.later_q",
)
"""Made by a random role at the end, so that default privileges come to bear."""

_ON_TABLES = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"),
    "ALL",
)
_TARGETS: dict[str, tuple[str, ...]] = {
    **{f"TABLE {name}": _ON_TABLES for name in ("s.t", "t.t", "s.part", "s.v", "s.m", "s.far")},
    "SEQUENCE s.q": ("USAGE", "SELECT", "UPDATE"),
    "SCHEMA s": ("USAGE", "CREATE"),
    "SCHEMA t": ("USAGE", "CREATE"),
    "SCHEMA public": ("USAGE", "CREATE"),
    "FUNCTION s.f(integer)": ("EXECUTE",),
    "PROCEDURE s.p(integer)": ("EXECUTE",),
    "FUNCTION s.total(integer)": ("EXECUTE",),
    "DOMAIN s.d": ("USAGE",),
    "TYPE s.y": ("USAGE",),
    "FOREIGN DATA WRAPPER w": ("USAGE",),
    "FOREIGN SERVER remote": ("USAGE",),
    "LANGUAGE plpgsql": ("USAGE",),
    "LARGE OBJECT 4711": ("SELECT", "UPDATE"),
    "DATABASE bench": ("CREATE", "CONNECT", "TEMPORARY", "ALL"),
    'DATABASE "oth.er"': ("CREATE", "CONNECT", "TEMPORARY", "ALL"),
    "TABLESPACE pg_default": ("CREATE",),
    "PARAMETER work_mem": ("SET", "ALTER SYSTEM"),
    "PARAMETER my.own": ("SET", "ALTER SYSTEM", "ALL"),
}
_ON_SERVER = ("DATABASE", "TABLESPACE", "PARAMETER")
_OWNED = (
    *("TABLE s.t", "TABLE t.t", "TABLE s.part", "VIEW s.v", "MATERIALIZED VIEW s.m"),
    *("SEQUENCE s.q", "SCHEMA s", "SCHEMA public", "FUNCTION s.f(integer)", "DOMAIN s.d"),
    *("FOREIGN SERVER remote", "LARGE OBJECT 4711", "DATABASE bench", 'DATABASE "oth.er"'),
)
_DATABASE_OWNER = "pg_database_owner"


@dataclass(frozen=True)
class Step:
    """A statement, the role that runs it and the database that it runs in.

    The server may refuse it; what counts is where it ends up.
    """

    by: str
    database: str
    text: str


@dataclass(frozen=True)
class MembershipStep:
    """A grant of a role; options that a server has not are left out."""

    role: str
    member: str
    by: str
    admin: bool
    inherit: bool | None
    set_role: bool | None

    def text(self, major: int) -> str:
        """Return the GRANT as a major version writes it."""
        grant = f"GRANT {quoted(self.role)} TO {quoted(self.member)}"
        if major < 16:
            return f"{grant} WITH ADMIN OPTION" if self.admin else grant
        options = [f"ADMIN {self.admin}"]
        options += [f"INHERIT {self.inherit}"] if self.inherit is not None else []
        options += [f"SET {self.set_role}"] if self.set_role is not None else []
        by = f" GRANTED BY {quoted(self.by)}" if self.by else ""
        return f"{grant} WITH {', '.join(options)}{by}"


@dataclass(frozen=True)
class World:
    """How to make a world on a server."""

    roles: tuple[str, ...]
    memberships: tuple[MembershipStep, ...]
    steps: tuple[Step, ...]


_role_names = st.sampled_from(ROLES)
_who = st.sampled_from(("postgres", "postgres", *ROLES))
_grantee = st.sampled_from(
    ["PUBLIC", *map(quoted, ROLES), *map(quoted, ROLES), _DATABASE_OWNER, "pg_monitor"]
)
_database = st.sampled_from(("bench", "bench", "oth.er"))


@st.composite
def _role(draw: st.DrawFn, name: str) -> str:
    words = [
        draw(st.sampled_from(choice))
        for choice in (
            ("LOGIN", "LOGIN", "NOLOGIN"),
            ("INHERIT", "INHERIT", "NOINHERIT"),
            ("NOCREATEDB", "CREATEDB"),
            ("NOCREATEROLE", "CREATEROLE"),
            ("NOBYPASSRLS", "BYPASSRLS"),
            ("NOREPLICATION", "REPLICATION"),
            (*["NOSUPERUSER"] * 11, "SUPERUSER"),
        )
    ]
    return f"CREATE ROLE {quoted(name)} {' '.join(words)}"


@st.composite
def _memberships(draw: st.DrawFn) -> tuple[MembershipStep, ...]:
    """Return grants of roles; whoever got ADMIN OPTION may be the grantor of a later one."""
    made: list[MembershipStep] = []
    option = st.sampled_from([None, True, False])
    for _ in range(draw(st.integers(3, 12))):
        member = draw(_role_names)
        role = draw(st.sampled_from([name for name in (*ROLES, *PREDEFINED) if name != member]))
        admins = [step.member for step in made if step.role == role and step.admin]
        by = draw(st.sampled_from(["", *admins]))
        admin = draw(st.booleans())
        made.append(MembershipStep(role, member, by, admin, draw(option), draw(option)))
    return tuple(made)


@st.composite
def _grant(draw: st.DrawFn) -> Step:
    target = draw(st.sampled_from(sorted(_TARGETS)))
    privilege = draw(st.sampled_from(_TARGETS[target]))
    # What one has on the server by owning some database depends on where one is.
    of_server = target.startswith(_ON_SERVER)
    to = _grantee.filter(lambda name: not of_server or name != _DATABASE_OWNER)
    return draw(_given_or_taken(privilege, target, to))


@st.composite
def _column_grant(draw: st.DrawFn) -> Step:
    privilege = draw(st.sampled_from(["SELECT", "INSERT", "UPDATE", "REFERENCES"]))
    columns = draw(st.sampled_from(["a", "a", "b", "a, b"]))
    relation = draw(st.sampled_from(["s.t", "s.t", "t.t", "s.part", "s.v", "s.far"]))
    return draw(_given_or_taken(f"{privilege} ({columns})", f"TABLE {relation}", _grantee))


@st.composite
def _given_or_taken(
    draw: st.DrawFn, privilege: str, target: str, grantees: st.SearchStrategy[str]
) -> Step:
    grantee, database, by = draw(grantees), draw(_database), draw(_who)
    if draw(st.integers(0, 3)) == 0:
        only = draw(st.sampled_from(["", "", "GRANT OPTION FOR "]))
        return Step(by, database, f"REVOKE {only}{privilege} ON {target} FROM {grantee} CASCADE")
    option = draw(st.sampled_from(["", " WITH GRANT OPTION"]))
    return Step(by, database, f"GRANT {privilege} ON {target} TO {grantee}{option}")


@st.composite
def _owner(draw: st.DrawFn) -> Step:
    """Give an object away; most owners lose some privilege of their own on it."""
    target, owner = draw(st.sampled_from(_OWNED)), quoted(draw(_role_names))
    return Step("postgres", draw(_database), f"ALTER {target} OWNER TO {owner}")


@st.composite
def _taken_from_all(draw: st.DrawFn) -> Step:
    """Take all from PUBLIC or an owner, who may then still grant."""
    target = draw(st.sampled_from(sorted(_TARGETS)))
    grantee = draw(st.sampled_from(["PUBLIC", "PUBLIC", *map(quoted, ROLES)]))
    text = f"REVOKE ALL ON {target} FROM {grantee} CASCADE"
    return Step("postgres", draw(_database), text)


@st.composite
def _default(draw: st.DrawFn) -> Step:
    owner = quoted(draw(_role_names))
    schema = draw(st.sampled_from(["", " IN SCHEMA s"]))
    verb, to = draw(st.sampled_from([("GRANT", "TO"), ("GRANT", "TO"), ("REVOKE", "FROM")]))
    privilege, kind = draw(
        st.sampled_from([("SELECT", "TABLES"), ("EXECUTE", "ROUTINES"), ("USAGE", "SEQUENCES")])
    )
    return Step(
        "postgres",
        draw(_database),
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}{schema} "
        f"{verb} {privilege} ON {kind} {to} {draw(_grantee)}",
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return roles, at most a dozen memberships and some dozens of grants."""
    roles = tuple(draw(_role(name)) for name in ROLES)
    memberships = draw(_memberships())
    owners = draw(st.lists(_owner(), min_size=1, max_size=8))
    any_grant = st.one_of(_grant(), _grant(), _grant(), _column_grant(), _taken_from_all())
    grants = draw(st.lists(any_grant, min_size=10, max_size=40))
    defaults = draw(st.lists(_default(), max_size=4))
    maker = draw(_role_names)
    later = [Step(maker, database, text) for database in DATABASES for text in LATER_OBJECTS]
    return World(roles, memberships, (*owners, *grants, *defaults, *later))
