"""How long a finding was there, how bad it was meanwhile, and what follows for it from a review."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_pipeline.model.finding import Severity, SeverityStep

Steps = tuple[SeverityStep, ...]
MOST_STEPS = 50
"""Of one finding, that are kept; what is older is told as no worse than the least of it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """When a finding was first seen (UTC), and its steps; see `Finding`."""

    first_seen: datetime
    steps: Steps = ()


@dataclass(frozen=True, slots=True)
class Spell:
    """A finding while it is there, or was before it went."""

    severity: Severity
    seen: Seen

    @property
    def steps(self) -> Steps:
        """Return its steps, one at least."""
        return self.seen.steps or (SeverityStep(self.seen.first_seen, self.severity),)


def seen_after(
    before: Spell | None, earlier: Spell | None, severity: Severity, moment: datetime
) -> Seen:
    """Return what is known of a finding that is so bad as of a review at a moment.

    `before` is it as of the review before; where it was not there, `earlier` is its last spell.
    """
    if before is not None:
        first_seen, known, last = before.seen.first_seen, before.seen.steps, before
    elif earlier is not None:
        first_seen, known, last = moment, earlier.seen.steps, earlier
    else:
        return Seen(moment)
    if severity is not last.severity:
        known = (*last.steps, SeverityStep(moment, severity))
    return Seen(first_seen, _bounded(known))


def _bounded(steps: Steps) -> Steps:
    """Return the newest steps; nothing that went before is told as worse than it was."""
    if len(steps) <= MOST_STEPS:
        return steps
    gone, kept = steps[: -MOST_STEPS + 1], steps[-MOST_STEPS + 1 :]
    least = max((item.severity for item in gone), key=lambda item: item.rank)
    return (SeverityStep(gone[0].since, least), *kept)


def steps_text(steps: Steps) -> str:
    """Return steps as a line of text; empty: there is none."""
    pairs = [(item.since.astimezone(UTC).isoformat(), str(item.severity)) for item in steps]
    return json.dumps(pairs, separators=(",", ":")) if pairs else ""


def read_steps(text: str | None) -> Steps:
    """Return the steps of a line of text."""
    if not text:
        return ()
    return tuple(
        SeverityStep(datetime.fromisoformat(since), Severity(severity))
        for since, severity in json.loads(text)
    )


@dataclass(frozen=True, slots=True)
class FindingLife:
    """A finding from when it was first seen until it was resolved (UTC); None: it is still there.

    `is_first`: it was found by the first review of its instance, so nobody knows since when.
    `steps` as those of `Finding`: from before it was first seen, too, where it had been there.
    """

    instance: str
    rule: str
    account: str
    about: str
    severity: Severity
    first_seen_at: datetime
    resolved_at: datetime | None = None
    is_first: bool = False
    steps: Steps = ()

    @property
    def own_steps(self) -> Steps:
        """Return how bad it was while it was there, from its first day on."""
        if not self.steps:
            return (SeverityStep(self.first_seen_at, self.severity),)
        later = tuple(item for item in self.steps if item.since > self.first_seen_at)
        known = [item for item in self.steps if item.since <= self.first_seen_at]
        first = known[-1] if known else self.steps[0]
        return (SeverityStep(self.first_seen_at, first.severity), *later)


def by_life(lives: Sequence[FindingLife]) -> list[list[FindingLife]]:
    """Return findings of one instance with their spells: what went and came is one of them.

    Of several that nothing tells apart, one that comes goes on where the first one ended.
    """
    found: dict[tuple[str, str, str], list[list[FindingLife]]] = {}
    for life in sorted(lives, key=lambda item: item.first_seen_at):
        alike = found.setdefault((life.rule, life.account, life.about), [])
        for own in alike:
            ended = own[-1].resolved_at
            if ended is not None and ended <= life.first_seen_at:
                own.append(life)
                break
        else:
            alike.append([life])
    return [own for alike in found.values() for own in alike]
