"""The packed form of an entry of the change log: its diff and its sentences."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sync_pipeline.model.change import AccountDiff, FieldChange
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    GrantScope,
    Membership,
    Securable,
    SecurableKind,
    parts_of_mode,
    parts_of_securable,
)
from sync_pipeline.store.worlds.grants import Numbered
from sync_pipeline.store.worlds.packed import MOST_BYTES, NOT_UNDERSTOOD, WorldError

_FORMAT = 1
_HEAD = 5
_DICTIONARY = (
    b'["attribute.valid_until",0,null,"infinity"],["attribute.connection_limit",0,-1,10],'
    b'["attribute.password_last_changed",1,null,"2026-01-01T00:00:00+00:00"],["kind",0,"user",'
    b'"login"],["database",1,null,"role"],["is_superuser",0,true,false],["is_locked",0,false,true]'
    b'"account disappeared","it held role ","as before: ","account is back","account appeared",'
    b'"account found by the first sync","can log in","locked","unlocked","became superuser",'
    b'"visible role "," with grant option (by "],"revoked DELETE on database ",[["CREATE",4,"dbo"]'
    b',["EXECUTE",4,"root"],["USAGE",4,"postgres"]],[[["schema",""],[0,1,2,3,4,5,6,7]],'
    b'[["SELECT",4,""],["INSERT",4,""],["UPDATE",4,""],["DELETE",4,""]],[[["table",""],[0]]],[],'
    b'"revoked role ","granted SELECT on table ",[],[],[],[],[],[],["granted role ",[],[],[["'
)
"""Of this format for ever: what most entries have, the most common last (zlib's manual, zdict)."""
_ABSENT_BEFORE, _ABSENT_AFTER = 1, 2
_GRANTABLE, _DENY, _RECOGNISED = 1, 2, 4
_Mode = tuple[str, bool, bool, str, bool, GrantScope]


def pack_change(diff: AccountDiff, lines: Sequence[str]) -> bytes:
    """Return a diff and sentences as bytes.

    Raises:
        WorldError: they are more than would be read again.
    """
    modes: Numbered[tuple[Any, ...]] = Numbered()
    granted = [_granted(items, modes) for items in (diff.grants_added, diff.grants_removed)]
    parts = [
        [_field(item) for item in diff.fields],
        list(map(_mode, modes)),
        *granted,
        [_membership(item) for item in diff.memberships_added],
        [_membership(item) for item in diff.memberships_removed],
        [[item.database, item.name, item.value] for item in diff.settings_added],
        [[item.database, item.name, item.value] for item in diff.settings_removed],
        list(lines),
    ]
    plain = json.dumps(parts, separators=(",", ":")).encode("ascii")
    if len(plain) > MOST_BYTES:
        raise WorldError(f"{len(plain)} bytes are more than {MOST_BYTES}")
    stream = zlib.compressobj(zdict=_DICTIONARY)
    head = bytes((_FORMAT,)) + len(plain).to_bytes(_HEAD - 1, "little")
    return head + stream.compress(plain) + stream.flush()


def read_change(packed: bytes) -> tuple[AccountDiff, tuple[str, ...]]:
    """Return the diff and the sentences that were packed.

    Raises:
        WorldError: it is not what was packed.
    """
    plain = _plain(packed)
    try:
        fields, packed_modes, added, removed, joined, left, set_, unset, lines = json.loads(plain)
        modes = list(map(_read_mode, packed_modes))
        diff = AccountDiff(
            fields=tuple(
                FieldChange(
                    name, before, after, bool(flags & _ABSENT_BEFORE), bool(flags & _ABSENT_AFTER)
                )
                for name, flags, before, after in fields
            ),
            grants_added=tuple(_read_grants(added, modes)),
            grants_removed=tuple(_read_grants(removed, modes)),
            memberships_added=tuple(map(_read_membership, joined)),
            memberships_removed=tuple(map(_read_membership, left)),
            settings_added=tuple(AccountSetting(*item) for item in set_),
            settings_removed=tuple(AccountSetting(*item) for item in unset),
        )
        return diff, tuple(lines)
    except NOT_UNDERSTOOD as error:
        raise WorldError(f"{type(error).__name__}: {error}") from None


def _plain(packed: bytes) -> bytes:
    length = int.from_bytes(packed[1:_HEAD], "little")
    if packed[:1] != bytes((_FORMAT,)) or length > MOST_BYTES:
        raise WorldError("it is of a format that is not known")
    stream = zlib.decompressobj(zdict=_DICTIONARY)
    try:
        plain = stream.decompress(packed[_HEAD:], length + 1)
    except zlib.error as error:
        raise WorldError(str(error)) from None
    if len(plain) != length or not stream.eof or stream.unused_data:
        raise WorldError(f"it does not hold {length} bytes")
    return plain


def _field(item: FieldChange) -> list[Any]:
    flags = _ABSENT_BEFORE * item.is_absent_before | _ABSENT_AFTER * item.is_absent_after
    return [item.name, flags, item.before, item.after]


def _granted(grants: Sequence[Grant], modes: Numbered[tuple[Any, ...]]) -> list[Any]:
    """Return grants as lists, those on one securable together: they are sorted by it."""
    by_securable = groupby(grants, key=parts_of_securable)
    return [
        [_trimmed(on), list(map(modes.__getitem__, map(parts_of_mode, own)))]
        for on, own in by_securable
    ]


def _mode(parts: tuple[Any, ...]) -> list[Any]:
    privilege, grantable, deny, grantor, recognised, scope = parts
    flags = _GRANTABLE * grantable | _DENY * deny | _RECOGNISED * recognised
    more = (scope.value,) if scope else ()
    return [privilege, flags, grantor, *more]


def _trimmed(on: tuple[str, ...]) -> list[str]:
    """Return the parts of a securable without those that are empty at its end."""
    parts = list(on)
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


def _read_grants(groups: list[Any], modes: list[_Mode]) -> Iterator[Grant]:
    for (kind, *parts), rights in groups:
        securable = Securable(SecurableKind(kind), *parts)
        for mode in rights:
            yield Grant(securable, *modes[mode])


def _read_mode(parts: list[Any]) -> _Mode:
    privilege, flags, grantor, *scope = parts
    is_recognised = bool(flags & _RECOGNISED)
    return (
        privilege,
        bool(flags & _GRANTABLE),
        bool(flags & _DENY),
        grantor,
        is_recognised,
        GrantScope(*scope) if scope else GrantScope.LOCAL,
    )


def _membership(item: Membership) -> list[Any]:
    options = item.admin, item.inherit, item.set_role, item.default
    more = (item.scope.value,) if item.scope else ()
    return [item.role, *options, item.grantor, *more]


def _read_membership(item: list[Any]) -> Membership:
    role, admin, inherit, set_role, default, grantor, *scope = item
    return Membership(
        role,
        admin=admin,
        inherit=inherit,
        set_role=set_role,
        default=default,
        grantor=grantor,
        scope=GrantScope(*scope) if scope else GrantScope.LOCAL,
    )
