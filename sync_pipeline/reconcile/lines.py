"""A change of an account in sentences that people read: what is worth telling, no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, FieldChange
from sync_pipeline.model.ordinary import ELSEWHERE, ENTERING, is_ordinary
from sync_pipeline.model.privilege import Grant, Membership

APPEARED = "account appeared"
SEEN = "account became visible: its list was read for the first time"
PARTLY = "account became visible: the list of accounts is not read whole"
FOUND = "account found by the first sync"
BACK = "account is back"
_OPENINGS = frozenset({APPEARED, SEEN, PARTLY, FOUND, BACK})
_KEPT = "as before: "
_SUPERUSER_SEEN = "visible superuser"
SUPERUSER = "is_superuser"
"""The field of an account that is one; to `IsFirst` by this name, too."""
ATTRIBUTE = "attribute."
"""How the field of an attribute begins."""
_FIELD_WORDS = {
    "can_login": ("can log in", "cannot log in"),
    "is_locked": ("locked", "unlocked"),
    "is_superuser": ("became superuser", "no longer superuser"),
}
ItemT = TypeVar("ItemT", Grant, Membership)
IsVisible = Callable[[Grant | Membership], bool]
"""Whether what an account has was seen for the first time, and not necessarily given now."""
IsFirst = Callable[[str], bool]
"""Whether an attribute was never read before of any account, and not necessarily changed now."""


def _never(_name: str) -> bool:
    return False


def describe(
    change_type: ChangeType,
    change: AccountDiff,
    is_visible: IsVisible,
    is_first: IsFirst = _never,
    *,
    is_whole: bool = False,
) -> tuple[str, ...]:
    """Return one sentence for each thing of a diff that is worth telling.

    `is_whole`: also attributes as they ordinarily are, and what is only reported in another way.
    """
    fields = (
        _introduction(change.fields, is_whole=is_whole)
        if change_type is ChangeType.ADD
        else _modification(change.fields, is_first, is_whole=is_whole)
    )
    return (*fields, *_permissions(change, is_visible, is_whole))


def kept(old: AccountState, new: AccountState) -> tuple[str, ...]:
    """Return one sentence for each thing that an account which is back still may do."""
    items = (*old.memberships, *old.grants)
    still = {*new.memberships, *new.grants}
    return (
        *((f"{_KEPT}superuser",) if old.is_superuser and new.is_superuser else ()),
        *(f"{_KEPT}{item}" for item in items if item in still),
    )


def retold(
    change: AccountChange, *, is_baseline: bool = False, is_whole: bool = False
) -> tuple[str, ...]:
    """Return the sentences of an entry of the change log, whichever version wrote it.

    They come from the diff; what was visible rather than granted, and what was read for the first
    time rather than changed, only its own lines know.
    """
    if change.diff.is_empty:
        return change.lines
    was = frozenset(change.lines)
    is_first = never_read_before(was)
    opening = change.lines[:1] if change.lines and change.lines[0] in _OPENINGS else ()
    return (
        *((FOUND,) if is_baseline else opening),
        *describe(
            change.change_type,
            change.diff,
            lambda item: is_baseline or f"visible {item}" in was,
            is_first,
            is_whole=is_whole,
        ),
        *(line for line in change.lines if line.startswith(_KEPT)),
    )


def never_read_before(lines: Collection[str]) -> IsFirst:
    """Return what tells by the lines of an entry what was read for the first time then."""
    return lambda name: (
        _SUPERUSER_SEEN in lines
        if name == SUPERUSER
        else not any(line.startswith(f"{name} ") for line in lines)
    )


def _introduction(fields: Sequence[FieldChange], *, is_whole: bool) -> Iterator[str]:
    """Yield what an account is that was not known: nothing of it has changed."""
    values = {item.name: item.after for item in fields}
    kind = AccountKind(str(values.get("kind", AccountKind.USER)))
    if kind is not AccountKind.USER or is_whole:
        yield f"kind is {kind}"
    can_login = bool(values.get("can_login"))
    if can_login or kind in ENTERING or is_whole:
        yield "can log in" if can_login else "cannot log in"
    if values.get("is_superuser"):
        yield "is superuser"
    if values.get("is_locked"):
        yield "is locked"
    for item in fields:
        name = item.name.removeprefix(ATTRIBUTE)
        is_news = name not in ELSEWHERE and not is_ordinary(name, item.after)
        if item.name.startswith(ATTRIBUTE) and (is_news or is_whole):
            yield f"{name} is {_shown(item.after)}"


def _modification(
    fields: Sequence[FieldChange], is_first: IsFirst, *, is_whole: bool
) -> Iterator[str]:
    for item in fields:
        if is_whole or not _is_only_reported(item, is_first):
            is_seen = item.name == SUPERUSER and item.after and is_first(SUPERUSER)
            yield _SUPERUSER_SEEN if is_seen else _field_line(item)


def _is_only_reported(item: FieldChange, is_first: IsFirst) -> bool:
    """Return whether an attribute was or is ordinary where it is not reported, or not yet was."""
    name = item.name.removeprefix(ATTRIBUTE)
    if item.is_absent_before:
        return is_ordinary(name, item.after) or is_first(name)
    return item.is_absent_after and is_ordinary(name, item.before)


def _permissions(change: AccountDiff, is_visible: IsVisible, is_whole: bool) -> Iterator[str]:  # noqa: FBT001 - for `describe` alone
    memberships = (change.memberships_added, change.memberships_removed)
    grants = (change.grants_added, change.grants_removed)
    if not is_whole:
        memberships, grants = really_changed(change)
    added: tuple[Membership | Grant, ...] = (*memberships[0], *grants[0])
    for item in added:
        yield f"{'visible' if is_visible(item) else 'granted'} {item}"
    yield from (f"set {setting}" for setting in change.settings_added)
    yield from (f"revoked {item}" for item in (*memberships[1], *grants[1]))
    yield from (f"unset {setting}" for setting in change.settings_removed)


def really_changed(
    change: AccountDiff,
) -> tuple[
    tuple[tuple[Membership, ...], tuple[Membership, ...]],
    tuple[tuple[Grant, ...], tuple[Grant, ...]],
]:
    """Return memberships and grants that came and went, without what is only told another way."""
    return (
        _without_alike(
            change.memberships_added,
            change.memberships_removed,
            _membership_key,
            _is_alike_membership,
        ),
        _without_alike(change.grants_added, change.grants_removed, _grant_key, _is_alike_grant),
    )


def _without_alike(
    added: Sequence[ItemT],
    removed: Sequence[ItemT],
    key_of: Callable[[ItemT], Hashable],
    is_alike: Callable[[ItemT, ItemT], bool],
) -> tuple[tuple[ItemT, ...], tuple[ItemT, ...]]:
    """Leave out the pairs that are the same right, reported in another way.

    So it is after an upgrade of the server, or of this program, that reports more of it.
    """
    if not (added and removed):
        return tuple(added), tuple(removed)
    waiting: dict[Hashable, list[ItemT]] = defaultdict(list)
    for item in removed:
        waiting[key_of(item)].append(item)
    new = []
    for item in added:
        others = waiting[key_of(item)]
        same = next((other for other in others if is_alike(item, other)), None)
        if same is None:
            new.append(item)
        else:
            others.remove(same)
    gone = {item for others in waiting.values() for item in others}
    return tuple(new), tuple(item for item in removed if item in gone)


def _grant_key(item: Grant) -> Hashable:
    return item.securable, item.privilege, item.grantable, item.deny, item.scope


def _is_alike_grant(one: Grant, other: Grant) -> bool:
    return one.grantor == other.grantor or not (one.grantor and other.grantor)


def _membership_key(item: Membership) -> Hashable:
    return item.role, item.admin, item.scope


def _is_alike_membership(one: Membership, other: Membership) -> bool:
    pairs: Iterable[tuple[bool | None, bool | None]] = (
        (one.inherit, other.inherit),
        (one.set_role, other.set_role),
        (one.default, other.default),
    )
    is_same = all(None in pair or pair[0] == pair[1] for pair in pairs)
    return is_same and (one.grantor == other.grantor or not (one.grantor and other.grantor))


def _field_line(item: FieldChange) -> str:
    words = _FIELD_WORDS.get(item.name)
    if words is not None:
        return words[0] if item.after else words[1]
    name = item.name.removeprefix(ATTRIBUTE)
    if item.is_absent_before:
        return f"{name} is {_shown(item.after)}"
    if item.is_absent_after:
        return f"{name} is no longer reported (was {_shown(item.before)})"
    return f"{name} changed from {_shown(item.before)} to {_shown(item.after)}"


def _shown(value: AttributeValue) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
