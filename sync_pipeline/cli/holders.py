"""Who has a privilege, as people and programs are told: a line each, or one for many alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sync_pipeline.access.answers import Absence, Existence, Holder, WhoCan
from sync_pipeline.access.folding import Crowd, Fold, crowd_of, folded
from sync_pipeline.cli.access_values import entry_json, gaps_json, securable_json, way
from sync_pipeline.model.text import first_names

COLUMNS = (
    "instance", "account", "can", "object", "path", "given by", "grantable", "lacks",
)  # fmt: skip
CSV_COLUMNS = (*COLUMNS, "exists", "told with")
Row = tuple[object, ...]
_NAMED = 3
_SHOWN = 20
"""Instances of which lines are shown where it is known of none that the object is there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options ask for.

    `every_holder`: no fold, and lines where the object only may be. `with_system`: also who the
    engine made for itself. `is_alone`: one instance is asked about, or those that are named.
    """

    all_paths: bool = False
    every_holder: bool = False
    with_system: bool = False
    is_alone: bool = False

    @property
    def is_folded(self) -> bool:
        """Return whether many alike are one line, which has no room for a path of each."""
        return not (self.every_holder or self.all_paths)

    def of(self, holders: Iterable[Holder]) -> Iterator[Holder]:
        """Yield the holders that are told in any form."""
        return (item for item in holders if self.with_system or not item.is_own)


@dataclass(slots=True)
class Lines:
    """The lines of a table: where the object is, and apart from them where it may be."""

    asked: Asked
    rows: list[Row] = field(default_factory=list)
    _unsure: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, list[Row]] = field(default_factory=dict)
    _told: set[tuple[object, ...]] = field(default_factory=set)
    _counted: set[str] = field(default_factory=set)

    def add(self, holders: Iterable[Holder]) -> None:
        """Add holders as they are found."""
        each: Iterable[Holder | Fold] = folded(holders) if self.asked.is_folded else holders
        for item in each:
            holder = _first(item)
            if holder.existence is Existence.YES:
                self.rows += _rows(item, all_paths=self.asked.all_paths)
            elif self._is_new(item):
                self._add_unsure(item, holder)

    def _is_new(self, item: Holder | Fold) -> bool:
        """Return whether this was not told of what is called the same, and may be of any kind."""
        first = _first(item)
        on = first.decision.securable
        if first.instance not in self._unsure:
            self._told.clear()
            self._counted.clear()
        if self.asked.every_holder:
            return True
        who = tuple(one.state.name for one in _members(item))
        key = (first.verdict, who, on.database, on.schema, on.name, on.column)
        is_new = key not in self._told
        self._told.add(key)
        return is_new

    def _add_unsure(self, item: Holder | Fold, holder: Holder) -> None:
        before = len(self._counted)
        self._counted.update(one.state.name for one in _members(item) if one.decision.is_allowed)
        more = len(self._counted) - before
        self._unsure[holder.instance] = self._unsure.get(holder.instance, 0) + more
        is_few = holder.instance in self._kept or len(self._kept) < _SHOWN
        is_likely = holder.existence is Existence.LIKELY and is_few
        if self.asked.is_alone or self.asked.every_holder:
            self.rows += _rows(item, all_paths=self.asked.all_paths)
        elif is_likely:
            rows = _rows(item, all_paths=self.asked.all_paths)
            self._kept.setdefault(holder.instance, []).extend(rows)

    def end(self, found: WhoCan) -> tuple[str, ...]:
        """Add what is shown for want of better, and return the notes on where the object is."""
        is_for_want = not (found.is_found or self.asked.is_alone or self.asked.every_holder)
        if is_for_want and len(self._unsure) <= _SHOWN:
            self.rows += [row for rows in self._kept.values() for row in rows]
        is_listed = self.asked.is_alone or self.asked.every_holder
        listed = set(self._unsure) if is_listed else set(self._kept) if is_for_want else set()
        listed &= {str(row[0]) for row in self.rows}
        return (*self._doubts(found, listed), *absences(found))

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
                f"{accounts} would have {found.privilege} there. "
                "--instance NAME shows them, and --all-holders shows all."
            )


def gaps_once(found: WhoCan) -> Iterator[str]:
    """Yield what is not known, once for all instances of which the same is."""
    for text, names in found.alike:
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


def csv_rows(holders: Iterable[Holder], asked: Asked) -> Iterator[Row]:
    """Yield rows for programs: a holder each, or a path each where all are asked for."""
    for holder in holders:
        told_with = crowd_of(holder) or ""
        for row in _holder_rows(holder, all_paths=asked.all_paths):
            yield (*row, _exists(holder), told_with)


def holder_json(holder: Holder) -> dict[str, Any]:
    """Return a holder as JSON values."""
    state, decision = holder.state, holder.decision
    return {
        "instance": holder.instance,
        "account": state.name,
        "kind": state.kind,
        "can_login": state.can_login,
        "is_locked": state.is_locked,
        "is_system": holder.is_own,
        "stands_for_all": holder.stands_for_all,
        "told_with": crowd_of(holder) or "",
        "securable": securable_json(decision.securable),
        "exists": _exists(holder),
        "verdict": holder.verdict,
        "held": [entry_json(item) for item in decision.held],
        "denied": list(decision.denied),
        "unknown": list(decision.unknown),
        "gaps": gaps_json(decision.unknown),
    }


def answer_json(found: WhoCan) -> dict[str, Any]:
    """Return an answer without its holders as JSON values."""
    return {
        "privilege": found.privilege,
        "object": found.text,
        "is_complete": found.is_complete,
        "not_known": list(found.gaps),
        "not_modelled": [asdict(rule) for rule in found.not_modelled],
        "not_there": [_absence(item) for item in found.absent],
        "may_be_on": list(found.unsure),
    }


def _absence(item: Absence) -> dict[str, Any]:
    at = item.listed_at.isoformat() if item.listed_at else None
    return {"missing": item.missing, "instances": list(item.instances), "listed_at": at}


def _exists(holder: Holder) -> str:
    return str(Existence.YES if holder.existence is Existence.YES else Existence.MAY_BE)


def _members(item: Holder | Fold) -> Sequence[Holder]:
    return item.holders if isinstance(item, Fold) else (item,)


def _first(item: Holder | Fold) -> Holder:
    return _members(item)[0]


def _rows(item: Holder | Fold, *, all_paths: bool) -> Iterator[Row]:
    if isinstance(item, Fold):
        return iter([_fold_row(item)])
    return _holder_rows(item, all_paths=all_paths)


def _fold_row(fold: Fold) -> Row:
    holders = fold.holders
    names = first_names([item.state.name for item in holders[:_NAMED]], len(holders))
    head = "everyone" if fold.crowd is Crowd.EVERYONE else f"{len(holders)} {fold.crowd}"
    best = [item.decision.held[0] for item in holders]
    sources = {entry.source for entry in best}
    lacking = [entry for entry in best if entry.lacking]
    lacks = f"{len(lacking)} of them: see --all-holders" if lacking else ""
    source = sources.pop() if len(sources) == 1 else ""
    on = holders[0].decision.securable
    return holders[0].instance, f"{head}: {names}", best[0].availability, on, "", source, "", lacks


def _holder_rows(holder: Holder, *, all_paths: bool) -> Iterator[Row]:
    name = f"{holder.state.name} (everyone)" if holder.stands_for_all else holder.state.name
    start = (holder.instance, name)
    decision = holder.decision
    if not decision.held:
        reasons = "; ".join(
            (*decision.denied, *dict.fromkeys(gap.phrase for gap in decision.unknown))
        )
        yield (*start, holder.verdict, decision.securable, "", reasons, "", "")
        return
    for entry in decision.held if all_paths else decision.held[:1]:
        yield (*start, entry.availability, decision.securable, *way(entry))


def _instances(names: Iterable[str]) -> str:
    """Return how many instances there are, and the names of the first."""
    every = list(names)
    return f"{_plural(len(every), 'instance')} ({first_names(every[:_NAMED], len(every))})"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
