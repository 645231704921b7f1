"""Settings stored for roles and databases that change who a session is. Pure.

Manual, ALTER ROLE and ALTER DATABASE (`SET configuration_parameter`), and SET ROLE: what is
stored for a role in a database comes before what is stored for the role, that before what
is stored for the database, and that before what is stored for all roles. A value that the
server refuses at login, such as a role that the account may not set, is passed over with a
warning, and the next one counts. A stored `session_authorization` has no effect: the server
sets it itself after. Seen so on 15 and 18.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.engines.postgresql.accounts.predefined import RESERVED
from sync_pipeline.model.access import Path, Step
from sync_pipeline.model.account import AccountState

ROLE = "role"
_NONE = "none"


class StoredRoles:
    """The role in which the sessions of each account begin."""

    def __init__(
        self,
        accounts: Mapping[str, AccountState],
        settable: Callable[[str], Collection[str]],
    ) -> None:
        self._accounts = accounts
        self._settable = settable
        self._stored = {
            name: {item.database: item.value for item in state.settings if item.name == ROLE}
            for name, state in accounts.items()
            if state.settings
        }
        self._databases = sorted({name for found in self._stored.values() for name in found})

    @property
    def is_any(self) -> bool:
        """Return whether a session of any account begins in a role that is stored."""
        return bool(self._databases)

    def logins(self, account: str, database: str) -> tuple[Path, ...]:
        """Return the path to the role in one database; without one, each that there is."""
        if not self._databases or account == PUBLIC:
            return ((Step(account),),)
        places = (database,) if database else ("", *self._databases)
        return tuple(dict.fromkeys(self._login(account, place) for place in places))

    def _login(self, account: str, database: str) -> Path:
        for value, where in self._values(account, database):
            if value == _NONE:
                break
            if self._may_set(account, value):
                role = Step(value, f"logs in as it: SET role is stored for {where}")
                return (Step(account), role) if value != account else (Step(account),)
        return (Step(account),)

    def _values(self, account: str, database: str) -> Iterator[tuple[str, str]]:
        """Yield what is stored, what comes first first, and for whom."""
        for name, whose in ((account, account), (PUBLIC, "")):
            stored = self._stored.get(name, {})
            for place in dict.fromkeys((database, "")):
                if place in stored:
                    where = f"database {place}" if place else ""
                    text = " in ".join(filter(None, (whose, where))) or "all roles"
                    yield stored[place], text

    def _may_set(self, account: str, role: str) -> bool:
        state = self._accounts.get(account)
        if state is not None and state.is_superuser:
            return role in self._accounts or role.startswith(RESERVED)
        return role in self._settable(account)
