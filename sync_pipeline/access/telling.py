"""What is told of who has a privilege: where the object is, and where it may be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sync_pipeline.access.answers import Existence, Holder, WhoCan
from sync_pipeline.access.folding import Fold, first_of, folded, members_of
from sync_pipeline.model.access import EffectivePrivilege, path_text
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.text import first_names

_NAMED = 3
_SHOWN = 20
"""Instances of which lines are shown where it is known of none that the object is there."""
RowT = TypeVar("RowT")
Told = tuple[str, list[RowT]]
"""An instance, and rows about it."""


@dataclass(slots=True)
class Telling(Generic[RowT]):
    """Tells holders as they are found, each as the rows that `rows_of` makes of it.

    `is_alone`: one instance is asked about, or those that are named. `every_holder`: no fold, and
    rows where the object only may be. `is_folded`: many alike are one, which has no room for a
    path of each. `how` says how to see what is only counted.
    """

    rows_of: Callable[[Holder | Fold], list[RowT]]
    is_alone: bool = False
    every_holder: bool = False
    is_folded: bool = True
    how: str = ""
    _rowed: set[str] = field(default_factory=set)
    _unsure: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, list[RowT]] = field(default_factory=dict)
    _told: set[tuple[object, ...]] = field(default_factory=set)
    _counted: set[str] = field(default_factory=set)

    def told(self, holders: Iterable[Holder]) -> Iterator[Told[RowT]]:
        """Yield what is told at once, and keep what is told for want of better."""
        each: Iterable[Holder | Fold] = folded(holders) if self.is_folded else holders
        for item in each:
            holder = first_of(item)
            if holder.existence is Existence.YES:
                yield self._row(item)
            elif self._is_new(item):
                self._count(item, holder)
                if self.is_alone or self.every_holder:
                    yield self._row(item)
                elif holder.existence is Existence.LIKELY and self._is_few(holder.instance):
                    self._kept.setdefault(holder.instance, []).extend(self.rows_of(item))

    def for_want(self, found: WhoCan) -> Iterator[Told[RowT]]:
        """Yield what is told where the object is known to be nowhere, when all were found."""
        if self._is_for_want(found) and len(self._unsure) <= _SHOWN:
            for name, rows in self._kept.items():
                self._rowed.add(name)
                yield name, rows

    def notes(self, found: WhoCan) -> tuple[str, ...]:
        """Return the notes on where the object is, when all was told."""
        is_listed = self.is_alone or self.every_holder
        listed = set(self._kept) if self._is_for_want(found) else set()
        listed = set(self._unsure) if is_listed else listed
        return (*self._doubts(found, listed & self._rowed), *absences(found))

    def _is_for_want(self, found: WhoCan) -> bool:
        return not (found.is_found or self.is_alone or self.every_holder)

    def _row(self, item: Holder | Fold) -> Told[RowT]:
        name = first_of(item).instance
        self._rowed.add(name)
        return name, self.rows_of(item)

    def _is_few(self, instance: str) -> bool:
        return instance in self._kept or len(self._kept) < _SHOWN

    def _is_new(self, item: Holder | Fold) -> bool:
        """Return whether this was not told of what is called the same, and may be of any kind."""
        first = first_of(item)
        on = first.decision.securable
        if first.instance not in self._unsure:
            self._told.clear()
            self._counted.clear()
        if self.every_holder:
            return True
        who = tuple(one.state.name for one in members_of(item))
        key = (first.verdict, who, on.database, on.schema, on.name, on.column)
        is_new = key not in self._told
        self._told.add(key)
        return is_new

    def _count(self, item: Holder | Fold, holder: Holder) -> None:
        before = len(self._counted)
        self._counted.update(one.state.name for one in members_of(item) if one.decision.is_allowed)
        more = len(self._counted) - before
        self._unsure[holder.instance] = self._unsure.get(holder.instance, 0) + more

    def _doubts(self, found: WhoCan, listed: set[str]) -> Iterator[str]:
        # One that has it in one database may have it in another one, too.
        unsure = dict.fromkeys((*found.unsure, *self._unsure))
        shown = [name for name in unsure if name in listed]
        if shown:
            yield (
                f"Nothing names {found.text} on {_instances(shown)}: it may be there, "
                "and what is shown is who would have it."
            )
        counted = [name for name in self._unsure if name not in listed]
        if counted:
            accounts = _plural(sum(self._unsure[name] for name in counted), "account")
            yield (
                f"{found.text} may be on {_instances(counted)}, where nothing names it: "
                f"{accounts} would have {found.privilege} there. {self.how}"
            )


def gaps_once(found: WhoCan) -> Iterator[str]:
    """Yield what is not known, once for all instances of which the same is."""
    return once(found.alike)


def alike(gaps: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield sentences about instances, given with their names: once where they say the same."""
    found: dict[str, list[str]] = {}
    for name, text in dict.fromkeys(gaps):
        found.setdefault(text.removeprefix(name), []).append(name)
    return once(found.items())


def once(found: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Yield sentences whose ends are given, with the instances of which each is said."""
    for text, names in found:
        yield f"{names[0] if len(names) == 1 else _instances(names)}{text}"


def absences(found: WhoCan) -> Iterator[str]:
    """Yield where an object is not, a sentence for each reason."""
    for item in found.absent:
        where = _instances(item.instances)
        if not item.missing:
            yield f"Not on {where}, as far as is known: nothing there is called {found.text}."
            continue
        listed = f" (listed on {item.listed_at:%Y-%m-%d} or later)" if item.listed_at else ""
        yield f"Not on {where}: no {item.missing} there{listed}."


def side_text(entry: EffectivePrivilege | None, unknown: Collection[Gap]) -> str:
    """Return how one of two accounts has a privilege, in words."""
    if entry is None:
        return "not known to have it" if unknown else "no"
    option = ", grantable" if entry.grantable else ""
    lacks = f", lacks {'; '.join(entry.lacking)}" if entry.lacking else ""
    return f"{entry.availability}{option}{lacks}: {path_text(entry.path)} by {entry.source}"


def _instances(names: Iterable[str]) -> str:
    """Return how many instances there are, and the names of the first."""
    every = list(names)
    return f"{_plural(len(every), 'instance')} ({first_names(every[:_NAMED], len(every))})"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
