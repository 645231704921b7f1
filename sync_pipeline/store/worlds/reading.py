"""Reading packed accounts: all of them whole, or with those grants only that are asked for."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import accumulate, compress, islice, repeat
from typing import Any, TypeVar

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.inventory import EVERY_GRANT, Wanted
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    Membership,
    Securable,
    SecurableKind,
)
from sync_pipeline.store.worlds.packed import (
    PackedWorld,
    WorldAccount,
    WorldError,
    parted,
    read_numbers,
    read_steps,
)
from sync_pipeline.store.worlds.packing import (
    CAN_LOGIN,
    DENY,
    GRANTABLE,
    IS_ACTIVE,
    IS_LOCKED,
    IS_SUPERUSER,
    OPTIONS,
    RECOGNISED,
    SCOPE_SHIFT,
    SCOPES,
)

ItemT = TypeVar("ItemT")


def read_world(packed: PackedWorld, wanted: Wanted | None = EVERY_GRANT) -> list[WorldAccount]:
    """Return the accounts that were packed, in their order.

    All come with their attributes, memberships and settings, and with those grants that are
    `wanted`; None: without any grant.

    Raises:
        WorldError: it is not what was packed.
    """
    accounts = packed.plain_accounts()
    grants = None if wanted is None else packed.plain_grants()
    try:
        found = _Accounts(json.loads(accounts))
        if wanted is None or grants is None:
            return list(found.read(repeat((), len(found.names))))
        return list(found.read(_Grants(grants).held(found.names, wanted)))
    except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise WorldError(f"{type(error).__name__}: {error}") from None


class _Accounts:
    """What was packed of accounts, but for their grants."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._columns: dict[str, list[Any]] = found["columns"]
        texts = found["texts"]
        self._texts = texts
        self._shapes = [tuple(_picked(texts, shape)) for shape in found["shapes"]]
        self._memberships = [
            Membership(
                texts[role],
                admin=OPTIONS[admin] is True,
                inherit=OPTIONS[inherit],
                set_role=OPTIONS[set_role],
                default=OPTIONS[default],
                grantor=texts[grantor],
                scope=SCOPES[scope],
            )
            for role, grantor, scope, admin, inherit, set_role, default in found["memberships"]
        ]
        self._settings = [AccountSetting(*_picked(texts, item)) for item in found["settings"]]
        self.names: list[str] = _picked(texts, self._columns["name"])

    def read(self, grants: Iterable[tuple[Grant, ...]]) -> Iterator[WorldAccount]:
        """Yield the accounts, each with its grants."""
        column, texts = self._columns, self._texts
        kinds = {number: AccountKind(texts[number]) for number in set(column["kind"])}
        moments = {
            number: datetime.fromisoformat(texts[number]) for number in set(column["changed_at"])
        }
        values = iter(column["values"])
        rows = zip(
            self.names,
            map(kinds.__getitem__, column["kind"]),
            _picked(texts, column["database"]),
            map(moments.__getitem__, column["changed_at"]),
            column["flags"],
            _picked(self._shapes, column["shape"]),
            _cut(_picked(self._memberships, column["member_of"]), column["memberships"]),
            _cut(_picked(self._settings, column["set_to"]), column["settings"]),
            grants,
            strict=True,
        )
        for name, kind, database, changed_at, flags, shape, memberships, settings, held in rows:
            attributes = tuple(zip(shape, islice(values, len(shape)), strict=True))
            state = AccountState(
                name=name,
                kind=kind,
                can_login=bool(flags & CAN_LOGIN),
                is_locked=bool(flags & IS_LOCKED),
                is_superuser=bool(flags & IS_SUPERUSER),
                database=database,
                attributes=attributes,
                memberships=memberships,
                settings=settings,
                grants=held,
            ).trusted()
            yield WorldAccount(state, bool(flags & IS_ACTIVE), changed_at)


