"""Reading packed accounts: all of them whole, or with those grants only that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, islice, repeat
from typing import Any, TypeVar

from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.inventory import EVERY_GRANT, Wanted
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    Membership,
)
from sync_pipeline.store.worlds.columns import cut, made_of, picked
from sync_pipeline.store.worlds.grants import PackedGrants
from sync_pipeline.store.worlds.packed import (
    NOT_UNDERSTOOD,
    PackedWorld,
    WorldAccount,
    WorldError,
    read_json,
)
from sync_pipeline.store.worlds.packing import (
    CAN_LOGIN,
    IS_ACTIVE,
    IS_LOCKED,
    IS_SUPERUSER,
    OPTIONS,
    SCOPES,
)

ItemT = TypeVar("ItemT")
_FLAGS = [
    tuple(bool(flags & flag) for flag in (IS_ACTIVE, CAN_LOGIN, IS_LOCKED, IS_SUPERUSER))
    for flags in range(2 * max(IS_ACTIVE, CAN_LOGIN, IS_LOCKED, IS_SUPERUSER))
]


def read_world(packed: PackedWorld, wanted: Wanted = EVERY_GRANT) -> list[WorldAccount]:
    """Return the accounts that were packed, in their order.

    All come with their attributes, memberships and settings, and with those grants that are
    `wanted`.

    Raises:
        WorldError: it is not what was packed.
    """
    accounts = packed.plain_accounts()
    grants = packed.plain_grants()
    try:
        found = _Accounts(read_json(accounts))
        return found.read(PackedGrants(grants).held(found.names, wanted))
    except NOT_UNDERSTOOD as error:
        raise WorldError(f"{type(error).__name__}: {error}") from None


def read_counted(packed: PackedWorld) -> list[tuple[WorldAccount, int]]:
    """Return the accounts that were packed, in their order, none with a grant, and how many it has.

    Raises:
        WorldError: it is not what was packed.
    """
    accounts = packed.plain_accounts()
    grants = packed.plain_grants()
    try:
        found = _Accounts(read_json(accounts))
        counts = PackedGrants(grants).counted(found.names)
        return list(zip(found.read([()] * len(counts)), counts, strict=True))
    except NOT_UNDERSTOOD as error:
        raise WorldError(f"{type(error).__name__}: {error}") from None


def read_without_grants(packed: PackedWorld) -> list[WorldAccount]:
    """Return the accounts that were packed, in their order, none with a grant.

    Raises:
        WorldError: it is not what was packed.
    """
    accounts = packed.plain_accounts()
    try:
        found = _Accounts(read_json(accounts))
        return found.read([()] * len(found.names))
    except NOT_UNDERSTOOD as error:
        raise WorldError(f"{type(error).__name__}: {error}") from None


class _Accounts:
    """What was packed of accounts, but for their grants."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._columns: dict[str, list[Any]] = found["columns"]
        texts = found["texts"]
        self._texts = texts
        self._shapes = [tuple(picked(texts, shape)) for shape in found["shapes"]]
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
        self._settings = [AccountSetting(*picked(texts, item)) for item in found["settings"]]
        self.names: list[str] = picked(texts, self._columns["name"])

    def read(self, grants: Iterable[tuple[Grant, ...]]) -> list[WorldAccount]:
        """Return the accounts, each with its grants."""
        column, count = self._columns, len(self.names)
        if not count:
            return []
        is_active, can_login, is_locked, is_superuser = zip(
            *picked(_FLAGS, column["flags"]), strict=True
        )
        states = made_of(
            AccountState,
            count,
            {
                "name": self.names,
                "kind": self._each_once("kind", AccountKind),
                "can_login": can_login,
                "is_locked": is_locked,
                "is_superuser": is_superuser,
                "database": picked(self._texts, column["database"]),
                "attributes": self._attributes(),
                "memberships": self._cut(self._memberships, "member_of", "memberships"),
                "settings": self._cut(self._settings, "set_to", "settings"),
                "grants": list(grants),
                "is_system": (False,) * count,
                # As `AccountState.trusted`: only what was canonical is packed.
                "_is_canonical": (True,) * count,
            },
        )
        changed_at = self._each_once("changed_at", datetime.fromisoformat)
        columns = {"state": states, "is_active": is_active, "changed_at": changed_at}
        return made_of(WorldAccount, count, columns)

    def _each_once(self, name: str, made: Callable[[str], ItemT]) -> list[ItemT]:
        """Return what is made of the texts of a column, of equal texts once."""
        column = self._columns[name]
        found = {number: made(self._texts[number]) for number in set(column)}
        return list(map(found.__getitem__, column))

    def _attributes(self) -> list[tuple[tuple[str, AttributeValue], ...]]:
        """Return names and values of each account, of accounts of one shape together."""
        values: Iterator[AttributeValue] = iter(self._columns["values"])
        found: list[tuple[tuple[str, AttributeValue], ...]] = []
        for number, run in groupby(self._columns["shape"]):
            (shape,), count = picked(self._shapes, [number]), len(list(run))
            if not shape:
                found += [()] * count
                continue
            width = len(shape)
            own = list(islice(values, width * count))
            pairs = (zip(repeat(name), own[at::width]) for at, name in enumerate(shape))
            found += zip(*pairs, strict=True)
        return found

    def _cut(self, items: Sequence[ItemT], wanted: str, counts: str) -> list[tuple[ItemT, ...]]:
        return cut(picked(items, self._columns[wanted]), self._columns[counts])
