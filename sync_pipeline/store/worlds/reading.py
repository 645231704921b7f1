"""Reading packed accounts: all of them whole, or with those grants only that are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.inventory import EVERY_GRANT, Wanted
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    Membership,
)
from sync_pipeline.store.worlds.grants import PackedGrants, cut, picked
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
        return list(found.read(PackedGrants(grants).held(found.names, wanted)))
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
        return list(found.read([()] * len(found.names)))
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
            picked(texts, column["database"]),
            map(moments.__getitem__, column["changed_at"]),
            column["flags"],
            picked(self._shapes, column["shape"]),
            cut(picked(self._memberships, column["member_of"]), column["memberships"]),
            cut(picked(self._settings, column["set_to"]), column["settings"]),
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
