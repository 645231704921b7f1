"""The packed form of grants: securables, rights on them in some mode, and who holds which.

A mode is all of a grant but what it is on: privilege, grantor, options. There are few, and a right
is two numbers. Numbers are no work for the garbage collector, as a tuple a grant would be.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import accumulate, compress, repeat
from operator import lshift, or_
from typing import Any, TypeVar

from sync_pipeline.model.inventory import EVERY_GRANT, SecurableColumns, Wanted, no_holder
from sync_pipeline.model.privilege import (
    SECURABLE_PARTS,
    Grant,
    GrantScope,
    Securable,
    SecurableKind,
    parts_of_mode,
    parts_of_securable,
)
from sync_pipeline.store.worlds.columns import cut, made_of, picked, taken
from sync_pipeline.store.worlds.packed import (
    WorldError,
    as_json,
    joined,
    numbers,
    parted,
    read_json,
    read_numbers,
    read_steps,
    steps,
)

KeyT = TypeVar("KeyT", bound=Hashable)

_KIND = SECURABLE_PARTS.index("kind")
_HALF = 32
_MODE = (1 << _HALF) - 1


class Numbered(defaultdict[KeyT, int]):
    """Gives each key a number, in the order in which they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.default_factory = self.__len__


class GrantPacker:
    """Takes the grants of one account after the other."""

    def __init__(self) -> None:
        self._securables: Numbered[tuple[str, ...]] = Numbered()
        self._modes: Numbered[tuple[Any, ...]] = Numbered()
        self._rights: Numbered[int] = Numbered()
        self._counts: list[int] = []
        self._held: list[int] = []
        self._is_opened = False

    @classmethod
    def of(cls, plain: bytes) -> tuple[GrantPacker, list[tuple[int, ...]]]:
        """Return one that knows all that was packed, and what each account has, for `keep`.

        Raises:
            LookupError, TypeError, ValueError: it is not what was packed.
        """
        packer = cls()
        packer._is_opened = True
        tables, *of_securables, on, modes, counts, held = parted(plain)
        found = read_json(bytes(tables))
        texts: list[str] = found["texts"]
        columns: list[list[Any]] = [picked(texts, read_steps(part)) for part in of_securables]
        columns[_KIND] = list(map(SecurableKind, columns[_KIND]))
        for parts in zip(*columns, strict=True):
            packer._securables[parts]
        for privilege, grantable, deny, grantor, recognised, scope in found["modes"]:
            mode = texts[privilege], grantable, deny, texts[grantor], recognised
            packer._modes[(*mode, GrantScope(scope))]
        for one, mode_number in zip(read_steps(on), read_numbers(modes), strict=True):
            packer._rights[one << _HALF | mode_number]
        return packer, list(cut(read_steps(held), read_numbers(counts)))

    def keep(self, held: Sequence[int]) -> None:
        """Take what the next account has of what was packed."""
        self._held += held
        self._counts.append(len(held))

    def add(self, grants: Sequence[Grant]) -> None:
        """Take the grants of the next account, in their order."""
        on = map(self._securables.__getitem__, map(parts_of_securable, grants))
        modes = map(self._modes.__getitem__, map(parts_of_mode, grants))
        rights = map(or_, map(lshift, on, repeat(_HALF)), modes)
        self._held += map(self._rights.__getitem__, rights)
        self._counts.append(len(grants))

    def plain(self) -> bytes:
        """Return all that was taken, not compressed yet."""
        rights, held = self._needed()
        securables = list(self._securables)
        order = sorted({right >> _HALF for right in rights}, key=securables.__getitem__)
        rank_of = _places(order)
        in_use = sorted({right & _MODE for right in rights})
        mode_of = _places(in_use)
        # Rights on one securable are together, and the numbers that a holder has grow.
        rights = [rank_of[right >> _HALF] << _HALF | mode_of[right & _MODE] for right in rights]
        by_rank = sorted(range(len(rights)), key=rights.__getitem__)
        rights.sort()
        place_of = _places(by_rank)
        all_modes = list(self._modes)
        text: Numbered[str] = Numbered()
        columns = zip(*map(securables.__getitem__, order), strict=True) if order else [()] * 6
        of_securables = [steps([text[str(value)] for value in column]) for column in columns]
        modes = [
            [text[privilege], grantable, deny, text[grantor], recognised, scope.value]
            for privilege, grantable, deny, grantor, recognised, scope in map(
                all_modes.__getitem__, in_use
            )
        ]
        return joined(
            [
                as_json({"modes": modes, "texts": list(text)}),
                *of_securables,
                steps([right >> _HALF for right in rights]),
                numbers([right & _MODE for right in rights]),
                numbers(self._counts),
                steps(list(map(place_of.__getitem__, held))),
            ]
        )

    def _needed(self) -> tuple[list[int], list[int]]:
        """Return the rights that somebody has, and their places for each who has one."""
        rights = list(self._rights)
        if not self._is_opened:
            return rights, self._held
        held = sorted(set(self._held))
        place_of = _places(held)
        return list(map(rights.__getitem__, held)), list(map(place_of.__getitem__, self._held))


