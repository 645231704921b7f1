"""Findings by what they come from: nothing twice, nothing lost, and one fix a cause."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings

from sync_pipeline.access.findings.case import Case, cause_key
from sync_pipeline.access.findings.review import RULES, examine, gathered, review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mysql.access.rules import MySqlAccess
from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model import causes as model
from sync_pipeline.model.access import AccessWorld, Step
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.causes import SHUT, Cause, as_told, at_least, causes_of, counts_of_causes
from sync_pipeline.model.finding import Finding, FindingRules, Review, Severity, Suppression
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.workflows.answers.findings import narrowed
from workbench.strategies.reviewed_worlds import reviewed_snapshot
from workbench.strategies.simple_access import PUBLIC, SERVER, account, judged, table, worlds

TODAY = date(2026, 11, 30)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROLE = AccountKind.ROLE
CREATE_USER = Grant(SERVER, "CREATE USER")


def reviewed(*cases: Judged | Case, accepted: Sequence[Suppression] = ()) -> Review:
    of = [item if isinstance(item, Case) else Case(item) for item in cases]
    return review(of, FindingRules(suppressions=tuple(accepted)), TODAY)


def told(found: Review) -> list[Cause]:
    return causes_of(found.findings, found.suppressed)


def one(causes: Iterable[Cause], rule: str) -> Cause:
    (found,) = [item for item in causes if item.worst.rule == rule]
    return found


def team(*members: AccountState) -> list[Cause]:
    role = account("dba", superuser=True, kind=ROLE, can_login=False)
    return told(reviewed(judged(role, *members, account("root", superuser=True))))


def finding(name: str, rule: str = "x", fix: str = "", **more: object) -> Finding:
    values = {"severity": Severity.HIGH, "evidence": f"It is {name}.", "cause": "x: all", **more}
    return Finding("i", EngineName.MYSQL, name, rule, fix=fix, **values)  # type: ignore[arg-type]


class TestRoles:
    def test_members_of_a_role_are_one_cause_and_lose_it_at_the_role(self) -> None:
        members = [account(f"m{number}", roles=["dba"]) for number in range(14)]
        cause = next(item for item in team(*members) if item.role == "dba")
        assert cause.accounts[-1] == "dba"
        assert len(cause.accounts) == 15
        assert cause.severity is Severity.HIGH
        # SimpleAccess can't take the attribute, so that closing the role would end nothing.
        assert len(cause.remedy().fix.split("\n")) == 14
        assert cause.remedy().left == "dba keeps it."

    def test_a_grant_of_the_role_is_taken_by_one_statement(self) -> None:
        role = account("hr", CREATE_USER, kind=ROLE, can_login=False)
        members = [account(f"m{number}", roles=["hr"]) for number in range(14)]
        (cause,) = told(reviewed(judged(role, *members)))
        ending = cause.remedy()
        assert ending.fix == "REVOKE CREATE USER ON server FROM hr;"
        assert ending.breaks == (
            "hr and the 14 accounts that have it as a role, 14 of which can log in, lose "
            "CREATE USER on server: what is run by it fails."
        )

    def test_one_member_leaves_the_role(self) -> None:
        role = account("hr", CREATE_USER, kind=ROLE, can_login=False)
        (cause,) = told(reviewed(judged(role, account("ann", roles=["hr"]))))
        ending = cause.remedy()
        assert (ending.fix, ending.left) == ("REVOKE hr FROM ann;", "hr keeps it.")
        assert ending.breaks == "ann loses the role hr: what is run by it fails."

    def test_a_role_that_logs_in_is_a_finding_to_end_itself(self) -> None:
        boss = account("boss", CREATE_USER)
        (cause,) = told(reviewed(judged(boss, account("ann", roles=["boss"]))))
        assert cause.accounts == ("ann", "boss")
        assert cause.remedy().fix == "REVOKE CREATE USER ON server FROM boss;"

    def test_and_is_left_where_all_administrators_come_by_it(self) -> None:
        role = finding("dba", "superuser", "R dba;", severity=Severity.INFO, cause="c",
                       path=(Step("dba"),))  # fmt: skip
        members = [
            finding(name, "superuser", f"R {name};", cause="c", path=(Step(name), Step("dba")))
            for name in "abc"
        ]
        ending = causes_of([role, *members])[0].remedy()
        assert ending.fix == "R a;\nR b;"
        assert ending.left.endswith("dba keeps it.")

    def test_who_has_it_by_another_way_too_is_a_cause_of_its_own(self) -> None:
        role = account("hr", CREATE_USER, kind=ROLE, can_login=False)
        both = account("both", CREATE_USER, roles=["hr"])
        causes = told(reviewed(judged(role, both, account("ann", roles=["hr"]))))
        assert [item.accounts for item in causes] == [("ann", "hr"), ("both",)]
        assert set(causes[1].remedy().fix.split("\n")) == {
            "REVOKE hr FROM both;",
            "REVOKE CREATE USER ON server FROM both;",
        }

    def test_a_role_that_was_accepted_is_left_by_its_members(self) -> None:
        role = account("hr", CREATE_USER, kind=ROLE, can_login=False)
        members = [account(f"m{number}", roles=["hr"]) for number in range(3)]
        accepted = Suppression("grant-admin", "planned", TODAY, account="hr")
        (cause,) = told(reviewed(judged(role, *members), accepted=[accepted]))
        assert cause.remedy().fix.split("\n") == [f"REVOKE hr FROM m{n};" for n in range(3)]


class TestNothingTwice:
    def test_what_an_empty_password_says_too_is_folded_into_it(self) -> None:
        empty = account(
            "open",
            weak_authentication="It has no password.",
            has_no_password=True,
            never_expires=True,
            has_password_rules=False,
        )
        (cause,) = told(reviewed(judged(empty)))
        assert cause.worst.rule == "weak-authentication"
        folded = {item.rule for item in cause.folded}
        assert folded == {"no-password-expiry", "no-password-rules"}

    def test_programs_are_told_of_no_finding_that_they_are_not_given(self) -> None:
        worse = finding("a", "weak-authentication", cause="w")
        said = finding("a", "no-password-rules", severity=Severity.LOW,
                       implied="weak-authentication")  # fmt: skip
        assert [item.implied for item in as_told([worse, said])] == ["", "weak-authentication"]
        for others in ([], [replace(worse, account="b")], [replace(worse, severity=Severity.INFO)]):
            assert [*as_told([*others, said])][-1] == replace(said, implied="")

    def test_and_stands_alone_where_that_was_accepted(self) -> None:
        empty = account("open", weak_authentication="It.", has_no_password=True, never_expires=True)
        accepted = Suppression("weak-authentication", "planned", TODAY)
        (cause,) = told(reviewed(judged(empty), accepted=[accepted]))
        assert (cause.worst.rule, cause.folded) == ("no-password-expiry", ())

    def test_a_high_account_from_any_host_is_told_with_what_makes_it_high(self) -> None:
        boss = account("'boss'@'%'", superuser=True, is_any_host=True, user="boss")
        (cause,) = told(reviewed(judged(boss)))
        assert cause.worst.rule == "superuser"
        assert [item.rule for item in cause.folded] == ["any-host-privileged"]

    def test_nothing_is_folded_into_what_is_less_bad(self) -> None:
        first = account("'root'@'%'", superuser=True, is_any_host=True, is_built_in=True)
        assert [item.worst.rule for item in told(reviewed(judged(first)))] == [
            "any-host-privileged",
            "superuser",
        ]

    def test_a_user_on_each_of_its_hosts_is_one_cause(self) -> None:
        hosts = [account(f"'u'@'{n}'", CREATE_USER, user="u") for n in range(3)]
        other = account("'v'@'0'", CREATE_USER, user="v")
        causes = told(reviewed(judged(*hosts, other)))
        assert [len(item.accounts) for item in causes] == [3, 1]
        assert len(causes[0].remedy().fix.split("\n")) == 3

    def test_the_same_rights_of_all_in_each_database_are_one_cause(self) -> None:
        grants = [Grant(table("t", f"db{n}"), "INSERT") for n in range(4)]
        cause = one(told(reviewed(judged(account(PUBLIC, *grants, can_login=False)))),
                    "everyone-can-write")  # fmt: skip
        assert len(cause.findings) == 4
        assert cause.accounts == (PUBLIC,)
        assert len(cause.remedy().fix.split("\n")) == 4

    def test_a_statement_of_several_accounts_stands_once(self) -> None:
        shared = "ALTER PROFILE P LIMIT PASSWORD_LIFE_TIME 180;"
        found = [finding(name, fix=shared, undo="BACK;", breaks="B.") for name in "abc"]
        ending = causes_of(found)[0].remedy()
        assert (ending.fix, ending.undo, ending.breaks) == (shared, "BACK;", "B.")

    def test_the_undo_is_in_the_other_order(self) -> None:
        found = [finding(name, fix=f"R {name};", undo=f"G {name};") for name in "abc"]
        ending = causes_of(found)[0].remedy()
        assert ending.fix == "R a;\nR b;\nR c;"
        assert ending.undo == "G c;\nG b;\nG a;"

    def test_what_has_no_cause_is_its_own(self) -> None:
        found = [finding(name, cause="") for name in "ab"]
        assert len(causes_of(found)) == 2

    def test_what_is_said_of_an_instance_has_no_account(self) -> None:
        (cause,) = causes_of([finding("", evidence="TLS is off.")])
        assert (cause.accounts, cause.named) == ((), "")
        item = Case(judged()).finding("x", Severity.LOW, "", "TLS is off.")
        assert (item.cause, item.path) == ("x: the server itself", ())

    @settings(max_examples=20)
    @given(worlds("one"), worlds("two"))
    def test_every_finding_is_told_once_and_no_statement_twice(
        self, one: Judged, two: Judged
    ) -> None:
        found = reviewed(one, two)
        causes = told(found)
        for item in found.findings:
            assert bool(item.fix) == bool(item.breaks), item
            assert item.cause.startswith(item.rule)
        parts = [item for cause in causes for item in (*cause.findings, *cause.folded)]
        assert Counter(map(id, parts)) == Counter(map(id, found.findings))
        for cause in causes:
            assert len({item.instance for item in (*cause.findings, *cause.folded)}) == 1
            assert len({item.rule for item in cause.findings}) == 1
            worst = min(item.severity.rank for item in (*cause.findings, *cause.folded))
            assert cause.severity.rank == worst
            ending = cause.remedy()
            for text in (ending.fix, ending.undo):
                lines = [line for line in text.split("\n") if line]
                assert len(lines) == len(set(lines))
            assert bool(ending.fix) == bool(ending.breaks)
            assert ending.fix or ending.left
        ranks = [item.severity.rank for item in causes]
        assert ranks == sorted(ranks)


class TestHarm:
    """A fix never makes things worse than what it ends."""

    def test_one_administrator_is_left(self) -> None:
        hosts = [f"'u'@'{n}'" for n in range(3)]
        found = [finding(name, "superuser", f"R {name};", cause="c") for name in hosts]
        ending = causes_of(found)[0].remedy()
        assert ending.fix == "R 'u'@'0';\nR 'u'@'1';"
        assert "ask again after it about 'u'@'2'" in ending.left

    def test_unless_another_one_is_there(self) -> None:
        found = [finding(name, "superuser", f"R {name};", cause="c") for name in "ab"]
        other = finding("boss", "superuser", "R boss;", cause="other")
        assert causes_of([*found, other])[0].remedy().fix == "R a;\nR b;"
        first = finding("root", "superuser", severity=Severity.INFO, cause="root")
        assert causes_of([*found, first])[0].remedy().fix == "R a;\nR b;"
        # Also one that somebody accepted.
        assert causes_of(found, [other])[0].remedy().fix == "R a;\nR b;"

    def test_nor_are_all_of_them_closed_together(self) -> None:
        found = [
            item
            for name in "ab"
            for item in (
                finding(name, "superuser", cause=name),
                finding(name, "weak-authentication", f"LOCK {name};", cause="c"),
            )
        ]
        assert one(causes_of(found), "weak-authentication").remedy().fix == "LOCK a;"

    def test_whatever_else_is_asked_for_or_switched_off(self) -> None:
        alike = [account(name, superuser=True) for name in "ab"]
        case = Case(judged(*alike))
        shut = {
            name: replace(finding(name, "never-used", f"LOCK {name};", cause="c"), instance="db")
            for name in "ab"
        }
        assert case.judged.name == "db"
        asked = FindingRules(disabled=("superuser",))
        examined = replace(examine(case), findings=(*examine(case).findings, *shut.values()))
        for chosen, rule in ((FindingRules(), "never-used"), (asked, None), (asked, "never-used")):
            found = narrowed(gathered([examined], chosen, TODAY, ()), None, rule)
            ending = one(causes_of(found.findings, found.others), "never-used").remedy()
            assert ending.fix == "LOCK a;", (chosen, rule)

    @pytest.mark.parametrize(
        ("engine", "rules"),
        [(EngineName.MYSQL, MySqlAccess), (EngineName.MARIADB, MariaDbAccess)],
    )
    def test_who_can_not_log_in_administers_nothing(self, engine: EngineName, rules: type) -> None:
        can = Grant(Securable(SecurableKind.SERVER), "SUPER")
        first = replace(user("'root'@'localhost'", {}, can), is_superuser=True)
        team = [finding(name, "superuser", f"R {name};", cause="c") for name in "ab"]
        for can_login, fix in ((True, "R a;\nR b;"), (False, "R a;")):
            state = replace(first, can_login=can_login, is_locked=not can_login)
            item = found_in(engine, rules, state)["superuser"]
            assert (item.severity, item.fix) == (Severity.INFO, "")
            assert item.evidence.endswith(SHUT) is not can_login
            assert causes_of([*team, item])[0].remedy().fix == fix

    def test_a_cause_of_many_takes_no_longer_for_each(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        many = [finding(f"u{n}", fix=f"R u{n};", breaks=f"u{n} loses it.") for n in range(3_000)]
        (cause,) = causes_of(many)
        calls: list[Cause] = []
        role = Cause.role
        monkeypatch.setattr(Cause, "role", property(lambda it: calls.append(it) or role.fget(it)))  # type: ignore[attr-defined]
        assert cause.remedy().breaks == "u0 loses it. So it is for 2999 more."
        assert len(calls) == 1

    def test_what_breaks_is_alike_where_the_numbers_are(self) -> None:
        texts = ("{0} loses X, with {0}{0} accounts.", "{0} loses X, with 7 accounts.")
        for text, more in zip(texts, (0, 1), strict=True):
            found = [finding(n, fix=f"R {n};", breaks=text.format(n)) for n in ("1", "2")]
            breaks = causes_of(found)[0].remedy().breaks
            assert ("for 1 more" in breaks) == bool(more)
            assert more or "with 22 accounts" in breaks
        servers = [finding("", fix=f"S {n};", breaks=f"{n} fails.") for n in "ab"]
        assert causes_of(servers)[0].remedy().breaks == "a fails. b fails."
        assert causes_of([finding("", fix="S;")])[0].remedy().breaks == ""

    @pytest.mark.parametrize(
        "gives",
        ["GRANT x TO b;", 'SET ROLE "c;d"; GRANT x TO b; RESET ROLE;', "USE [a]]b]; GRANT x TO b;",
         "USE [a]; ALTER ROLE [r] ADD MEMBER [b];", "ALTER SERVER ROLE [r] ADD MEMBER [b];"],
    )  # fmt: skip
    def test_on_each_engine_who_gives_waits(self, gives: str) -> None:
        first = finding("a", fix=f"{gives}\nREVOKE x FROM a;")
        ending = causes_of([first, finding("b", fix="REVOKE x FROM b;")])[0].remedy()
        assert ending.fix == "REVOKE x FROM b;"

    def test_who_gives_to_others_what_it_loses_waits(self) -> None:
        gives = finding("a", fix="GRANT x TO b;\nREVOKE x FROM a;")
        ending = causes_of([gives, finding("b", fix="REVOKE x FROM b;")])[0].remedy()
        assert ending.fix == "REVOKE x FROM b;"
        assert "ask again after it about a:" in ending.left

    @pytest.mark.parametrize(
        ("engine", "rules", "attributes", "words"),
        [
            (EngineName.MYSQL, MySqlAccess, {"plugins": "mysql_native_password"}, "caching_sha2"),
            (EngineName.MARIADB, MariaDbAccess, {"plugins": "mysql_native_password"}, "ed25519"),
            (EngineName.ORACLE, OracleAccess,
             {"authentication_type": "PASSWORD", "password_versions": "10G 11G"}, "10G"),
        ],
    )  # fmt: skip
    def test_an_old_hash_locks_nobody_out(
        self, engine: EngineName, rules: type, attributes: dict[str, AttributeValue], words: str
    ) -> None:
        state = user("'a'@'h'", {**attributes, "has_authentication_string": True})
        item = found_in(engine, rules, state)["weak-authentication"]
        assert (item.fix, item.undo, item.breaks) == ("", "", "")
        assert "locking the account would stop who uses it" in item.left
        assert words in item.left

    def test_an_empty_password_is_closed(self) -> None:
        plugin = {"plugins": "mysql_native_password", "has_authentication_string": False}
        item = found_in(EngineName.MYSQL, MySqlAccess, user("'a'@'h'", plugin))[
            "weak-authentication"
        ]
        assert item.fix == "ALTER USER 'a'@'h' ACCOUNT LOCK;"
        assert "without a password no longer can" in item.breaks

    def test_a_host_that_only_people_know_locks_nobody_out(self) -> None:
        state = user("'a'@'%'", {}, Grant(SERVER, "CREATE USER"))
        item = found_in(EngineName.MYSQL, MySqlAccess, state)["any-host-privileged"]
        assert item.fix == ""
        assert "RENAME USER" in item.left

    @pytest.mark.parametrize(("days", "is_shown"), [(10, True), (89, True), (90, False)])
    def test_an_old_password_does_not_end_at_once(self, days: int, is_shown: bool) -> None:
        attributes: dict[str, AttributeValue] = {
            "plugins": "caching_sha2_password",
            "has_authentication_string": True,
            "default_password_lifetime": 0,
            "password_last_changed": f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
        }
        item = found_in(EngineName.MYSQL, MySqlAccess, user("'a'@'h'", attributes))[
            "no-password-expiry"
        ]
        assert bool(item.fix) is is_shown
        assert is_shown or "it is old" in item.left

    def test_the_password_of_the_last_superuser_gets_no_end(self) -> None:
        boss = AccountState("boss", AccountKind.USER, can_login=True, is_superuser=True)
        other = AccountState("other", AccountKind.USER, can_login=True, is_superuser=True)
        alone = found_in(EngineName.POSTGRESQL, PostgreSqlAccess, boss)
        assert alone["no-password-expiry"].fix == ""
        assert found_in(EngineName.POSTGRESQL, PostgreSqlAccess, boss, other)[
            "no-password-expiry"
        ].fix

    def test_rules_that_are_named_here_exist(self) -> None:
        named = {*model.KEEPERS, *model._HARMLESS}
        assert named <= {item.id for item in RULES}
        (state,) = {item.implied for item in reviewed(judged(
            account("x", never_used=True, is_expired=True))).findings} - {""}  # fmt: skip
        assert state == "expired-active"


@pytest.mark.parametrize("engine", list(EngineName))
def test_on_each_engine_a_fix_says_what_it_breaks_and_no_statement_stands_twice(
    engine: EngineName,
) -> None:
    told_of = 0
    for seed in range(12):
        found = reviewed_snapshot(random.Random(seed), engine, NOW)
        accounts = {item.name: item for item in found.accounts}
        world = AccessWorld("i", engine, found.server.version, accounts, found.sections, NOW)
        findings = reviewed(Case(Judged(world, ENGINES[engine].access_rules(world)))).findings
        causes = causes_of(findings)
        assert sum(len(item.findings) + len(item.folded) for item in causes) == len(findings)
        for item in (*findings, *(cause.remedy() for cause in causes)):
            assert bool(item.fix) == bool(item.breaks), item
            assert item.fix or item.left, item
            plain = [line for line in item.fix.split("\n") if not line.startswith(_CONTEXT)]
            assert len(plain) == len(set(plain)), item
            told_of += bool(item.fix)
    assert told_of > 10


_CONTEXT = ("--", "ALTER SESSION SET CONTAINER")


def user(name: str, attributes: dict[str, AttributeValue], *grants: Grant) -> AccountState:
    return AccountState(
        name, AccountKind.USER, can_login=True, attributes=tuple(attributes.items()), grants=grants
    ).canonical()


def found_in(engine: EngineName, rules: type, *states: AccountState) -> dict[str, Finding]:
    world = AccessWorld("i", engine, "9.7.0", {item.name: item for item in states}, asked_at=NOW)
    found = reviewed(Case(Judged(world, rules(world)))).findings
    return {item.rule: item for item in reversed(found)}


def test_options_that_a_power_says_too_are_folded_into_it() -> None:
    on = Securable(SecurableKind.SERVER)
    grants = (Grant(on, "CREATE USER", grantable=True),)
    state = user("'hr'@'10.%'", {}, *grants)
    items = found_in(EngineName.MYSQL, MySqlAccess, state)
    assert items["grant-option"].implied == "grant-admin"
    more = (*grants, Grant(Securable(SecurableKind.DATABASE, "s"), "SELECT", grantable=True))
    items = found_in(EngineName.MYSQL, MySqlAccess, user("'hr'@'10.%'", {}, *more))
    assert items["grant-option"].implied == ""


def test_a_long_cause_is_short_and_its_own() -> None:
    long, other = ("x" * 9_000 + end for end in "ab")
    keys = {cause_key("r", text) for text in (long, other)}
    assert len(keys) == 2
    assert all(len(key) < 250 for key in keys)


def test_causes_that_are_bad_enough() -> None:
    found = [
        finding("a", severity=Severity.HIGH, cause="1"),
        finding("b", severity=Severity.INFO, cause="1"),
        finding("c", severity=Severity.LOW, cause="2"),
    ]
    (kept,) = at_least(causes_of(found), Severity.MEDIUM)
    # What is less bad of the same is told with it.
    assert kept.accounts == ("a", "b")
    assert counts_of_causes([kept])[Severity.HIGH] == 1
    assert len(at_least(causes_of(found), None)) == 2


def test_a_membership_counts_for_what_breaks_through_any_chain() -> None:
    chain = [
        account("top", CREATE_USER, kind=ROLE, can_login=False),
        account("mid", roles=["top"], kind=ROLE, can_login=False),
        account("ann", roles=[Membership("mid")]),
        account("bob", roles=["mid"], locked=True),
    ]
    (cause,) = told(reviewed(judged(*chain)))
    assert "top and the 3 accounts that have it as a role, 1 of which can log in" in (
        cause.remedy().breaks
    )
