"""A row of a change has as much as a page can hold, on every page that has changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType, LoggedChange
from sync_pipeline.model.change_page import ChangeLine
from sync_pipeline.model.instance import EngineName
from sync_pipeline.web.resources import account, changes

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("count", [0, 40, 41, 200, 201, 20_000])
def test_a_change_of_many_rights_is_shortened_everywhere(count: int) -> None:
    lines = tuple(f"granted SELECT on table t{number}" for number in range(count))
    change = AccountChange("app", ChangeType.ADD, AccountDiff(), lines)
    entry = LoggedChange(1, "one", "s", NOW, change)
    of_list = changes.change_row(ChangeLine(entry, EngineName.MYSQL, is_there=True))
    of_account = account.change_row(entry)
    for row, most in ((of_list, 40), (of_account, 200)):
        (what,) = (item for item in row if isinstance(item, tuple))
        assert what[:most] == lines[:most]
        assert len(what) == min(count, most + 1)
        if count > most:
            assert what[-1] == f"and {count - most} more: sync-pipeline accounts changes has them"
