"""Tenures, made of who held something at each moment of one instance's history. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.model.tenure import Blank, Edge, EdgeKind, HeldWay, Tenure, Way

Held = Mapping[str, tuple[Way, ...]]
"""Who holds it, and by which ways."""


@dataclass(frozen=True, slots=True)
class Look:
    """Who held it from a moment on, as one sync found it, or a date decided it.

    `at` is the moment (UTC), and `after` when the last sync before it that could tell began; None:
    none could. `began_at` is when the sync of this look began, where it is one. `kind` says how
    what begins or ends here is known.
    """

    at: datetime
    after: datetime | None
    began_at: datetime | None
    kind: EdgeKind
    held: Held


@dataclass(slots=True)
class _Open:
    begin: Edge
    began_at: datetime | None
    ways: dict[Way, Edge]
    ended: list[HeldWay] = field(default_factory=list)

    def change(self, ways: Sequence[Way], edge: Edge) -> None:
        """Note by which ways it is held from a look on."""
        for way in [way for way in self.ways if way not in ways]:
            self.ended.append(HeldWay(way, self.ways.pop(way), edge))
        for way in ways:
            self.ways.setdefault(way, edge)

    def held_ways(self) -> tuple[HeldWay, ...]:
        still = (HeldWay(way, begin) for way, begin in self.ways.items())
        return tuple(sorted((*self.ended, *still), key=lambda item: (item.begin.by, str(item.way))))


def tenures_of(
    instance: str, looks: Iterable[Look], held_at: datetime, blanks: Sequence[Blank] = ()
) -> tuple[Tenure, ...]:
    """Return the tenures of an instance, by account and begin.

    `looks` are in order of time, `held_at` (UTC) is the last sync of the period. Each tenure has
    those of the blanks in which it may have been interrupted.
    """
    tenure = _Fold(instance, blanks)
    for look in looks:
        tenure.add(look)
    return tenure.all(held_at)


class _Fold:
    def __init__(self, instance: str, blanks: Sequence[Blank]) -> None:
        self._instance = instance
        self._blanks = blanks
        self._open: dict[str, _Open] = {}
        self._lost: dict[str, datetime | None] = {}
        self._ended: list[Tenure] = []

    def add(self, look: Look) -> None:
        for name in [name for name in self._open if name not in look.held]:
            self._end(name, look)
        for name, ways in look.held.items():
            edge = _edge(look, self._lost.get(name))
            found = self._open.get(name)
            if found is None:
                self._open[name] = _Open(edge, look.began_at, dict.fromkeys(ways, edge))
            else:
                found.change(ways, _edge(look, found.began_at))

    def _end(self, name: str, look: Look) -> None:
        found = self._open.pop(name)
        end = _edge(look, found.began_at)
        self._lost[name] = look.began_at
        self._ended.append(self._tenure(name, found, end.after or found.begin.by, end))

    def all(self, held_at: datetime) -> tuple[Tenure, ...]:
        still = [
            self._tenure(name, found, max(held_at, found.begin.by))
            for name, found in self._open.items()
        ]
        found = (*self._ended, *still)
        return tuple(sorted(found, key=lambda item: (item.account, item.begin.by)))

    def _tenure(
        self, name: str, found: _Open, held_at: datetime, end: Edge | None = None
    ) -> Tenure:
        return Tenure(
            self._instance,
            name,
            found.begin,
            held_at,
            end,
            found.held_ways(),
            tuple(self._within(found.begin.by, end)),
        )

    def _within(self, begin: datetime, end: Edge | None) -> Iterator[Blank]:
        """Yield the blanks in which it may not have been held, between begin and end."""
        for item in self._blanks:
            is_later = item.until is None or item.until > begin
            if is_later and (end is None or item.after is None or item.after < end.by):
                # That it began or ended in it, its edge says.
                is_edge = end is not None and item.until == end.by and item.after == end.after
                if not is_edge:
                    yield item


def _edge(look: Look, least: datetime | None) -> Edge:
    """Return the edge of a look, which is after a sync that found the opposite (`least`)."""
    if least is None or look.kind not in (EdgeKind.SEEN, EdgeKind.UNREAD):
        return Edge(look.kind, look.at, look.after)
    return Edge(EdgeKind.SEEN, look.at, least if look.after is None else max(look.after, least))
