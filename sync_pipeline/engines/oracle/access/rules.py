"""How Oracle decides what an account may do: the rules over one world of accounts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sync_pipeline.engines.access.concerns import Concern
from sync_pipeline.engines.access.contract import (
    DefinerRoutine,
    HashPlace,
    MendsByOpposites,
    ServerFix,
    TakesByRemedies,
)
from sync_pipeline.engines.oracle.access.any import VERIFIER_TABLES, is_write
from sync_pipeline.engines.oracle.access.concerns import Concerns
from sync_pipeline.engines.oracle.access.decide import Decisions
from sync_pipeline.engines.oracle.access.definers import Definers
from sync_pipeline.engines.oracle.access.facts import facts_of
from sync_pipeline.engines.oracle.access.mends import Opposites
from sync_pipeline.engines.oracle.access.names import SYS
from sync_pipeline.engines.oracle.access.objects import KnownObjects
from sync_pipeline.engines.oracle.access.places import is_servers_own, missing_schema
from sync_pipeline.engines.oracle.access.remedies import Remedies
from sync_pipeline.engines.oracle.access.roles import is_public
from sync_pipeline.engines.oracle.access.securables import SecurableReader
from sync_pipeline.engines.oracle.access.settings import set_server
from sync_pipeline.model.access import (
    AccessWorld,
    AccountFacts,
    Decision,
    EffectivePrivilege,
    Power,
)
from sync_pipeline.model.inventory import Listing
from sync_pipeline.model.privilege import Securable


class OracleAccess(TakesByRemedies[Remedies], MendsByOpposites[Opposites]):
    """The access rules of Oracle Database 12.2 to 23ai, multitenant or not.

    What lies outside a catalog is not seen: Database Vault, row policies, procedures with
    their owner's rights, and the views of a hierarchy.
    """

    def __init__(self, world: AccessWorld) -> None:
        self._world = world
        known = self._known = KnownObjects(world)
        self._decisions = Decisions(world, known)
        self._reader = SecurableReader(known)
        self._remedies = Remedies(world)
        self._opposites = Opposites(world, self._remedies)
        self._definers = Definers(world, self._remedies, self._opposites)
        self._concerns = Concerns(world, self._decisions.powers)

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return whether the account has the privilege, and by which paths."""
        return self._decisions.decide(account, privilege, securable)

    def concerned(self, privilege: str, securable: Securable) -> Collection[str] | None:
        """Return the accounts without which `decide` says no; None: it may say more of any."""
        return self._decisions.concerned(privilege, securable)

    def everything(self, account: str) -> Sequence[EffectivePrivilege]:
        """Return all that the account has on what the snapshot knows."""
        return self._decisions.everything(account)

    def securables(self, text: str) -> Sequence[Securable]:
        """Return what a person means by `[KIND:][PDB.]SCHEMA[.OBJECT[.COLUMN]]` or `server`.

        Raises:
            ConfigurationError: the text can't be read, or names nothing that is known here.
        """
        return self._reader.read(text)

    def missing(self, securable: Securable, listing: Listing) -> str:
        """Return the schema of an object that is known not to be there; empty: it may be."""
        return missing_schema(self._world, self._known, securable, listing)

    def is_servers_own(self, securable: Securable) -> bool:
        """Return whether an object lies in a schema that each database has."""
        return is_servers_own(securable)

    def powers(self, account: str) -> Sequence[Power]:
        """Return the powers that the account has, or can get through any chain."""
        return self._decisions.powers.of(account)

    def dangers(self, account: str) -> Sequence[Power]:
        """Return the dangerous privileges that the account has, or gets by any role."""
        return self._decisions.powers.dangers(account)

    def definer_routines(self) -> Sequence[DefinerRoutine]:
        """Return the program units of powerful owners that everybody may execute."""
        return tuple(self._definers.all())

    def set_server(self, name: str, value: str, before: str) -> ServerFix:
        """Return what gives a parameter another value than it had before."""
        return set_server(self._world.platform, name, value, before)

    def concerns(self) -> Sequence[Concern]:
        """Return what a review looks for on Oracle alone."""
        return self._concerns.all()

    def facts(self, account: str) -> AccountFacts:
        """Return what a review asks of the account."""
        state = self._world.accounts.get(account)
        return facts_of(state, self._world) if state else AccountFacts()

    def is_everyone(self, account: str) -> bool:
        """Return whether the account is PUBLIC."""
        state = self._world.accounts.get(account)
        return state is not None and is_public(state)

    def is_write(self, privilege: str) -> bool:
        """Return whether a privilege changes data, objects or accounts."""
        return is_write(privilege)

    def related(self, account: str) -> Collection[str]:
        """Return who else counts for the account's rights."""
        return self._opposites.related(account)

    def hash_places(self) -> Sequence[HashPlace]:
        """Return the tables of SYS that hold password verifiers, where a grant names them.

        Database Reference: since 12.1 SELECT ANY DICTIONARY does not reach them.
        """
        return tuple(
            HashPlace(privilege, on, f"SYS.{name}")
            for container in self._known.containers
            for name in VERIFIER_TABLES
            for on in self._known.objects(container, SYS, name)
            for privilege in ("SELECT", "READ")
        )
