"""Changes of accounts of a fleet, as `sync-pipeline accounts changes` tells them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from sync_pipeline.engines.powers import power_words
from sync_pipeline.model.change import ChangeType, Effect, LoggedChange
from sync_pipeline.model.change_page import ChangeLine, ChangeQuestion, KindOfChange
from sync_pipeline.model.imported import ImportedLine
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.page import Page, Place
from sync_pipeline.model.viewer import Reach
from sync_pipeline.reconcile.effects import Powers, judged
from sync_pipeline.workflows.answers.history import as_told, not_told
from sync_pipeline.workflows.console.imported import ImportedAnswers
from sync_pipeline.workflows.dependencies import SyncDeps

MOST_UNJUDGED = 2000
"""Entries of a version before that are read to count what they do."""


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """How many changes there were since a moment, of each type, of power, and of first syncs.

    `is_whole`: none was left uncounted.
    """

    types: Mapping[ChangeType, int] = field(default_factory=dict)
    gives_power: int = 0
    takes_power: int = 0
    first_syncs: int = 0
    is_whole: bool = True


class ChangeAnswers:
    """Changes within a reach."""

    def __init__(self, deps: SyncDeps, reach: Reach) -> None:
        self._deps = deps
        self._store = deps.store
        self._reach = reach
        self._imported = ImportedAnswers(deps, reach)

    def page(
        self, asked: ChangeQuestion, place: Place
    ) -> tuple[Page[ChangeLine | ImportedLine], tuple[str, ...]]:
        """Return a page of changes, imported ones among them, newest first, and what is not told.

        Of what a version before wrote some has nothing to tell: a page may have fewer rows.
        """
        found = self._imported.changes(asked, place)
        notes = not_told(self._store, ChangeFilter(since=asked.since, until=asked.until))
        lines: Iterator[Iterable[ChangeLine | ImportedLine]] = (
            [item] if isinstance(item, ImportedLine) else told([item], asked.effect)
            for item in found.items
        )
        return replace(found, items=tuple(chain.from_iterable(lines))), notes

    def counts(self, since: datetime) -> ChangeCounts:
        """Return how many changes there were since a moment: two statements."""
        kinds = self._store.change_pages.kinds(self._reach, since)
        unjudged = self._store.change_pages.unjudged(self._reach, since, MOST_UNJUDGED)
        older = [_kind(item) for item in told(unjudged, Effect.NONE)]
        known = [item for item in kinds if not item.effect & Effect.UNKNOWN]
        whole = sum(item.count for item in kinds) - sum(item.count for item in known)
        everything = [*known, *older]

        def of(effect: Effect) -> int:
            return sum(item.count for item in everything if item.effect & effect)

        return ChangeCounts(
            {
                kind: sum(item.count for item in everything if item.change_type is kind)
                for kind in ChangeType
            },
            of(Effect.GIVES_POWER),
            of(Effect.TAKES_POWER),
            sum(item.count for item in everything if item.change_type is None),
            is_whole=whole <= len(unjudged),
        )

    def foremost(self, since: datetime, limit: int) -> tuple[ChangeLine, ...]:
        """Return the changes since a moment, the most important first."""
        found = self._store.change_pages.foremost(self._reach, since, limit)
        return tuple(told(found, Effect.NONE))


def told(lines: Iterable[ChangeLine], wanted: Effect) -> Iterator[ChangeLine]:
    """Yield what has something to tell, told as this version tells it, with any of an effect."""
    for line in lines:
        entry = line.entry
        if not isinstance(entry, LoggedChange):
            yield line
            continue
        shown, effect = as_told(entry), entry.change.effect
        if effect & Effect.UNKNOWN:
            effect = judged(entry.change, Powers(power_words(line.engine)))
        if shown.change.lines and (not wanted or effect & wanted):
            change = replace(shown.change, effect=effect)
            yield replace(line, entry=replace(shown, change=change))


def _kind(line: ChangeLine) -> KindOfChange:
    entry = line.entry
    if not isinstance(entry, LoggedChange):
        return KindOfChange(None, Effect.NONE, 1)
    return KindOfChange(entry.change.change_type, entry.change.effect, 1)
