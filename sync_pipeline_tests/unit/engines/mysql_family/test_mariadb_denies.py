"""Denies of MariaDB 13.1: how they are read, and that each beats every grant.

No such server can be had yet: the rows are those of its documentation and its source.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.answers import Verdict
from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, review
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mariadb.accounts.bits import EVERYTHING
from sync_pipeline.engines.mariadb.accounts.denies import denied_grants
from sync_pipeline.model.access import AccessWorld, Availability, PowerKind
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Finding, FindingRules
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus

NEW, OLD = (13, 1, 2), (13, 0, 2)
ALICE = "'alice'@'%'"
KINDS = SecurableKind
SERVER = Securable(KINDS.SERVER)
HR = Securable(KINDS.DATABASE, "hr")
STAFF = Securable(KINDS.TABLE, "hr", "", "staff")
SALARY = Securable(KINDS.COLUMN, "hr", "", "staff", "salary")
BONUS = Securable(KINDS.FUNCTION, "hr", "", "bonus")


def read(*entries: object, written_by: int = 130102, version: tuple[int, ...] = NEW) -> list[Grant]:
    return list(denied_grants(json.dumps(entries), written_by, version))


@pytest.mark.parametrize(
    ("entry", "on"),
    [
        ({"type": "global"}, SERVER),
        ({"type": "db", "db": "hr"}, HR),
        ({"type": "table", "db": "hr", "table": "staff"}, STAFF),
        ({"type": "column", "db": "hr", "table": "staff", "column": "salary"}, SALARY),
        ({"type": "function", "db": "hr", "function": "bonus"}, BONUS),
        (
            {"type": "procedure", "db": "hr", "procedure": "p"},
            Securable(KINDS.PROCEDURE, "hr", "", "p"),
        ),
        ({"type": "package", "db": "hr", "package": "k"}, Securable(KINDS.PACKAGE, "hr", "", "k")),
        (
            {"type": "package body", "db": "hr", "package body": "k"},
            Securable(KINDS.PACKAGE_BODY, "hr", "", "k"),
        ),
    ],
)
def test_every_level_is_read_and_a_server_without_denies_ignores_them(entry, on) -> None:
    found = read({**entry, "bits": 1 | 2})
    assert found == [Grant(on, word, deny=True) for word in ("SELECT", "INSERT")]
    assert read({**entry, "bits": 1}, version=OLD) == []
    assert read({**entry, "bits": 1 << 10}) == [Grant(on, "GRANT OPTION", deny=True)]


@pytest.mark.parametrize(
    "entry",
    [
        *(5, "x", None, [], {}),
        *({"type": "db", "bits": 1}, {"type": "db", "db": "hr"}, {"type": "galaxy", "bits": 1}),
        *({"type": ["db"], "db": "hr", "bits": 1}, {"type": "db", "db": "hr", "bits": True}),
        *({"type": "db", "db": 5, "bits": 1}, {"type": "table", "db": "hr", "bits": 1}),
        {"type": "column", "db": "hr", "table": "staff", "bits": 1},
    ],
)
def test_an_entry_that_can_not_be_read_is_kept_and_flagged(entry: object) -> None:
    (found,) = read(entry)
    assert (found.deny, found.recognised, found.securable) == (True, False, SERVER)
    assert found.privilege.startswith("denies = ")


@pytest.mark.parametrize("text", ["{}", '"x"', "null", "7", "[[[", "[" * 100_000])
def test_denies_that_are_no_list_are_kept_and_flagged(text: str) -> None:
    (found,) = denied_grants(text, 130102, NEW)
    assert (found.deny, found.recognised) == (True, False)
    assert len(found.privilege) < 100


def test_bits_that_are_not_known_are_kept_and_flagged() -> None:
    on_server = read({"type": "global", "bits": 1 | 1 << 50})
    on_table = read({"type": "table", "db": "hr", "table": "staff", "bits": 1 | 1 << 50})
    for found in (on_server, on_table):
        assert [(g.privilege, g.recognised) for g in found] == [
            *(("SELECT", True), ("access bit 50", False))
        ]
    assert all(grant.deny for grant in (*on_server, *on_table))
    assert len(read({"type": "global", "bits": EVERYTHING})) == 40


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "db", "table", "column", "bits", "x"]), inner, max_size=5
            )
        ),
        max_leaves=10,
    )
)
def test_whatever_is_there_is_read_without_an_error(value: object) -> None:
    for grant in denied_grants(json.dumps(value), 130102, NEW):
        assert grant.deny


# What they take away.


def user(name: str, *parts: Grant | Membership, kind: AccountKind = AccountKind.USER):
    return AccountState(
        name,
        kind,
        can_login=kind is AccountKind.USER,
        memberships=tuple(part for part in parts if isinstance(part, Membership)),
        grants=tuple(part for part in parts if isinstance(part, Grant)),
    )


def role(name: str, *parts: Grant | Membership) -> AccountState:
    return user(name, *parts, kind=AccountKind.PUBLIC if name == "PUBLIC" else AccountKind.ROLE)


def rules(*states: AccountState, version: str = "13.1.2-MariaDB", **sections) -> MariaDbAccess:
    accounts = {state.name: state for state in states}
    return MariaDbAccess(AccessWorld("i", EngineName.MARIADB, version, accounts, **sections))


def deny(word: str, on: Securable) -> Grant:
    return Grant(on, word, deny=True)


OBJECTS = (SERVER, HR, STAFF, SALARY)


@pytest.mark.parametrize("granted", OBJECTS)
@pytest.mark.parametrize("denied", OBJECTS)
def test_a_deny_beats_a_grant_at_any_level_and_masks_what_is_below(granted, denied) -> None:
    found = rules(
        user(ALICE, Grant(granted, "SELECT"), Grant(granted, "INSERT"), deny("SELECT", denied))
    )
    for asked in OBJECTS:
        is_granted = OBJECTS.index(granted) <= OBJECTS.index(asked)
        is_denied = OBJECTS.index(denied) <= OBJECTS.index(asked)
        decision = found.decide(ALICE, "SELECT", asked)
        assert decision.is_allowed is (is_granted and not is_denied), asked
        assert found.decide(ALICE, "INSERT", asked).is_allowed is is_granted
        assert decision.denied == (f"SELECT on {denied}: DENY to {ALICE}",)
        if decision.is_allowed:
            assert f", except on {denied}" in decision.held[0].source


def test_a_server_that_knows_no_denies_takes_no_notice() -> None:
    state = user(ALICE, Grant(SERVER, "SELECT"), deny("SELECT", SERVER))
    decision = rules(state, version="12.3.2-MariaDB").decide(ALICE, "SELECT", STAFF)
    assert (decision.is_allowed, decision.denied) == (True, ())


@pytest.mark.parametrize("on", [STAFF, SALARY, BONUS])
def test_what_lies_beside_is_not_denied(on: Securable) -> None:
    for name, beside in (
        ("a database", replace(on, database="other")),
        ("an object", replace(on, name="other")),
    ):
        state = user(ALICE, Grant(SERVER, "SELECT"), Grant(SERVER, "EXECUTE"), *_both(beside))
        found = rules(state)
        word = "EXECUTE" if on is BONUS else "SELECT"
        assert found.decide(ALICE, word, on).is_allowed_at_login, name
        assert not found.decide(ALICE, word, beside).is_allowed, name


def _both(on: Securable) -> tuple[Grant, Grant]:
    return deny("SELECT", on), deny("EXECUTE", on)


def test_routines_and_columns_are_denied_without_case_and_by_kind() -> None:
    upper = replace(BONUS, name="BONUS")
    found = rules(
        user(ALICE, Grant(SERVER, "EXECUTE"), Grant(SERVER, "SELECT"), *_both(upper)),
        user(
            "'bob'@'%'", Grant(SERVER, "SELECT"), deny("SELECT", replace(SALARY, column="SALARY"))
        ),
    )
    assert not found.decide(ALICE, "EXECUTE", BONUS).is_allowed
    assert found.decide(ALICE, "EXECUTE", replace(BONUS, kind=KINDS.PROCEDURE)).is_allowed
    assert not found.decide("'bob'@'%'", "SELECT", SALARY).is_allowed
    assert found.decide("'bob'@'%'", "SELECT", STAFF).is_allowed


def test_a_database_is_denied_whose_grant_is_a_pattern_or_has_escapes() -> None:
    stored = (
        Securable(KINDS.DATABASE, r"my\_app"),
        Securable(KINDS.DATABASE_PATTERN, "my%"),
    )
    one = Securable(KINDS.DATABASE, "my_app")
    for on in stored:
        found = rules(user(ALICE, Grant(on, "SELECT"), deny("SELECT", one)))
        assert not found.decide(ALICE, "SELECT", one).is_allowed
        assert not found.decide(
            ALICE, "SELECT", Securable(KINDS.TABLE, "my_app", "", "t")
        ).is_allowed
    assert found.decide(ALICE, "SELECT", Securable(KINDS.DATABASE, "my-app")).is_allowed
    (way, *_) = found.decide(ALICE, "SELECT", stored[1]).held
    assert "except on database my_app" in way.source


def test_a_deny_of_any_role_counts_at_any_depth_and_only_while_it_is_active() -> None:
    states = (
        role("reader", Grant(STAFF, "SELECT")),
        role("blocked", deny("SELECT", STAFF)),
        role("combined", Membership("reader"), Membership("blocked")),
    )
    at_login = rules(user(ALICE, Membership("combined", default=True)), *states)
    decision = at_login.decide(ALICE, "SELECT", STAFF)
    assert not decision.is_allowed
    assert decision.denied == ("SELECT on table hr.staff: DENY to blocked",)
    own = rules(
        user(ALICE, Grant(STAFF, "SELECT"), Membership("combined", default=True)), *states
    ).decide(ALICE, "SELECT", STAFF)
    assert [way.availability for way in own.held] == [Availability.AFTER_SET_ROLE]
    later = rules(
        user(ALICE, Grant(STAFF, "SELECT"), Membership("combined", default=False)), *states
    )
    assert later.decide(ALICE, "SELECT", STAFF).is_allowed_at_login


def test_a_deny_to_public_is_one_to_everybody() -> None:
    found = rules(
        user(ALICE, Grant(SERVER, "SELECT")),
        role("reader", Grant(SERVER, "SELECT")),
        role("PUBLIC", deny("SELECT", STAFF)),
    )
    for name in (ALICE, "reader", "PUBLIC"):
        decision = found.decide(name, "SELECT", STAFF)
        assert not decision.is_allowed
        assert decision.denied == ("SELECT on table hr.staff: DENY to PUBLIC",)
    assert found.decide(ALICE, "SELECT", HR).is_allowed


def test_all_is_not_held_where_a_part_is_denied_and_everything_says_what_is_left() -> None:
    words = sorted(rules().levels.server)
    whole = [Grant(SERVER, word, grantable=True) for word in words]
    plain = rules(user(ALICE, *whole))
    assert [item.privilege for item in plain.everything(ALICE)] == ["ALL"]
    for denied in (SERVER, STAFF):
        found = rules(user(ALICE, *whole, deny("SELECT", denied)))
        decision = found.decide(ALICE, "ALL", SERVER)
        assert decision.is_allowed is (denied is STAFF)
        assert decision.denied == (f"SELECT on {denied}: DENY to {ALICE}",)
        listed = {item.privilege: item for item in found.everything(ALICE)}
        assert set(words) - set(listed) == (set() if denied is STAFF else {"SELECT"})
        assert ("except on table hr.staff" in listed["INSERT"].source) is False
    assert "except on table hr.staff" in listed["SELECT"].source


def test_a_denied_option_or_power_is_none() -> None:
    words = sorted(rules().levels.server)
    whole = [Grant(SERVER, word, grantable=True) for word in words]
    found = rules(user(ALICE, *whole, deny("GRANT OPTION", SERVER), deny("SUPER", SERVER)))
    decision = found.decide(ALICE, "SELECT", STAFF)
    assert (decision.is_allowed, decision.held[0].grantable) == (True, False)
    assert not found.decide(ALICE, "GRANT OPTION", HR).is_allowed
    powers = {(power.kind, power.source) for power in found.powers(ALICE)}
    assert PowerKind.SUPERUSER not in {kind for kind, _ in powers}
    assert (PowerKind.GRANT_ADMIN, "CREATE USER on the server") in powers


def test_a_yes_is_not_certain_where_a_section_with_denies_was_not_read() -> None:
    sections = {SectionKey(SectionName.TABLE): SectionReport(SectionStatus.DENIED)}
    state = user(ALICE, Grant(SERVER, "SELECT"))
    newer = rules(state, sections=sections).decide(ALICE, "SELECT", STAFF)
    older = rules(state, version="12.3.2", sections=sections).decide(ALICE, "SELECT", STAFF)
    assert (newer.is_allowed, newer.unknown) == (True, ("grants.table",))
    assert (older.is_allowed, older.unknown) == (True, ())
    for version, gaps in (
        ("13.1.2", ("i: grants.table was not read, and could change the answer.",)),
        ("12.3.2", ()),
    ):
        read = {SectionKey(name): SectionReport(SectionStatus.READ) for name in SectionName}
        world = AccessWorld("i", EngineName.MARIADB, version, {ALICE: state}, {**read, **sections})
        answer = who_can([Judged(world, MariaDbAccess(world))], "SELECT", "hr.staff")
        assert [holder.verdict for holder in answer.holders] == [Verdict.AT_LOGIN]
        assert answer.gaps == gaps


@pytest.mark.parametrize(
    ("on", "statement"),
    [
        (SERVER, f"REVOKE DENY SELECT ON *.* FROM {ALICE};"),
        (HR, f"REVOKE DENY SELECT ON `hr`.* FROM {ALICE};"),
        (SALARY, f"REVOKE DENY SELECT (`salary`) ON `hr`.`staff` FROM {ALICE};"),
        (BONUS, f"REVOKE DENY SELECT ON FUNCTION `hr`.`bonus` FROM {ALICE};"),
    ],
)
def test_a_deny_is_lifted_by_its_own_statement(on: Securable, statement: str) -> None:
    found = rules(user(ALICE))
    assert found.revoke(ALICE, deny("SELECT", on)) == statement
    assert found.revoke(ALICE, Grant(on, "SELECT")) == statement.replace(" DENY", "")


# What a review says.


def found(rule: str, *worlds: tuple[AccountState, ...]) -> list[Finding]:
    cases = []
    for number, states in enumerate(worlds):
        accounts = {state.name: state for state in states}
        world = AccessWorld(f"i{number}", EngineName.MARIADB, "13.1.2", accounts)
        cases.append(Case(Judged(world, MariaDbAccess(world))))
    off = FindingRules(disabled=tuple(item.id for item in RULES if item.id != rule))
    return list(review(cases, off, date(2026, 11, 29)).findings)


def test_an_option_that_is_denied_is_no_finding() -> None:
    option = Grant(STAFF, "SELECT", grantable=True)
    assert len(found("grant-option", (user(ALICE, option),))) == 1
    assert len(found("grant-option", (user(ALICE, option, deny("INSERT", STAFF)),))) == 1
    for denied in (deny("GRANT OPTION", HR), deny("SELECT", STAFF)):
        assert found("grant-option", (user(ALICE, option, denied),)) == []


def test_a_power_that_is_denied_is_no_finding() -> None:
    power = Grant(SERVER, "SUPER")
    assert len(found("superuser", (user(ALICE, power),))) == 1
    assert found("superuser", (user(ALICE, power, deny("SUPER", SERVER)),)) == []
    assert found("superuser", (user(ALICE, power), role("PUBLIC", deny("SUPER", SERVER)))) == []


def test_a_right_that_is_denied_is_not_more_than_on_another_server() -> None:
    reload = Grant(SERVER, "RELOAD")
    plain = (user(ALICE),)
    assert len(found("uneven-rights", plain, (user(ALICE, reload),))) == 1
    assert found("uneven-rights", plain, (user(ALICE, reload, deny("RELOAD", SERVER)),)) == []


def test_what_everybody_may_write_is_asked_with_the_denies() -> None:
    writes = Grant(STAFF, "INSERT")
    assert len(found("everyone-can-write", (role("PUBLIC", writes),))) == 1
    assert found("everyone-can-write", (role("PUBLIC", writes, deny("INSERT", HR)),)) == []


def test_all_that_an_account_may_do_names_what_is_denied_to_it() -> None:
    states = (
        user(ALICE, Grant(SERVER, "SELECT"), deny("SELECT", SALARY)),
        user("'bob'@'%'", Grant(SERVER, "SELECT"), deny("UPDATE", HR)),
        role("PUBLIC", deny("SELECT", STAFF)),
    )
    world = AccessWorld("i", EngineName.MARIADB, "13.1.2", {item.name: item for item in states})
    found = access_of(Judged(world, MariaDbAccess(world)), ALICE)
    assert set(found.denied) == {
        f"SELECT on column hr.staff.salary: DENY to {ALICE}",
        "SELECT on table hr.staff: DENY to PUBLIC",
    }
    (listed,) = found.privileges
    assert "table hr.staff" in listed.source
