"""Packing the accounts of one instance: what many of them share is kept once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from sync_pipeline.model.privilege import (
    GrantScope,
    parts_of_membership,
    parts_of_setting,
)
from sync_pipeline.store.worlds.grants import GrantPacker, Numbered
from sync_pipeline.store.worlds.packed import (
    PackedWorld,
    WorldAccount,
    as_json,
    compressed,
)

IS_ACTIVE, CAN_LOGIN, IS_LOCKED, IS_SUPERUSER = 1, 2, 4, 8
SCOPES = (GrantScope.LOCAL, GrantScope.COMMON, GrantScope.INHERITED)
OPTIONS = (False, True, None)
_SCOPE_OF = {scope: number for number, scope in enumerate(SCOPES)}
_COLUMNS = (
    "name", "kind", "database", "changed_at", "flags", "shape", "values",
    "memberships", "member_of", "settings", "set_to",
)  # fmt: skip


class Packer:
    """Takes accounts one after the other, so that they need not be in memory together."""

    def __init__(self, grants: GrantPacker | None = None) -> None:
        self._texts: Numbered[str] = Numbered()
        self._shapes: Numbered[tuple[str, ...]] = Numbered()
        self._memberships: Numbered[tuple[Any, ...]] = Numbered()
        self._settings: Numbered[tuple[str, str, str]] = Numbered()
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self._grants = grants or GrantPacker()

    def add(self, account: WorldAccount, held: Sequence[int] | None = None) -> None:
        """Take one account more. No two have the same name.

        `held` is what it has of what was packed, in the place of its grants.
        """
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
            self._memberships.__getitem__, map(parts_of_membership, state.memberships)
        )
        column["settings"].append(len(state.settings))
        column["set_to"] += map(self._settings.__getitem__, map(parts_of_setting, state.settings))
        if held is None:
            self._grants.add(state.grants)
        else:
            self._grants.keep(held)

    def packed(self) -> PackedWorld:
        """Return all that was taken.

        Raises:
            WorldError: it is more than would be read again.
        """
        return PackedWorld.of(compressed(self._plain_accounts()), compressed(self._grants.plain()))

    def _plain_accounts(self) -> bytes:
        text = self._texts
        tables = {
            "shapes": [[text[name] for name in shape] for shape in self._shapes],
            "memberships": [
                [text[role], text[grantor], _SCOPE_OF[scope], *map(OPTIONS.index, options)]
                for role, *options, grantor, scope in self._memberships
            ],
            "settings": [[text[part] for part in setting] for setting in self._settings],
        }
        # Last: what is above adds texts.
        return as_json({"columns": self._columns, **tables, "texts": list(text)})


def pack(accounts: Iterable[WorldAccount]) -> PackedWorld:
    """Return accounts packed; no two have the same name.

    Raises:
        WorldError: they are more than would be read again.
    """
    packer = Packer()
    for account in accounts:
        packer.add(account)
    return packer.packed()
