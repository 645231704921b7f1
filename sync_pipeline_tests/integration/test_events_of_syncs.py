"""What a sync of accounts tells, by kind and engine, and what it never tells: both stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, examine
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Finding, Severity, Suppression
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, SectionName, Securable
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers import kept_reviews, reviewing
from sync_pipeline.workflows.answers.findings import review_of
from workbench.benches.event_bench import NewsBench, told

POWERS = {EventKind.POWER_GAINED, EventKind.POWER_LOST, EventKind.ACCOUNT_WITH_POWER}
SERVER = Securable(K.SERVER)
PUBLIC = AccountState("public", AccountKind.PUBLIC, can_login=False)


def user(name: str, *grants: Grant, roles: tuple[str, ...] = (), **values: object) -> AccountState:
    memberships = tuple(Membership(role, inherit=True, set_role=True) for role in roles)
    values = {"can_login": True, "memberships": memberships, "grants": grants, **values}
    return AccountState(name, AccountKind.USER, **values)  # type: ignore[arg-type]


def role(name: str, *grants: Grant, roles: tuple[str, ...] = (), **values: object) -> AccountState:
    return replace(
        user(name, *grants, roles=roles, **{"can_login": False, **values}), kind=AccountKind.ROLE
    )


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> NewsBench:
    return NewsBench(store, tmp_path)


def powers(events: list[Event]) -> list[tuple[str, str, str]]:
    """Return what is told of powers alone."""
    return told([item for item in events if item.kind in POWERS])


def test_a_member_gains_and_loses_what_its_role_does_through_three_roles(bench: NewsBench) -> None:
    quiet = [role("c"), role("b", roles=("c",)), role("a", roles=("b",)), user("ann", roles=("a",))]
    bench.sync(*quiet)
    found = bench.sync(role("c", is_superuser=True), *quiet[1:])
    names = ("a", "ann", "b", "c")
    assert powers(found) == [("power_gained", name, "superuser") for name in names]
    ann = next(item for item in found if item.account == "ann")
    assert ann.path == (
        "ann",
        "a (member, set role)",
        "b (member, set role)",
        "c (member, set role)",
    )
    assert ann.after.startswith("superuser after set role") or "after SET ROLE" in ann.after
    assert ann.before == ""
    assert ann.severity is Severity.HIGH
    assert (ann.run_id, ann.instance, ann.occurred_at) == ("run", "shop-db", bench.now)
    assert len(ann.session_id) == 36
    lost = bench.sync(*quiet)
    assert powers(lost) == [("power_lost", name, "superuser") for name in names]
    assert next(item for item in lost if item.account == "ann").path == ann.path
    assert next(item for item in lost if item.account == "ann").before == ann.after
    assert bench.sync(*quiet) == []


def test_the_greatest_power_is_told(bench: NewsBench) -> None:
    dangerous = (("can_create_databases", True),)
    bench.sync(user("ann"), user("bob"))
    found = bench.sync(user("ann", attributes=dangerous), user("bob"))
    assert powers(found) == [("power_gained", "ann", "dangerous privilege")]
    more = (*dangerous, ("can_replicate", True))
    event = of_ann(bench, user("ann", attributes=more))
    assert (event.kind, event.subject) == (EventKind.POWER_GAINED, "dangerous privilege")
    assert "CREATEDB" in event.before
    assert "REPLICATION" in event.after
    event = of_ann(bench, user("ann", attributes=more, is_superuser=True))
    assert (event.kind, event.subject) == (EventKind.POWER_GAINED, "superuser")
    assert event.before == "dangerous privilege"
    event = of_ann(bench, user("ann", attributes=more))
    assert (event.kind, event.subject) == (EventKind.POWER_LOST, "superuser")
    assert event.after == "dangerous privilege"
    event = of_ann(bench, user("ann", attributes=dangerous))
    assert (event.kind, event.subject) == (EventKind.POWER_LOST, "dangerous privilege")


def of_ann(bench: NewsBench, ann: AccountState) -> Event:
    """Return the one event of a power that a sync of ann and bob tells."""
    (event,) = (item for item in bench.sync(ann, user("bob")) if item.kind in POWERS)
    return event


def test_an_account_that_comes_goes_and_is_back(bench: NewsBench) -> None:
    bench.sync(user("ann"))
    assert powers(bench.sync(user("ann"), user("bob", is_superuser=True))) == [
        ("account_with_power", "bob", "superuser")
    ]
    (gone,) = (item for item in bench.sync(user("ann")) if item.kind in POWERS)
    assert (gone.kind, gone.subject) == (EventKind.POWER_LOST, "superuser")
    assert gone.after == "the account is gone"
    assert powers(bench.sync(user("ann"), user("bob", is_superuser=True))) == [
        ("account_with_power", "bob", "superuser")
    ]
    # Dropped and made again between two syncs it is what it was; another name is another account.
    assert bench.sync(user("ann"), user("bob", is_superuser=True)) == []
    assert powers(bench.sync(user("ann"), user("rob", is_superuser=True))) == [
        ("account_with_power", "rob", "superuser"),
        ("power_lost", "bob", "superuser"),
    ]


def test_a_baseline_tells_nothing(bench: NewsBench) -> None:
    root = user("ann", is_superuser=True)
    assert bench.sync(root, PUBLIC) == []
    removed = bench.instance
    bench.store.registry.delete_instance("shop-db", bench.now)
    bench.store.registry.put_instances([removed], bench.now + timedelta(minutes=1))
    assert bench.sync(user("ann"), user("bob", is_superuser=True)) == []
    assert powers(bench.sync(user("ann"), user("bob"))) == [("power_lost", "bob", "superuser")]


def test_a_clock_that_was_ahead_makes_a_baseline_of_one_sync(bench: NewsBench) -> None:
    """Whether an instance that was removed is added, or a database dropped, while it was."""
    root, shop = user("ann", is_superuser=True), SectionKey(SectionName.TABLE, "shop")
    bench.more = frozenset({shop})
    bench.sync(root)
    removed = bench.instance
    bench.store.registry.delete_instance("shop-db", bench.now)
    bench.store.registry.put_instances([removed], bench.now + timedelta(days=400))
    assert bench.sync(root, user("bob", is_superuser=True)) == []
    assert powers(bench.sync(root, user("bob"))) == [("power_lost", "bob", "superuser")]
    bench.now += timedelta(days=400)
    bench.sync(user("ann"), user("bob"))
    bench.now -= timedelta(days=400)
    bench.more = frozenset()
    for _ in range(2):
        for ann, kind in ((root, "power_gained"), (user("ann"), "power_lost")):
            found = [item for item in bench.sync(ann, user("bob")) if item.occurred_at == bench.now]
            assert powers(found) == [(kind, "ann", "superuser")]


def test_what_is_read_for_the_first_time_was_there(bench: NewsBench) -> None:
    bench.unread = frozenset({SectionKey(SectionName.MEMBERSHIPS)})
    bench.sync(role("dba", is_superuser=True), user("ann"), user("bob"))
    bench.unread = frozenset()
    with_role = user("ann", roles=("dba",))
    assert bench.sync(role("dba", is_superuser=True), with_role, user("bob")) == []
    # With it something is really changed.
    found = bench.sync(role("dba", is_superuser=True), with_role, user("bob", is_superuser=True))
    assert powers(found) == [("power_gained", "bob", "superuser")]


def test_a_real_change_beside_a_section_that_is_new_is_told(bench: NewsBench) -> None:
    bench.unread = frozenset({SectionKey(SectionName.MEMBERSHIPS)})
    bench.sync(role("dba", is_superuser=True), user("ann"), user("bob"))
    bench.unread = frozenset()
    found = bench.sync(
        role("dba", is_superuser=True), user("ann", roles=("dba",)), user("bob", is_superuser=True)
    )
    assert powers(found) == [("power_gained", "bob", "superuser")]


def test_a_section_that_is_unread_for_a_while_tells_nothing_false(bench: NewsBench) -> None:
    dba, ann, bob = role("dba", is_superuser=True), user("ann", roles=("dba",)), user("bob")
    bench.sync(dba, ann, bob)
    bench.unread = frozenset({SectionKey(SectionName.MEMBERSHIPS)})
    bare = replace(ann, memberships=())
    assert powers(bench.sync(dba, bare, bob)) == []
    assert bench.sync(dba, bare, replace(bob, is_superuser=True))[0].account == "bob"
    bench.unread = frozenset()
    assert bench.sync(dba, ann, replace(bob, is_superuser=True)) == []
    bench.unread = frozenset({SectionKey(SectionName.MEMBERSHIPS)})
    bench.sync(dba, bare, replace(bob, is_superuser=True))
    bench.unread = frozenset()
    # What was taken in the meantime is told when that is seen.
    found = bench.sync(dba, bare, replace(bob, is_superuser=True))
    assert powers(found) == [("power_lost", "ann", "superuser")]


def test_what_a_server_is_set_to_is_told_where_it_was_read_before_and_after(
    bench: NewsBench,
) -> None:
    md5 = (ServerFact("password_encryption", value="md5"),)
    settings = frozenset({SectionKey(SectionName.SERVER_SETTINGS)})
    bench.unread = settings
    people = [user("ann"), user("bob")]
    bench.sync(*people)
    for number in range(2):
        # Read for the first time, or again; and then no more. Something else changes each time.
        bench.facts, bench.unread = md5, frozenset()
        found = bench.sync(user("ann", is_locked=number == 0), user("bob", is_superuser=True))
        assert not [item for item in found if item.account == ""]
        bench.facts, bench.unread = (), settings
        found = bench.sync(user("ann", is_locked=number == 0), user("bob"))
        assert not [item for item in found if item.account == ""]
    bench.facts, bench.unread = (), frozenset()
    bench.sync(*people)
    bench.facts = md5
    (event,) = bench.sync(*people)
    assert (event.kind, event.account) == (EventKind.FINDING_OPENED, "")
    bench.facts = ()
    (event,) = bench.sync(*people)
    assert (event.kind, event.account) == (EventKind.FINDING_RESOLVED, "")


def test_findings_open_worsen_and_are_resolved(bench: NewsBench) -> None:
    expired = (("valid_until", "2020-01-01T00:00:00+00:00"),)
    bench.sync(user("ann"), user("bob"))
    found = bench.sync(user("ann", attributes=expired), user("bob"))
    opened = [item for item in found if item.kind is EventKind.FINDING_OPENED]
    assert ("ann", "expired-active") in {(item.account, item.subject) for item in opened}
    item = next(item for item in opened if item.subject == "expired-active")
    assert item.after
    assert item.before == ""
    resolved = bench.sync(user("ann"), user("bob"))
    back = next(one for one in resolved if one.subject == "expired-active")
    assert back.kind is EventKind.FINDING_RESOLVED
    assert item.after in back.before
    bench.sync(role("app", is_superuser=True))
    (worse,) = (
        one
        for one in bench.sync(role("app", is_superuser=True, can_login=True))
        if one.kind is EventKind.FINDING_WORSENED
    )
    assert (worse.account, worse.subject, worse.severity) == ("app", "superuser", Severity.HIGH)
    assert worse.before.startswith("info")


@pytest.mark.parametrize("is_reviewed_again", [False, True])
def test_what_got_worse_than_was_accepted_is_told_to_its_end(
    store: Store, tmp_path: Path, is_reviewed_again: bool
) -> None:
    bench = NewsBench(store, tmp_path, EngineName.MARIADB)
    weak = (("plugin", "mysql_native_password"),)
    plain = user("'ann'@'%'", attributes=weak)
    bench.sync(plain)
    accepted = Suppression("weak-authentication", "old", date(2100, 1, 1), given_by="me")
    store.acceptances.give(accepted, bench.now)

    def of_weakness(*states: AccountState) -> list[EventKind]:
        found = bench.sync(*states)
        return [item.kind for item in found if item.subject == "weak-authentication"]

    worse = user("'ann'@'%'", Grant(SERVER, "SUPER"), attributes=weak)
    assert of_weakness(worse) == [EventKind.FINDING_WORSENED]
    if is_reviewed_again:
        bench.unread = frozenset({SectionKey(SectionName.PROXY)})
    assert of_weakness(replace(worse, attributes=())) == [EventKind.FINDING_RESOLVED]
    assert of_weakness(plain, user("'bob'@'%'")) == []


def test_what_nobody_asks_for_is_not_told_but_powers_are(bench: NewsBench, tmp_path: Path) -> None:
    file = tmp_path / "findings.yaml"
    file.write_text(
        "disabled_rules: [expired-active, superuser]\n"
        "suppressions:\n"
        "  - {rule: no-password-expiry, reason: known, until: '2030-01-01'}\n"
    )
    bench.settings = bench.settings.model_copy(update={"findings_file": file})
    expired = (("valid_until", "2020-01-01T00:00:00+00:00"),)
    bench.sync(user("ann"), user("bob"))
    found = bench.sync(user("ann", attributes=expired), user("bob", is_superuser=True))
    assert "expired-active" not in {item.subject for item in found}
    assert powers(found) == [("power_gained", "bob", "superuser")]
    # Another file alone opens and resolves nothing.
    file.write_text("disabled_rules: []\n")
    assert bench.sync(user("ann", attributes=expired), user("bob", is_superuser=True)) == []


def test_an_upgrade_of_ours_tells_what_somebody_changed_alone(
    bench: NewsBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = user("ann", attributes=(("can_create_databases", True),))
    rules = RULES
    older = tuple(rule for rule in rules if rule.id not in ("dangerous-privilege", "superuser"))
    monkeypatch.setattr(reviewing, "RULES", older)
    monkeypatch.setattr(reviewing, "code_digest", lambda: "older")
    bench.sync(ann, user("bob", is_superuser=True), user("eve"))
    assert bench.sync(ann, user("bob", is_superuser=True), user("eve")) == []
    monkeypatch.setattr(reviewing, "RULES", rules)
    monkeypatch.setattr(reviewing, "code_digest", lambda: "newer")
    found = bench.sync(ann, user("bob", is_superuser=True), user("eve", is_superuser=True))
    assert powers(found) == [("power_gained", "eve", "superuser")]
    assert {item.account for item in found} <= {"eve"}
    assert bench.sync(ann, user("bob", is_superuser=True), user("eve", is_superuser=True)) == []


def test_who_asks_tells_what_the_time_opened_and_no_upgrade(
    bench: NewsBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = bench.now + timedelta(hours=2)
    bench.sync(user("ann", attributes=(("valid_until", ends.isoformat()),)))
    bench.sync(user("ann", attributes=(("valid_until", ends.isoformat()),)), user("bob"))
    before = len(bench.events())
    bench.now += timedelta(hours=3)
    review_of(bench.deps, [bench.instance])
    (event,) = bench.events()[before:]
    assert (event.kind, event.subject) == (EventKind.FINDING_OPENED, "expired-active")
    assert (event.session_id, event.run_id, event.occurred_at) == ("", "", bench.now)
    review_of(bench.deps, [bench.instance])
    assert len(bench.events()) == before + 1
    # Another version finds more.
    monkeypatch.setattr(reviewing, "code_digest", lambda: "newer")
    with monkeypatch.context() as patch:
        patch.setattr(kept_reviews, "examine", lambda case, _rules: examine(case, RULES[:2]))
        review_of(bench.deps, [bench.instance])
    monkeypatch.setattr(reviewing, "code_digest", lambda: "newest")
    review_of(bench.deps, [bench.instance])
    assert len(bench.events()) == before + 1


def test_who_asks_after_a_sync_without_a_review_tells_nothing(
    bench: NewsBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sync(user("ann"))
    with monkeypatch.context() as patch:
        broken = replace(RULES[0], id="broken", check=_fails)
        patch.setattr(reviewing, "RULES", (*RULES, broken))
        (event,) = bench.sync(user("ann", is_superuser=True))
    assert event.kind is EventKind.POWER_GAINED
    review_of(bench.deps, [bench.instance])
    assert len(bench.events()) == 1


def test_classes_are_told_through_roles_and_no_other_file_is(
    bench: NewsBench, tmp_path: Path
) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text("classes:\n  payers: {match: {role: pay}}\n")
    bench.settings = bench.settings.model_copy(update={"classification_file": file})
    people = [role("pay"), role("team"), user("ann", roles=("team",)), user("bob")]
    bench.sync(*people)
    with_pay = [role("pay"), role("team", roles=("pay",)), *people[2:]]
    found = [item for item in bench.sync(*with_pay) if item.subject == "class payers"]
    assert told(found) == [
        ("power_gained", "ann", "class payers"),
        ("power_gained", "team", "class payers"),
    ]
    found = bench.sync(*with_pay, user("new", roles=("team",)))
    assert ("account_with_power", "new", "class payers") in told(found)
    file.write_text("classes:\n  payers: {match: {role: nobody}}\n")
    found = bench.sync(*with_pay, user("new", roles=("team",)), user("other"))
    assert "class payers" not in {item.subject for item in found}
    file.write_text("classes:\n  payers: {match: {role: pay}}\n")
    found = bench.sync(*people, user("new", roles=("team",)), user("other"))
    assert told([item for item in found if item.subject == "class payers"]) == [
        ("power_lost", name, "class payers") for name in ("ann", "new", "team")
    ]


def test_a_class_that_one_is_in_beside_everybody(bench: NewsBench, tmp_path: Path) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text("classes:\n  writers: {match: {privilege: INSERT}}\n")
    bench.settings = bench.settings.model_copy(update={"classification_file": file})
    grants = (Grant(Securable(K.TABLE, "", "pay", "wages", catalog="shop"), "INSERT"),)
    of_all, own = replace(PUBLIC, grants=grants), user("ann", *grants)

    def sync(*states: AccountState) -> list[tuple[str, str]]:
        found = told([item for item in bench.sync(*states) if item.subject == "class writers"])
        return [(kind, account) for kind, account, _ in found]

    bench.sync(PUBLIC, user("ann"), user("bob"))
    assert sync(of_all, user("ann"), user("bob")) == [("power_gained", "public")]
    assert sync(of_all, own, user("bob")) == [("power_gained", "ann")]
    assert sync(PUBLIC, own, user("bob")) == [("power_lost", "public")]
    assert sync(of_all, user("ann"), user("bob", can_login=False)) == [
        ("power_gained", "public"),
        ("power_lost", "ann"),
    ]


EVERYBODY = {
    EngineName.POSTGRESQL: ("public", Securable(K.TABLE, "", "pay", "wages", catalog="shop")),
    EngineName.MARIADB: ("PUBLIC", Securable(K.TABLE, "shop", "", "wages")),
    EngineName.MYSQL: ("''@'%'", Securable(K.TABLE, "shop", "", "wages")),
    EngineName.SQLSERVER: (
        "[shop].[guest]",
        Securable(K.TABLE, "shop", "dbo", "wages", catalog="shop"),
    ),
    EngineName.ORACLE: ("PUBLIC", Securable(K.TABLE, schema="HR", name="WAGES")),
}


@pytest.mark.parametrize("engine", EngineName)
def test_what_everybody_is_granted(store: Store, tmp_path: Path, engine: EngineName) -> None:
    bench = NewsBench(store, tmp_path, engine)
    name, table = EVERYBODY[engine]
    is_user = name == "''@'%'"
    everybody = AccountState(
        name,
        AccountKind.USER if is_user else AccountKind.PUBLIC,
        can_login=is_user,
        database="shop" if engine is EngineName.SQLSERVER else "",
    )
    other = replace(everybody, name=name.replace("public", "app").replace("PUBLIC", "APP"))
    bench.sync(everybody, *([other] if other.name != name else []))
    grant = Grant(table, "INSERT")
    found = bench.sync(replace(everybody, grants=(grant,)))
    (event,) = (item for item in found if item.kind is EventKind.GRANTED_TO_EVERYONE)
    assert (event.account, event.subject) == (name, f"INSERT on {table}")
    assert event.after == str(grant)
    assert event.severity is Severity.HIGH
    for grantor in ("someone", "another"):
        again = replace(everybody, grants=(replace(grant, grantor=grantor),))
        kinds = {item.kind for item in bench.sync(again)}
        assert EventKind.GRANTED_TO_EVERYONE not in kinds
    bench.sync(user("other"))
    kinds = {item.kind for item in bench.sync(again)}
    assert EventKind.GRANTED_TO_EVERYONE in kinds
    kinds = {item.kind for item in bench.sync(everybody)}
    assert EventKind.GRANTED_TO_EVERYONE not in kinds


def test_who_had_less_than_everybody_gets_loses_nothing(store: Store, tmp_path: Path) -> None:
    bench = NewsBench(store, tmp_path, EngineName.MARIADB)
    root = replace(user("'root'@'%'"), grants=(Grant(SERVER, "SUPER"),))
    everybody = replace(PUBLIC, name="PUBLIC")
    alice = user("'alice'@'%'", Grant(SERVER, "FILE"))
    bench.sync(root, everybody, alice)
    given = replace(everybody, grants=(Grant(SERVER, "SUPER"),))
    assert powers(bench.sync(root, given, alice)) == [("power_gained", "PUBLIC", "superuser")]
    assert powers(bench.sync(root, everybody, alice)) == [("power_lost", "PUBLIC", "superuser")]
    assert powers(bench.sync(root, everybody, replace(alice, grants=()))) == [
        ("power_lost", "'alice'@'%'", "dangerous privilege")
    ]


ALL_OR_SOME = {
    EngineName.MARIADB: ("PUBLIC", "'ann'@'%'", "SUPER", "FILE"),
    EngineName.SQLSERVER: ("public", "ann", "CONTROL SERVER", "SHUTDOWN"),
    EngineName.ORACLE: ("PUBLIC", "ANN", "SYSDBA", "ALTER DATABASE"),
}
"""Who stands for all, somebody, what makes a superuser, and what is dangerous."""


@pytest.mark.parametrize("engine", ALL_OR_SOME)
@pytest.mark.parametrize("way", ["itself", "through two roles"])
def test_what_one_has_beside_everybody_is_told_when_it_comes_and_goes(
    store: Store, tmp_path: Path, engine: EngineName, way: str
) -> None:
    bench = NewsBench(store, tmp_path, engine)
    everybody, name, most, some = ALL_OR_SOME[engine]
    public = replace(PUBLIC, name=everybody)
    of_all = replace(public, grants=(Grant(SERVER, most),))
    of_some = replace(public, grants=(Grant(SERVER, some),))
    quiet = [role("TEAM", roles=("CHIEFS",)), role("CHIEFS")]
    ann = user(name, roles=("TEAM",))
    powerless = [ann, *quiet]

    def with_(privilege: str) -> list[AccountState]:
        grants = (Grant(SERVER, privilege),)
        if way == "itself":
            return [replace(ann, grants=grants), *quiet]
        return [ann, quiet[0], replace(quiet[1], grants=grants)]

    def sync(*states: AccountState) -> list[tuple[str, str, str]]:
        return [item for item in powers(bench.sync(*states)) if item[1] in (name, everybody)]

    superuser, dangerous = "superuser", "dangerous privilege"
    bench.sync(public, *powerless)
    # A superuser as everybody is, then of her own, which stays.
    assert sync(of_all, *powerless) == [("power_gained", everybody, superuser)]
    assert sync(of_all, *with_(most)) == [("power_gained", name, superuser)]
    assert sync(public, *with_(most)) == [("power_lost", everybody, superuser)]
    assert sync(of_all, *with_(most)) == [("power_gained", everybody, superuser)]
    assert sync(of_all, *powerless) == [("power_lost", name, superuser)]
    # What is less than everybody has is hers as well.
    assert sync(of_all, *with_(some)) == [("power_gained", name, dangerous)]
    assert sync(public, *with_(some)) == [("power_lost", everybody, superuser)]
    # And so is the very same.
    assert sync(of_some, *with_(some)) == [("power_gained", everybody, dangerous)]
    assert sync(of_some, *powerless) == [("power_lost", name, dangerous)]
    assert sync(of_some, *with_(some)) == [("power_gained", name, dangerous)]
    assert sync(public, *with_(some)) == [("power_lost", everybody, dangerous)]
    assert sync(public, *powerless) == [("power_lost", name, dangerous)]


def test_a_parameter_that_one_may_set_beside_everybody(bench: NewsBench) -> None:
    grant = Grant(Securable(K.PARAMETER, "", "", "session_replication_role"), "SET")
    given, dangerous = replace(PUBLIC, grants=(grant,)), "dangerous privilege"
    bench.sync(PUBLIC, user("ann"), user("bob"))
    assert powers(bench.sync(given, user("ann"), user("bob"))) == [
        ("power_gained", "public", dangerous)
    ]
    assert powers(bench.sync(given, user("ann", grant), user("bob"))) == [
        ("power_gained", "ann", dangerous)
    ]
    assert powers(bench.sync(PUBLIC, user("ann", grant), user("bob"))) == [
        ("power_lost", "public", dangerous)
    ]


def test_a_role_of_everybody_and_of_one(store: Store, tmp_path: Path) -> None:
    bench = NewsBench(store, tmp_path, EngineName.MARIADB)
    everybody, ann = replace(PUBLIC, name="PUBLIC"), user("'ann'@'%'")
    dba = role("dba", Grant(SERVER, "SUPER"))
    (has,) = user("", roles=("dba",)).memberships
    bench.sync(everybody, ann, dba)
    of_all = replace(everybody, memberships=(has,))
    assert powers(bench.sync(of_all, ann, dba)) == [("power_gained", "PUBLIC", "superuser")]
    own = replace(ann, memberships=(has,))
    assert powers(bench.sync(of_all, own, dba)) == [("power_gained", ann.name, "superuser")]
    assert powers(bench.sync(everybody, own, dba)) == [("power_lost", "PUBLIC", "superuser")]


def test_what_everybody_has_on_each_new_object_is_not_told(bench: NewsBench) -> None:
    routine = Securable(K.FUNCTION, "", "pay", "sum()", catalog="shop")
    bench.sync(PUBLIC, user("ann"))
    owned = user("ann", Grant(routine, "EXECUTE"))
    new = replace(PUBLIC, grants=(Grant(routine, "EXECUTE"),))
    kinds = {item.kind for item in bench.sync(new, owned)}
    assert EventKind.GRANTED_TO_EVERYONE not in kinds
    bench.sync(PUBLIC, owned)
    kinds = {item.kind for item in bench.sync(new, owned)}
    assert EventKind.GRANTED_TO_EVERYONE in kinds


def test_many_grants_to_everybody_are_one_event(bench: NewsBench) -> None:
    tables = [Securable(K.TABLE, "", "pay", f"t{number}", catalog="shop") for number in range(50)]
    bench.sync(PUBLIC)
    found = bench.sync(replace(PUBLIC, grants=tuple(Grant(on, "SELECT") for on in tables)))
    (event,) = (item for item in found if item.kind is EventKind.GRANTED_TO_EVERYONE)
    assert event.subject == "SELECT on 50 things (table) of shop"
    assert event.after.endswith("and 46 more")


SUPER = {
    EngineName.POSTGRESQL: lambda name: user(name, is_superuser=True),
    EngineName.MARIADB: lambda name: user(name, Grant(SERVER, "SUPER")),
    EngineName.MYSQL: lambda name: user(name, Grant(SERVER, "SUPER")),
    EngineName.SQLSERVER: lambda name: user(name, Grant(SERVER, "CONTROL SERVER")),
    EngineName.ORACLE: lambda name: user(name, roles=("DBA",)),
}


@pytest.mark.parametrize("engine", EngineName)
def test_a_superuser_of_each_engine(store: Store, tmp_path: Path, engine: EngineName) -> None:
    bench = NewsBench(store, tmp_path, engine)
    names = {EngineName.MARIADB: "'ann'@'%'", EngineName.MYSQL: "'ann'@'%'"}
    name, dba = names.get(engine, "ANN"), role("DBA")
    others = [dba] if engine is EngineName.ORACLE else []
    bench.sync(user(name), *others)
    found = powers(bench.sync(SUPER[engine](name), *others))
    assert ("power_gained", name, "superuser") in found
    assert {account for _, account, _ in found} == {name}
    found = powers(bench.sync(user(name), *others))
    assert ("power_lost", name, "superuser") in found


def test_a_hundred_roles_in_a_chain_say_the_ends_of_the_way(bench: NewsBench) -> None:
    chain = [role("r0"), *(role(f"r{n}", roles=(f"r{n - 1}",)) for n in range(1, 100))]
    bench.sync(*chain)
    found = bench.sync(replace(chain[0], is_superuser=True), *chain[1:])
    assert len(powers(found)) == 100
    last = next(item for item in found if item.account == "r99")
    assert len(last.path) == 12
    assert (last.path[0], last.path[-1]) == ("r99", "r0 (member, set role)")


def test_a_role_of_many_tells_each_of_them(bench: NewsBench) -> None:
    people = [user(f"u{number}", roles=("dba",)) for number in range(260)]
    bench.sync(role("dba"), *people)
    gained = bench.sync(role("dba", is_superuser=True), *people)
    lost = bench.sync(role("dba"), *people)
    names = sorted(["dba", *(item.name for item in people)])
    assert powers(gained) == [("power_gained", name, "superuser") for name in names]
    assert powers(lost) == [("power_lost", name, "superuser") for name in names]
    (one,) = (item for item in lost if item.account == "u7" and item.kind in POWERS)
    assert (one.before, one.path) == ("superuser", ())


def test_a_defect_in_a_rule_costs_no_event_of_a_power(
    bench: NewsBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sync(user("ann"), user("bob"))
    with monkeypatch.context() as patch:
        broken = replace(RULES[0], id="broken", check=_fails)
        patch.setattr(reviewing, "RULES", (*RULES, broken))
        found = bench.sync(user("ann", is_superuser=True), user("bob"))
    assert powers(found) == [("power_gained", "ann", "superuser")]
    found = bench.sync(user("ann", is_superuser=True), user("bob", is_superuser=True))
    assert powers(found) == [("power_gained", "bob", "superuser")]


def _fails(_rule: Rule, _cases: Sequence[Case]) -> list[Finding]:
    raise ZeroDivisionError
