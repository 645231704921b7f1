"""Packing the accounts of one instance: what many of them share is kept once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Iterable
from datetime import UTC
from operator import attrgetter
from typing import Any, TypeVar

from sync_pipeline.model.privilege import GrantScope
from sync_pipeline.store.worlds.packed import (
    PackedWorld,
    WorldAccount,
    compressed,
    joined,
    numbers,
    steps,
)

KeyT = TypeVar("KeyT", bound=Hashable)

IS_ACTIVE, CAN_LOGIN, IS_LOCKED, IS_SUPERUSER = 1, 2, 4, 8
GRANTABLE, DENY, RECOGNISED, SCOPE_SHIFT = 1, 2, 4, 3
SCOPES = (GrantScope.LOCAL, GrantScope.COMMON, GrantScope.INHERITED)
OPTIONS = (False, True, None)
_SCOPE_OF = {scope: number for number, scope in enumerate(SCOPES)}
_OF_SECURABLE = ("kind", "database", "schema", "name", "column", "catalog")
# One call for all parts: a grant is compared and hashed part by part in Python otherwise.
_right = attrgetter(
    *(f"securable.{part}" for part in _OF_SECURABLE),
    "privilege", "grantor", "grantable", "deny", "recognised", "scope",
)  # fmt: skip
_membership = attrgetter("role", "grantor", "scope", "admin", "inherit", "set_role", "default")
_setting = attrgetter("database", "name", "value")
_PARTS = len(_OF_SECURABLE)
_COLUMNS = (
    "name", "kind", "database", "changed_at", "flags", "shape", "values",
    "memberships", "member_of", "settings", "set_to",
)  # fmt: skip


class _Numbered(defaultdict[KeyT, int]):
    """Gives each key a number, in the order in which they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.default_factory = self.__len__


class Packer:
    """Takes accounts one after the other, so that they need not be in memory together."""

    def __init__(self) -> None:
        self._texts: _Numbered[str] = _Numbered()
        self._shapes: _Numbered[tuple[str, ...]] = _Numbered()
        self._memberships: _Numbered[tuple[Any, ...]] = _Numbered()
        self._settings: _Numbered[tuple[str, str, str]] = _Numbered()
        self._rights: _Numbered[tuple[Any, ...]] = _Numbered()
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self._counts: list[int] = []
        self._held: list[int] = []

    def add(self, account: WorldAccount) -> None:
        """Take one account more. No two have the same name."""
        state, text, column = account.state.canonical(), self._texts, self._columns
        column["name"].append(text[state.name])
        column["kind"].append(text[state.kind.value])
        column["database"].append(text[state.database])
        column["changed_at"].append(text[account.changed_at.astimezone(UTC).isoformat()])
        column["flags"].append(
            IS_ACTIVE * account.is_active
            | CAN_LOGIN * state.can_login
            | IS_LOCKED * state.is_locked
            | IS_SUPERUSER * state.is_superuser
        )
        column["shape"].append(self._shapes[tuple(name for name, _ in state.attributes)])
        column["values"] += [value for _, value in state.attributes]
        column["memberships"].append(len(state.memberships))
        column["member_of"] += map(
            self._memberships.__getitem__, map(_membership, state.memberships)
        )
        column["settings"].append(len(state.settings))
        column["set_to"] += map(self._settings.__getitem__, map(_setting, state.settings))
        self._counts.append(len(state.grants))
        self._held += map(self._rights.__getitem__, map(_right, state.grants))

    def packed(self) -> PackedWorld:
        """Return all that was taken.

        Raises:
            WorldError: it is more than would be read again.
        """
        return PackedWorld.of(
            compressed(self._packed_accounts()), compressed(self._packed_grants())
        )

    def _packed_accounts(self) -> bytes:
        text = self._texts
        tables = {
            "shapes": [[text[name] for name in shape] for shape in self._shapes],
            "memberships": [
                [
                    text[role],
                    text[grantor],
                    _SCOPE_OF[scope],
                    *(OPTIONS.index(option) for option in options),
                ]
                for role, grantor, scope, *options in self._memberships
            ],
            "settings": [[text[part] for part in setting] for setting in self._settings],
        }
        # Last: what is above adds texts.
        return _json({"columns": self._columns, **tables, "texts": list(text)})

    def _packed_grants(self) -> bytes:
        rights = list(self._rights)
        number_of: _Numbered[tuple[Any, ...]] = _Numbered()
        on = [number_of[right[:_PARTS]] for right in rights]
        securables = list(number_of)
        order = sorted(range(len(securables)), key=securables.__getitem__)
        rank_of = _inverse(order)
        # Rights on one securable are together, and their holders' numbers close to each other.
        by_rank = sorted(
            range(len(rights)),
            key=[rank_of[item] << 32 | n for n, item in enumerate(on)].__getitem__,
        )
        place_of = _inverse(by_rank)
        text: _Numbered[str] = _Numbered()
        columns = (
            zip(*(securables[item] for item in order), strict=True) if order else ((),) * _PARTS
        )
        of_securables = [steps([text[str(value)] for value in column]) for column in columns]
        sorted_rights = [rights[item] for item in by_rank]
        of_rights = (
            steps([rank_of[on[item]] for item in by_rank]),
            numbers(text[right[_PARTS]] for right in sorted_rights),
            numbers(text[right[_PARTS + 1]] for right in sorted_rights),
            bytes(_flags(*right[_PARTS + 2 :]) for right in sorted_rights),
        )
        held = steps([place_of[item] for item in self._held])
        return joined([_json(list(text)), *of_securables, *of_rights, numbers(self._counts), held])


def pack(accounts: Iterable[WorldAccount]) -> PackedWorld:
    """Return accounts packed; no two have the same name.

    Raises:
        WorldError: they are more than would be read again.
    """
    packer = Packer()
    for account in accounts:
        packer.add(account)
    return packer.packed()


def _flags(grantable: bool, deny: bool, recognised: bool, scope: GrantScope) -> int:  # noqa: FBT001 - columns
    flags = GRANTABLE * grantable | DENY * deny | RECOGNISED * recognised
    return flags | _SCOPE_OF[scope] << SCOPE_SHIFT


def _inverse(order: list[int]) -> list[int]:
    """Return the place of each number in an order of them."""
    places = [0] * len(order)
    for place, number in enumerate(order):
        places[number] = place
    return places


def _json(value: object) -> bytes:
    """Return JSON in ASCII: so any text can be kept, also halves of surrogate pairs."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")
