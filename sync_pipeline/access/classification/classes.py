"""Named classes, and which accounts are in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.access.classification.expression import Expression, speaks_of
from sync_pipeline.access.classification.subject import Population, Subject
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.classification import Capability


@dataclass(frozen=True, slots=True)
class AccountClass:
    """One class: every account that its expression matches is in it."""

    name: str
    expression: Expression
    description: str = ""

    def matches(self, subject: Subject) -> bool:
        """Return whether an account is in the class.

        What the engine made for itself is in those classes alone whose rule speaks of that.
        """
        is_meant = not subject.is_own or speaks_of(self.expression, Capability.SYSTEM)
        return is_meant and self.expression.matches(subject)


def count(classes: Sequence[AccountClass], population: Population) -> dict[str, int]:
    """Return how many accounts of an instance are in each class, zeros too."""
    counts = {item.name: 0 for item in classes}
    for subject in population.subjects():
        for item in classes:
            counts[item.name] += item.matches(subject)
    return counts


def members(chosen: AccountClass, population: Population) -> tuple[AccountState, ...]:
    """Return the accounts of an instance that are in a class, by name."""
    return tuple(subject.state for subject in population.subjects() if chosen.matches(subject))
