"""What a change gives and takes: by itself, by the words of each engine, and by roles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.engines.powers import PowerWords, power_words
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.change import AccountChange, ChangeType, Effect, KnownAccount
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.diff import blank, diff
from sync_pipeline.reconcile.effects import Powers, judged
from sync_pipeline.reconcile.scope import Scope
from workbench.benches.store_bench import START, whole_snapshot

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
