"""Signs of life: the process of a run gives them, an observer notices their absence."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.workflows.dependencies import SyncDeps

MOST_SECONDS_BETWEEN_SIGNS = 30.0
SIGNS_IN_SILENCE = 10
SECONDS_FOR_THE_LAST = 5.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sign:
    """The newest sign of a run (by the clock of its machine), and since when it is the newest."""

    given_at: datetime
    seen_since: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """What one observer has seen of the runs at work.

    Signs are compared with each other only, never with a clock: those of two machines
    differ. What counts is how long the observer, by its own clock, has seen no newer one.
    """

    looked_at: datetime | None = None
    signs: Mapping[str, Sign] = field(default_factory=dict)

    def next(self, given: Mapping[str, datetime], now: datetime, longest_gap: timedelta) -> Self:
        """Return what is known after another look at the newest sign of each run.

        After a gap between two looks (the store was away, the observer did not run) every
        run has the whole time again: whatever kept the observer from looking may have kept
        the runs from giving signs.
        """
        is_blind = self.looked_at is None or now - self.looked_at > longest_gap
        signs = {}
        for run_id, given_at in given.items():
            known = None if is_blind else self.signs.get(run_id)
            is_same = known is not None and known.given_at == given_at
            signs[run_id] = known if known and is_same else Sign(given_at, now)
        return type(self)(now, signs)

    def silent(self, after: timedelta) -> frozenset[str]:
        """Return the runs that gave no new sign for longer than `after`."""
        if self.looked_at is None:
            return frozenset()
        return frozenset(
            run_id
            for run_id, sign in self.signs.items()
            if self.looked_at - sign.seen_since > after
        )

    def to_json(self) -> str:
        """Return it as text, for whoever keeps it until the next look."""
        signs = {
            run_id: [sign.given_at.isoformat(), sign.seen_since.isoformat()]
            for run_id, sign in self.signs.items()
        }
        looked_at = self.looked_at.isoformat() if self.looked_at else None
        return json.dumps({"looked_at": looked_at, "signs": signs})

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """Return what `to_json` wrote; nothing seen yet where it can't be read."""
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            found: dict[str, Any] = json.loads(text or "{}")
            signs = {
                run_id: Sign(datetime.fromisoformat(given), datetime.fromisoformat(since))
                for run_id, (given, since) in found["signs"].items()
            }
            return cls(datetime.fromisoformat(found["looked_at"]), signs)
        return cls()


def look(
    deps: SyncDeps, before: Observation, seconds_between_looks: float
) -> tuple[Observation, Collection[str]]:
    """Look at the runs at work; return what is known now, and the runs that are silent.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    after = timedelta(seconds=deps.settings.stale_after_seconds)
    gap = max(after / 2, 3 * timedelta(seconds=seconds_between_looks))
    seen = before.next(deps.store.sessions.signs(), deps.clock(), gap)
    return seen, seen.silent(after)


@contextmanager
def signs_of_life(deps: SyncDeps, session_id: str, run_id: str) -> Iterator[None]:
    """Give signs of life of a run while the block lasts, from a thread of its own."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_give, args=(deps, session_id, run_id, ended), name="signs of life", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(SECONDS_FOR_THE_LAST)


def _give(deps: SyncDeps, session_id: str, run_id: str, ended: threading.Event) -> None:
    seconds = min(MOST_SECONDS_BETWEEN_SIGNS, deps.settings.stale_after_seconds / SIGNS_IN_SILENCE)
    while True:
        try:
            deps.store.sessions.give_sign(session_id, run_id, deps.clock())
        except StoreUnavailable as error:
            _LOG.warning("No sign of life of run %s was written: %s", run_id, error)
        if ended.wait(seconds):
            return