class _Grants:
    """What was packed of grants: securables, rights on them, and who holds which."""

    def __init__(self, plain: bytes) -> None:
        texts, *of_securables, on, privileges, grantors, flags, counts, held = parted(plain)
        self._texts: list[str] = json.loads(bytes(texts))
        self._securables = self._read_securables(*map(read_steps, of_securables))
        self._on = read_steps(on)
        self._privileges = read_numbers(privileges)
        self._grantors = read_numbers(grantors)
        self._flags = bytes(flags)
        self._counts = read_numbers(counts)
        self._held = read_steps(held)
        if sum(self._counts) != len(self._held) or min(self._counts, default=0) < 0:
            raise WorldError("the numbers of grants do not fit")

    def held(self, names: Sequence[str], wanted: Wanted) -> Iterable[tuple[Grant, ...]]:
        """Return the grants of each account that are wanted."""
        if len(names) != len(self._counts):
            raise WorldError("the grants are of other accounts")
        if wanted is EVERY_GRANT:
            rights = self._rights(range(len(self._on)))
            return _cut(_picked(rights, self._held), self._counts)
        return self._part(names, wanted)

    def _part(self, names: Sequence[str], wanted: Wanted) -> Iterable[tuple[Grant, ...]]:
        is_on_wanted = list(map(wanted.of_securable, self._securables))
        always = [bool(flags & DENY) or not flags & RECOGNISED for flags in range(256)]
        words = {number: self._texts[number] for number in set(self._privileges)}
        is_word_wanted = {number: wanted.of_privilege(word) for number, word in words.items()}
        is_wanted = [
            is_on_wanted[on] or always[flags] or is_word_wanted[word]
            for on, flags, word in zip(self._on, self._flags, self._privileges, strict=True)
        ]
        chosen = _picked(is_wanted, self._held)
        kept: list[list[int]] = []
        for name, count, end in zip(names, self._counts, accumulate(self._counts), strict=True):
            own = self._held[end - count : end]
            kept.append(
                own if wanted.of_holder(name) else list(compress(own, chosen[end - count : end]))
            )
        needed = sorted(set().union(*kept))
        made = dict(zip(needed, self._rights(needed), strict=True))
        return [tuple(map(made.__getitem__, own)) for own in kept]

    def _read_securables(self, kinds: list[int], *parts: list[int]) -> list[Securable]:
        kind_of = {number: SecurableKind(self._texts[number]) for number in set(kinds)}
        names = [field.name for field in fields(Securable)]
        columns = (map(kind_of.__getitem__, kinds), *(_picked(self._texts, part) for part in parts))
        return _made(Securable, len(kinds), dict(zip(names, columns, strict=True)))

    def _rights(self, wanted: Sequence[int]) -> list[Grant]:
        flags = _picked(self._flags, wanted)
        return _made(
            Grant,
            len(wanted),
            {
                "securable": _picked(self._securables, _picked(self._on, wanted)),
                "privilege": _picked(self._texts, _picked(self._privileges, wanted)),
                "grantor": _picked(self._texts, _picked(self._grantors, wanted)),
                "grantable": [bool(item & GRANTABLE) for item in flags],
                "deny": [bool(item & DENY) for item in flags],
                "recognised": [bool(item & RECOGNISED) for item in flags],
                "scope": [SCOPES[item >> SCOPE_SHIFT] for item in flags],
            },
        )


def _picked(items: Sequence[ItemT], numbers: Sequence[int]) -> list[ItemT]:
    """Return the items of these numbers."""
    if min(numbers, default=0) < 0:
        raise WorldError("a number is below zero")
    return list(map(items.__getitem__, numbers))


def _cut(items: Sequence[ItemT], counts: Sequence[int]) -> list[tuple[ItemT, ...]]:
    """Return so many of the items, one after the other, for each count."""
    if sum(counts) != len(items):
        raise WorldError("the numbers of items do not fit")
    rest = iter(items)
    return [tuple(islice(rest, count)) for count in counts]


def _made(made_as: type[ItemT], count: int, columns: Mapping[str, Iterable[Any]]) -> list[ItemT]:
    """Return so many objects of a frozen class, from a column of values for each of its fields.

    Their `__init__` sets one field after the other by a call from Python: that is three times
    the time, and reading a large world is mostly this.
    """
    made = list(map(made_as.__new__, repeat(made_as, count)))
    for name, values in columns.items():
        deque(map(getattr(made_as, name).__set__, made, values), maxlen=0)
    return made
