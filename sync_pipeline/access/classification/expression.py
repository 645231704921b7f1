"""What a class asks of an account: small tests, joined by and, or, not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sync_pipeline.access.classification.subject import Subject
from sync_pipeline.model.classification import Capability
from sync_pipeline.model.pattern import like


class Expression(Protocol):
    """A test of one account."""

    def matches(self, subject: Subject) -> bool:
        """Return whether the account passes."""
        ...


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part has to match."""

    parts: tuple[Expression, ...]

    def matches(self, subject: Subject) -> bool:
        """Return whether all parts match; true where there is none."""
        return all(part.matches(subject) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part has to match."""

    parts: tuple[Expression, ...]

    def matches(self, subject: Subject) -> bool:
        """Return whether any part matches; false where there is none."""
        return any(part.matches(subject) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not match."""

    part: Expression

    def matches(self, subject: Subject) -> bool:
        """Return whether the part does not match."""
        return not self.part.matches(subject)


class Text(StrEnum):
    """Texts of an account, or of its instance, that a pattern is held against."""

    ENGINE = "engine"
    NAME = "name"
    KIND = "kind"
    INSTANCE = "instance"
    TAG = "tag"
    ENVIRONMENT = "environment"
    ROLE = "role"


_TEXTS: dict[Text, Callable[[Subject], tuple[str, ...]]] = {
    Text.ENGINE: lambda subject: (subject.population.judged.world.engine,),
    Text.NAME: lambda subject: (subject.state.name,),
    Text.KIND: lambda subject: (subject.state.kind,),
    Text.INSTANCE: lambda subject: (subject.population.instance.name,),
    Text.TAG: lambda subject: subject.population.instance.tags,
    Text.ENVIRONMENT: lambda subject: (subject.population.instance.environment or "",),
    Text.ROLE: lambda subject: tuple(subject.roles),
}


@dataclass(frozen=True, slots=True)
class Like:
    """One of the texts has to match the LIKE pattern whole."""

    text: Text
    pattern: str

    def matches(self, subject: Subject) -> bool:
        """Return whether the pattern matches one of the texts."""
        return any(like(self.pattern, value) for value in _TEXTS[self.text](subject))


@dataclass(frozen=True, slots=True)
class Can:
    """The account has a capability."""

    capability: Capability

    def matches(self, subject: Subject) -> bool:
        """Return whether the account has it."""
        return subject.has(self.capability)


@dataclass(frozen=True, slots=True)
class May:
    """The account has a privilege, on what `on` names or (empty) on anything."""

    privilege: str
    on: str = ""

    def matches(self, subject: Subject) -> bool:
        """Return whether the account has it, at login or after SET ROLE."""
        return subject.may(self.privilege, self.on)


def speaks_of(expression: Expression, capability: Capability) -> bool:
    """Return whether a part of an expression asks for a capability, or that it is not there."""
    match expression:
        case AllOf(parts) | AnyOf(parts):
            return any(speaks_of(part, capability) for part in parts)
        case Not(part):
            return speaks_of(part, capability)
        case Can(asked):
            return asked is capability
        case _:
            return False
