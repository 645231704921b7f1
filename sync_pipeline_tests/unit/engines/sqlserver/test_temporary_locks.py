"""A lock that ends by itself hides no finding: who comes back has what it had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.engines.sqlserver.wire.errors import connect_error as sql_server_error
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName, Instance
from workbench.strategies.sqlserver_worlds import world


def case(*, locked: bool, disabled: bool = False) -> Case:
    of = world("login ted; member ted sysadmin")
    ted = of.accounts["ted"]
    attributes = {**dict(ted.attributes), "is_disabled": disabled}
    state: AccountState = replace(
        ted,
        is_locked=locked,
        can_login=not disabled,
        attributes=tuple(attributes.items()),
    )
    changed = replace(of, accounts={**of.accounts, "ted": state})
    return Case(Judged(changed, SqlServerAccess(changed)))


@pytest.mark.parametrize(
    ("locked", "disabled", "gets_in"),
    [(False, False, True), (True, False, True), (True, True, False), (False, True, False)],
)
def test_a_login_that_is_locked_out_still_counts_and_a_disabled_one_does_not(
    *, locked: bool, disabled: bool, gets_in: bool
) -> None:
    found = case(locked=locked, disabled=disabled)
    assert ("ted" in {state.name for state in found.users()}) is gets_in
    assert ("temporarily" in found.facts("ted").temporarily_locked) is (locked and not disabled)


def test_a_lockout_of_the_monitor_is_said_to_be_one_for_a_time() -> None:
    instance = Instance(1, "erp", EngineName.SQLSERVER, "db1", 1433, "m")
    refused = RuntimeError("28000", "[28000] Login failed: locked out. (18486) (SQLDriverConnect)")
    wrong = RuntimeError("28000", "[28000] Login failed. (18456) (SQLDriverConnect)")
    assert "temporarily" in str(sql_server_error(refused, instance, "mon").hint)
    assert "temporarily" not in str(sql_server_error(wrong, instance, "mon").hint)
