"""What the statements against an account do, and what takes them back. Pure.

GRANT OPTION is a property of an account and an object (MySQL 8.4 Reference Manual, 8.2.2): it
stays when the last privilege on the object goes, and goes from all of them at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.contract import bare
from sync_pipeline.engines.mysql_protocol.access import statements
from sync_pipeline.engines.mysql_protocol.access.facts import has_empty_password, has_password
from sync_pipeline.engines.mysql_protocol.access.levels import USAGE
from sync_pipeline.engines.mysql_protocol.access.names import user_and_host
from sync_pipeline.engines.mysql_protocol.access.sessions import Sessions
from sync_pipeline.model.access import Hold
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind

MANDATORY = "mandatory_roles"
"""The grantor of roles that a variable of the server gives to everybody."""
_MOST_AT_ONCE = 40


class Mending(Sessions):
    """The opposites of the statements of `FamilyAccess`."""

    def related(self, account: str) -> Collection[str]:
        """Return the accounts of the same user and the anonymous ones: their rows may count."""
        user, _ = user_and_host(account) or ("", "")
        return tuple(name for whose in (user, "") for name, _ in self.accounts_of(whose))

    def dependents(self, hold: Hold) -> Sequence[Hold]:  # noqa: ARG002
        """Return nothing: what an account granted stays when it loses the right to."""
        return ()

    def shared(self, hold: Hold) -> str:
        """Return why others lose a hold by the same statement; empty: they don't."""
        if hold.membership is not None and hold.membership.grantor == MANDATORY:
            return f"{hold.membership.role} is one of mandatory_roles, which all accounts have"
        return ""

    def without(self, state: AccountState, hold: Hold) -> AccountState:
        """Return an account as it is without a hold."""
        grant = hold.grant
        if grant is None or grant.deny or self.has_own_option(grant):
            return bare(state, hold)
        place = _place(grant.securable)
        if hold.is_option:
            return replace(state, grants=tuple(self._without_option(state.grants, place)))
        left = bare(state, hold)
        others = (item for item in left.grants if _place(item.securable) == place)
        if not grant.grantable or any(map(self._carries_option, others)):
            return left
        return replace(left, grants=(*left.grants, Grant(place, USAGE, grantable=True)))

    def give(self, account: str, grant: Grant) -> str:
        """Return the statement that gives a grant, or takes a privilege from a database again."""
        return statements.give(self.to(account), grant)

    def restore(self, hold: Hold) -> str:
        """Return the statements that give back what the statement against a hold took."""
        if hold.membership is not None:
            return "\n".join(self._role_again(hold.account, hold.membership))
        if hold.grant is None:
            return ""
        if not hold.is_option:
            return self.give(hold.account, hold.grant)
        if self.has_own_option(hold.grant):
            again = self.give(hold.account, hold.grant)
            is_proxy = hold.grant.securable.kind is SecurableKind.ACCOUNT
            # MariaDB gives one who is a proxy already no option (seen on 10.11).
            first = f"{statements.revoke(self.to(hold.account), hold.grant)}\n" if is_proxy else ""
            return f"{first}{again}"
        place = _place(hold.grant.securable)
        option = [] if hold.grant.privilege == USAGE else [Grant(place, USAGE, grantable=True)]
        state = self.world.accounts[hold.account]
        dynamic = [
            item
            for item in state.grants
            if place.kind is SecurableKind.SERVER
            and _place(item.securable) == place
            and item.grantable
            and self.has_own_option(item)
        ]
        of_place = option or [hold.grant]
        return "\n".join(self.give(hold.account, item) for item in (*of_place, *dynamic))

    def restore_all(self, account: str, grants: Sequence[Grant]) -> str:
        """Return the statements that give the server's privileges back, several in each."""
        lines = []
        for grantable in (False, True):
            same = [item for item in grants if item.grantable == grantable and item.recognised]
            for start in range(0, len(same), _MOST_AT_ONCE):
                words = ", ".join(item.privilege for item in same[start : start + _MOST_AT_ONCE])
                lines.append(statements.give(self.to(account), replace(same[0], privilege=words)))
        return "\n".join(lines)

    def enable(self, account: str) -> str:
        """Return the statement that unlocks an account."""
        return f"ALTER USER {self.to(account)} ACCOUNT UNLOCK;"

    def create(self, account: str) -> str:
        """Return the statements that make an account again, with what it was granted."""
        state = self.world.accounts[account]
        lines = []
        if self.is_role(account):
            lines.append(f"CREATE ROLE {self.to(account)};")
        else:
            if not has_empty_password(state):
                lines.append(
                    "-- Its password is not known here, nor its limits: they are set anew."
                )
            lock = " ACCOUNT LOCK" if state.is_locked else ""
            lines.append(f"CREATE USER {self.to(account)}{self._identified(state)}{lock};")
        lines.extend(self._role_again(account, *state.memberships))
        lines.extend(self.give(account, grant) for grant in state.grants if grant.recognised)
        return "\n".join(line for line in lines if line)

    def unexpire(self, account: str) -> str:
        """Return the statement that gives a password the lifetime back that it had."""
        days = dict(self.world.accounts[account].attributes).get("password_lifetime")
        when = "NEVER" if days == 0 else f"INTERVAL {days} DAY"
        if days is None or days == -1:
            when = "DEFAULT"
        return f"ALTER USER {self.to(account)} PASSWORD EXPIRE {when};"

    # Parts of the above, and what differs between the servers.

    def to(self, account: str) -> str:
        """Return an account or a role as a statement names it."""
        return statements.principal(account)

    def has_own_option(self, grant: Grant) -> bool:
        """Return whether the grant option belongs to this privilege alone."""
        kind = grant.securable.kind
        is_dynamic = kind is SecurableKind.SERVER and not self.is_static(grant.privilege)
        return kind is SecurableKind.ACCOUNT or is_dynamic

    @abstractmethod
    def default_again(self, account: str) -> str:
        """Return the statement that makes the roles active at login that are so now."""

    def _carries_option(self, grant: Grant) -> bool:
        return grant.grantable and not grant.deny and not self.has_own_option(grant)

    def _identified(self, state: AccountState) -> str:
        plugin = str(dict(state.attributes).get("plugin") or "")
        by_itself = has_password(state) and plugin.isidentifier() and "," not in plugin
        return f" IDENTIFIED WITH {plugin}" if by_itself else ""

    def _role_again(self, account: str, *memberships: Membership) -> Iterator[str]:
        given = [item for item in memberships if item.grantor != MANDATORY]
        for item in given:
            admin = " WITH ADMIN OPTION" if item.admin else ""
            yield f"GRANT {self.to(item.role)} TO {self.to(account)}{admin};"
        if any(item.default for item in given) and not self.is_role(account):
            yield self.default_again(account)

    def _without_option(self, grants: Sequence[Grant], place: Securable) -> Iterator[Grant]:
        for item in grants:
            is_there = _place(item.securable) == place and not item.deny
            if not (is_there and item.privilege == USAGE):
                yield replace(item, grantable=False) if is_there else item


def _place(on: Securable) -> Securable:
    """Return what the grant option is kept with: that of columns with their table."""
    if on.kind is SecurableKind.COLUMN:
        return replace(on, kind=SecurableKind.TABLE, column="")
    return on
