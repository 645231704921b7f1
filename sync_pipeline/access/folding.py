"""An answer with fewer lines: superusers, and who stands for everyone, in one line each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from sync_pipeline.access.answers import Holder, Verdict
from sync_pipeline.model.text import first_names

_NAMED = 3


class Crowd(StrEnum):
    """Accounts that are told together: of each the same is to be said."""

    SUPERUSERS = "superusers"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Fold:
    """Two or more holders of one privilege on one object of an instance, told in one line."""

    crowd: Crowd
    holders: tuple[Holder, ...]

    @property
    def named(self) -> str:
        """Return who they are: how many, and the names of the first."""
        names = first_names([item.state.name for item in self.holders[:_NAMED]], len(self.holders))
        is_everyone = self.crowd is Crowd.EVERYONE
        return f"{'everyone' if is_everyone else f'{len(self.holders)} {self.crowd}'}: {names}"

    @property
    def source(self) -> str:
        """Return what gives it to each of them; empty: not the same to all."""
        found = {item.decision.held[0].source for item in self.holders}
        return found.pop() if len(found) == 1 else ""

    @property
    def lacking(self) -> int:
        """Return how many of them lack something that they need beside it."""
        return sum(bool(item.decision.held[0].lacking) for item in self.holders)


def members_of(item: Holder | Fold) -> Sequence[Holder]:
    """Return the holders of a fold, or one alone."""
    return item.holders if isinstance(item, Fold) else (item,)


def first_of(item: Holder | Fold) -> Holder:
    """Return a holder, or the first one of a fold."""
    return members_of(item)[0]


def crowd_of(holder: Holder) -> Crowd | None:
    """Return with whom a holder is told together; None: it has a line of its own.

    A superuser does not where something is in its way: it has the privilege after SET ROLE, a
    deny binds it, or it is not known.
    """
    if holder.verdict is not Verdict.AT_LOGIN:
        return None
    if holder.stands_for_all or holder.is_anonymous:
        return Crowd.EVERYONE
    return Crowd.SUPERUSERS if holder.state.is_superuser else None


def folded(holders: Iterable[Holder]) -> Iterator[Holder | Fold]:
    """Yield each holder once, alone or in a fold; those of an object come one after the other.

    Folds stand behind the others of their object. One who would be alone in a fold is in none.
    """
    for _, of_object in groupby(holders, lambda item: (item.instance, item.decision.securable)):
        each = [(crowd_of(holder), holder) for holder in of_object]
        counts = Counter(crowd for crowd, _ in each)
        crowds = [crowd for crowd in Crowd if counts[crowd] > 1]
        yield from (holder for crowd, holder in each if crowd not in crowds)
        for crowd in crowds:
            yield Fold(crowd, tuple(holder for its, holder in each if its is crowd))
