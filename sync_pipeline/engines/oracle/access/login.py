"""What an account needs before it can use any privilege at all: to get in."""

from __future__ import annotations

from sync_pipeline.engines.oracle.access.grants import SERVER_KEY, Grants
from sync_pipeline.engines.oracle.access.names import local_name
from sync_pipeline.engines.oracle.access.powers import Powers
from sync_pipeline.engines.oracle.access.predefined import SYSDBA
from sync_pipeline.engines.oracle.access.roles import AS_PROXY, RoleGraph, Way, is_user
from sync_pipeline.engines.oracle.access.status import (
    attribute,
    authentication_of,
    lock_of,
    status_of,
)
from sync_pipeline.engines.oracle.accounts.traits import PROXY_ONLY
from sync_pipeline.model.access import AccessWorld, Availability, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SectionKey, SectionName

CREATE_SESSION = "CREATE SESSION"


class Logins:
    """What the accounts of a world lack to log in."""

    def __init__(
        self, world: AccessWorld, roles: RoleGraph, grants: Grants, powers: Powers
    ) -> None:
        self._world = world
        self._roles = roles
        self._grants = grants
        self._powers = powers
        self._states: dict[str, tuple[str, ...]] = {}
        self._sessions: dict[str, bool] = {}

    def lacking(self, account: str, *, connects_as: bool) -> tuple[str, ...]:
        """Return what an account lacks; a connection AS SYSDBA or kin needs no CREATE SESSION.

        Database Reference, DBA_USERS (ACCOUNT_STATUS, AUTHENTICATION_TYPE): a locked
        account can't log in; one with an expired password only to choose a new one, but
        for a password in its grace time; one with no authentication not at all.
        """
        self._look_at(account)
        if connects_as or self._sessions[account]:
            return self._states[account]
        return (CREATE_SESSION, *self._states[account])

    def lacking_as(self, way: Way) -> tuple[str, ...]:
        """Return what the account lacks that one connects as through a proxy, if any.

        Its own password is not asked for, so it may have none or an expired one; a lock
        keeps proxies out too, and it needs CREATE SESSION itself (both from memory).
        """
        if not way.entry:
            return ()
        self._look_at(way.user)
        name = local_name(way.user, self._world.accounts[way.user].database)
        found = [] if self._sessions[way.user] else [f"{CREATE_SESSION} for {name}"]
        if locked := self._lock_of(way.user):
            found.append(f"an unlocked account {name}: it is {locked}")
        return tuple(found)

    def _look_at(self, account: str) -> None:
        if account not in self._states:
            state = self._world.accounts[account]
            # The last is what says that it was looked at: another thread may ask meanwhile.
            self._sessions[account] = self._may_connect(account)
            self._states[account] = _lacking_by_state(state, self._lock_of(account))

    def _lock_of(self, account: str) -> str:
        return lock_of(self._world.accounts[account], self._world)

    def _may_connect(self, account: str) -> bool:
        """Return whether CREATE SESSION is in force at login, or can't be known.

        A common user may instead switch into a container with SET CONTAINER (Multitenant
        Administrator's Guide, "About Switching to a Container").
        """
        state = self._world.accounts[account]
        if not is_user(state) or self._is_unknown(state):
            return True
        wanted = {CREATE_SESSION}
        if state.database and attribute(state, "is_common") is True:
            wanted.add("SET CONTAINER")
        for way in self._roles.ways(account):
            held = self._grants.of(way.holder, state.database)
            found = (held.get((SERVER_KEY, privilege)) for privilege in sorted(wanted))
            is_own = not way.needs_set_role and not way.entry
            if is_own and any(item and not item.connects_as for item in found):
                return True
        return any(
            power.kind is PowerKind.SUPERUSER
            and power.availability is Availability.AT_LOGIN
            and power.source != SYSDBA
            and not any(step.how == AS_PROXY for step in power.path)
            for power in self._powers.of(account)
        )

    def _is_unknown(self, state: AccountState) -> bool:
        sections = (SectionName.SERVER, SectionName.MEMBERSHIPS)
        return any(self._world.is_unread(SectionKey(name, state.database)) for name in sections)


def _lacking_by_state(state: AccountState, locked: str) -> tuple[str, ...]:
    if not is_user(state):
        return ()
    status = status_of(state)
    found = []
    if locked:
        found.append(f"an unlocked account: it is {locked}")
    if status.must_change_password:
        found.append("a new password: the old one has expired")
    if authentication_of(state) == "NONE":
        found.append("a way to authenticate: the account has none")
    if attribute(state, PROXY_ONLY) is True:
        found.append("a connection through a proxy: the account has PROXY ONLY CONNECT")
    return tuple(found)
