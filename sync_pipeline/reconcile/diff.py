"""The difference between two states of one account, and its application."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.change import AccountDiff, FieldChange

ItemT = TypeVar("ItemT")

_FLAGS = ("can_login", "is_locked", "is_superuser")
_ATTRIBUTE = "attribute."


def blank(name: str) -> AccountState:
    """Return the state from which the first diff of an account starts."""
    return AccountState(name=name, kind=AccountKind.USER, can_login=False)


def diff(old: AccountState, new: AccountState) -> AccountDiff:
    """Return what turns `old` into `new`. Order within the states never matters."""
    old, new = old.canonical(), new.canonical()
    return AccountDiff(
        fields=tuple(_field_changes(_fields(old), _fields(new))),
        grants_added=_minus(new.grants, old.grants),
        grants_removed=_minus(old.grants, new.grants),
        memberships_added=_minus(new.memberships, old.memberships),
        memberships_removed=_minus(old.memberships, new.memberships),
        settings_added=_minus(new.settings, old.settings),
        settings_removed=_minus(old.settings, new.settings),
    )


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


def _field_changes(
    old: dict[str, AttributeValue], new: dict[str, AttributeValue]
) -> Iterable[FieldChange]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        # 1 == True in Python, but they are different JSON and different facts.
        is_same = type(before) is type(after) and before == after
        if is_same and (name in old) == (name in new):
            continue
        yield FieldChange(name, before, after, name not in old, name not in new)


def _minus(left: tuple[ItemT, ...], right: tuple[ItemT, ...]) -> tuple[ItemT, ...]:
    """Return what only `left` has, in its order."""
    taken = set(right)
    return tuple(item for item in left if item not in taken)


def _patched(
    items: tuple[ItemT, ...], removed: tuple[ItemT, ...], added: tuple[ItemT, ...]
) -> tuple[ItemT, ...]:
    return tuple((set(items) - set(removed)) | set(added))
