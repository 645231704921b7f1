"""What a sample of who is logged in adds to what is known of the use of accounts. Pure.

The rules are made so that no account ever counts as unused that was used: whatever may hide a
login ends the time since when every login shows, and what fits several accounts is held against
each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_pipeline.model.use import (
    OWN_RESOLUTION,
    RESOLUTION,
    STALE,
    UNUSED_AFTER,
    AccountUse,
    Coverage,
    KnownUse,
    NewUse,
    Sighting,
    UseMarks,
    UseMeans,
    UseSample,
)

LEAST_QUIET = UNUSED_AFTER / 2
"""No rule calls an account unused before that, however far samples are apart."""
MOST_NOTE = 1000
"""Characters of a note that are kept."""
NOT_WRITTEN = "Logins are not written down: not even the one by which this was asked."


def unsampled(known: KnownUse, reason: str, at: datetime, *, have_moved: bool) -> NewUse | None:
    """Return what a sync leaves that could take no sample; None: the same is known since today.

    Counters go on counting meanwhile: that is judged by the next sample. `have_moved`: accounts
    came or went.
    """
    before = known.coverage or Coverage(since_at=at)
    note = reason[:MOST_NOTE]
    is_known = before.note == note and before.failed_at is not None
    has_moved = known.has_moved or have_moved
    if (
        is_known
        and has_moved == known.has_moved
        and before.failed_at is not None
        and at - before.failed_at < STALE
    ):
        return None
    coverage = replace(before, failures=before.failures + 1, failed_at=at, note=note)
    return NewUse(coverage, known.marks, has_moved=has_moved)


def observed(
    known: KnownUse,
    sample: UseSample,
    at: datetime,
    *,
    returned: Collection[str] = (),
    have_moved: bool = False,
) -> NewUse:
    """Return what a sync leaves that took a sample at a moment (UTC).

    `returned` are accounts that were gone and are there again: they may have been used as others
    before. `have_moved`: accounts came or went since the last sync.
    """
    sample = _checked(sample, at)
    before = known.coverage
    goes_on = before is not None and _goes_on(known, before, sample, at)
    coverage = _covered(known, sample, at, goes_on=goes_on)
    found = _Seen(known, sample, coverage, at, has_moved=known.has_moved or have_moved)
    for sighting in sample.sightings:
        found.take(sighting)
    for name in (*sample.doubted, *returned):
        found.doubt(name)
    is_anew = before is None or before.last_at is None or not goes_on
    is_told = _is_told(before, coverage, found)
    if not (is_anew or found.is_due or have_moved or known.has_moved or returned):
        return NewUse(coverage, sample.marks, is_told=is_told)
    return NewUse(
        coverage,
        sample.marks,
        accounts={**known.accounts, **found.accounts} if found.accounts else None,
        counters=_counters(sample),
        is_told=is_told,
    )


def _checked(sample: UseSample, at: datetime) -> UseSample:
    """Return a sample that is whole only if it shows the login by which it was taken.

    A database that is open for reading alone writes no login down, and says nothing of that: who
    logged in meanwhile is not known later either.
    """
    own = [item for item in sample.sightings if item.account == sample.own]
    is_blind = sample.own not in sample.doubted and any(
        item.login_at is None or at - item.login_at > RESOLUTION for item in own
    )
    if sample.means is not UseMeans.LAST_LOGIN or not is_blind:
        return sample
    names = (item.account for item in sample.sightings)
    note = f"{sample.note} {NOT_WRITTEN}".lstrip()
    return replace(sample, is_whole=False, doubted=(*sample.doubted, *names), note=note)


@dataclass(slots=True)
class _Seen:
    """The accounts that a sample says something of."""

    known: KnownUse
    sample: UseSample
    coverage: Coverage
    at: datetime
    has_moved: bool
    is_due: bool = False
    accounts: dict[str, AccountUse] = field(default_factory=dict)

    def take(self, sighting: Sighting) -> None:
        """Note whose a sighting is, or may be."""
        has_grown = self._has_grown(sighting)
        if sighting.login_at is not None and sighting.account:
            moment = min(sighting.login_at, self.at)
            self._see(sighting.account, moment, UseMeans.LAST_LOGIN, moment)
        if not (sighting.is_open or has_grown):
            return
        if sighting.account:
            by = UseMeans.SESSION if sighting.is_open else UseMeans.COUNTER
            self._see(sighting.account, self.at, by, self.at)
        for name in (*sighting.maybe, *(sighting.others if self.has_moved else ())):
            self.doubt(name)

    def doubt(self, name: str) -> None:
        """Note that an account may have been in use."""
        use = self._of(name)
        if use.maybe_at is None or self.at - use.maybe_at >= OWN_RESOLUTION:
            self.is_due = True
        self.accounts[name] = replace(use, maybe_at=self.at)

    def _see(self, name: str, moment: datetime, by: UseMeans, first: datetime) -> None:
        use = self._of(name)
        if use.last_at is not None and moment <= use.last_at:
            return
        resolution = OWN_RESOLUTION if name == self.sample.own else RESOLUTION
        if use.last_at is None or moment - use.last_at >= resolution:
            self.is_due = True
        self.accounts[name] = replace(
            use, first_at=use.first_at or first, last_at=moment, by=by, sample=self.coverage.samples
        )

    def _of(self, name: str) -> AccountUse:
        return self.accounts.get(name) or self.known.of(name)

    def _has_grown(self, sighting: Sighting) -> bool:
        """Return whether there was a login since the counters that are kept.

        Those of the first sample count from before anybody looked: of when they are is not known.
        A counter that is lower than it was began anew meanwhile.
        """
        before = self.known.coverage
        if sighting.total is None or before is None or before.means is not UseMeans.COUNTER:
            return False
        if bool(self.known.marks.flushed) != bool(self.sample.marks.flushed):
            return False  # other counters, which count something else
        if self.known.marks.started != self.sample.marks.started:
            return sighting.total > 0
        kept = self.known.counters.get(sighting.key, 0)
        return sighting.total > kept or 0 < sighting.total < kept


def _goes_on(known: KnownUse, before: Coverage, sample: UseSample, at: datetime) -> bool:
    """Return whether whatever is seen by a sample went on from the one before."""
    if before.last_at is None or at < before.last_at or before.means is not sample.means:
        return False
    return sample.means is not UseMeans.COUNTER or sample.marks.goes_on_from(known.marks)


def _covered(known: KnownUse, sample: UseSample, at: datetime, *, goes_on: bool) -> Coverage:
    before = known.coverage or Coverage(since_at=at)
    gap = at - before.last_at if before.last_at is not None else timedelta()
    gap = max(gap, timedelta())
    is_whole = sample.is_whole and sample.means.shows_every_login
    whole_since = (before.whole_since if goes_on else None) or at
    is_other = before.whole_since is None or not goes_on
    # Who was in use before, and is not now, was not in use from now on.
    longest = timedelta() if is_whole and is_other else max(before.longest_gap, gap)
    has_restarted = _has_restarted(known.marks, sample.marks)
    return replace(
        before,
        means=sample.means,
        samples=before.samples + 1,
        since_at=before.since_at if before.samples else at,
        last_at=at,
        whole_since=whole_since if is_whole else None,
        longest_gap=longest,
        gaps=before.gaps + (gap > STALE),
        gap_at=at if gap > STALE else before.gap_at,
        restarts=before.restarts + has_restarted,
        note=sample.note[:MOST_NOTE],
    )


def _has_restarted(before: UseMarks, now: UseMarks) -> bool:
    return bool(before.started and now.started) and before.started != now.started


def _counters(sample: UseSample) -> Mapping[str, int]:
    return {item.key: item.total for item in sample.sightings if item.total}


def _is_told(before: Coverage | None, now: Coverage, found: _Seen) -> bool:
    """Return whether it may change which accounts count as unused, but for the time alone.

    That is where it begins or ends that every login shows for long, or where an account was seen,
    or may have been, that was not for long.
    """
    if _is_long(before) != _is_long(now):
        return True
    if now.last_at is None or not _is_long(now):
        return False
    latest = (found.known.of(name).latest for name in found.accounts)
    return any(moment is None or now.last_at - moment >= LEAST_QUIET for moment in latest)


def _is_long(coverage: Coverage | None) -> bool:
    if coverage is None or coverage.whole_since is None or coverage.last_at is None:
        return False
    return coverage.last_at - coverage.whole_since >= LEAST_QUIET
