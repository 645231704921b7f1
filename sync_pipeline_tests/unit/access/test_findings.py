"""Every rule of the access review: it fires where it should, and is silent where all is well."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, notes_of, review
from sync_pipeline.access.judged import NEVER_SYNCED, Judged
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld, Power, PowerKind, Step, Turns, path_text
from sync_pipeline.model.account import AccountKind, AccountState, AttributeValue
from sync_pipeline.model.finding import Examined, Finding, FindingRules, Severity, Suppression
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.model.use import AccountUse, Coverage, UseMeans, WatchedUse
from workbench.strategies.simple_access import (
    ALL_READ,
    PUBLIC,
    SERVER,
    account,
    judged,
    table,
    worlds,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = NOW.date()
SELECT, INSERT = Grant(table("orders"), "SELECT"), Grant(table("orders"), "INSERT")
CREATE_USER = Grant(SERVER, "CREATE USER")
DATABASES = Databases(
    frozenset({"shop", "my_db"}), frozenset({"old", "old_db"}), NOW, ("information\\_schema",)
)
HEALTHY = (
    account("app", SELECT, INSERT, never_expires=False, has_password_rules=True, is_expired=False),
    account("reader", roles=["readers"], never_used=False),
    account("readers", SELECT, kind=AccountKind.ROLE, can_login=False),
    account(PUBLIC, Grant(Securable(SecurableKind.DATABASE, "shop"), "CONNECT"), can_login=False),
)


def case(*accounts: AccountState, engine: EngineName = EngineName.POSTGRESQL) -> Case:
    world = judged(*HEALTHY, *accounts, engine=engine)
    changed = dict.fromkeys(world.world.accounts, NOW - timedelta(days=1))
    return Case(world, DATABASES, changed)


def found(rule: str, *cases: Case) -> list[Finding]:
    """Return what one rule finds; no other rule may be switched on."""
    off = FindingRules(disabled=tuple(item.id for item in RULES if item.id != rule))
    return list(review(cases, off, TODAY).findings)


def one(rule: str, *accounts: AccountState) -> Finding:
    (finding,) = found(rule, case(*accounts))
    assert finding.rule == rule
    return finding


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_healthy_world_has_no_finding(rule: object) -> None:
    assert review([case(), case()], FindingRules(), TODAY).findings == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_why_and_who_says_so(rule: object) -> None:
    assert len(rule.rationale) > 60
    assert rule.sources
    assert all(len(source) > 20 for source in rule.sources)
    assert [item.id for item in RULES].count(rule.id) == 1


def test_a_superuser() -> None:
    finding = one("superuser", account("boss", superuser=True))
    assert (finding.account, finding.severity) == ("boss", Severity.HIGH)
    assert finding.fix == "DISABLE boss;"
    assert "superuser at login" in finding.evidence


def test_a_superuser_through_a_chain_of_roles() -> None:
    chain = (
        account("eve", roles=[Membership("team", default=False)]),
        account("team", roles=["dba"], can_login=False, kind=AccountKind.ROLE),
        account("dba", superuser=True, can_login=False, kind=AccountKind.ROLE),
    )
    findings = {item.account: item for item in found("superuser", case(*chain))}
    assert findings["eve"].severity is Severity.HIGH
    assert path_text(findings["eve"].path) == "eve → team (set role) → dba (member)"
    assert "after SET ROLE" in findings["eve"].evidence
    assert findings["eve"].fix == "REVOKE team FROM eve;"
    assert findings["dba"].severity is findings["team"].severity is Severity.INFO


def test_a_superuser_role_of_everyone_is_critical() -> None:
    public = account(PUBLIC, roles=["dba"], can_login=False)
    world = Case(judged(public, account("dba", superuser=True, can_login=False)))
    severities = {item.account: item.severity for item in found("superuser", world)}
    assert severities[PUBLIC] is Severity.CRITICAL


@pytest.mark.parametrize(
    ("engine", "name", "attributes"),
    [
        (EngineName.POSTGRESQL, "postgres", {}),
        (EngineName.MYSQL, "'root'@'localhost'", {}),
        (EngineName.MARIADB, "'root'@'localhost'", {}),
        (EngineName.SQLSERVER, "sa", {"type": "SQL_LOGIN"}),
        (EngineName.ORACLE, "SYS", {"is_oracle_maintained": True}),
    ],
)
def test_every_engine_knows_the_first_superuser_of_a_server(
    engine: EngineName, name: str, attributes: dict[str, AttributeValue]
) -> None:
    states = {
        item: AccountState(
            item,
            AccountKind.USER,
            can_login=True,
            is_superuser=item == name,
            attributes=tuple(attributes.items()),
        )
        for item in (name, "somebody")
    }
    rules = ENGINES[engine].access_rules(AccessWorld("i", engine, "", states))
    assert rules.facts(name).is_built_in or rules.facts(name).is_system


def test_the_first_superuser_of_a_server_is_at_most_a_note() -> None:
    boss = account(
        "boss", superuser=True, never_expires=True, has_password_rules=False, is_built_in=True
    )
    findings = review([case(boss)], FindingRules(), TODAY).findings
    assert {item.severity for item in findings} == {Severity.INFO}


def test_a_system_account_is_at_most_a_note() -> None:
    assert (
        one("superuser", account("sys", superuser=True, is_system=True)).severity is Severity.INFO
    )


def test_a_locked_superuser_is_less_bad_and_still_there() -> None:
    assert one("superuser", account("boss", superuser=True, locked=True)).severity is Severity.LOW


def test_a_grant_admin() -> None:
    finding = one("grant-admin", account("hr", CREATE_USER))
    assert (finding.severity, finding.fix) == (
        Severity.HIGH,
        "REVOKE CREATE USER ON server FROM hr;",
    )


def power_of(power: Power, *accounts: AccountState) -> Finding:
    with_power = Case(replace(judged(*accounts), _powers={power.path[0].account: (power,)}))
    (finding,) = [
        item for item in found("grant-admin", with_power) if item.account == power.path[0].account
    ]
    return finding


def test_the_path_of_a_login_goes_on_in_its_database() -> None:
    path = (Step("corp"), Step("[s].[u]", "user"), Step("[s].[db_owner]", "member"))
    user = account("[s].[u]", roles=["[s].[db_owner]"], database="s", can_login=False)
    finding = power_of(Power(PowerKind.GRANT_ADMIN, "db_owner", path), account("corp"), user)
    assert finding.fix == "REVOKE [s].[db_owner] FROM [s].[u];"


def test_a_membership_that_the_account_makes_itself_is_not_the_place_to_cut() -> None:
    path = (Step("hr"), Step("lead", "grants it to itself"), Step("team", "member"))
    lead = account("lead", roles=["team"], can_login=False, kind=AccountKind.ROLE)
    finding = power_of(Power(PowerKind.GRANT_ADMIN, "CREATEROLE", path), account("hr"), lead)
    assert finding.fix == "DISABLE hr;"


def test_the_right_to_give_a_role_on() -> None:
    power = Power(PowerKind.GRANT_ADMIN, "ADMIN OPTION on role team", (Step("lead"),))
    finding = power_of(power, account("lead", roles=[Membership("team", admin=True)]))
    assert finding.fix == "REVOKE team FROM lead;"


def test_a_superuser_is_not_a_grant_admin_as_well() -> None:
    assert found("grant-admin", case(account("boss", CREATE_USER, superuser=True))) == []


def test_a_password_that_never_expires() -> None:
    finding = one("no-password-expiry", account("app2", never_expires=True))
    assert finding.fix == "EXPIRE app2;"
    assert found("no-password-expiry", case(account("x", never_expires=True, locked=True))) == []


def test_a_password_without_rules() -> None:
    assert one("no-password-rules", account("app2", has_password_rules=False)).account == "app2"
    assert found("no-password-rules", case(account("key", has_password_rules=None))) == []


def test_an_expired_account_that_is_still_there() -> None:
    assert one("expired-active", account("left", is_expired=True)).fix == "DISABLE left;"
    assert found("expired-active", case(account("left", is_expired=True, locked=True))) == []


def test_an_account_that_was_never_used() -> None:
    assert one("never-used", account("new", never_used=True)).severity is Severity.LOW
    assert found("never-used", case(account("unknown", never_used=None))) == []


WATCHED = Coverage(
    NOW - timedelta(days=200),
    UseMeans.COUNTER,
    samples=9000,
    last_at=NOW - timedelta(minutes=5),
    whole_since=NOW - timedelta(days=100),
    longest_gap=timedelta(hours=1),
)
LONG_AGO = NOW - timedelta(days=300)


def watched(coverage: Coverage = WATCHED, **days: int) -> Case:
    """Return a case whose accounts were used so many days ago: the others never were."""
    accounts = {
        name: AccountUse(LONG_AGO, NOW - timedelta(days=ago), UseMeans.COUNTER)
        for name, ago in days.items()
    }
    people = account("app2"), account("young"), account("role", can_login=False)
    made = case(*people, account("locked", locked=True), account("mon"))
    first = dict.fromkeys(made.judged.world.accounts, LONG_AGO)
    first["young"] = NOW - timedelta(days=20)
    world = replace(made.judged.world, asked_at=NOW, turns=Turns())
    use = WatchedUse(coverage, accounts, first)
    return replace(made, judged=replace(made.judged, world=world), monitor="mon", use=use)


def test_an_account_that_nobody_has_used_for_90_days() -> None:
    (finding,) = found("unused-account", watched(app=1))
    assert (finding.account, finding.severity) == ("app2", Severity.LOW)
    assert finding.evidence == f"Nobody has logged in with it since {WATCHED.whole_since:%Y-%m-%d}."
    assert finding.fix == "DISABLE app2;"
    # A session that was seen may have lasted until the next sample.
    assert found("unused-account", watched(app=1, app2=91)) == []
    assert len(found("unused-account", watched(app=1, app2=92))) == 1


@pytest.mark.parametrize(
    "coverage",
    [
        replace(WATCHED, whole_since=None),
        replace(WATCHED, whole_since=NOW - timedelta(days=89)),
        replace(WATCHED, last_at=NOW - timedelta(days=11)),
        replace(WATCHED, last_at=None),
    ],
)
def test_nobody_is_unused_where_a_login_may_not_have_shown(coverage: Coverage) -> None:
    assert found("unused-account", watched(coverage)) == []


def test_what_no_sample_reached_yet_is_looked_at_again_soon() -> None:
    late = watched(replace(WATCHED, last_at=NOW - timedelta(days=11)), app=1)
    assert found("unused-account", late) == []
    assert late.judged.world.turns.next == NOW + timedelta(hours=1)
    soon = watched(replace(WATCHED, whole_since=NOW - timedelta(days=80)), app=1)
    assert found("unused-account", soon) == []
    assert soon.judged.world.turns.next == NOW + timedelta(days=10)


def test_where_the_engine_keeps_the_last_login_other_rules_look_at_it() -> None:
    made = watched()
    kept = case(account("kept", never_used=False), account("new", never_used=True))
    first = dict.fromkeys(kept.judged.world.accounts, LONG_AGO)
    use = replace(made.use, first_known=first)
    assert found("unused-account", replace(kept, use=use)) == []


@pytest.mark.parametrize(
    ("superuser", "has_no_password", "severity"),
    [
        (False, False, Severity.MEDIUM),
        (True, False, Severity.HIGH),
        (False, True, Severity.HIGH),
        (True, True, Severity.CRITICAL),
    ],
)
def test_weak_authentication(superuser: bool, has_no_password: bool, severity: Severity) -> None:
    weak = account(
        "postgres",  # the first superuser is no exception here
        superuser=superuser,
        weak_authentication="It is weak.",
        has_no_password=has_no_password,
    )
    finding = one("weak-authentication", weak)
    assert (finding.severity, finding.evidence) == (severity, "It is weak.")


def test_an_anonymous_account() -> None:
    finding = one("anonymous-account", account("''@'localhost'", is_anonymous=True))
    assert (finding.severity, finding.fix) == (Severity.HIGH, "DROP ''@'localhost';")


def test_a_database_that_is_open_to_every_account() -> None:
    """What only reads is less; what is an account is told as that, and one with a name is none."""
    on = Securable(SecurableKind.DATABASE, "test")
    grants = {word: Grant(on, word) for word in ("SELECT", "INSERT")}
    for word, severity in (("SELECT", Severity.MEDIUM), ("INSERT", Severity.HIGH)):
        rows = account("''@'%'", grants[word], is_anonymous=True, has_no_account=True)
        finding = one("open-database", rows)
        assert (finding.severity, finding.fix) == (severity, "DROP ''@'%';")
        assert (finding.undo, bool(finding.breaks)) == ("", True)
        assert not found("anonymous-account", case(rows))
    named = account("''@'%'", grants["INSERT"], is_anonymous=True)
    assert not found("open-database", case(named))


def test_high_privileges_from_any_host() -> None:
    admin = account("'admin'@'%'", CREATE_USER, is_any_host=True)
    assert "grant admin" in one("any-host-privileged", admin).evidence
    database = Grant(Securable(SecurableKind.DATABASE_PATTERN, "s%"), "DELETE")
    writer = account("'w'@'%'", database, is_any_host=True)
    assert "DELETE on database pattern s%" in one("any-host-privileged", writer).evidence


def test_low_privileges_from_any_host_are_no_finding() -> None:
    own = Grant(Securable(SecurableKind.DATABASE, "shop"), "DELETE")
    plain = account("'app'@'%'", SELECT, INSERT, own, is_any_host=True)
    assert found("any-host-privileged", case(plain)) == []
    assert found("any-host-privileged", case(account("'admin'@'10.%'", CREATE_USER))) == []


def test_everyone_may_write() -> None:
    own = Grant(Securable(SecurableKind.SCHEMA, "shop", "public", catalog="shop"), "CREATE")
    system = Grant(Securable(SecurableKind.VIEW, "shop", "pg_catalog", "pg_settings"), "UPDATE")
    public = account(PUBLIC, own, INSERT, system, SELECT, can_login=False)
    (finding,) = found("everyone-can-write", Case(judged(public)))
    assert "CREATE on schema shop.public" in finding.evidence
    assert "pg_settings" not in finding.evidence
    assert finding.fix.splitlines() == [
        "REVOKE CREATE ON schema shop.public FROM public;",
        "REVOKE INSERT ON table shop.orders FROM public;",
    ]


def test_everyone_writes_through_a_role_that_is_named() -> None:
    public = account(PUBLIC, roles=["writers"], can_login=False)
    writers = account("writers", INSERT, can_login=False)
    (finding,) = found("everyone-can-write", Case(judged(public, writers)))
    assert path_text(finding.path) == "public → writers (member)"
    assert finding.fix == "REVOKE INSERT ON table shop.orders FROM writers;"


@pytest.mark.parametrize("name", ["mon", "'mon'@'%'"])
@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("no-password-expiry", {"never_expires": True}),
        ("expired-active", {"is_expired": True}),
        ("never-used", {"never_used": True}),
        ("weak-authentication", {"weak_authentication": "It is weak.", "has_no_password": True}),
    ],
)
def test_nothing_closes_the_account_that_reads(name: str, rule: str, facts: dict[str, Any]) -> None:
    monitored = case(account(name, **facts))
    assert found(rule, monitored)[0].fix
    (finding,) = found(rule, replace(monitored, monitor="mon"))
    assert finding.fix == ""
    assert found(rule, replace(monitored, monitor="other"))[0].fix


def test_the_grant_option_spreads() -> None:
    many = [Grant(table(f"t{number}"), "SELECT", grantable=True) for number in range(7)]
    finding = one("grant-option", account("spreader", *many))
    assert "and 2 more" in finding.evidence
    assert len(finding.fix.splitlines()) == 7
    assert found("grant-option", case(account("boss", *many, superuser=True))) == []
    assert found("grant-option", case(account("sys", *many, is_system=True))) == []


def test_an_orphaned_user() -> None:
    finding = one("orphaned-user", account("[a].[b]", orphaned="Its login does not exist."))
    assert finding.fix == "DROP [a].[b];"


def test_rights_on_a_database_that_is_gone() -> None:
    gone = [
        Grant(table("x", "old"), "SELECT"),
        Grant(Securable(SecurableKind.DATABASE, "old"), "DROP"),
    ]
    finding = one("gone-database", account("app2", *gone, SELECT))
    assert "DROP, SELECT in the database old, which the server no longer has" in finding.evidence
    assert len(finding.fix.splitlines()) == 2


@pytest.mark.parametrize(
    "name", ["shop", "my\\_db", "my_db", "information_schema", "", "Shop", "MY\\_DB"]
)
def test_rights_on_a_database_that_is_there(name: str) -> None:
    grant = Grant(Securable(SecurableKind.DATABASE, name), "SELECT")
    assert found("gone-database", case(account("app2", grant))) == []


@pytest.mark.parametrize(
    ("pattern", "is_gone"),
    [("old%", False), ("old_db", True), ("old_d_", False), ("my_db", False), ("sho_", False)],
)
def test_a_pattern_is_no_database_unless_it_was_one(pattern: str, is_gone: bool) -> None:
    grant = Grant(Securable(SecurableKind.DATABASE_PATTERN, pattern), "SELECT")
    assert bool(found("gone-database", case(account("app2", grant)))) == is_gone


def test_a_pattern_that_matches_another_database_is_in_use() -> None:
    grant = Grant(Securable(SecurableKind.DATABASE_PATTERN, "old_db"), "SELECT")
    others = Databases(frozenset({"oldxdb"}), frozenset({"old_db"}), NOW)
    assert found("gone-database", Case(judged(account("app", grant)), others)) == []


def test_a_database_may_be_newer_than_the_list_of_databases() -> None:
    grant = Grant(Securable(SecurableKind.DATABASE, "fresh"), "SELECT")
    world = judged(account("app", grant))
    newer = Case(world, DATABASES, {"app": NOW + timedelta(minutes=1)})
    assert found("gone-database", newer) == []
    older = Case(world, DATABASES, {"app": NOW - timedelta(minutes=1)})
    assert "was not there on 2026-11-24" in found("gone-database", older)[0].evidence


def test_without_a_list_of_databases_the_review_says_so() -> None:
    grant = Grant(Securable(SecurableKind.DATABASE, "old"), "SELECT")
    answer = review([Case(judged(account("app", grant)))], FindingRules(), TODAY)
    assert answer.findings == ()
    assert "gone-database was not looked for" in answer.notes[0]


def test_what_is_not_known_of_many_instances_is_told_once() -> None:
    """A note each would be 1,000 lines on a fleet of 1,000."""
    grant = Grant(Securable(SecurableKind.DATABASE, "old"), "SELECT")
    cases = [Case(judged(account("app", grant), instance=f"db{n}")) for n in range(5)]
    notes = review(cases, FindingRules(), TODAY).notes
    (unlisted,) = (note for note in notes if "was not looked for" in note)
    assert unlisted.startswith("db0, db1, db2 and 2 more: gone-database was not looked for")
    unsynced = [
        Examined(f"new{n}", EngineName.MYSQL, notes=(f"new{n} {NEVER_SYNCED}",)) for n in range(4)
    ]
    told = list(notes_of(unsynced, FindingRules(), TODAY))
    assert told == ["new0, new1, new2 and 1 more were never synced: nothing is known of them."]
    assert list(notes_of(unsynced[:1], FindingRules(), TODAY)) == [f"new0 {NEVER_SYNCED}"]


def test_one_name_with_different_rights() -> None:
    def named(instance: str, *grants: Grant, roles: tuple[str, ...] = ()) -> Case:
        return Case(judged(account("deploy", *grants, roles=roles), instance=instance))

    (finding,) = found("uneven-rights", named("a"), named("b", CREATE_USER, SELECT), named("c"))
    assert finding.instance == "b"
    assert "CREATE USER on the server; not so on a, c." in finding.evidence
    assert finding.fix == "REVOKE CREATE USER ON server FROM deploy;"
    both = found("uneven-rights", named("a", roles=("x",)), named("b", roles=("y",)))
    assert [item.instance for item in both] == ["a", "b"]


def test_objects_and_engines_are_not_compared() -> None:
    def named(*grants: Grant, **more: EngineName) -> Case:
        return Case(judged(account("deploy", *grants), **more))

    assert found("uneven-rights", named(), named(SELECT)) == []
    mysql = named(CREATE_USER, engine=EngineName.MYSQL)
    assert found("uneven-rights", named(), mysql) == []


def test_the_worst_comes_first() -> None:
    mixed = case(
        account("boss", superuser=True, weak_authentication="none", never_expires=True),
        account("x", never_used=True, is_expired=True),
    )
    ranks = [item.severity.rank for item in review([mixed], FindingRules(), TODAY).findings]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 2


def test_what_was_not_read_is_a_note() -> None:
    sections = {**ALL_READ, SectionKey(SectionName.TABLE): SectionReport(SectionStatus.FAILED)}
    notes = review([Case(judged(sections=sections), DATABASES)], FindingRules(), TODAY).notes
    assert notes == ("db: grants.table was not read (failed).",)


def until(day: date, **patterns: str) -> Suppression:
    return Suppression(patterns.pop("rule", "superuser"), "planned", day, **patterns)


def test_a_suppression_ends_after_its_last_day() -> None:
    boss = case(account("boss", superuser=True))
    today = review([boss], FindingRules(suppressions=(until(TODAY),)), TODAY)
    assert (today.findings, today.notes) == ((), ())
    assert [item.account for item in today.suppressed] == ["boss"]
    later = review([boss], FindingRules(suppressions=(until(TODAY - timedelta(1)),)), TODAY)
    assert [item.account for item in later.findings] == ["boss"]
    assert later.suppressed == ()
    (note,) = later.notes
    assert "expired on 2026-11-23 and hides nothing any more (planned)" in note


patterns = st.sampled_from(["%", "al%", "alice", "_ob", "one", "two", "nobody"])
suppressions = st.builds(
    Suppression,
    rule=st.sampled_from(["%", *(rule.id for rule in RULES), "no-%"]),
    reason=st.just("planned"),
    until=st.sampled_from([TODAY - timedelta(1), TODAY, TODAY + timedelta(1)]),
    instance=patterns,
    account=patterns,
)


def is_meant(finding: Finding, suppression: Suppression) -> bool:
    """Read a suppression word by word, without the code under test."""
    pairs = (
        (suppression.rule, finding.rule),
        (suppression.instance, finding.instance),
        (suppression.account, finding.account),
    )
    return all(
        re.fullmatch(pattern.replace("%", ".*").replace("_", "."), text) for pattern, text in pairs
    )


@pytest.mark.parametrize(
    "patterns",
    [{"account": "bos"}, {"instance": "d"}, {"rule": "grant-admin"}, {"account": "%", "rule": "s"}],
)
def test_a_suppression_of_something_else_hides_nothing(patterns: dict[str, str]) -> None:
    accepted = FindingRules(suppressions=(until(TODAY, **patterns),))
    answer = review([case(account("boss", superuser=True))], accepted, TODAY)
    assert ([item.account for item in answer.findings], answer.suppressed) == (["boss"], ())


@given(worlds("one"), worlds("two"), st.lists(suppressions, max_size=4))
def test_a_suppression_never_hides_another_finding(
    one: Judged, two: Judged, accepted: list[Suppression]
) -> None:
    cases = [Case(one, DATABASES), Case(two, DATABASES)]
    everything = review(cases, FindingRules(), TODAY).findings
    narrowed = review(cases, FindingRules(suppressions=tuple(accepted)), TODAY)
    live = [item for item in accepted if item.until >= TODAY]
    hidden = [item for item in everything if any(is_meant(item, one) for one in live)]
    assert list(narrowed.suppressed) == hidden
    assert list(narrowed.findings) == [item for item in everything if item not in hidden]


@given(worlds(), st.sampled_from(RULES))
def test_a_rule_that_is_off_takes_only_its_own_findings(world: Judged, rule: object) -> None:
    cases = [Case(world, DATABASES)]
    everything = review(cases, FindingRules(), TODAY).findings
    without = review(cases, FindingRules(disabled=(rule.id,)), TODAY)
    assert list(without.findings) == [item for item in everything if item.rule != rule.id]
    assert f"The rule {rule.id} is switched off." in without.notes


@given(worlds("one"), worlds("two"))
def test_a_finding_names_an_account_that_is_there_and_a_path_from_it(
    one: Judged, two: Judged
) -> None:
    for item in review([Case(one), Case(two)], FindingRules(), TODAY).findings:
        world = one if item.instance == "one" else two
        assert item.account in world.world.accounts
        assert item.path[0].account == item.account
