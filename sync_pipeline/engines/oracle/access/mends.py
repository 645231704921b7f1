"""What the statements against an account of Oracle do, and what takes them back. Pure.

SQL Language Reference, GRANT, REVOKE ("revokes object privileges that were granted on", system
privileges and roles stay), ALTER USER, ALTER PROFILE.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sync_pipeline.engines.access.contract import passed_on, receivers
from sync_pipeline.engines.oracle.access.names import container_of, identifier, local_name
from sync_pipeline.engines.oracle.access.remedies import (
    Remedies,
    everywhere,
    grant_again,
    home,
    in_container,
    is_common_account,
    made_in,
    written_profile,
)
from sync_pipeline.engines.oracle.access.roles import is_public, is_user
from sync_pipeline.engines.oracle.access.status import attribute
from sync_pipeline.engines.oracle.accounts.proxies import OF_DIRECTORY, THROUGH, is_through
from sync_pipeline.engines.oracle.names import is_common
from sync_pipeline.model.access import AccessWorld, Hold
from sync_pipeline.model.privilege import Grant, Membership
from sync_pipeline.model.privilege import SecurableKind as Kind

_PASSWORD = " AUTHENTICATION REQUIRED"  # noqa: S105 - a clause, not a password
_WITHOUT_OWNER = (Kind.SERVER, Kind.SCHEMA)
_ROOT = "CDB$ROOT"


class Opposites:
    """Writes what takes the statements of `Remedies` back."""

    def __init__(self, world: AccessWorld, remedies: Remedies) -> None:
        self._world = world
        self._remedies = remedies

    def related(self, account: str) -> Collection[str]:
        """Return who was given something by the account or on, and PUBLIC of its container."""
        state = self._world.accounts.get(account)
        container = state.database if state else ""
        here = {
            local_name(other.name, container): other
            for other in self._world.accounts.values()
            if other.database == container
        }
        grants = {name: other.grants for name, other in here.items()}
        given = receivers(local_name(account, container), grants)
        return tuple(
            other.name for name, other in here.items() if is_public(other) or name in given
        )

    def dependents(self, hold: Hold) -> Sequence[Hold]:
        """Return the object privileges that others have from the account, and gave on."""
        return passed_on(hold, self._given)

    def restore(self, hold: Hold) -> str:
        """Return the statements that give a hold with its options."""
        if hold.membership is not None:
            return self._role(hold.account, hold.membership)
        grant = hold.grant
        if grant is None or not grant.recognised:
            return ""
        container = container_of(grant.securable)
        if grant.securable.kind is Kind.ACCOUNT:
            return in_container(container, [self._through(hold.account, grant, container)])
        grantee = self._remedies.written(hold.account, container)
        who = []
        is_objects = grant.securable.schema and grant.securable.kind not in _WITHOUT_OWNER
        if is_objects and grant.grantor not in {"", grant.securable.schema}:
            who = [f"-- As {identifier(grant.grantor)}, who granted it."]
        statements = [*who, grant_again(grant, grantee)]
        return in_container(made_in(container, grant.scope), statements)

    def enable(self, account: str) -> str:
        """Return the statement that unlocks an account."""
        state = self._world.accounts[account]
        statement = f"ALTER USER {self._remedies.written(account, state.database)} ACCOUNT UNLOCK"
        everywhere_too = " CONTAINER = ALL" if is_common_account(state) else ""
        return in_container(home(state), [f"{statement}{everywhere_too};"])

    def create(self, account: str) -> str:
        """Return a comment: what an account had to be made with is in no snapshot."""
        name = self._remedies.written(account, self._world.accounts[account].database)
        return f"-- Nothing here makes {' '.join(name.split())} again: its password is not known."

    def unexpire(self, account: str) -> str:
        """Return the statement that gives an account its profile back, or that its limit."""
        state = self._world.accounts[account]
        name = str(attribute(state, "profile") or "DEFAULT")
        fix = self._remedies.expire(account)
        if "ALTER USER" in fix:
            user = self._remedies.written(account, state.database)
            statement = f"ALTER USER {user} PROFILE {written_profile(name)};"
            return in_container(state.database, [statement])
        limit = str(attribute(state, "password_life_time") or "UNLIMITED")
        text = f"ALTER PROFILE {written_profile(name)} LIMIT PASSWORD_LIFE_TIME {limit}"
        if is_common(name):
            return in_container(_ROOT, [f"{text} CONTAINER = ALL;"])
        return in_container(state.database, [f"{text};"])

    def _given(self, hold: Hold) -> Iterator[Hold]:
        grant = hold.grant
        if grant is None or not grant.grantable or grant.securable.kind in _WITHOUT_OWNER:
            return
        container = container_of(grant.securable)
        giver = local_name(hold.account, container)
        for name, state in self._world.accounts.items():
            for other in state.grants if name != hold.account else ():
                same = (other.securable, other.privilege) == (grant.securable, grant.privilege)
                if same and other.grantor == giver and state.database == container:
                    yield Hold(name, other)

    def _role(self, account: str, membership: Membership) -> str:
        state = self._world.accounts[account]
        container = state.database
        role = self._remedies.written(membership.role, container)
        grantee = self._remedies.written(account, container)
        admin = " WITH ADMIN OPTION" if membership.admin else ""
        lines = [f"GRANT {role} TO {grantee}{admin}{everywhere(membership.scope)};"]
        roles = [item for item in state.memberships if item.default]
        if is_user(state) and len(roles) != len(state.memberships):
            names = (self._remedies.written(item.role, container) for item in roles)
            lines.append(f"ALTER USER {grantee} DEFAULT ROLE {', '.join(names) or 'NONE'};")
        return in_container(made_in(container, membership.scope), lines)

    def _through(self, account: str, grant: Grant, container: str) -> str:
        client = identifier(grant.securable.name)
        if grant.privilege == OF_DIRECTORY or not is_through(grant.privilege):
            return f"ALTER USER {client} GRANT CONNECT THROUGH ENTERPRISE USERS;"
        proxy = self._remedies.written(account, container)
        limits = grant.privilege.removeprefix(THROUGH).removesuffix(_PASSWORD)
        password = _PASSWORD if grant.privilege.endswith(_PASSWORD) else ""
        return f"ALTER USER {client} GRANT CONNECT THROUGH {proxy}{limits}{password};"
