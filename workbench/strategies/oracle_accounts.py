"""Oracle accounts in few words, and random worlds of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

from hypothesis import strategies as st

from sync_pipeline.engines.oracle.names import account_name
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionReport
from workbench.strategies.combined import combined

SERVER = Securable(SecurableKind.SERVER)
_OPTION = " WITH OPTION"


def on(text: str, pdb: str = "") -> Securable:
    """Read `server` or `KIND SCHEMA[.NAME[.COLUMN]]`, and `DIRECTORY NAME`."""
    if text == "server":
        return replace(SERVER, database=pdb, catalog=pdb)
    word, _, path = text.rpartition(" ")
    kind = SecurableKind(word.lower())
    parts = path.split(".")
    if kind in {SecurableKind.DIRECTORY, SecurableKind.TABLESPACE}:
        parts = ["SYS" if kind is SecurableKind.DIRECTORY else "", *parts]
    schema, name, column = (*parts, "", "")[:3]
    return Securable(kind, pdb, schema, name, column, pdb)


def grant(text: str, pdb: str = "", grantor: str = "") -> Grant:
    """Read `PRIVILEGE [on KIND PATH][ WITH OPTION]`; without an object it is on the server."""
    body = text.removesuffix(_OPTION)
    privilege, _, path = body.partition(" on ")
    return Grant(on(path or "server", pdb), privilege, body != text, grantor=grantor)


def has(role: str, *, default: bool = True, admin: bool = False, pdb: str = "") -> Membership:
    """Return a membership as DBA_ROLE_PRIVS reports it."""
    return Membership(account_name(role, pdb), admin=admin, default=default)


def user(
    name: str,
    *grants: str,
    roles: tuple[str | Membership, ...] = (),
    pdb: str = "",
    locked: bool = False,
    **attributes: AttributeValue,
) -> AccountState:
    """Return a user; it may connect unless its grants are given with `connects=False`."""
    texts = grants if attributes.pop("connects", True) is False else ("CREATE SESSION", *grants)
    return AccountState(
        name=account_name(name, pdb),
        kind=AccountKind.USER,
        can_login=not locked,
        is_locked=locked,
        database=pdb,
        attributes=tuple(attributes.items()),
        memberships=_memberships(roles, pdb),
        grants=tuple(grant(text, pdb) for text in texts),
    )


def role(
    name: str,
    *grants: str,
    roles: tuple[str | Membership, ...] = (),
    authentication: str = "NONE",
    pdb: str = "",
) -> AccountState:
    """Return a role, with DBA_ROLES.AUTHENTICATION_TYPE."""
    return AccountState(
        name=account_name(name, pdb),
        kind=AccountKind.ROLE,
        can_login=False,
        database=pdb,
        attributes=(("authentication_type", authentication),),
        memberships=_memberships(roles, pdb),
        grants=tuple(grant(text, pdb) for text in grants),
    )


def public(*grants: str, roles: tuple[str | Membership, ...] = (), pdb: str = "") -> AccountState:
    """Return PUBLIC."""
    return AccountState(
        name=account_name("PUBLIC", pdb),
        kind=AccountKind.PUBLIC,
        can_login=False,
        database=pdb,
        memberships=_memberships(roles, pdb),
        grants=tuple(grant(text, pdb) for text in grants),
    )


def world(
    *accounts: AccountState,
    version: str = "19.22.0.0.0",
    sections: dict[SectionKey, SectionReport] | None = None,
) -> AccessWorld:
    """Return the world of some accounts."""
    return AccessWorld(
        "ora1",
        EngineName.ORACLE,
        version,
        {account.name: account for account in accounts},
        sections or {},
    )


def _memberships(roles: tuple[str | Membership, ...], pdb: str) -> tuple[Membership, ...]:
    return tuple(has(item, pdb=pdb) if isinstance(item, str) else item for item in roles)


USERS = ("SYS", "HR", "SCOTT", "lower_case")
ROLES = ("R1", "R2", "R3", "PW", "APP", "DBA", "SELECT_CATALOG_ROLE")
PDBS = ("", "PDB1")

GRANTS = (
    "CREATE SESSION",
    "CREATE TABLE",
    "SELECT ANY TABLE WITH OPTION",
    "READ ANY TABLE",
    "UPDATE ANY TABLE",
    "CREATE ANY TABLE",
    "EXECUTE ANY PROCEDURE",
    "SELECT ANY DICTIONARY",
    "GRANT ANY ROLE",
    "ALTER USER",
    "SYSDBA",
    "SYSBACKUP",
    "UNLIMITED TABLESPACE",
    "SELECT ANY TABLE on SCHEMA HR",
    "CREATE ANY TABLE on SCHEMA HR WITH OPTION",
    "SELECT on TABLE HR.EMP",
    "SELECT on TABLE HR.EMP WITH OPTION",
    "SELECT WITH HIERARCHY OPTION on VIEW HR.V",
    "READ on TABLE SYS.T",
    "UPDATE on COLUMN HR.EMP.PAY",
    "INSERT on TABLE HR.EMP",
    "EXECUTE on PACKAGE HR.P",
    "READ on DIRECTORY D",
    "QUOTA 1024 on TABLESPACE USERS",
)

QUESTIONS = tuple(
    (privilege, on(text))
    for privilege, text in (
        ("CREATE SESSION", "server"),
        ("SELECT ANY TABLE", "server"),
        ("ALTER DATABASE", "server"),
        ("ALL", "server"),
        ("SELECT", "TABLE HR.EMP"),
        ("READ", "TABLE HR.EMP"),
        ("ALL", "TABLE HR.EMP"),
        ("LOCK", "TABLE HR.EMP"),
        ("UPDATE", "COLUMN HR.EMP.PAY"),
        ("READ", "VIEW HR.V"),
        ("READ", "TABLE SYS.T"),
        ("SELECT", "TABLE SYS.USER$"),
        ("EXECUTE", "PACKAGE HR.P"),
        ("CREATE TABLE", "SCHEMA HR"),
        ("SELECT ANY TABLE", "SCHEMA HR"),
        ("OWNER", "SCHEMA HR"),
        ("READ", "DIRECTORY D"),
        ("QUOTA", "TABLESPACE USERS"),
        ("SELECT", "TABLE lower_case.t"),
    )
)


@st.composite
def worlds(draw: st.DrawFn) -> AccessWorld:
    """Random accounts of one or two containers; roles may form any graph without a loop."""
    accounts = []
    for pdb in PDBS if draw(st.booleans()) else PDBS[:1]:
        accounts.append(
            public(*draw(_some_grants), roles=draw(_memberships_in(pdb, ROLES)), pdb=pdb)
        )
        accounts.extend(
            user(
                name,
                *draw(_some_grants),
                roles=draw(_memberships_in(pdb, ROLES)),
                pdb=pdb,
                **draw(_attributes),
            )
            for name in draw(st.lists(st.sampled_from(USERS), unique=True))
        )
        for index, name in enumerate(ROLES[:-1]):
            accounts.append(
                role(
                    name,
                    *draw(_some_grants),
                    roles=draw(_memberships_in(pdb, ROLES[index + 1 :])),
                    authentication={"PW": "PASSWORD", "APP": "APPLICATION"}.get(name, "NONE"),
                    pdb=pdb,
                )
            )
    version = draw(st.sampled_from(["12.2.0.1.0", "19.22.0.0.0", "23.4.0.24.5"]))
    return world(*accounts, version=version)


_attributes = combined(dict, connects=(True, False), account_status=("OPEN", "EXPIRED", "LOCKED"))
_some_grants = st.lists(st.sampled_from(GRANTS), max_size=3, unique=True)


@cache
def _memberships_in(pdb: str, roles: tuple[str, ...]) -> st.SearchStrategy[tuple[Membership, ...]]:
    member = combined(partial(has, pdb=pdb), role=roles, default=(True, False), admin=(True, False))
    return st.lists(member, max_size=2, unique_by=lambda item: item.role).map(tuple)
