"""What only the rules of one engine can tell a review: each for a rule that says why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.model.access import Hold
from sync_pipeline.model.finding import Severity


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a rule of findings looks for, which has this rule's id.

    `account` is empty where it is of the server itself. `severity` is None where it is that of
    the rule. `holds` are what the account has to lose, by the engine's own statements; what no
    grant or role gives ends with `fix`, which `undo` takes back. `breaks` says who loses what by
    ending it, and `left` what the statements do not end, or what to do where there are none.
    `about` tells several of one rule and account apart.
    """

    rule: str
    evidence: str
    severity: Severity | None = None
    account: str = ""
    about: str = ""
    holds: tuple[Hold, ...] = ()
    fix: str = ""
    undo: str = ""
    left: str = ""
    breaks: str = ""


@runtime_checkable
class HasConcerns(Protocol):
    """The rules of an engine that tell a review what no other engine has."""

    def concerns(self) -> Sequence[Concern]:
        """Return all of them. What was not read of the server is none."""
        ...


def concerns(rules: AccessRules) -> Sequence[Concern]:
    """Return what the rules of an engine tell a review."""
    return rules.concerns() if isinstance(rules, HasConcerns) else ()
