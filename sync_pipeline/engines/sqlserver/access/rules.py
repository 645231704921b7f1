"""How SQL Server decides what an account may do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.engines.access.contract import (
    DefinerRoutine,
    HashPlace,
    MendsByOpposites,
    ServerFix,
    TakesByRemedies,
)
from sync_pipeline.engines.sqlserver.access.beyond import Beyond
from sync_pipeline.engines.sqlserver.access.concerned import Concerned
from sync_pipeline.engines.sqlserver.access.concerns import Concerns
from sync_pipeline.engines.sqlserver.access.decide import Decider
from sync_pipeline.engines.sqlserver.access.definers import Definers
from sync_pipeline.engines.sqlserver.access.everything import Everything
from sync_pipeline.engines.sqlserver.access.facts import account_facts, is_everyone
from sync_pipeline.engines.sqlserver.access.holdings import Holdings
from sync_pipeline.engines.sqlserver.access.mends import Opposites
from sync_pipeline.engines.sqlserver.access.permissions import is_write
from sync_pipeline.engines.sqlserver.access.powers import Powers
from sync_pipeline.engines.sqlserver.access.principals import Principals
from sync_pipeline.engines.sqlserver.access.remedies import Remedies
from sync_pipeline.engines.sqlserver.access.securables import Securables
from sync_pipeline.engines.sqlserver.access.settings import set_server
from sync_pipeline.model.access import (
    AccessWorld,
    AccountFacts,
    Decision,
    EffectivePrivilege,
    Hold,
    Power,
)
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import Securable, SecurableKind

_SERVER = Securable(SecurableKind.SERVER)
_SHOWS_HASHES = "VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION"


class SqlServerAccess(TakesByRemedies[Remedies], MendsByOpposites[Opposites]):
    """The rules of SQL Server 2016 to 2022 over one world.

    A login is asked about in all databases, a database principal in its own. What EXECUTE AS
    could add counts as a power, not as a privilege; ownership chains and signed code lend
    rights to what runs, not to the account. Where an account could reach so what it does not
    hold, the answer says it.
    """

    def __init__(self, world: AccessWorld) -> None:
        self._platform = world.platform
        self._principals = Principals(world)
        holdings = Holdings(self._principals)
        self._decider = Decider(world, self._principals, holdings)
        self._beyond = Beyond(self._principals, holdings, self._decider)
        self._concerned = Concerned(self._principals, holdings, self._decider, self._beyond)
        self._everything = Everything(self._principals, holdings, self._decider)
        self._remedies = Remedies(self._principals, world.platform)
        self._opposites = Opposites(self._principals, self._remedies)
        self._powers = Powers(self._principals, holdings, self._decider, self._remedies)
        self._definers = Definers(
            world.server,
            self._principals,
            self._decider,
            self._powers,
            (self._remedies, self._opposites),
        )
        self._securables = Securables(world)
        self._concerns = Concerns(
            world, self._principals, self._decider, self._remedies, self._opposites
        )

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return whether the account has the privilege, by which paths, and what denies it."""
        decision = self._decider.decide(account, privilege, securable)
        if decision.held or account not in self._principals.accounts:
            return decision
        beyond = self._beyond.of(account, decision.privilege, securable)
        return replace(decision, unknown=(*decision.unknown, *beyond)) if beyond else decision

    def concerned(self, privilege: str, securable: Securable) -> Collection[str] | None:
        """Return the accounts without which `decide` says no; None: it may say more of any."""
        return self._concerned.of(privilege.upper(), securable)

    def everything(self, account: str) -> Sequence[EffectivePrivilege]:
        """Return all that the account has on what the snapshot knows, denies applied."""
        return self._everything.of(account)

    def securables(self, text: str) -> Sequence[Securable]:
        """Return what a person means by `server` or `[KIND:]database[.schema[.object[.column]]]`.

        Raises:
            ConfigurationError: the text can't be read, or names nothing that is known here.
        """
        return self._securables.named(text)

    def powers(self, account: str) -> Sequence[Power]:
        """Return the powers that the account has, or can get through any chain."""
        return self._powers.of(account)

    def dangers(self, account: str) -> Sequence[Power]:
        """Return the dangerous permissions that the account has, or can get by any chain."""
        return self._powers.dangers(account)

    def definer_routines(self) -> Sequence[DefinerRoutine]:
        """Return the modules that run as a superuser, and that others may run."""
        return tuple(self._definers.all())

    def set_server(self, name: str, value: str, before: str) -> ServerFix:
        """Return what gives an option of the server another value than it had before."""
        return set_server(self._platform, name, value, before)

    def concerns(self) -> Sequence[Concern]:
        """Return what a review looks for on SQL Server alone."""
        return self._concerns.all()

    def facts(self, account: str) -> AccountFacts:
        """Return what a review asks of the account."""
        state = self._principals.accounts.get(account)
        if state is None:
            return AccountFacts()
        found = account_facts(state, self._platform)
        return replace(
            found,
            password_fix=self._remedies.hold_to_policy(account)
            if found.weak_authentication
            else "",
            password_undo=self._opposites.unexpire(account) if found.weak_authentication else "",
            orphaned_fix=self._remedies.give_login(account) if found.orphaned else "",
            unknown=self._unknown_of(account),
        )

    def _unknown_of(self, account: str) -> tuple[Gap, ...]:
        if self._principals.context(account, "").sysadmin:
            return ()
        return (*self._decider.groups_of(account), *self._beyond.everywhere(account))

    def is_everyone(self, account: str) -> bool:
        """Return whether the account stands for all others: public, guest."""
        return is_everyone(account)

    def is_write(self, privilege: str) -> bool:
        """Return whether a privilege changes data, objects or accounts."""
        return is_write(privilege.upper())

    def related(self, account: str) -> Collection[str]:
        """Return who else counts for the account's rights."""
        return self._opposites.related(account)

    def without(self, state: AccountState, hold: Hold) -> AccountState:
        """Return an account as it is without a hold."""
        return self._opposites.without(state, hold)

    def hash_places(self) -> Sequence[HashPlace]:
        """Return the permission that shows `password_hash` in sys.sql_logins (since 2022).

        Before it, CONTROL SERVER alone did, which is a superuser's (sys.sql_logins, Permissions).
        """
        return (HashPlace(_SHOWS_HASHES, _SERVER, "sys.sql_logins", is_own=True),)
