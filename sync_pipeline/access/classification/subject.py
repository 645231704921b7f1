"""One account as class rules see it. What is costly to find out is asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.own import is_own
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import EVERYTHING, AccountFacts, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.classification import Capability
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.privilege import Securable


@dataclass(frozen=True)
class Population:
    """The accounts of one instance, with the instance's place in the registry."""

    instance: Instance
    judged: Judged
    _named: dict[str, Sequence[Securable]] = field(default_factory=dict, repr=False)

    def subjects(self) -> Iterator[Subject]:
        """Yield every account, by name."""
        return (Subject(self, state) for state in self.judged.states())

    def named(self, text: str) -> Sequence[Securable]:
        """Return what a text names here; nothing where the instance has no such object."""
        if text not in self._named:
            try:
                self._named[text] = self.judged.rules.securables(text)
            except ConfigurationError:
                self._named[text] = ()
        return self._named[text]


@dataclass(frozen=True)
class Subject:
    """One account."""

    population: Population
    state: AccountState

    @property
    def facts(self) -> AccountFacts:
        """Return what the engine knows of it."""
        return self.population.judged.facts(self.state.name)

    @property
    def is_own(self) -> bool:
        """Return whether the engine made it for itself."""
        return is_own(self.population.judged.world.engine, self.state)

    @property
    def powers(self) -> frozenset[PowerKind]:
        """Return the kinds of power that it has or can get."""
        return frozenset(power.kind for power in self.population.judged.powers(self.state.name))

    @property
    def dangers(self) -> bool:
        """Return whether it has a privilege on the server that reaches further than data."""
        found = self.population.judged.powers(self.state.name, PowerKind.DANGEROUS)
        return bool(found)

    @cached_property
    def roles(self) -> frozenset[str]:
        """Return every role that it has, through any chain."""
        return frozenset(self.population.judged.with_roles(self.state.name)) - {self.state.name}

    @cached_property
    def privileges(self) -> frozenset[str]:
        """Return the names of all privileges that it has on anything."""
        entries = self.population.judged.rules.everything(self.state.name)
        return frozenset(entry.privilege for entry in entries)

    def has(self, capability: Capability) -> bool:
        """Return whether it has a capability; what the engine does not know it has not."""
        return bool(_CAPABILITIES[capability](self))

    def may(self, privilege: str, text: str) -> bool:
        """Return whether it has a privilege on what a text names, or on anything."""
        if not text:
            return not self.privileges.isdisjoint((privilege, EVERYTHING))
        rules = self.population.judged.rules
        return any(
            rules.decide(self.state.name, privilege, securable).is_allowed
            for securable in self.population.named(text)
        )


_CAPABILITIES: dict[Capability, Callable[[Subject], object]] = {
    Capability.SUPERUSER: lambda subject: PowerKind.SUPERUSER in subject.powers,
    Capability.GRANT_ADMIN: lambda subject: PowerKind.GRANT_ADMIN in subject.powers,
    Capability.DANGEROUS: lambda subject: subject.dangers,
    Capability.CAN_LOGIN: lambda subject: subject.state.can_login,
    Capability.LOCKED: lambda subject: subject.state.is_locked,
    Capability.EXPIRED: lambda subject: subject.facts.is_expired,
    Capability.NEVER_EXPIRES: lambda subject: subject.facts.never_expires,
    Capability.NO_PASSWORD_RULES: lambda subject: subject.facts.has_password_rules is False,
    Capability.NEVER_USED: lambda subject: subject.facts.never_used,
    Capability.WEAK_AUTHENTICATION: lambda subject: subject.facts.weak_authentication,
    Capability.ANONYMOUS: lambda subject: subject.facts.is_anonymous,
    Capability.ANY_HOST: lambda subject: subject.facts.is_any_host,
    Capability.ORPHANED: lambda subject: subject.facts.orphaned,
    Capability.EVERYONE: lambda subject: subject.population.judged.rules.is_everyone(
        subject.state.name
    ),
    Capability.SYSTEM: lambda subject: subject.facts.is_system,
    Capability.ADMINISTRATOR: lambda subject: PowerKind.ADMINISTRATOR in subject.powers,
    Capability.PROVIDER: lambda subject: subject.facts.is_provider,
}