class PackedGrants:
    """What `GrantPacker` packed."""

    def __init__(self, plain: bytes) -> None:
        tables, *of_securables, on, modes, counts, held = parted(plain)
        found = read_json(bytes(tables))
        texts: list[str] = found["texts"]
        # Columns of numbers of texts, kinds first.
        numbers_of = [read_steps(part) for part in of_securables]
        kinds = numbers_of[_KIND]
        kind_of = {number: SecurableKind(texts[number]) for number in set(kinds)}
        self._securables = SecurableColumns(texts, kind_of, *numbers_of)
        self._every = range(len(self._securables))
        self._modes = [
            (texts[privilege], grantable, deny, texts[grantor], recognised, GrantScope(scope))
            for privilege, grantable, deny, grantor, recognised, scope in found["modes"]
        ]
        self._on = read_steps(on, grow=True)
        self._mode_of = read_numbers(modes)
        self._counts = read_numbers(counts)
        self._held = read_steps(held)
        lengths = set(map(len, numbers_of)), {len(self._on), len(self._mode_of)}
        if sum(self._counts) != len(self._held) or any(len(found) > 1 for found in lengths):
            raise WorldError("the numbers of grants do not fit")

    def held(self, names: Sequence[str], wanted: Wanted) -> Iterable[tuple[Grant, ...]]:
        """Return the grants of each account that are wanted; `names` are the accounts."""
        self.counted(names)
        if wanted is EVERY_GRANT:
            rights = self._rights(range(len(self._on)), self._made(self._every))
            return cut(taken(rights, self._held), self._counts)
        return self._part(names, wanted)

    def counted(self, names: Sequence[str]) -> Sequence[int]:
        """Return how many grants each account has; `names` are the accounts."""
        if len(names) != len(self._counts):
            raise WorldError("the grants are of other accounts")
        return self._counts

    def _part(self, names: Sequence[str], wanted: Wanted) -> Iterable[tuple[Grant, ...]]:
        # A byte for each right, then for each that is held: these are looked through quickly.
        chosen: Iterable[object] = map(self._rights_wanted(wanted).__getitem__, self._held)
        ends = list(accumulate(self._counts))
        if wanted.of_holder is not no_holder:
            chosen = bytearray(chosen)  # type: ignore[arg-type]
            for name, count, end in zip(names, self._counts, ends, strict=True):
                if wanted.of_holder(name):
                    chosen[end - count : end] = b"\1" * count
        return self._cut(list(compress(range(len(self._held)), chosen)), ends)

    def _rights_wanted(self, wanted: Wanted) -> bytearray:
        """Return which rights are wanted: all on a securable, and some modes on any."""
        found = bytearray(len(self._on))
        for place in compress(self._every, self._wanted(wanted)):
            begin = bisect_left(self._on, place)
            end = bisect_right(self._on, place, begin)
            found[begin:end] = b"\1" * (end - begin)
        always = {
            number
            for number, (privilege, _, deny, _, recognised, _) in enumerate(self._modes)
            if deny or not recognised or wanted.of_privilege(privilege)
        }
        if always:
            found = bytearray(map(or_, found, map(always.__contains__, self._mode_of)))
        return found

    def _wanted(self, wanted: Wanted) -> Sequence[int]:
        """Return which securables are wanted."""
        if wanted.of_columns is not None:
            return wanted.of_columns(self._securables)
        return list(map(bool, map(wanted.of_securable, self._made(self._every))))

    def _cut(self, places: Sequence[int], ends: Sequence[int]) -> list[tuple[Grant, ...]]:
        """Return those of the grants that are held at these places, for each account."""
        held = taken(self._held, places)
        needed = sorted(set(held))
        on = sorted(set(taken(self._on, needed)))
        securables = dict(zip(on, self._made(on), strict=True))
        made = dict(zip(needed, self._rights(needed, securables), strict=True))
        kept: dict[int, list[Grant]] = defaultdict(list)
        for place, right in zip(places, held, strict=True):
            kept[bisect_right(ends, place)].append(made[right])
        found: list[tuple[Grant, ...]] = [()] * len(ends)
        for account, own in kept.items():
            found[account] = tuple(own)
        return found

    def _made(self, wanted: Sequence[int]) -> list[Securable]:
        table = self._securables
        kinds, *parts = (
            column if wanted is self._every else taken(column, wanted) for column in table.columns
        )
        columns: list[Sequence[Any]] = [list(map(table.kinds.__getitem__, kinds))]
        columns += (taken(table.texts, part) for part in parts)
        return made_of(Securable, len(wanted), dict(zip(SECURABLE_PARTS, columns, strict=True)))

    def _rights(
        self, wanted: Sequence[int], securables: Sequence[Securable] | Mapping[int, Securable]
    ) -> list[Grant]:
        modes = taken(self._mode_of, wanted)
        privileges, grantable, deny, grantors, recognised, scopes = (
            (taken(column, modes) for column in zip(*self._modes, strict=True))
            if self._modes
            else ([],) * 6
        )
        return made_of(
            Grant,
            len(wanted),
            {
                "securable": list(map(securables.__getitem__, taken(self._on, wanted))),
                "privilege": privileges,
                "grantable": grantable,
                "deny": deny,
                "grantor": grantors,
                "recognised": recognised,
                "scope": scopes,
            },
        )


def _places(order: Sequence[int]) -> list[int]:
    """Return the place of each number in an order of them; of one that is not there, any."""
    places = [0] * (max(order, default=-1) + 1)
    for place, number in enumerate(order):
        places[number] = place
    return places
