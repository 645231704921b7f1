"""Which accounts are in a class, can something, or have a role: now, or at a past moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sync_pipeline.access.classification.classes import AccountClass
from sync_pipeline.access.classification.subject import Population, Subject
from sync_pipeline.access.telling import alike
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.classification import AccountRule, Capability
from sync_pipeline.model.instance import Instance
from sync_pipeline.workflows.answers.access import LoadedInstance, load_each, load_each_at
from sync_pipeline.workflows.answers.classification import class_named
from sync_pipeline.workflows.answers.history import AccountAt
from sync_pipeline.workflows.dependencies import SyncDeps

IsMeant = Callable[[AccountState], bool]
"""Whether an account is looked at; it is asked before what is dearer."""


def _each(_state: AccountState) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Found:
    """An instance, and the active accounts of it that are meant, by name."""

    loaded: LoadedInstance
    states: tuple[AccountState, ...]


def found_accounts(
    deps: SyncDeps,
    instances: Sequence[Instance],
    rule: AccountRule,
    at: datetime | None = None,
    is_meant: IsMeant = _each,
) -> Iterator[Found]:
    """Return one instance after the other with the active accounts that a rule takes.

    No more than one is held. What an engine does not know of an account it is not, and has not.

    Raises:
        ConfigurationError: there is no such class, or the file is not valid; the moment has not
            come, or changes since then were pruned.
    """
    wanted = WantedAccounts.of_rule(deps, rule)
    loaded = (
        load_each(deps, instances, deps.clock(), with_damaged=True)
        if at is None
        else load_each_at(deps, instances, at, with_damaged=True)
    )
    return (Found(item, wanted.of(item, is_meant)) for item in loaded)


@dataclass(frozen=True, slots=True)
class WantedAccounts:
    """Takes the accounts that a rule means."""

    rule: AccountRule
    in_class: AccountClass | None

    @classmethod
    def of_rule(cls, deps: SyncDeps, rule: AccountRule) -> Self:
        """Return what takes the accounts of a rule.

        Raises:
            ConfigurationError: there is no such class, or the file is not valid.
        """
        name = rule.class_name
        return cls(rule, class_named(deps.settings, name) if name else None)

    def of(self, loaded: LoadedInstance, is_meant: IsMeant) -> tuple[AccountState, ...]:
        """Return those of an instance that are active and meant, by name."""
        population = Population(loaded.instance, loaded.judged)
        return tuple(
            subject.state
            for subject in population.subjects()
            if is_meant(subject.state) and self._takes(subject)
        )

    def _takes(self, subject: Subject) -> bool:
        rule = self.rule
        if self.in_class is not None and not self.in_class.matches(subject):
            return False
        # A class says itself whether it speaks of what the engine made.
        if subject.is_own and not (rule.with_own or rule.class_name or _is_of_system(rule)):
            return False
        if rule.capabilities and not any(map(subject.has, rule.capabilities)):
            return False
        return not rule.roles or not subject.roles.isdisjoint(rule.roles)


def _is_of_system(rule: AccountRule) -> bool:
    return Capability.SYSTEM in rule.capabilities


def accounts_of_rule(
    deps: SyncDeps, instances: Sequence[Instance], rule: AccountRule, when: datetime | None = None
) -> tuple[tuple[AccountAt, ...], tuple[str, ...]]:
    """Return the active accounts that a rule takes, now or at a moment, by instance and name.

    With sentences on what is not known, or was not then.

    Raises:
        ConfigurationError: there is no such class; the moment has not come, or changes since then
            were pruned.
    """
    found: list[AccountAt] = []
    gaps: list[tuple[str, str]] = []
    for item in found_accounts(deps, instances, rule, when):
        name = item.loaded.instance.name
        found += [AccountAt(name, state, is_active=True) for state in item.states]
        gaps += [(name, text) for text in item.loaded.judged.gaps()]
    return tuple(found), tuple(alike(gaps))
