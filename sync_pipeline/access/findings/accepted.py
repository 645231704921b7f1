"""Which findings were accepted, and which got worse after that. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from sync_pipeline.model.finding import Finding, Suppression
from sync_pipeline.model.pattern import like, literal

_Place = tuple[str | None, str | None]
"""The only instance and the only rule that a suppression may mean; None: several."""


def is_meant(rule: str, instance: str, account: str, about: str, by: Suppression) -> bool:
    """Return whether a suppression names a finding; whether it has expired is not asked."""
    return (
        like(by.rule, rule)
        and like(by.instance, instance)
        and like(by.account, account)
        and like(by.about, about)
    )


def is_worse_than_accepted(finding: Finding, by: Suppression) -> bool:
    """Return whether a finding is worse than it was when it was accepted.

    One that came later is compared with how bad it was when it was found first.
    """
    if by.given_at is None:
        return False
    return finding.severity.rank < finding.severity_at(by.given_at).rank


@dataclass(frozen=True, slots=True)
class Accepting:
    """Suppressions that hold, by what they name: there may be as many as findings."""

    _by_place: dict[_Place, list[tuple[int, Suppression]]] = field(default_factory=dict)

    @classmethod
    def by(cls, suppressions: Iterable[Suppression]) -> Accepting:
        """Return it by some suppressions, of which the first decides."""
        found: dict[_Place, list[tuple[int, Suppression]]] = defaultdict(list)
        for number, item in enumerate(suppressions):
            found[literal(item.instance), literal(item.rule)].append((number, item))
        return cls(dict(found))

    @property
    def is_any(self) -> bool:
        """Return whether there is one that may accept something."""
        return bool(self._by_place)

    def judged(self, finding: Finding) -> Finding:
        """Return a finding with what accepts it, or did before it got worse."""
        outgrown: Suppression | None = None
        for item in self._meaning(finding):
            if not is_worse_than_accepted(finding, item):
                return replace(finding, acceptance=item)
            outgrown = outgrown or item
        if outgrown is None:
            return finding
        return replace(finding, acceptance=outgrown, is_worse=True)

    def accepts(self, finding: Finding) -> bool:
        """Return whether a finding is accepted, as it is."""
        judged = self.judged(finding)
        return judged.acceptance is not None and not judged.is_worse

    def _meaning(self, finding: Finding) -> Iterator[Suppression]:
        """Yield those that name a finding, in their order."""
        if not self._by_place:
            return
        places = product((finding.instance, None), (finding.rule, None))
        found = [item for place in places for item in self._by_place.get(place, ())]
        of = finding.rule, finding.instance, finding.account, finding.about
        for _, item in sorted(found, key=lambda one: one[0]):
            if is_meant(*of, item):
                yield item
