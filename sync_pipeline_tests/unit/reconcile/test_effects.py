"""What a change gives and takes: by itself, by the words of each engine, and by roles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.engines.powers import PowerWords, power_words
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.access.fixed_roles import FIXED_DATABASE_ROLES, SERVER_ROLES
from sync_pipeline.engines.sqlserver.names import principal_name
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import AccountChange, ChangeType, Effect, KnownAccount
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
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.diff import blank, diff
from sync_pipeline.reconcile.effects import Powers, judged, of_diff
from sync_pipeline.reconcile.lines import retold
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline.workflows.answers.access import judge
from workbench.benches.store_bench import START, an_instance, whole_snapshot

GIVES, TAKES = Effect.GIVES, Effect.TAKES
POWER = Effect.GIVES | Effect.GIVES_POWER
NO_POWER = Effect.TAKES | Effect.TAKES_POWER
PLAIN = AccountState("app", AccountKind.USER, can_login=True)
OTHER = AccountState("other", AccountKind.USER, can_login=True)
DATABASE = Securable(SecurableKind.DATABASE, "shop")
TABLE = Securable(SecurableKind.TABLE, "shop", "", "orders")
SERVER = Securable(SecurableKind.SERVER)
READS = replace(PLAIN, grants=(Grant(TABLE, "SELECT"),))


def effects(
    before: tuple[AccountState, ...],
    now: tuple[AccountState, ...],
    words: PowerWords | None = None,
    gone: tuple[AccountState, ...] = (),
) -> dict[str, Effect]:
    """Return what changed of each account, of all changes of it together."""
    known = [KnownAccount(state, is_active=True) for state in before]
    known += [KnownAccount(state, is_active=False) for state in gone]
    sections = whole_snapshot((), START).sections
    result = reconcile(
        known, whole_snapshot(now, START), Scope.of((), ()), list(sections), words=words
    )
    found: dict[str, Effect] = {}
    for item in result.changes:
        found[item.account] = found.get(item.account, Effect.NONE) | item.effect
    return found


BOTH_WAYS = {
    "a grant": (replace(PLAIN, grants=(Grant(TABLE, "SELECT"),)), GIVES, TAKES),
    "a role": (replace(PLAIN, memberships=(Membership("readers"),)), GIVES, TAKES),
    "superuser": (replace(PLAIN, is_superuser=True), POWER, NO_POWER),
    "admin of a role": (
        replace(PLAIN, memberships=(Membership("readers", admin=True),)), POWER, NO_POWER
    ),
    "a grant option on the server": (
        replace(PLAIN, grants=(Grant(SERVER, "SELECT", grantable=True),)), POWER, NO_POWER
    ),
    "a grant option on a table": (
        replace(PLAIN, grants=(Grant(TABLE, "SELECT", grantable=True),)), GIVES, TAKES
    ),
    "a denial": (replace(PLAIN, grants=(Grant(TABLE, "SELECT", deny=True),)), TAKES, GIVES),
    "another's place": (
        replace(PLAIN, grants=(Grant(
            Securable(SecurableKind.PRINCIPAL, name="sa"), "IMPERSONATE"),)), POWER, NO_POWER
    ),
    "a lock": (replace(PLAIN, is_locked=True), Effect.NONE, Effect.NONE),
}  # fmt: skip


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_what_comes_gives_and_what_goes_takes(name: str) -> None:
    state, given, taken = BOTH_WAYS[name]
    assert effects((PLAIN,), (state,)) == {"app": given}
    assert effects((state,), (PLAIN,)) == {"app": taken}


OF_ENGINES = {
    EngineName.MYSQL: replace(PLAIN, grants=(Grant(SERVER, "FILE"),)),
    EngineName.MARIADB: replace(PLAIN, grants=(Grant(SERVER, "SET USER"),)),
    EngineName.POSTGRESQL: replace(PLAIN, memberships=(Membership("pg_write_all_data"),)),
    EngineName.ORACLE: replace(PLAIN, grants=(Grant(SERVER, "GRANT ANY ROLE"),)),
    EngineName.SQLSERVER: replace(PLAIN, grants=(Grant(DATABASE, "CONTROL"),)),
}
MORE = [
    (EngineName.MYSQL, replace(PLAIN, grants=(Grant(SERVER, "CREATE USER"),))),
    (EngineName.POSTGRESQL, replace(PLAIN, attributes=(("can_create_roles", True),))),
    (EngineName.POSTGRESQL, replace(PLAIN, attributes=(("bypasses_row_security", True),))),
    (EngineName.POSTGRESQL, replace(PLAIN, memberships=(Membership("pg_read_server_files"),))),
    (EngineName.POSTGRESQL, replace(PLAIN, grants=(
        Grant(Securable(SecurableKind.PARAMETER, name="archive_command"), "SET"),))),
    (EngineName.ORACLE, replace(PLAIN, memberships=(Membership("DBA"),))),
    (EngineName.SQLSERVER, replace(PLAIN, grants=(Grant(SERVER, "ALTER ANY LOGIN"),))),
    (EngineName.SQLSERVER, replace(PLAIN, grants=(Grant(
        Securable(SecurableKind.PROCEDURE, "master", "sys", "xp_cmdshell"), "EXECUTE"),))),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "state"), [*OF_ENGINES.items(), *MORE])
def test_each_engine_has_words_of_power(engine: EngineName, state: AccountState) -> None:
    words = power_words(engine)
    plain = replace(PLAIN, attributes=tuple((name, False) for name, _ in state.attributes))
    assert effects((plain,), (state,), words)["app"] & POWER >= Effect.GIVES_POWER
    assert effects((state,), (plain,), words)["app"] & Effect.TAKES_POWER
    harmless = replace(PLAIN, grants=(Grant(SERVER, "USAGE"), Grant(DATABASE, "CONNECT")))
    assert effects((PLAIN,), (harmless,), words) == {"app": GIVES}


def test_a_role_is_a_power_where_it_has_one() -> None:
    words = power_words(EngineName.MYSQL)
    plain, strong = (
        AccountState("team", AccountKind.ROLE, can_login=False, grants=grants)
        for grants in ((), (Grant(SERVER, "FILE"),))
    )
    inner = AccountState(
        "inner", AccountKind.ROLE, can_login=False, memberships=(Membership("team"),)
    )
    member = replace(PLAIN, memberships=(Membership("inner"),))
    assert effects((plain, inner, PLAIN), (plain, inner, member), words) == {"app": GIVES}
    assert effects((strong, inner, PLAIN), (strong, inner, member), words) == {"app": POWER}
    # What was taken is judged by what it was then.
    taken = effects((strong, inner, member), (plain, inner, PLAIN), words)
    assert taken == {"app": NO_POWER, "team": NO_POWER}


def test_who_comes_and_goes_has_what_it_holds() -> None:
    boss = replace(PLAIN, is_superuser=True)
    assert effects((OTHER,), (OTHER, PLAIN)) == {"app": Effect.NONE}
    assert effects((OTHER,), (OTHER, READS)) == {"app": GIVES}
    assert effects((OTHER,), (OTHER, boss)) == {"app": POWER}
    assert effects((OTHER, boss), (OTHER,)) == {"app": NO_POWER}
    # It is back with what it had.
    assert effects((OTHER,), (OTHER, boss), gone=(boss,)) == {"app": POWER}
    assert effects((), (boss,)) == {"app": Effect.NONE}, "a first sync gives nobody anything"


def test_grants_that_a_narrowed_sync_leaves_out_are_known_of_roles() -> None:
    words = power_words(EngineName.MYSQL)
    strong = AccountState(
        "team", AccountKind.ROLE, can_login=False, grants=(Grant(SERVER, "FILE"),)
    )
    bare, member = replace(strong, grants=()), replace(PLAIN, memberships=(Membership("team"),))
    known = [KnownAccount(bare, is_active=True), KnownAccount(PLAIN, is_active=True)]
    whole = [KnownAccount(strong, is_active=True), known[1]]
    snapshot = whole_snapshot((bare, member), START)
    (change,) = reconcile(
        known, snapshot, Scope.of((), ()), list(snapshot.sections), words=words,
        all_known=lambda: whole,
    ).changes  # fmt: skip
    assert change.effect == POWER


def test_what_only_became_visible_was_not_given() -> None:
    known = [KnownAccount(PLAIN, is_active=True)]
    (change,) = reconcile(known, whole_snapshot((READS,), START), Scope.of((), ())).changes
    assert change.lines == (f"visible {READS.grants[0]}",)
    assert change.effect is Effect.NONE
    entry = replace(change, effect=Effect.UNKNOWN)
    assert judged(entry, Powers()) is Effect.NONE


def test_an_entry_of_before_is_judged_by_itself() -> None:
    boss = replace(PLAIN, is_superuser=True)
    entry = AccountChange(
        "app", ChangeType.MODIFY_PRIVILEGE, diff(PLAIN, boss), ("became superuser",)
    )
    assert judged(entry, Powers()) == POWER
    added = AccountChange("app", ChangeType.ADD, diff(blank("app"), boss), ("account appeared",))
    assert judged(added, Powers()) == POWER
    gone = AccountChange("app", ChangeType.REMOVE, diff(PLAIN, PLAIN), ("account disappeared",))
    assert judged(gone, Powers()) is Effect.NONE
    held = replace(gone, lines=("account disappeared", "it held SELECT on table shop.orders"))
    assert judged(held, Powers()) is TAKES


ROLE = AccountState("team", AccountKind.ROLE, can_login=False, grants=(Grant(SERVER, "FILE"),))
MEMBER = replace(PLAIN, memberships=(Membership("team"),))


def of_sections(
    before: AccountState | tuple[AccountState, ...],
    now: AccountState | tuple[AccountState, ...],
    engine: EngineName,
    unread: tuple[SectionName, ...] = (),
    new: tuple[SectionName, ...] = (),
) -> dict[str, tuple[Effect, tuple[str, ...]]]:
    """Return what changed where sections were not read, or are read for the first time."""
    was, are = (item if isinstance(item, tuple) else (item,) for item in (before, now))
    snapshot = whole_snapshot(are, START)
    denied = SectionReport(SectionStatus.DENIED, "it may not be read")
    sections = {**snapshot.sections, **{SectionKey(name): denied for name in unread}}
    result = reconcile(
        [KnownAccount(state, is_active=True) for state in was],
        replace(snapshot, sections=sections, sources=ENGINES[engine].sources),
        Scope.of((), ()),
        [key for key in sections if key.name not in new],
        words=power_words(engine),
    )
    return {item.account: (item.effect, item.lines) for item in result.changes}


def test_an_attribute_that_is_read_for_the_first_time_was_not_given() -> None:
    def seen(**attributes: bool) -> AccountState:
        return replace(PLAIN, attributes=tuple(attributes.items()))

    words = power_words(EngineName.POSTGRESQL)
    now = seen(bypasses_row_security=True, can_create_roles=True)
    changed = replace(now, is_locked=True)
    assert effects((PLAIN,), (changed,), words) == {"app": Effect.NONE}
    # Nor is it taken when a server reports it no more.
    assert effects((changed,), (PLAIN,), words) == {"app": Effect.NONE}
    known = seen(bypasses_row_security=False, can_create_roles=True)
    assert effects((known,), (now,), words) == {"app": POWER}
    entry = AccountChange("app", ChangeType.MODIFY_OTHER, diff(PLAIN, changed), ("locked",))
    assert judged(entry, Powers(words)) is Effect.NONE
    told = replace(entry, lines=("locked", "bypasses_row_security is yes"))
    assert judged(told, Powers(words)) == POWER


@pytest.mark.parametrize("section", [SectionName.MEMBERSHIPS, SectionName.SERVER])
@pytest.mark.parametrize("engine", EngineName)
def test_who_is_no_superuser_any_more_while_a_section_is_unread(
    engine: EngineName, section: SectionName
) -> None:
    """He is one still only where it is that section which would say so."""
    may_hide_it = {
        EngineName.MYSQL: [SectionName.SERVER],
        EngineName.MARIADB: [SectionName.SERVER],
        EngineName.SQLSERVER: [SectionName.MEMBERSHIPS],
        EngineName.ORACLE: [SectionName.MEMBERSHIPS, SectionName.SERVER],
    }.get(engine, [])
    boss = replace(PLAIN, is_superuser=True)
    found = of_sections(boss, PLAIN, engine, unread=(section,))
    told = {"app": (NO_POWER, ("no longer superuser",))}
    assert found == ({} if section in may_hide_it else told)


@pytest.mark.parametrize("engine", EngineName)
def test_a_role_that_becomes_a_user_while_memberships_are_unread(engine: EngineName) -> None:
    """Where only who has it as a role makes it one, it is one still."""
    role = replace(PLAIN, kind=AccountKind.ROLE)
    found = of_sections(role, PLAIN, engine, unread=(SectionName.MEMBERSHIPS,))
    assert bool(found) is (engine is not EngineName.MYSQL)


@pytest.mark.parametrize(
    ("engine", "holds", "section"),
    [
        (EngineName.SQLSERVER, {"memberships": (Membership("sysadmin"),)}, SectionName.MEMBERSHIPS),
        (EngineName.MYSQL, {"grants": (Grant(SERVER, "SUPER"),)}, SectionName.SERVER),
        (EngineName.ORACLE, {"grants": (Grant(SERVER, "SYSDBA"),)}, SectionName.SERVER),
    ],
)
def test_who_is_seen_to_be_a_superuser_did_not_become_one(
    engine: EngineName, holds: dict[str, Any], section: SectionName
) -> None:
    boss = replace(PLAIN, is_superuser=True, **holds)
    effect, lines = of_sections(PLAIN, boss, engine, new=(section,))["app"]
    assert lines[0] == "visible superuser"
    assert effect is Effect.NONE
    entry = AccountChange("app", ChangeType.MODIFY_PRIVILEGE, diff(PLAIN, boss), lines)
    assert retold(entry) == lines
    assert judged(entry, Powers(power_words(engine))) is Effect.NONE
    effect, lines = of_sections(PLAIN, boss, engine)["app"]
    assert (effect, lines[0]) == (POWER, "became superuser")
    # Where nothing that was seen for the first time makes one, it became one.
    alone = replace(PLAIN, is_superuser=True)
    assert of_sections(PLAIN, alone, engine, new=(section,))["app"] == (POWER, lines[:1])


def test_a_role_whose_rights_are_not_read_has_those_that_are_known() -> None:
    bare = replace(ROLE, grants=())
    unread = (SectionName.SERVER,)
    found = of_sections((ROLE, PLAIN), (bare, MEMBER), EngineName.MYSQL, unread)
    assert found == {"app": (POWER, ("granted role team",))}
    # So has one that the list of accounts does not show, which may not be read whole.
    hidden = of_sections((ROLE, PLAIN), MEMBER, EngineName.MYSQL, (SectionName.ACCOUNTS,))
    assert hidden["app"][0] == POWER
    # What the same sync gave it, or took from it, counts.
    assert effects((bare, PLAIN), (ROLE, MEMBER), power_words(EngineName.MYSQL))["app"] == POWER
    assert effects((ROLE, PLAIN), (bare, MEMBER), power_words(EngineName.MYSQL))["app"] == GIVES


def test_who_comes_with_denials_alone_is_given_nothing() -> None:
    denied = replace(PLAIN, grants=(Grant(TABLE, "SELECT", deny=True),))
    assert effects((OTHER,), (OTHER, denied)) == {"app": Effect.NONE}
    assert effects((OTHER, denied), (OTHER,)) == {"app": Effect.NONE}


HELD_OTHERWISE = {
    "an option of a role of power": (
        Membership("pg_write_all_data", inherit=True, set_role=True),
        Membership("pg_write_all_data", inherit=False, set_role=True),
        TAKES,
    ),
    "a role of power by default": (
        Membership("team", default=False), Membership("team", default=True), GIVES,
    ),
    "administration of a role of power": (
        Membership("team"), Membership("team", admin=True), GIVES,
    ),
    "a grant option of a power": (
        Grant(SERVER, "FILE"), Grant(SERVER, "FILE", grantable=True), GIVES,
    ),
    "a role of power by another": (
        Membership("team", grantor="ann"), Membership("team", grantor="bob"), Effect.NONE,
    ),
    "a role of power that may be used at last": (
        Membership("team", inherit=False, set_role=False),
        Membership("team", inherit=False, set_role=True),
        POWER,
    ),
    "administration of another role": (
        Membership("readers"), Membership("readers", admin=True), POWER,
    ),
}  # fmt: skip


def opposite(effect: Effect) -> Effect:
    pairs = (GIVES, TAKES), (Effect.GIVES_POWER, Effect.TAKES_POWER)
    both = [*pairs, *((second, first) for first, second in pairs)]
    return Effect(sum(int(second) for first, second in both if effect & first))


@pytest.mark.parametrize("name", HELD_OTHERWISE)
def test_a_power_that_is_held_otherwise_was_neither_given_nor_taken(name: str) -> None:
    was, now, effect = HELD_OTHERWISE[name]
    words = replace(power_words(EngineName.MYSQL), roles=frozenset({"pg_write_all_data"}))

    def holding(item: Grant | Membership) -> AccountState:
        return (
            replace(PLAIN, memberships=(item,))
            if isinstance(item, Membership)
            else replace(PLAIN, grants=(item,))
        )

    assert effects((ROLE, holding(was)), (ROLE, holding(now)), words).get("app", 0) == effect
    back = effects((ROLE, holding(now)), (ROLE, holding(was)), words).get("app", Effect.NONE)
    assert back == opposite(effect)


_OPTION = st.sampled_from((None, False, True))
_ITEMS = st.one_of(
    st.builds(Membership, st.sampled_from(("team", "readers", "DBA")), st.booleans(),
              _OPTION, _OPTION, _OPTION, st.sampled_from(("", "ann", "bob"))),
    st.builds(Grant, st.sampled_from((SERVER, TABLE)), st.sampled_from(("FILE", "SELECT")),
              st.booleans(), st.booleans(), st.sampled_from(("", "ann"))),
)  # fmt: skip


@given(st.sets(_ITEMS, max_size=4), st.sets(_ITEMS, max_size=4))
@settings(max_examples=60)
def test_the_way_back_takes_what_the_way_there_gave(
    first: set[Grant | Membership], second: set[Grant | Membership]
) -> None:
    def holding(items: set[Grant | Membership]) -> AccountState:
        return replace(
            PLAIN,
            memberships=tuple(item for item in items if isinstance(item, Membership)),
            grants=tuple(item for item in items if isinstance(item, Grant)),
        ).canonical()

    powers = Powers(replace(power_words(EngineName.MYSQL), roles=frozenset({"DBA"})))
    there, back = (
        of_diff(diff(holding(one), holding(other)), powers)
        for one, other in ((first, second), (second, first))
    )
    assert back == opposite(there)
    lines = of_diff(diff(blank("app"), holding(second)), powers)
    assert bool(lines & Effect.GIVES_POWER) == any(
        powers.is_power(item) and not (isinstance(item, Grant) and item.deny) for item in second
    )


def test_fixed_roles_of_sql_server_are_powers_as_the_rules_have_it() -> None:
    words = Powers(power_words(EngineName.SQLSERVER))
    item = an_instance("s", EngineName.SQLSERVER)
    login = AccountState("app", AccountKind.LOGIN, can_login=True)
    user = AccountState(
        "[shop].[app]", AccountKind.USER, can_login=True, database="shop",
        attributes=(("login", "app"),),
    )  # fmt: skip
    sections = whole_snapshot((), START).sections

    def has_power(role: str, of_user: bool) -> bool:
        member = (Membership(role),)
        states = (login, replace(user, memberships=member))
        if not of_user:
            states = (replace(login, memberships=member), user)
        world = {state.name: state for state in states}
        rules = judge(item, world, sections, "16.0", START).rules
        return bool(rules.powers("app") or rules.dangers("app"))

    for role in SERVER_ROLES:
        assert words.is_power(Membership(role)) == has_power(role, of_user=False), role
    for role in FIXED_DATABASE_ROLES:
        own = principal_name("shop", role)
        assert words.is_power(Membership(own)) == has_power(own, of_user=True), role
        # On the server it is somebody's own role.
        assert not words.is_power(Membership(role)), role


def test_roles_of_oracle_that_hold_a_power_are_powers() -> None:
    words = Powers(power_words(EngineName.ORACLE))
    strong = "IMP_FULL_DATABASE", "DATAPUMP_IMP_FULL_DATABASE", "SCHEDULER_ADMIN", "DBA"
    assert all(words.is_power(Membership(role)) for role in strong)
    assert not any(words.is_power(Membership(role)) for role in ("CONNECT", "RESOURCE", "team"))
    assert all(words.is_power(Grant(SERVER, name)) for name in ("SYSBACKUP", "SYSDG", "SYSOPER"))


@pytest.mark.parametrize(
    ("engine", "name", "version"),
    [
        (EngineName.MYSQL, "role_edges", "8.4.3"),
        (EngineName.MARIADB, "global_priv", "11.4.2-MariaDB"),
    ],
)
def test_who_may_write_the_grant_tables_has_a_power_as_the_rules_have_it(
    engine: EngineName, name: str, version: str
) -> None:
    words, item = Powers(power_words(engine)), an_instance("m", engine)
    sections = whole_snapshot((), START).sections
    places = [
        SERVER,
        *(Securable(SecurableKind.DATABASE, pattern) for pattern in ("mysql", "my%", "%", "shop")),
        *(
            Securable(SecurableKind.TABLE, database, "", table)
            for database in ("mysql", "shop")
            for table in (name, "user", "slow_log")
        ),
    ]
    strong = 0
    for grant in (Grant(on, word) for on in places for word in ("INSERT", "UPDATE", "SELECT")):
        state = replace(PLAIN, name="'app'@'%'", grants=(grant,))
        rules = judge(item, {state.name: state}, sections, version, START).rules
        has_power = bool(rules.powers(state.name) or rules.dangers(state.name))
        assert words.is_power(grant) == has_power, grant
        strong += has_power
    assert strong == 12
