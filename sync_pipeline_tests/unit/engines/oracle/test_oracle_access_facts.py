"""What a review asks of Oracle accounts, and the state of an account."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.oracle.access.status import AccountStatus, status_of
from sync_pipeline.model.access import AccountFacts
from sync_pipeline.model.account import AccountState, AttributeValue
from workbench.strategies.oracle_accounts import public, role, user, world

# Database Reference, DBA_USERS, ACCOUNT_STATUS: all that the manual lists, and those with a
# password rollover (since 21c, and 19.12).
STATUSES = {
    "OPEN": AccountStatus(),
    "EXPIRED": AccountStatus(expired="EXPIRED"),
    "EXPIRED(GRACE)": AccountStatus(expired="EXPIRED(GRACE)"),
    "LOCKED": AccountStatus(locked="LOCKED"),
    "LOCKED(TIMED)": AccountStatus(locked="LOCKED(TIMED)"),
    "EXPIRED & LOCKED": AccountStatus("LOCKED", "EXPIRED"),
    "EXPIRED(GRACE) & LOCKED": AccountStatus("LOCKED", "EXPIRED(GRACE)"),
    "EXPIRED & LOCKED(TIMED)": AccountStatus("LOCKED(TIMED)", "EXPIRED"),
    "EXPIRED(GRACE) & LOCKED(TIMED)": AccountStatus("LOCKED(TIMED)", "EXPIRED(GRACE)"),
    "OPEN & IN ROLLOVER": AccountStatus(is_in_rollover=True),
    "EXPIRED & IN ROLLOVER": AccountStatus("", "EXPIRED", is_in_rollover=True),
    "LOCKED & IN ROLLOVER": AccountStatus("LOCKED", is_in_rollover=True),
    "EXPIRED & LOCKED & IN ROLLOVER": AccountStatus("LOCKED", "EXPIRED", is_in_rollover=True),
    "LOCKED(TIMED) & IN ROLLOVER": AccountStatus("LOCKED(TIMED)", is_in_rollover=True),
}


def facts(state: AccountState) -> AccountFacts:
    return OracleAccess(world(state)).facts(state.name)


def with_password(**attributes: AttributeValue) -> AccountFacts:
    return facts(user("A", authentication_type="PASSWORD", **attributes))


@pytest.mark.parametrize("text", STATUSES)
def test_every_documented_status_is_read(text: str) -> None:
    assert status_of(user("A", account_status=text)) == STATUSES[text]


@pytest.mark.parametrize("text", STATUSES)
def test_a_password_is_expired_in_its_grace_time_too(text: str) -> None:
    assert with_password(account_status=text).is_expired is ("EXPIRED" in text)


def test_without_a_status_nothing_is_said() -> None:
    assert with_password().is_expired is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("UNLIMITED", True), ("180", False), ("0.5", False), (None, None), ("DEFAULT", None)],
)
def test_a_life_time_without_limit_never_expires(limit: str | None, *, expected: bool) -> None:
    assert with_password(password_life_time=limit).never_expires is expected


@pytest.mark.parametrize(
    ("function", "life_time", "expected"),
    [
        ("NULL", "180", False),
        (None, "180", False),
        (None, "UNLIMITED", False),
        ("ORA12C_VERIFY_FUNCTION", "180", True),
        ("FROM ROOT", None, True),
        (None, None, None),
    ],
)
def test_without_a_function_there_are_no_password_rules(
    function: str | None, life_time: str | None, *, expected: bool
) -> None:
    found = with_password(password_verify_function=function, password_life_time=life_time)
    assert found.has_password_rules is expected


@pytest.mark.parametrize("authentication", ["EXTERNAL", "GLOBAL", "NONE"])
def test_where_there_is_no_password_nothing_is_said_of_it(authentication: str) -> None:
    found = facts(
        user(
            "A",
            authentication_type=authentication,
            password_life_time="UNLIMITED",
            password_verify_function="NULL",
            password_versions="10G",
        )
    )
    assert found.authentication == authentication
    assert found.never_expires is None
    assert found.has_password_rules is None
    assert found.weak_authentication == ""


@pytest.mark.parametrize(
    ("versions", "is_weak"),
    [("10G 11G 12C ", True), ("10G", True), ("11G 12C ", False), ("12C", False), (None, False)],
)
def test_the_oldest_password_version_is_weak(versions: str | None, *, is_weak: bool) -> None:
    text = with_password(password_versions=versions).weak_authentication
    assert bool(text) is is_weak
    assert ("10G" in text) is is_weak


def test_the_last_login_is_told_and_its_lack_too() -> None:
    moment = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    used = with_password(last_login=moment.isoformat())
    assert (used.never_used, used.last_used_at) == (False, moment)
    unused = with_password(last_login=None)
    assert (unused.never_used, unused.last_used_at) == (True, None)
    assert with_password().never_used is None


def test_a_last_login_that_is_only_a_day_begins_it() -> None:
    found = with_password(last_login="2026-05-01")
    assert found.last_used_at == datetime(2026, 5, 1, tzinfo=UTC)


def test_connections_as_sysdba_leave_no_last_login() -> None:
    assert facts(user("OPS", "SYSDBA", last_login=None)).never_used is None
    assert facts(user("OPS", "SYSBACKUP", last_login=None)).never_used is None
    assert facts(user("SYS", last_login=None)).never_used is None


def test_system_accounts_are_those_that_oracle_maintains() -> None:
    assert facts(user("DBSNMP", is_oracle_maintained=True)).is_system
    assert not facts(user("APP", is_oracle_maintained=False)).is_system
    assert not facts(role("R")).is_system
    assert facts(public()).is_system


def test_the_account_of_xml_db_is_anonymous_in_every_container() -> None:
    assert facts(user("ANONYMOUS")).is_anonymous
    assert facts(user("ANONYMOUS", pdb="PDB1")).is_anonymous
    assert not facts(user("A")).is_anonymous


def test_of_roles_and_unknown_accounts_little_is_said() -> None:
    assert facts(role("R", authentication="PASSWORD")) == AccountFacts(authentication="PASSWORD")
    assert OracleAccess(world()).facts("NOBODY") == AccountFacts()
