"""Who has a privilege, as people and programs are told: a line each, or one for many alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sync_pipeline.access.answers import Absence, Existence, Holder, WhoCan
from sync_pipeline.access.folding import Fold, crowd_of
from sync_pipeline.access.telling import Telling
from sync_pipeline.cli.access_values import entry_json, gaps_json, securable_json, way

COLUMNS = (
    "instance", "account", "can", "object", "path", "given by", "grantable", "lacks",
)  # fmt: skip
CSV_COLUMNS = (*COLUMNS, "exists", "told with")
Row = tuple[object, ...]


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


class Lines:
    """The lines of a table: where the object is, and apart from them where it may be."""

    def __init__(self, asked: Asked) -> None:
        self._telling = Telling(
            lambda item: list(_rows(item, all_paths=asked.all_paths)),
            is_alone=asked.is_alone,
            every_holder=asked.every_holder,
            is_folded=asked.is_folded,
            how="--instance NAME shows them, and --all-holders shows all.",
        )
        self.rows: list[Row] = []

    def add(self, holders: Iterable[Holder]) -> None:
        """Add holders as they are found."""
        for _, rows in self._telling.told(holders):
            self.rows += rows

    def end(self, found: WhoCan) -> tuple[str, ...]:
        """Add what is shown for want of better, and return the notes on where the object is."""
        for _, rows in self._telling.for_want(found):
            self.rows += rows
        return self._telling.notes(found)


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


def answer_json(found: WhoCan, at: datetime | None = None) -> dict[str, Any]:
    """Return an answer without its holders as JSON values; `at` is the moment it is of."""
    return {
        "privilege": found.privilege,
        "object": found.text,
        "at": at and at.isoformat(),
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


def _rows(item: Holder | Fold, *, all_paths: bool) -> Iterator[Row]:
    if isinstance(item, Fold):
        return iter([_fold_row(item)])
    return _holder_rows(item, all_paths=all_paths)


def _fold_row(fold: Fold) -> Row:
    first = fold.holders[0]
    lacks = f"{fold.lacking} of them: see --all-holders" if fold.lacking else ""
    can, on = first.decision.held[0].availability, first.decision.securable
    return first.instance, fold.named, can, on, "", fold.source, "", lacks


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
