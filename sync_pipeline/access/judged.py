"""One instance's accounts together with the rules of its engine, and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sync_pipeline.engines.access.cautious import doubts_of
from sync_pipeline.engines.access.contract import AccessRules, concerned, dangers, not_modelled
from sync_pipeline.engines.access.links import Edge, reach
from sync_pipeline.model.access import (
    AccessWorld,
    AccountFacts,
    Power,
    PowerKind,
    ServerRule,
)
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.inventory import Listing
from sync_pipeline.model.privilege import OF_SERVER, SectionName, Securable
from sync_pipeline.model.snapshot import SectionStatus

_CLOSED = (SectionStatus.PROVIDERS,)
_NO_LISTING = Listing()
_MEANT = (SectionStatus.PROVIDERS, SectionStatus.EXCLUDED)


@dataclass(frozen=True, slots=True)
class Judged:
    """A world, and what decides in it. What is costly to find out is asked once.

    `past` are sentences on what is not known of a past moment, where the world is of one.
    """

    world: AccessWorld
    rules: AccessRules
    listing: Listing = _NO_LISTING
    past: tuple[str, ...] = ()
    _facts: dict[str, AccountFacts] = field(default_factory=dict, repr=False, compare=False)
    _powers: dict[str, tuple[Power, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Return the name of the instance."""
        return self.world.instance

    @property
    def is_synced(self) -> bool:
        """Return whether the instance was ever synced."""
        return bool(self.world.sections)

    def states(self) -> Iterator[AccountState]:
        """Yield the accounts by name."""
        for _, state in sorted(self.world.accounts.items()):
            yield state

    def concerned(self, privilege: str, securable: Securable) -> Iterator[AccountState]:
        """Yield by name the accounts of which a question may be answered by more than "no".

        What could change any answer is not looked at (`everywhere`).
        """
        found = concerned(self.rules, privilege, securable)
        if found is None:
            yield from self.states()
            return
        for name in sorted(found):
            state = self.world.accounts.get(name)
            if state is not None:
                yield state

    def facts(self, account: str) -> AccountFacts:
        """Return what the engine knows of an account."""
        if account not in self._facts:
            self._facts[account] = self.rules.facts(account)
        return self._facts[account]

    def powers(self, account: str, *kinds: PowerKind) -> tuple[Power, ...]:
        """Return the powers of an account, of these kinds or of all but dangerous privileges."""
        if account not in self._powers:
            self._powers[account] = tuple(self.rules.powers(account))
        found = tuple(power for power in self._powers[account] if not kinds or power.kind in kinds)
        return (*found, *dangers(self.rules, account)) if PowerKind.DANGEROUS in kinds else found

    def with_roles(self, account: str) -> tuple[str, ...]:
        """Return an account and every role that it has through any chain."""
        return tuple(reach(account, self._roles))

    def _roles(self, account: str) -> Iterator[Edge]:
        state = self.world.accounts.get(account)
        return ((item.role, "member") for item in (state.memberships if state else ()))

    def is_doubt(self, gap: Gap) -> bool:
        """Return whether what is unknown could make an account lose a privilege as well."""
        doubts = doubts_of(self.rules)
        return doubts is not None and gap in doubts

    @property
    def everywhere(self) -> tuple[Gap, ...]:
        """Return what is unknown and could change any answer about the instance."""
        doubts = doubts_of(self.rules)
        return doubts.everywhere if doubts else ()

    def unknown(self, account: str | None = None) -> tuple[str, ...]:
        """Return a sentence for each unknown thing: of an account, or (None) of them all.

        What could change any answer comes first.
        """
        doubts = doubts_of(self.rules)
        if doubts is None:
            return ()
        own = doubts.all() if account is None else doubts.everything_about(account)
        return self.sentences(own)

    def sentences(self, gaps: Iterable[Gap]) -> tuple[str, ...]:
        """Return what people read of gaps of the instance."""
        return tuple(dict.fromkeys(f"{self.name}: {gap.sentence}" for gap in gaps))

    def not_modelled(self, privilege: str | None = None) -> tuple[ServerRule, ...]:
        """Return what no answer about a privilege (None: any) takes in; nothing if unsynced."""
        return tuple(not_modelled(self.rules, privilege)) if self.is_synced else ()

    def gaps(self, *names: SectionName) -> tuple[str, ...]:
        """Return a sentence for each section (of these names, or of all) that was not read.

        Of a database that is left out there is one, where all sections are asked for: these are
        all but those of what the server is set to, which no answer depends on.
        """
        if not self.is_synced:
            return self.past or (f"{self.name} was never synced: nothing is known of it.",)
        sections = self.world.sections
        keys = sorted(
            key for key in sections if (key.name in names if names else key.name not in OF_SERVER)
        )
        # A provider's database is nobody's to read, and of an excluded one only who asks is told.
        ignored = _CLOSED if not names else _MEANT
        told = (key for key in keys if sections[key].status not in ignored)
        unread = (f"{self.name}: {gap.told}" for gap in self.world.unread(told))
        return tuple(dict.fromkeys((*self.past, *unread)))
