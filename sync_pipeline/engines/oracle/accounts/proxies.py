"""Who may connect as whom: rows of DBA_PROXIES become grants on the account, and back. Pure.

Sources: Database Reference, DBA_PROXIES; SQL Language Reference, ALTER USER, proxy_clause;
Database Security Guide, "Guidelines for Creating Proxy User Accounts". In
`JOE[APP]` JOE proves who he is by his own password and has a session of APP. There is a
grant for each role that is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync_pipeline.engines.oracle.names import part
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

THROUGH = "CONNECT THROUGH"
OF_DIRECTORY = f"{THROUGH} ENTERPRISE USERS"
"""Users of a directory may connect as the account; who they are only the directory knows."""

_NO_ROLES = " WITH NO ROLES"
_ROLE = " WITH ROLE "
_EXCEPT = " WITH ROLE ALL EXCEPT "
_PASSWORD = " AUTHENTICATION REQUIRED"  # noqa: S105 - a clause, not a password

_LIMITS = {
    "PROXY MAY ACTIVATE ALL CLIENT ROLES": "",
    "NO CLIENT ROLES MAY BE ACTIVATED": _NO_ROLES,
    "PROXY MAY ACTIVATE ROLE": _ROLE,
    "PROXY MAY NOT ACTIVATE ROLE": _EXCEPT,
}


@dataclass(frozen=True, slots=True)
class ProxyRow:
    """A row of `proxies*.sql`; without a proxy the directory says who may connect."""

    container: str | None
    proxy: str | None
    client: str
    authentication: str | None
    role_limit: str | None
    role_name: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """How a proxy enters an account: the roles it may activate, and whether it needs a password.

    `only` is None where all roles but `never` may be activated. Roles are as `part` writes them.
    """

    only: frozenset[str] | None
    never: frozenset[str]
    needs_password: bool

    def admits(self, role: str) -> bool:
        """Return whether a role of the account, by its own name, may be active."""
        written = part(role)
        return written not in self.never and (self.only is None or written in self.only)


def through(row: ProxyRow) -> tuple[str, str, Grant]:
    """Return the container, the holder and the grant of a row.

    What a directory decides is kept with the account that is entered.
    """
    container = row.container or ""
    on = Securable(SecurableKind.ACCOUNT, container, name=row.client, catalog=container)
    if row.proxy is None:
        return container, row.client, Grant(on, OF_DIRECTORY)
    limit = _LIMITS.get(row.role_limit or "")
    text = THROUGH if limit is None else _written(limit, row.role_name)
    if row.authentication == "YES":
        text += _PASSWORD
    return container, row.proxy, Grant(on, text, recognised=limit is not None)


def _written(limit: str, role: str | None) -> str:
    """Return the privilege; a role that was dropped leaves a row without its name."""
    if limit in (_ROLE, _EXCEPT):
        if not role:
            return THROUGH + (_NO_ROLES if limit == _ROLE else "")
        return f"{THROUGH}{limit}{part(role)}"
    return THROUGH + limit


def is_through(privilege: str) -> bool:
    """Return whether a privilege lets its holder connect as another account."""
    return privilege.startswith(THROUGH) and privilege != OF_DIRECTORY


def entry_of(privileges: Iterable[str]) -> Entry:
    """Return what all grants of one proxy on one account say together."""
    only: set[str] = set()
    never: set[str] = set()
    is_limited = needs_password = False
    for privilege in privileges:
        needs_password |= privilege.endswith(_PASSWORD)
        limit = privilege.removesuffix(_PASSWORD).removeprefix(THROUGH)
        if limit.startswith(_EXCEPT):
            never.add(limit.removeprefix(_EXCEPT))
        elif limit.startswith(_ROLE):
            is_limited = True
            only.add(limit.removeprefix(_ROLE))
        elif limit == _NO_ROLES:
            is_limited = True
    return Entry(frozenset(only) if is_limited else None, frozenset(never), needs_password)
