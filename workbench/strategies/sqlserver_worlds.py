"""Worlds of SQL Server written as a few words a principal, and random ones.

A login comes with CONNECT SQL and a user with CONNECT, as CREATE LOGIN and CREATE USER give
them. Every database named has `dbo`, `guest` (closed) and `public`.

    login ted; user sales.ted ted; role sales.r; member sales.ted sales.r
    grant SELECT on TABLE sales.dbo.t to sales.r with grant option
    deny CONTROL SERVER to ted; grant SELECT to sales.ted; own SCHEMA sales.hr by sales.ted
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from math import lcm

from hypothesis import strategies as st

from sync_pipeline.engines.sqlserver.names import principal_name, split_account
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from workbench.strategies.combined import combined

OPTION = " with grant option"

_KINDS = {
    "login": AccountKind.LOGIN,
    "windows": AccountKind.LOGIN,
    "group": AccountKind.GROUP,
    "serverrole": AccountKind.ROLE,
    "user": AccountKind.USER,
    "nologin": AccountKind.USER,
    "contained": AccountKind.USER,
    "role": AccountKind.ROLE,
    "approle": AccountKind.APPLICATION_ROLE,
}
_ATTRIBUTES: dict[str, dict[str, AttributeValue]] = {
    "login": {"type": "SQL_LOGIN", "is_disabled": False},
    "windows": {"type": "WINDOWS_LOGIN", "is_disabled": False},
    "group": {"type": "WINDOWS_GROUP", "is_disabled": False},
    "user": {"type": "SQL_USER", "authentication_type": "INSTANCE"},
    "nologin": {"type": "SQL_USER", "authentication_type": "NONE"},
    "contained": {"type": "SQL_USER", "authentication_type": "DATABASE"},
    "role": {"type": "DATABASE_ROLE"},
    "approle": {"type": "APPLICATION_ROLE"},
    "serverrole": {"type": "SERVER_ROLE"},
}


def who(text: str) -> str:
    """Return the account of `name` (the server's) or `database.name`."""
    database, dot, name = text.partition(".")
    return principal_name(database, name) if dot else text


def on(text: str) -> Securable:
    """Return the securable of `SERVER`, `PRINCIPAL name` or `KIND database.schema.name.column`."""
    word, _, path = text.partition(" ")
    kind = SecurableKind(word.lower().replace("_", " "))
    parts = path.split(".") if path else []
    if kind in (SecurableKind.PRINCIPAL, SecurableKind.ENDPOINT) and len(parts) == 1:
        return Securable(kind, name=parts[0])
    if not parts:
        return Securable(kind)
    base = Securable(kind, database=parts[0], catalog=parts[0])
    if kind is SecurableKind.DATABASE:
        return base
    if kind is SecurableKind.SCHEMA:
        return replace(base, schema=parts[1])
    if len(parts) == 2:
        return replace(base, name=parts[1])
    return replace(base, schema=parts[1], name=parts[2], column="".join(parts[3:]))


@dataclass
class Draft:
    """A world while it is written."""

    kinds: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, AttributeValue]] = field(default_factory=dict)
    grants: dict[str, list[Grant]] = field(default_factory=dict)
    memberships: dict[str, list[Membership]] = field(default_factory=dict)

    def add(self, word: str, name: str, *rest: str) -> None:
        account = who(name)
        self.kinds[account] = word
        self.attributes[account] = dict(_ATTRIBUTES[word])
        database = name.partition(".")[0] if "." in name else ""
        if database:
            self.database(database)
        if word in ("login", "windows", "group"):
            self.grant(account, "CONNECT SQL", on("SERVER"))
        if word in ("user", "nologin", "contained"):
            self.grant(account, "CONNECT", on(f"DATABASE {database}"))
        if word == "user" and rest:
            self.attributes[account]["login"] = rest[0]
        if word in ("login", "windows") and "disabled" in rest:
            self.attributes[account]["is_disabled"] = True

    def database(self, name: str) -> None:
        if principal_name(name, "public") in self.kinds:
            return
        for role in ("public", "db_owner"):
            self.kinds[principal_name(name, role)] = "role"
            self.attributes[principal_name(name, role)] = {"type": "DATABASE_ROLE"}
        for user in ("dbo", "guest"):
            self.kinds[principal_name(name, user)] = "nologin"
            self.attributes[principal_name(name, user)] = dict(_ATTRIBUTES["nologin"])

    def grant(self, account: str, privilege: str, securable: Securable, **flags: bool) -> None:
        self.grants.setdefault(account, []).append(Grant(securable, privilege, **flags))

    def line(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word in _KINDS:
            self.add(word, *rest.split())
        elif word == "member":
            member, role = rest.split()
            self.memberships.setdefault(who(member), []).append(Membership(who(role)))
        elif word == "own":
            self._own(rest)
        else:
            self._permit(word, rest)

    def _own(self, rest: str) -> None:
        target, _, owner = rest.partition(" by ")
        securable = on(target)
        if securable.kind is SecurableKind.DATABASE:
            securable = replace(securable, catalog="")
            self.database(securable.database)
        self.grant(who(owner), "OWNER", securable)

    def _permit(self, word: str, rest: str) -> None:
        assert word in ("grant", "deny"), word
        grantable = rest.endswith(OPTION)
        rest = rest.removesuffix(OPTION)
        what, _, to = rest.rpartition(" to ")
        privilege, has_securable, target = what.partition(" on ")
        if not has_securable:
            target = f"DATABASE {to.partition('.')[0]}" if "." in to else "SERVER"
        if "." in to:
            self.database(to.partition(".")[0])
        securable = on(target)
        self.grant(who(to), privilege, securable, grantable=grantable, deny=word == "deny")

    def accounts(self) -> Iterable[AccountState]:
        for name, word in {"public": "serverrole", **self.kinds}.items():
            kind = _KINDS[word]
            yield AccountState(
                name=name,
                kind=kind,
                can_login=kind not in (AccountKind.ROLE, AccountKind.APPLICATION_ROLE),
                database=split_account(name)[0],
                attributes=tuple(self.attributes.get(name, {}).items()),
                memberships=tuple(self.memberships.get(name, ())),
                grants=tuple(self.grants.get(name, ())),
            )


def world(text: str) -> AccessWorld:
    """Return the world of lines that are separated by semicolons or line ends."""
    draft = Draft()
    for line in text.replace("\n", ";").split(";"):
        if line.strip():
            draft.line(line.strip())
    return world_of(draft.accounts())


def world_of(accounts: Iterable[AccountState]) -> AccessWorld:
    """Return a world of accounts, in the order given."""
    by_name = {account.name: account for account in accounts}
    return AccessWorld("reports", EngineName.SQLSERVER, "16.0.4085.2", by_name)


LOGINS = ("ann", "bob", "cyd")
SERVER_ROLES = ("ops", "audit", "sysadmin", "securityadmin", "dbcreator")
DATABASES = ("sales", "hr")
USERS = ("ann", "bob", "eve")
ROLES = ("readers", "writers", "all_staff")
FIXED = ("db_owner", "db_datareader", "db_denydatareader", "db_ddladmin")
TARGETS = (
    "SERVER",
    "PRINCIPAL bob",
    "DATABASE sales",
    "SCHEMA sales.dbo",
    "SCHEMA hr.dbo",
    "TABLE sales.dbo.t",
    "TABLE hr.dbo.t",
    "COLUMN sales.dbo.t.c",
    "PRINCIPAL sales.readers",
    "PRINCIPAL sales.bob",
)
PERMISSIONS = {
    "SERVER": (
        "CONTROL SERVER",
        "CONNECT SQL",
        "ALTER ANY LOGIN",
        "VIEW ANY DEFINITION",
        "CONNECT ANY DATABASE",
        "SELECT ALL USER SECURABLES",
    ),
    "DATABASE": ("CONTROL", "CONNECT", "SELECT", "ALTER", "ALTER ANY ROLE", "VIEW DEFINITION"),
    "SCHEMA": ("CONTROL", "SELECT", "ALTER", "INSERT", "VIEW DEFINITION"),
    "TABLE": ("CONTROL", "SELECT", "ALTER", "INSERT", "VIEW DEFINITION"),
    "COLUMN": ("SELECT", "UPDATE"),
    "PRINCIPAL": ("CONTROL", "IMPERSONATE", "ALTER", "VIEW DEFINITION"),
}

_SERVER_PRINCIPALS = (*LOGINS, "ops", "audit", "public")
_DATABASE_PRINCIPALS = (*USERS, *ROLES, "public", "guest")
# Of any count of permissions, and of principals, each is as likely as any other.
_ANY_PERMISSION = range(lcm(*map(len, PERMISSIONS.values())))
_ANY_PRINCIPAL = range(lcm(len(_SERVER_PRINCIPALS), len(_DATABASE_PRINCIPALS)))


def _permit_line(word: str, target: str, permission: int, principal: int) -> str:
    kind, _, path = target.partition(" ")
    permissions = PERMISSIONS[kind]
    if target in ("SERVER", "PRINCIPAL bob"):
        to = _SERVER_PRINCIPALS[principal % len(_SERVER_PRINCIPALS)]
    else:
        name = _DATABASE_PRINCIPALS[principal % len(_DATABASE_PRINCIPALS)]
        to = f"{path.partition('.')[0]}.{name}"
    return f"{word} {permissions[permission % len(permissions)]} on {target} to {to}"


@cache
def permit_lines(word: str = "grant") -> st.SearchStrategy[str]:
    """Return one `grant` or `deny` line that fits its securable."""
    return combined(
        partial(_permit_line, word),
        target=TARGETS,
        permission=_ANY_PERMISSION,
        principal=_ANY_PRINCIPAL,
    )


_IN_SERVER = [
    f"member {member} {role}" for member in (*LOGINS, "ops", "audit") for role in SERVER_ROLES
]
_IN_DATABASES = [
    f"member {database}.{member} {database}.{role}"
    for database in DATABASES
    for member in (*USERS, *ROLES)
    for role in (*ROLES, *FIXED)
]
membership_lines = combined(
    lambda is_server, server, database: server if is_server else database,
    is_server=(True, False),
    server=_IN_SERVER,
    database=_IN_DATABASES,
)
"""One `member` line; rings of roles may come of them."""

_OF_DATABASES = [f"own DATABASE {database} by {name}" for database in DATABASES for name in LOGINS]
_IN_THEM = [
    f"own {target} by {database}.{owner}"
    for database in DATABASES
    for target in (f"SCHEMA {database}.dbo", f"TABLE {database}.dbo.t")
    for owner in (*USERS, *ROLES)
]
owner_lines = combined(
    lambda is_whole, whole, inner: whole if is_whole else inner,
    is_whole=(True, False),
    whole=_OF_DATABASES,
    inner=_IN_THEM,
)
"""One `own` line."""


def base_lines() -> list[str]:
    """Return the principals of every random world."""
    lines = [f"login {name}" for name in LOGINS] + ["serverrole ops", "serverrole audit"]
    for database in DATABASES:
        lines += [f"user {database}.{name} {name}" for name in ("ann", "bob")]
        lines += [f"nologin {database}.eve"]
        lines += [f"role {database}.{name}" for name in ROLES]
    return lines


def _with_base(*drawn: list[str]) -> list[str]:
    return [*base_lines(), *(line for lines in drawn for line in lines)]


@cache
def world_lines() -> st.SearchStrategy[list[str]]:
    """Return the lines of a random world."""
    return st.builds(
        _with_base,
        st.lists(membership_lines, max_size=6),
        st.lists(permit_lines("grant"), max_size=8),
        st.lists(permit_lines("deny"), max_size=3),
        st.lists(owner_lines, max_size=2),
    )
