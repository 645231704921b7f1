"""The difference between two states of one account, and its application."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from operator import attrgetter
from typing import TypeVar

from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.change import AccountDiff, FieldChange
from sync_pipeline.model.privilege import parts_of_grant, parts_of_membership, parts_of_setting

ItemT = TypeVar("ItemT")

_SCALARS = attrgetter("kind", "can_login", "is_locked", "is_superuser", "database")
_FLAGS = ("can_login", "is_locked", "is_superuser")
_ATTRIBUTE = "attribute."


def blank(name: str) -> AccountState:
    """Return the state from which the first diff of an account starts."""
    return AccountState(name=name, kind=AccountKind.USER, can_login=False)


def diff(old: AccountState, new: AccountState) -> AccountDiff:
    """Return what turns `old` into `new`. Order within the states never matters."""
    old, new = old.canonical(), new.canonical()
    grants = _differences(old.grants, new.grants, parts_of_grant)
    memberships = _differences(old.memberships, new.memberships, parts_of_membership)
    settings = _differences(old.settings, new.settings, parts_of_setting)
    return AccountDiff(tuple(_field_changes(old, new)), *grants, *memberships, *settings)


def apply(state: AccountState, change: AccountDiff) -> AccountState:
    """Return `state` with a diff applied: `apply(old, diff(old, new)) == new`."""
    values = _fields(state)
    for item in change.fields:
        if item.is_absent_after:
            values.pop(item.name, None)
        else:
            values[item.name] = item.after
    attributes = {
        name.removeprefix(_ATTRIBUTE): value
        for name, value in values.items()
        if name.startswith(_ATTRIBUTE)
    }
    return replace(
        state,
        kind=AccountKind(str(values["kind"])),
        can_login=bool(values["can_login"]),
        is_locked=bool(values["is_locked"]),
        is_superuser=bool(values["is_superuser"]),
        database=str(values.get("database", "")),
        attributes=tuple(attributes.items()),
        grants=_patched(state.grants, change.grants_removed, change.grants_added),
        memberships=_patched(
            state.memberships, change.memberships_removed, change.memberships_added
        ),
        settings=_patched(state.settings, change.settings_removed, change.settings_added),
    ).canonical()


def reversed_diff(change: AccountDiff) -> AccountDiff:
    """Return what takes a diff back: applied after it, the old state is there again."""
    return AccountDiff(
        fields=tuple(
            FieldChange(
                item.name, item.after, item.before, item.is_absent_after, item.is_absent_before
            )
            for item in change.fields
        ),
        grants_added=change.grants_removed,
        grants_removed=change.grants_added,
        memberships_added=change.memberships_removed,
        memberships_removed=change.memberships_added,
        settings_added=change.settings_removed,
        settings_removed=change.settings_added,
    )


def only_privileges(change: AccountDiff) -> AccountDiff:
    """Return the part of a diff that grants or revokes something."""
    return replace(
        change,
        fields=tuple(item for item in change.fields if item.name == "is_superuser"),
        settings_added=(),
        settings_removed=(),
    )


def without_privileges(change: AccountDiff) -> AccountDiff:
    """Return the part of a diff that `only_privileges` leaves out."""
    return AccountDiff(
        fields=tuple(item for item in change.fields if item.name != "is_superuser"),
        settings_added=change.settings_added,
        settings_removed=change.settings_removed,
    )


def _fields(state: AccountState) -> dict[str, AttributeValue]:
    fields: dict[str, AttributeValue] = {"kind": str(state.kind)}
    fields.update({name: bool(getattr(state, name)) for name in _FLAGS})
    if state.database:
        fields["database"] = state.database
    fields.update({_ATTRIBUTE + name: value for name, value in state.attributes})
    return fields


def _field_changes(old: AccountState, new: AccountState) -> Iterable[FieldChange]:
    if _has_same_fields(old, new):
        return
    before, after = _fields(old), _fields(new)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if _is_same(was, now) and (name in before) == (name in after):
            continue
        yield FieldChange(name, was, now, name not in before, name not in after)


def _has_same_fields(old: AccountState, new: AccountState) -> bool:
    return (
        _SCALARS(old) == _SCALARS(new)
        and old.attributes == new.attributes
        and all(
            type(was) is type(now)
            for (_, was), (_, now) in zip(old.attributes, new.attributes, strict=True)
        )
    )


def _is_same(was: AttributeValue, now: AttributeValue) -> bool:
    """Return whether two values are one: 1 == True in Python, but they are different facts."""
    return type(was) is type(now) and was == now


def _differences(
    old: tuple[ItemT, ...], new: tuple[ItemT, ...], parts_of: Callable[[ItemT], Hashable]
) -> tuple[tuple[ItemT, ...], tuple[ItemT, ...]]:
    """Return what only `new` has and what only `old` has, in their order."""
    if old == new:
        return (), ()
    if not (old and new):
        return new, old
    before = dict(zip(map(parts_of, old), old, strict=True))
    after = dict(zip(map(parts_of, new), new, strict=True))
    added = tuple(item for parts, item in after.items() if parts not in before)
    removed = tuple(item for parts, item in before.items() if parts not in after)
    return added, removed


def _patched(
    items: tuple[ItemT, ...], removed: tuple[ItemT, ...], added: tuple[ItemT, ...]
) -> tuple[ItemT, ...]:
    return tuple((set(items) - set(removed)) | set(added))
