"""The packed form of an entry of the change log: its diff and its sentences."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sync_pipeline.model.change import AccountDiff, FieldChange
from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    GrantScope,
    Membership,
    Securable,
    SecurableKind,
)
from sync_pipeline.store.worlds.packed import MOST_BYTES, WorldError

_FORMAT = 1
_HEAD = 5
_DICTIONARY = (
    b'[],["is_superuser",0,false,true],["database","kind","user","login","role","public"'
    b'["attribute.valid_until",0,null,"infinity","attribute.connection_limit",0,-1,'
    b'["attribute.password_last_changed",0,"2026-01-01T00:00:00+00:00",[0,1,2],'
    b'"account disappeared","it held role ","as before: ","account is back","account appeared",'
    b'"account found by the first sync","can log in","locked","unlocked","became superuser",'
    b'"visible ALTER","visible role "," with grant option (by "],"revoked DELETE on database ",'
    b'[[["schema","",""],[["USAGE",4,"postgres"],["CREATE",4,"postgres"],["EXECUTE",4,"dbo"]'
    b'[[["table",""],[["SELECT",4,""],["INSERT",4,""],["UPDATE",4,""],["DELETE",4,""]]]],[],[],'
    b'"granted SELECT on table ","granted role ","revoked role ",[],[],[],[],[],[],["granted '
)
"""Of this format for ever: what most entries have, the most common last (zlib's manual, zdict)."""
_SECURABLE = attrgetter("kind", "database", "schema", "name", "column", "catalog")
_ABSENT_BEFORE, _ABSENT_AFTER = 1, 2
_GRANTABLE, _DENY, _RECOGNISED = 1, 2, 4


def pack_change(diff: AccountDiff, lines: Sequence[str]) -> bytes:
    """Return a diff and sentences as bytes.

    Raises:
        WorldError: they are more than would be read again.
    """
    parts = [
        [_field(item) for item in diff.fields],
        _granted(diff.grants_added),
        _granted(diff.grants_removed),
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
        fields, added, removed, joined, left, set_, unset, lines = json.loads(plain)
        diff = AccountDiff(
            fields=tuple(
                FieldChange(
                    name, before, after, bool(flags & _ABSENT_BEFORE), bool(flags & _ABSENT_AFTER)
                )
                for name, flags, before, after in fields
            ),
            grants_added=tuple(_read_grants(added)),
            grants_removed=tuple(_read_grants(removed)),
            memberships_added=tuple(map(_read_membership, joined)),
            memberships_removed=tuple(map(_read_membership, left)),
            settings_added=tuple(AccountSetting(*item) for item in set_),
            settings_removed=tuple(AccountSetting(*item) for item in unset),
        )
        return diff, tuple(lines)
    except (KeyError, TypeError, ValueError) as error:
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


def _granted(grants: Sequence[Grant]) -> list[Any]:
    """Return grants as lists, those on one securable together: they are sorted by it."""
    by_securable = groupby(grants, key=lambda item: _SECURABLE(item.securable))
    return [[_trimmed(on), [_right(item) for item in own]] for on, own in by_securable]


def _right(item: Grant) -> list[Any]:
    flags = _GRANTABLE * item.grantable | _DENY * item.deny | _RECOGNISED * item.recognised
    more = (item.scope.value,) if item.scope else ()
    return [item.privilege, flags, item.grantor, *more]


def _trimmed(on: tuple[str, ...]) -> list[str]:
    """Return the parts of a securable without those that are empty at its end."""
    parts = list(on)
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


def _read_grants(groups: list[Any]) -> Iterator[Grant]:
    for (kind, *parts), rights in groups:
        securable = Securable(SecurableKind(kind), *parts)
        for privilege, flags, grantor, *scope in rights:
            yield Grant(
                securable,
                privilege,
                grantable=bool(flags & _GRANTABLE),
                deny=bool(flags & _DENY),
                grantor=grantor,
                recognised=bool(flags & _RECOGNISED),
                scope=GrantScope(*scope) if scope else GrantScope.LOCAL,
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
