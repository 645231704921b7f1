"""What an account needs before it can use what it holds: a way in."""

from __future__ import annotations

from collections.abc import Callable

from sync_pipeline.engines.sqlserver.access.principals import GUEST, Principals
from sync_pipeline.engines.sqlserver.accounts.logical import is_logical
from sync_pipeline.engines.sqlserver.names import split_account
from sync_pipeline.model.access import Availability
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.privilege import Securable, SecurableKind

Allows = Callable[[str, str, Securable], bool]
"""Whether an account has a permission on a securable."""

CONNECT = "CONNECT"
CONNECT_SQL = "CONNECT SQL"
SERVER = Securable(SecurableKind.SERVER)


def attribute(account: AccountState, name: str) -> AttributeValue:
    """Return an attribute of an account, None where it has none of that name."""
    return dict(account.attributes).get(name)


def is_mapped_to_key(account: AccountState) -> bool:
    """Return whether an account stands for a certificate or a key, and so never connects."""
    kind = str(attribute(account, "type") or "")
    return kind.startswith(("CERTIFICATE", "ASYMMETRIC_KEY"))


def is_windows(account: AccountState) -> bool:
    """Return whether an account is one of Windows or of Microsoft Entra ID."""
    return str(attribute(account, "type") or "").startswith(("WINDOWS_", "EXTERNAL_"))


class Entry:
    """What each account of a world lacks to come in."""

    def __init__(self, principals: Principals, allows: Allows) -> None:
        self._principals = principals
        self._allows = allows
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}

    def availability(self, account: str) -> Availability:
        """Return when what an account holds is in force.

        An application role is inactive until a session runs sp_setapprole with its password
        (Application roles); nobody is a member of it.
        """
        role = self._principals.kind_of(account) is AccountKind.APPLICATION_ROLE
        return Availability.AFTER_SET_ROLE if role else Availability.AT_LOGIN

    def lacking(self, account: str, database: str) -> tuple[str, ...]:
        """Return what an account needs to use what it holds; roles need nothing, members do."""
        key = (account, database)
        if key not in self._found:
            self._found[key] = tuple(self._lacking(account, database))
        return self._found[key]

    def _lacking(self, account: str, database: str) -> list[str]:
        state = self._principals.accounts[account]
        if state.kind is AccountKind.APPLICATION_ROLE:
            return ["sp_setapprole with the password of the application role"]
        if state.kind in (AccountKind.ROLE, AccountKind.PUBLIC):
            return []
        server = self._user(state) if state.database else self._login(state)
        return [*server, *self._database(account, database)]

    def _login(self, login: AccountState) -> list[str]:
        """Return what a login lacks; on a logical server CONNECT SQL is no permission."""
        if is_mapped_to_key(login):
            return ["signed code: a login of a certificate or key cannot connect"]
        lacking = []
        if attribute(login, "is_disabled") is True:
            lacking.append(f"login {login.name} is disabled")
        if login.is_locked:
            lacking.append(f"login {login.name} is locked")
        if not (is_logical(login) or self._allows(login.name, CONNECT_SQL, SERVER)):
            lacking.append(f"CONNECT SQL for login {login.name}")
        return lacking

    def _user(self, user: AccountState) -> list[str]:
        if is_mapped_to_key(user):
            return ["signed code: a user of a certificate or key cannot connect"]
        if login := self._principals.login_of(user):
            return self._login(login)
        if attribute(user, "login") or split_account(user.name)[1] == GUEST:
            return []
        if attribute(user, "authentication_type") == "NONE":
            return ["EXECUTE AS: the user has no login"]
        if attribute(user, "is_orphaned") is True:
            return ["a login: that of the user is gone"]
        return []

    def _database(self, account: str, database: str) -> list[str]:
        if not database:
            return []
        on = Securable(SecurableKind.DATABASE, database=database, catalog=database)
        if self._allows(account, CONNECT, on):
            return []
        return [f"CONNECT on database {database}"]
