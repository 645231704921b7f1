"""What was found by a look at all accounts of an instance: what they can do, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_pipeline.model.classification import AccountRule
from sync_pipeline.model.finding import Suppression
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.page import AccountLine
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.tenure import Way


@dataclass(frozen=True, slots=True)
class Span:
    """From when on and until when something is so, where it is decided by the time."""

    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Return whether nothing that the time decides is another way at a moment."""
        is_early = self.valid_from is not None and moment < self.valid_from
        is_late = self.valid_until is not None and moment >= self.valid_until
        return not (is_early or is_late)


ALWAYS = Span()


@dataclass(frozen=True, slots=True)
class LeftBySync:
    """An instance, and what tells what its last sync left from what any other one does."""

    instance_id: int
    name: str
    engine: EngineName
    version: str
    platform: Platform
    mark: str

    @classmethod
    def of(cls, instance: Instance, mark: str) -> LeftBySync:
        """Return it; the mark is `StoredAccess.mark`."""
        version, platform = instance.server_version or "", instance.runs_on
        return cls(instance.id, instance.name, instance.engine, version, platform, mark)


class Weighed(Protocol):
    """What takes so much room, and is so for a time."""

    @property
    def span(self) -> Span:
        """Return that time."""

    @property
    def weight(self) -> int:
        """Return the room that it takes."""


@dataclass(frozen=True, slots=True)
class WorldOf:
    """The accounts of an instance, with the grants that concern a text; None: with all."""

    left: LeftBySync
    text: str | None


@dataclass(frozen=True, slots=True)
class LookedFor:
    """Accounts that a rule takes: what they are depends on this, and on the time."""

    left: LeftBySync
    rule: AccountRule


@dataclass(frozen=True, slots=True)
class HeldOf:
    """Who had what a rule says before the last syncs that changed something: it depends on this.

    `syncs` are how many of those were taken back, `told` is what the sync of then told of its
    server, `account` whom it is asked of; empty: all.
    """

    left: LeftBySync
    syncs: int
    told: tuple[object, ...]
    rule: AccountRule
    account: str


@dataclass(frozen=True, slots=True)
class HeldThen:
    """Who had it, by name, in the time in which no date decides otherwise."""

    ways: Mapping[str, tuple[Way, ...]]
    span: Span


@dataclass(frozen=True, slots=True)
class LookedAt:
    """The accounts that a rule takes, by name, and sentences on what is not known."""

    lines: tuple[AccountLine, ...] = ()
    gaps: tuple[str, ...] = ()
    span: Span = ALWAYS


@dataclass(frozen=True, slots=True)
class SeenOn:
    """An instance with the turn of its review, and by which rules it is looked at.

    `basis` is that of `CountedQuestion`; `rule` empty: of all. `accepted` is what was accepted on
    it, as who asks may know it.
    """

    instance_id: int
    name: str
    engine: EngineName
    platform: Platform
    turn: int
    basis: str
    rule: str
    accepted: tuple[Suppression, ...] = ()


@dataclass(frozen=True, slots=True)
class SoughtOn:
    """What a text names: where that is depends on this, and on the time.

    `databases` are those that the size collection lists, to the account of this name.
    """

    left: LeftBySync
    text: str
    databases: Databases | None
    username: str


@dataclass(frozen=True, slots=True)
class Lacking:
    """An instance on which what a text names is not: what is missing, and when that was listed."""

    instance: str
    missing: str
    listed_at: datetime | None = None
    span: Span = ALWAYS
