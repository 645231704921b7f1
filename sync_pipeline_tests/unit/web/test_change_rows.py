"""A row of a change has as much as a page can hold, on every page that has changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, LoggedChange
from sync_pipeline.model.change_page import ChangeLine
from sync_pipeline.model.instance import EngineName
from sync_pipeline.web.resources import account, changes

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (40, 40), (41, 41), (20_000, 41)])
def test_a_change_of_many_rights_is_shortened_everywhere(count: int, shown: int) -> None:
    lines = tuple(f"granted SELECT on table t{number}" for number in range(count))
    change = AccountChange("app", ChangeType.ADD, AccountDiff(), lines)
    entry = LoggedChange(1, "one", "s", NOW, change)
    of_list = changes.change_row(ChangeLine(entry, EngineName.MYSQL, is_there=True))
    of_account = account.change_row(entry)
    (what,) = (item for item in of_list if isinstance(item, tuple))
    assert what in of_account
    assert len(what) == shown
    assert what[:40] == lines[:40]
    if count > 40:
        assert what[-1].startswith(f"and {count - 40} more: sync-pipeline accounts changes")
