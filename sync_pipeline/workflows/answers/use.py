"""Who was seen in use, and of whom it is known that nobody used him."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.engines.own import is_own
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import AccountView
from sync_pipeline.model.use import AccountUse, Coverage, InstanceUse, Seen, UseMeans, seen_since
from sync_pipeline.workflows.dependencies import SyncDeps

NEVER_WATCHED = "Who uses its accounts was not looked at yet: the next account sync does."
HOW = {
    UseMeans.LAST_LOGIN: "the engine's own last login",
    UseMeans.COUNTER: "a counter of logins, at the latest then",
    UseMeans.SESSION: "an open session",
}
"""How the last use of an account is known, for people."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What is known of the use of accounts, by the names of their instances, at a moment."""

    instances: Mapping[str, InstanceUse]
    now: datetime

    @classmethod
    def of(cls, deps: SyncDeps, instance_ids: Sequence[int] | None) -> Uses:
        """Read that of instances, by their ids; None: of all."""
        return cls(deps.store.use.of(instance_ids), deps.clock())

    def instance(self, name: str) -> InstanceUse:
        """Return what is known of one instance."""
        return self.instances.get(name, InstanceUse())

    def account(self, view: AccountView) -> AccountUse:
        """Return what is known of one account."""
        return self.instance(view.instance).of(view.state.name)

    def seen(self, view: AccountView, since: datetime) -> Seen:
        """Return whether an account was seen since a moment."""
        use = self.instance(view.instance)
        return seen_since(use, view.state.name, since, self.now, view.first_seen_at)


@dataclass(slots=True)
class Unseen:
    """Chooses the accounts that nobody used since a moment, and counts of whom that is not known.

    Those alone that people log in with: active, able to log in, and none of the engine's own.
    `with_sampled`: those as well that no sample saw, though a login between two would not show.
    """

    uses: Uses
    since: datetime
    with_sampled: bool = False
    counts: Counter[Seen] = field(default_factory=Counter)

    def takes(self, view: AccountView) -> bool:
        """Return whether an account is one of them."""
        if not view.is_active or not view.state.can_login:
            return False
        if is_own(EngineName(view.engine), view.state):
            return False
        found = self.uses.seen(view, self.since)
        self.counts[found] += 1
        return found is Seen.NO or (self.with_sampled and found is Seen.NOT_IN_SAMPLES)

    def notes(self) -> Iterator[str]:
        """Yield what is not known of others, once all were asked about."""
        since = f"{self.since:%Y-%m-%d %H:%M}Z"
        sampled, unknown = self.counts[Seen.NOT_IN_SAMPLES], self.counts[Seen.UNKNOWN]
        if sampled:
            beside = "listed as well" if self.with_sampled else "--sampled lists them"
            yield (
                f"{sampled} accounts were in no sample since {since}. A login between two samples "
                f"does not show there, so they may have been used ({beside})."
            )
        if unknown:
            yield (
                f"Of {unknown} accounts it is not known whether they were used since {since}: they "
                "are younger, or their instance was not watched so well for so long "
                "(accounts show says how)."
            )


def use_json(use: InstanceUse, account: str) -> dict[str, object]:
    """Return what is known of the use of an account as JSON values."""
    own = use.of(account)
    return {
        "first_at": _iso(own.first_at),
        "last_at": _iso(own.last_at),
        "by": None if own.by is None else str(own.by),
        "maybe_at": _iso(own.maybe_at),
        "coverage": None if use.coverage is None else coverage_json(use.coverage),
    }


def coverage_json(coverage: Coverage) -> dict[str, object]:
    """Return how well the accounts of an instance were watched as JSON values."""
    return {
        "means": None if coverage.means is None else str(coverage.means),
        "since_at": _iso(coverage.since_at),
        "last_at": _iso(coverage.last_at),
        "samples": coverage.samples,
        "every_login_since": _iso(coverage.whole_since),
        "longest_gap_seconds": int(coverage.longest_gap.total_seconds()),
        "gaps": coverage.gaps,
        "last_gap_at": _iso(coverage.gap_at),
        "restarts": coverage.restarts,
        "failures": coverage.failures,
        "failed_at": _iso(coverage.failed_at),
        "note": coverage.note,
    }


def use_lines(use: InstanceUse, account: str) -> Iterator[str]:
    """Yield sentences on the use of an account."""
    own, coverage = use.of(account), use.coverage
    if own.last_at is not None and own.by is not None:
        yield f"last used {_told(own.last_at)} ({HOW[own.by]})"
    elif coverage is not None and coverage.samples:
        yield "never seen in use"
    if own.maybe_at is not None and (own.last_at is None or own.maybe_at > own.last_at):
        yield f"may have been used until {_told(own.maybe_at)}: not every login shows whose it is"
    if coverage is None:
        yield NEVER_WATCHED
        return
    yield coverage_line(coverage)
    if coverage.note:
        yield coverage.note


def coverage_line(coverage: Coverage) -> str:
    """Return how well the accounts of an instance were watched, as a sentence."""
    if coverage.last_at is None:
        return f"No sample could be taken since {_told(coverage.since_at)}."
    every = (
        f"every login shows since {_told(coverage.whole_since)}"
        if coverage.whole_since
        else "a login between two samples does not show"
    )
    return (
        f"watched from {_told(coverage.since_at)} to {_told(coverage.last_at)} in "
        f"{coverage.samples} samples: {every}"
    )


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
