"""The JSON form of a diff: what the change log stores and replay reads."""

from __future__ import annotations

from typing import Any

from sync_pipeline.model.account import (
    grant_from_json,
    grant_to_json,
    membership_from_json,
    membership_to_json,
    setting_from_json,
    setting_to_json,
)
from sync_pipeline.model.change import AccountDiff, FieldChange


def diff_to_json(diff: AccountDiff) -> dict[str, Any]:
    """Return a diff as JSON values; parts that are empty are left out."""
    parts: dict[str, list[dict[str, Any]]] = {
        "fields": [_field_to_json(change) for change in diff.fields],
        "grants_added": [grant_to_json(g) for g in diff.grants_added],
        "grants_removed": [grant_to_json(g) for g in diff.grants_removed],
        "memberships_added": [membership_to_json(m) for m in diff.memberships_added],
        "memberships_removed": [membership_to_json(m) for m in diff.memberships_removed],
        "settings_added": [setting_to_json(s) for s in diff.settings_added],
        "settings_removed": [setting_to_json(s) for s in diff.settings_removed],
    }
    return {name: items for name, items in parts.items() if items}


def diff_from_json(value: dict[str, Any]) -> AccountDiff:
    """Read what `diff_to_json` wrote."""
    return AccountDiff(
        fields=tuple(_field_from_json(item) for item in value.get("fields", ())),
        grants_added=tuple(map(grant_from_json, value.get("grants_added", ()))),
        grants_removed=tuple(map(grant_from_json, value.get("grants_removed", ()))),
        memberships_added=tuple(map(membership_from_json, value.get("memberships_added", ()))),
        memberships_removed=tuple(map(membership_from_json, value.get("memberships_removed", ()))),
        settings_added=tuple(map(setting_from_json, value.get("settings_added", ()))),
        settings_removed=tuple(map(setting_from_json, value.get("settings_removed", ()))),
    )


def _field_to_json(change: FieldChange) -> dict[str, Any]:
    """Leave out the side on which the field is absent, so that null keeps its meaning."""
    value: dict[str, Any] = {"name": change.name}
    if not change.is_absent_before:
        value["before"] = change.before
    if not change.is_absent_after:
        value["after"] = change.after
    return value


def _field_from_json(value: dict[str, Any]) -> FieldChange:
    return FieldChange(
        name=value["name"],
        before=value.get("before"),
        after=value.get("after"),
        is_absent_before="before" not in value,
        is_absent_after="after" not in value,
    )
