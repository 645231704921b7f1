"""Random PostgreSQL roles, nested memberships and grants, as statements."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

ROLES = ("r0", "r1", "r 2", 'r"3', "R%4_")
OWNERS = ("postgres", *ROLES)
RELATIONS = ("t", "part", "v", "m")
OBJECTS = (
    "CREATE SCHEMA s",
    "CREATE TABLE s.t (a integer, b integer)",
    "CREATE TABLE s.part (a integer, b integer) PARTITION BY RANGE (a)",
    "CREATE VIEW s.v AS SELECT 1 AS a, 2 AS b",
    "CREATE MATERIALIZED VIEW s.m AS SELECT 1 AS a, 2 AS b",
    "CREATE SEQUENCE s.q",
    "CREATE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE PROCEDURE s.p(integer) LANGUAGE sql AS 'SELECT 1'",
    "CREATE DOMAIN s.d AS integer",
    "CREATE FOREIGN DATA WRAPPER w",
    "CREATE SERVER remote FOREIGN DATA WRAPPER w",
)
"""What there is to grant; the owners are random."""
TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
COLUMN_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
_TARGETS: dict[str, tuple[str, ...]] = {
    **{f"TABLE s.{name}": (*TABLE_PRIVILEGES, "ALL") for name in RELATIONS},
    "SEQUENCE s.q": ("USAGE", "SELECT", "UPDATE", "ALL"),
    "SCHEMA s": ("USAGE", "CREATE", "ALL"),
    "FUNCTION s.f(integer)": ("EXECUTE",),
    "PROCEDURE s.p(integer)": ("EXECUTE",),
    "DOMAIN s.d": ("USAGE",),
    "FOREIGN DATA WRAPPER w": ("USAGE",),
    "FOREIGN SERVER remote": ("USAGE",),
    "LANGUAGE plpgsql": ("USAGE",),
    "DATABASE bench": ("CREATE", "CONNECT", "TEMPORARY", "ALL"),
}
_OWNED = {
    "TABLE s.t": "TABLE s.t",
    "TABLE s.part": "TABLE s.part",
    "VIEW s.v": "VIEW s.v",
    "MATERIALIZED VIEW s.m": "MATERIALIZED VIEW s.m",
    "SEQUENCE s.q": "SEQUENCE s.q",
    "SCHEMA s": "SCHEMA s",
    "FUNCTION s.f(integer)": "FUNCTION s.f(integer)",
    "DOMAIN s.d": "DOMAIN s.d",
    "DATABASE bench": "DATABASE bench",
}


@dataclass(frozen=True)
class Plan:
    """Statements in order, each with the role that runs it.

    One that the server refuses (a cycle of memberships, a grant without its option) is
    part of the plan too: what counts is where the server ends up.
    """

    roles: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_who = st.sampled_from(OWNERS)
_grantee = st.sampled_from(["PUBLIC", *(quoted(name) for name in ROLES)])
_option = st.sampled_from(["", "", " WITH GRANT OPTION"])


@st.composite
def _role(draw: st.DrawFn, name: str) -> str:
    words = [
        draw(st.sampled_from(pair))
        for pair in (
            ("LOGIN", "NOLOGIN"),
            ("INHERIT", "NOINHERIT"),
            ("CREATEDB", "NOCREATEDB"),
            ("CREATEROLE", "NOCREATEROLE"),
            ("BYPASSRLS", "NOBYPASSRLS"),
            ("CONNECTION LIMIT 3", "CONNECTION LIMIT -1"),
            ("VALID UNTIL '2031-05-06 07:08:09+00'", "VALID UNTIL 'infinity'", ""),
        )
    ]
    return f"CREATE ROLE {quoted(name)} {' '.join(words)}"


@st.composite
def _grant(draw: st.DrawFn) -> str:
    target = draw(st.sampled_from(sorted(_TARGETS)))
    privilege = draw(st.sampled_from(_TARGETS[target]))
    return draw(_given_or_taken(privilege, target))


@st.composite
def _column_grant(draw: st.DrawFn) -> str:
    """Several privileges on few columns, so that one column's list has several items."""
    chosen = draw(st.lists(st.sampled_from(COLUMN_PRIVILEGES), min_size=1, unique=True))
    columns = st.sampled_from(["a", "a", "b", "a, b"])
    privileges = ", ".join(f"{privilege} ({draw(columns)})" for privilege in chosen)
    relation = draw(st.sampled_from(["t", "t", *RELATIONS]))
    return draw(_given_or_taken(privileges, f"TABLE s.{relation}"))


@st.composite
def _given_or_taken(draw: st.DrawFn, privilege: str, target: str) -> str:
    grantee = draw(_grantee)
    if draw(st.integers(0, 3)) == 0:
        only = draw(st.sampled_from(["", "GRANT OPTION FOR "]))
        cascade = draw(st.sampled_from(["", " CASCADE"]))
        return f"REVOKE {only}{privilege} ON {target} FROM {grantee}{cascade}"
    return f"GRANT {privilege} ON {target} TO {grantee}{draw(_option)}"


@st.composite
def _membership(draw: st.DrawFn) -> str:
    role, member = draw(st.permutations(ROLES))[:2]
    option = draw(st.sampled_from(["", " WITH ADMIN OPTION"]))
    return f"GRANT {quoted(role)} TO {quoted(member)}{option}"


@st.composite
def _owner(draw: st.DrawFn) -> str:
    target = draw(st.sampled_from(sorted(_OWNED)))
    return f"ALTER {_OWNED[target]} OWNER TO {quoted(draw(st.sampled_from(ROLES)))}"


@st.composite
def _default(draw: st.DrawFn) -> str:
    owner = quoted(draw(st.sampled_from(ROLES)))
    schema = draw(st.sampled_from(["", " IN SCHEMA s"]))
    verb, to = draw(st.sampled_from([("GRANT", "TO"), ("GRANT", "TO"), ("REVOKE", "FROM")]))
    privilege, kind = draw(
        st.sampled_from([("SELECT", "TABLES"), ("EXECUTE", "ROUTINES"), ("USAGE", "SEQUENCES")])
    )
    return (
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}{schema} "
        f"{verb} {privilege} ON {kind} {to} {draw(_grantee)}"
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    roles = tuple(draw(_role(name)) for name in ROLES)
    memberships = draw(st.lists(_membership(), max_size=6))
    owners = draw(st.lists(_owner(), max_size=4))
    first = [("postgres", text) for text in (*memberships, *owners)]
    any_grant = st.one_of(_grant(), _grant(), _column_grant(), _membership(), _default())
    later = draw(st.lists(st.tuples(_who, any_grant), min_size=4, max_size=25))
    return Plan(roles, (*first, *later))
