"""What the statements against an account of SQL Server do, and what takes them back. Pure.

GRANT (Transact-SQL), WITH GRANT OPTION and AS; REVOKE, CASCADE: it takes what the account gave on
too; ALTER SERVER ROLE and ALTER ROLE, ADD MEMBER; ALTER LOGIN, ENABLE; DENY: a permission is
granted or denied, so granting it ends the deny.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.contract import bare, passed_on, receivers
from sync_pipeline.engines.sqlserver.access.entry import attribute
from sync_pipeline.engines.sqlserver.access.holdings import OWNER
from sync_pipeline.engines.sqlserver.access.principals import DBO, GUEST, Principals
from sync_pipeline.engines.sqlserver.access.remedies import Remedies
from sync_pipeline.engines.sqlserver.names import split_account, written
from sync_pipeline.model.access import Hold
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.privilege import Grant, Membership, SecurableKind
from sync_pipeline.model.statements import in_comment

_NOT_KNOWN = "-- Nothing makes {name} what it was: its password or identifier is not known."


class Opposites:
    """Writes what takes the statements of `Remedies` back."""

    def __init__(self, principals: Principals, remedies: Remedies) -> None:
        self._principals = principals
        self._remedies = remedies

    def related(self, account: str) -> Collection[str]:
        """Return the users of a login, its targets, those of many, and whom it gave something.

        To whom these gave it on is one of them too.
        """
        accounts = self._principals.accounts
        state = accounts.get(account)
        targets = {
            grant.securable.name
            for grant in (state.grants if state else ())
            if grant.securable.kind is SecurableKind.PRINCIPAL
        }
        given = receivers(account, {name: other.grants for name, other in accounts.items()})
        return tuple(
            name
            for name, other in accounts.items()
            if attribute(other, "login") == account
            or split_account(name)[1] in (*targets, DBO, GUEST)
            or name in given
        )

    def dependents(self, hold: Hold) -> Sequence[Hold]:
        """Return what others hold through the account's grant option, and what these gave on."""
        return passed_on(hold, self._given)

    def without(self, state: AccountState, hold: Hold) -> AccountState:
        """Return an account after the statement against a hold; `sa` is closed and keeps its."""
        if hold.membership and self._remedies.is_for_ever(state.name, hold.membership):
            return replace(state, can_login=False)
        return bare(state, hold)

    def restore(self, hold: Hold) -> str:
        """Return the statement that gives a hold, as who gave it."""
        if hold.membership is not None:
            if self._remedies.is_for_ever(hold.account, hold.membership):
                return self.enable(hold.account)
            return self._role(hold.account, hold.membership)
        grant = hold.grant
        if grant is None:
            return ""
        if grant.privilege == OWNER:
            return self._remedies.give_ownership(hold.account, grant.securable)
        return self._remedies.give(hold.account, grant)

    def enable(self, account: str) -> str:
        """Return the statement that lets an account in again."""
        state = self._principals.accounts.get(account)
        database, name = split_account(account)
        if state is None:
            return ""
        if database:
            had_it = any(grant.privilege == "CONNECT" and not grant.deny for grant in state.grants)
            verb = "GRANT CONNECT TO" if had_it else "REVOKE CONNECT FROM"
            return self._remedies.within(database, f"{verb} {written(name)};")
        if state.kind is AccountKind.GROUP:
            return self._remedies.within("", f"GRANT CONNECT SQL TO {written(name)};")
        return self._remedies.on_server(f"ALTER LOGIN {written(name)} ENABLE;")

    def create(self, account: str) -> str:
        """Return a comment: what an account had to be made with is in no snapshot."""
        return _NOT_KNOWN.format(name=in_comment(written(split_account(account)[1])))

    def unexpire(self, account: str) -> str:
        """Return the statement that gives a login the password policy back that it had."""
        state = self._principals.accounts.get(account)
        if state is None:
            return ""
        words = [
            f"{word} = {'ON' if attribute(state, name) else 'OFF'}"
            for word, name in _POLICY.items()
            if attribute(state, name) is not None
        ]
        name = written(split_account(account)[1])
        return f"ALTER LOGIN {name} WITH {', '.join(words)};" if words else ""

    def _given(self, hold: Hold) -> Iterator[Hold]:
        grant = hold.grant
        if grant is None or not grant.grantable:
            return
        for name, state in self._principals.accounts.items():
            for other in state.grants:
                if _is_given(other, grant, hold.account) and name != hold.account:
                    yield Hold(name, other)

    def _role(self, account: str, membership: Membership) -> str:
        database, role = split_account(membership.role)
        member = written(split_account(account)[1])
        if not database:
            text = f"ALTER SERVER ROLE {written(role)} ADD MEMBER {member};"
            return self._remedies.on_server(text)
        return self._remedies.within(database, f"ALTER ROLE {written(role)} ADD MEMBER {member};")


_POLICY = {"CHECK_POLICY": "is_policy_checked", "CHECK_EXPIRATION": "is_expiration_checked"}


def _is_given(other: Grant, grant: Grant, giver: str) -> bool:
    same = (other.securable, other.privilege) == (grant.securable, grant.privilege)
    return same and other.grantor == giver
