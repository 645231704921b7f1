"""A diff in sentences that people read."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sync_pipeline.model.account import AttributeValue
from sync_pipeline.model.change import AccountDiff, FieldChange
from sync_pipeline.model.privilege import SectionKey, SectionName

_FIELD_WORDS = {
    "can_login": ("can log in", "cannot log in"),
    "is_locked": ("locked", "unlocked"),
    "is_superuser": ("became superuser", "no longer superuser"),
}


def describe(
    change: AccountDiff, first_read: Collection[SectionKey] = (), database: str = ""
) -> tuple[str, ...]:
    """Return one sentence for each thing that a diff changes in an account of `database`.

    What appears in a section that had never been read before was not necessarily
    granted now: it is called visible, not granted.
    """
    return (
        *(_field_line(item) for item in change.fields),
        *_appeared(change, first_read, database),
        *_disappeared(change),
    )


def _appeared(
    change: AccountDiff, first_read: Collection[SectionKey], database: str
) -> Iterable[str]:
    for membership in change.memberships_added:
        is_new = SectionKey(SectionName.MEMBERSHIPS, database) not in first_read
        yield f"{'granted' if is_new else 'visible'} {membership}"
    for grant in change.grants_added:
        yield f"{'visible' if grant.section in first_read else 'granted'} {grant}"
    for setting in change.settings_added:
        yield f"set {setting}"


def _disappeared(change: AccountDiff) -> Iterable[str]:
    for membership in change.memberships_removed:
        yield f"revoked {membership}"
    for grant in change.grants_removed:
        yield f"revoked {grant}"
    for setting in change.settings_removed:
        yield f"unset {setting}"


def _field_line(item: FieldChange) -> str:
    words = _FIELD_WORDS.get(item.name)
    if words is not None:
        return words[0] if item.after else words[1]
    name = item.name.removeprefix("attribute.")
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
