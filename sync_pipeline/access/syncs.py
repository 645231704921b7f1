"""The syncs of one instance in order: which could tell, and when nothing is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline.model.gap import Gap
from sync_pipeline.model.history import LONG_WITHOUT_SYNC
from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.snapshot import SectionReport
from sync_pipeline.model.tenure import Blank, BlankKind


@dataclass(frozen=True, slots=True)
class SyncOfCourse:
    """One sync that counts: it read the accounts `at` a moment and began before (UTC).

    `unread` are the sections that it could not read and that decide what is asked. `before_at` is
    when the sync right before it began, if that is kept. `is_known`: its record is kept.
    `is_after_gap`: none completed for long before it.
    """

    at: datetime
    began_at: datetime
    unread: Mapping[SectionKey, SectionReport]
    before_at: datetime | None = None
    is_known: bool = True
    is_after_gap: bool = False


def known_before(syncs: Sequence[SyncOfCourse]) -> Mapping[datetime, datetime | None]:
    """Return, by the moment of each sync, when the last one before it that could tell began."""
    found: dict[datetime, datetime | None] = {}
    last: datetime | None = None
    before: SyncOfCourse | None = None
    for sync in syncs:
        # Those between two that count read what the former did.
        if before is not None and not before.unread:
            last = max(before.began_at, sync.before_at or before.began_at)
        found.setdefault(sync.at, last)
        before = sync
    return found


def blanks_of(syncs: Sequence[SyncOfCourse], end: datetime) -> tuple[Blank, ...]:
    """Return the times of which nothing is known until a moment, those without a sync last."""
    return (*_unread_times(syncs), *_times_without(syncs, end))


def _unread_times(syncs: Sequence[SyncOfCourse]) -> Iterator[Blank]:
    known = known_before(syncs)
    run: list[SyncOfCourse] = []
    for sync in syncs:
        if sync.unread:
            run.append(sync)
        elif run:
            yield _unread_time(run, known, sync.at)
            run = []
    if run:
        yield _unread_time(run, known, None)


def _unread_time(
    run: Sequence[SyncOfCourse],
    known: Mapping[datetime, datetime | None],
    until: datetime | None,
) -> Blank:
    told = dict.fromkeys(
        Gap.of_section(key, report).told for sync in run for key, report in sync.unread.items()
    )
    return Blank(BlankKind.UNREAD, known[run[0].at], until, "; ".join(told))


def _times_without(syncs: Sequence[SyncOfCourse], end: datetime) -> Iterator[Blank]:
    for sync in syncs:
        if sync.is_after_gap and sync.before_at is not None:
            yield Blank(BlankKind.NO_SYNC, sync.before_at, sync.at)
    if syncs and end - syncs[-1].at > LONG_WITHOUT_SYNC:
        yield Blank(BlankKind.NO_SYNC, syncs[-1].began_at, None)
