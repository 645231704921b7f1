"""Which rights MySQL and MariaDB accounts have, one rule a test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mysql.access.rules import STATIC, MySqlAccess
from sync_pipeline.engines.mysql_protocol.access.patterns import (
    covers,
    mariadb_weight,
    matches,
    mysql_weight,
    unescaped,
)
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import (
    AccessWorld,
    Availability,
    Decision,
    PowerKind,
    path_text,
)
from sync_pipeline.model.account import AccountKind, AccountState
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

SERVER = Securable(SecurableKind.SERVER)
ALICE, ROLE, OTHER = "'alice'@'%'", "'r'@'%'", "'q'@'%'"
AT_LOGIN, LATER = Availability.AT_LOGIN, Availability.AFTER_SET_ROLE


def database(name: str) -> Securable:
    return Securable(SecurableKind.DATABASE, name)


def pattern(name: str) -> Securable:
    return Securable(SecurableKind.DATABASE_PATTERN, name)


def table(path: str) -> Securable:
    first, second = path.split(".")
    return Securable(SecurableKind.TABLE, first, "", second)


def column(path: str) -> Securable:
    first, second, third = path.split(".")
    return Securable(SecurableKind.COLUMN, first, "", second, third)


def user(name: str, *parts: Grant | Membership, **attributes: object) -> AccountState:
    return AccountState(
        name,
        AccountKind.USER,
        can_login=True,
        memberships=tuple(part for part in parts if isinstance(part, Membership)),
        grants=tuple(part for part in parts if isinstance(part, Grant)),
        attributes=tuple(attributes.items()),
    )


def role(name: str, *parts: Grant | Membership) -> AccountState:
    return replace(user(name, *parts), kind=AccountKind.ROLE, can_login=False, is_locked=True)


def mysql(*states: AccountState, version: str = "8.4.2", **more: object) -> MySqlAccess:
    return MySqlAccess(world(EngineName.MYSQL, version, *states, **more))


def mariadb(*states: AccountState, version: str = "10.11.6-MariaDB") -> MariaDbAccess:
    return MariaDbAccess(world(EngineName.MARIADB, version, *states))


def world(engine: EngineName, version: str, *states: AccountState, **more: object) -> AccessWorld:
    accounts = {state.name: state for state in states}
    return AccessWorld("i", engine, version, accounts, **more)  # type: ignore[arg-type]


def when(decision: Decision) -> list[Availability]:
    return [way.availability for way in decision.held]


def paths(decision: Decision) -> list[str]:
    return [path_text(way.path) for way in decision.held]


BOTH = pytest.mark.parametrize("engine", [mysql, mariadb])


# Names and patterns.


@pytest.mark.parametrize(
    ("stored", "name", "expected"),
    [
        ("sales", "sales", True),
        ("sales", "Sales", False),
        ("s_les", "sales", True),
        (r"s\_les", "s_les", True),
        (r"s\_les", "sales", False),
        ("s%", "s", True),
        ("%les", "sales", True),
        (r"50\%", "50%", True),
        ("a.b", "axb", False),
        ("a[b]", "a[b]", True),
        ("a\\", "a\\", True),
        ("line%", "line\nbreak", True),
    ],
)
def test_names_of_databases_are_patterns(stored: str, name: str, expected: bool) -> None:
    assert matches(stored, name) is expected


def test_an_escaped_name_stands_for_one_database() -> None:
    assert unescaped(r"a\_b\%c\\d") == r"a_b%c\d"


@pytest.mark.parametrize(
    ("wider", "host", "expected"),
    [
        ("%", "10.0.0.1", True),
        ("", "10.0.0.1", True),
        ("%%", "x", True),
        ("10.0.0.%", "10.0.0.1", True),
        ("10.0.0.%", "10.0.%", False),
        ("10.%", "10.0.0.%", True),
        ("10.0.0._", "10.0.0.%", False),
        ("10.0.0._", "10.0.0._", True),
        ("10.0.0._", "10.0.0.12", False),
        ("%.EXAMPLE.net", "db.example.net", True),
        ("10.0.0.0/255.0.0.0", "10.1.2.3", True),
        ("10.0.0.0/255.0.0.0", "11.1.2.3", False),
        ("10.0.0.0/255.0.0.0", "10.%", False),
        ("localhost", "127.0.0.1", False),
    ],
)
def test_a_host_covers_another(wider: str, host: str, expected: bool) -> None:
    assert covers(wider, host) is expected


def test_mysql_orders_patterns_by_their_first_wildcard() -> None:
    ordered = ["abc", r"a\_c%", "ab_", "a%", "%c", "%", ""]
    assert sorted(set(ordered), key=mysql_weight, reverse=True) == ordered


def test_mariadb_orders_patterns_by_how_many_names_they_fit() -> None:
    ordered = ["abc", "a_c", "__c", "abc%", "ab%", "%c", "a%", "%"]
    assert sorted(set(ordered), key=lambda text: mariadb_weight(text, 64)) == ordered
    assert mariadb_weight("a%%b", 64) == mariadb_weight("a%b", 64)


# Levels.


@BOTH
@pytest.mark.parametrize(
    ("on", "covered"),
    [
        (SERVER, ["server", "database", "table", "column"]),
        (database("d"), ["database", "table", "column"]),
        (table("d.t"), ["table", "column"]),
        (column("d.t.c"), ["column"]),
    ],
)
def test_a_level_covers_those_below(engine, on: Securable, covered: list[str]) -> None:
    rules = engine(user(ALICE, Grant(on, "SELECT")))
    asked = [SERVER, database("d"), table("d.t"), column("d.t.c")]
    allowed = [str(o.kind) for o in asked if rules.decide(ALICE, "select", o).is_allowed]
    assert allowed == covered


@BOTH
def test_other_objects_are_not_covered(engine) -> None:
    rules = engine(user(ALICE, Grant(table("d.t"), "SELECT"), Grant(column("d.u.c"), "UPDATE")))
    assert not rules.decide(ALICE, "SELECT", table("e.t")).is_allowed
    assert not rules.decide(ALICE, "SELECT", table("d.u")).is_allowed
    assert not rules.decide(ALICE, "UPDATE", column("d.u.d")).is_allowed
    assert rules.decide(ALICE, "UPDATE", column("d.u.C")).is_allowed


@BOTH
def test_a_privilege_is_not_inherited_where_it_does_not_exist(engine) -> None:
    grants = [Grant(SERVER, word) for word in ("FILE", "EVENT", "EXECUTE", "DELETE")]
    rules = engine(user(ALICE, *grants))
    assert rules.decide(ALICE, "FILE", SERVER).is_allowed
    assert not rules.decide(ALICE, "FILE", database("d")).is_allowed
    assert rules.decide(ALICE, "EVENT", database("d")).is_allowed
    assert not rules.decide(ALICE, "EVENT", table("d.t")).is_allowed
    assert not rules.decide(ALICE, "EXECUTE", table("d.t")).is_allowed
    assert not rules.decide(ALICE, "DELETE", column("d.t.c")).is_allowed
    routine = Securable(SecurableKind.PROCEDURE, "d", "", "p")
    assert rules.decide(ALICE, "EXECUTE", routine).is_allowed
    assert not rules.decide(ALICE, "DELETE", routine).is_allowed


@BOTH
def test_routines_are_known_by_kind_and_without_case(engine) -> None:
    procedure = Securable(SecurableKind.PROCEDURE, "d", "", "Pay")
    rules = engine(user(ALICE, Grant(procedure, "EXECUTE")))
    assert rules.decide(ALICE, "EXECUTE", replace(procedure, name="pay")).is_allowed
    function = replace(procedure, kind=SecurableKind.FUNCTION)
    assert not rules.decide(ALICE, "EXECUTE", function).is_allowed


@BOTH
def test_usage_is_nothing(engine) -> None:
    rules = engine(user(ALICE, Grant(database("d"), "USAGE", grantable=True)))
    assert not rules.decide(ALICE, "USAGE", database("d")).is_allowed
    assert rules.decide(ALICE, "GRANT OPTION", table("d.t")).is_allowed
    assert [(i.privilege, i.securable) for i in rules.everything(ALICE)] == [
        ("GRANT OPTION", database("d"))
    ]


@BOTH
def test_the_grant_option_goes_with_every_privilege_on_what_it_covers(engine) -> None:
    rules = engine(
        user(
            ALICE,
            Grant(database("d"), "USAGE", grantable=True),
            Grant(table("d.t"), "SELECT"),
            Grant(table("e.t"), "SELECT"),
            Grant(column("f.t.a"), "SELECT", grantable=True),
            Grant(column("f.t.b"), "INSERT"),
        )
    )
    held = {
        on: rules.decide(ALICE, "SELECT", on).held[0].grantable
        for on in (table("d.t"), table("e.t"), column("f.t.a"))
    }
    assert list(held.values()) == [True, False, True]
    assert rules.decide(ALICE, "INSERT", column("f.t.b")).held[0].grantable


def test_a_dynamic_privilege_has_its_own_grant_option() -> None:
    rules = mysql(
        user(
            ALICE,
            Grant(SERVER, "SELECT", grantable=True),
            Grant(SERVER, "BACKUP_ADMIN"),
            Grant(SERVER, "ROLE_ADMIN", grantable=True),
        ),
        user(OTHER, Grant(SERVER, "SELECT"), Grant(SERVER, "ROLE_ADMIN", grantable=True)),
    )
    assert not rules.decide(ALICE, "BACKUP_ADMIN", SERVER).held[0].grantable
    assert rules.decide(ALICE, "ROLE_ADMIN", SERVER).held[0].grantable
    assert not rules.decide(OTHER, "SELECT", SERVER).held[0].grantable


@BOTH
def test_all_is_every_privilege_of_the_level(engine) -> None:
    words = engine(user(ALICE)).levels.of(SecurableKind.TABLE)
    rules = engine(
        user(ALICE, *(Grant(table("d.t"), word) for word in words)),
        user(OTHER, *(Grant(table("d.t"), word) for word in words if word != "DROP")),
    )
    assert rules.decide(ALICE, "all privileges", table("d.t")).is_allowed
    assert not rules.decide(OTHER, "ALL", table("d.t")).is_allowed


def test_mariadb_knows_privileges_by_both_names() -> None:
    rules = mariadb(user(ALICE, Grant(SERVER, "BINLOG MONITOR")))
    assert rules.decide(ALICE, "REPLICATION CLIENT", SERVER).is_allowed


# Database rows.


@BOTH
def test_one_row_alone_counts_of_those_that_fit(engine) -> None:
    rules = engine(
        user(
            ALICE,
            Grant(pattern("sa%"), "SELECT"),
            Grant(pattern("sale_"), "INSERT"),
            Grant(database("sales"), "UPDATE"),
        )
    )
    words = ("SELECT", "INSERT", "UPDATE")
    found = {
        name: [word for word in words if rules.decide(ALICE, word, database(name)).is_allowed]
        for name in ("sales", "saleZ", "sand")
    }
    assert found == {"sales": ["UPDATE"], "saleZ": ["INSERT"], "sand": ["SELECT"]}


def test_names_are_literal_under_partial_revokes() -> None:
    grants = [Grant(database("a_c"), "SELECT"), Grant(database(r"d\_e"), "SELECT")]
    on = mysql(user(ALICE, *grants, partial_revokes=True))
    asked = [database(name) for name in ("a_c", "abc", "d_e", r"d\_e")]
    assert [on.decide(ALICE, "SELECT", d).is_allowed for d in asked] == [True, False, False, True]


def test_with_a_role_mysql_takes_an_exact_name_then_the_first_pattern_in_bytes() -> None:
    alice = user(ALICE, Membership(ROLE, default=True), Grant(pattern("a_c"), "INSERT"))
    rules = mysql(
        alice,
        role(ROLE, Grant(pattern("ab%"), "SELECT"), Grant(database("abd"), "UPDATE")),
    )
    assert when(rules.decide(ALICE, "INSERT", database("abc"))) == [AT_LOGIN]
    assert not rules.decide(ALICE, "SELECT", database("abc")).is_allowed
    assert when(rules.decide(ALICE, "SELECT", database("abx"))) == [AT_LOGIN]
    assert when(rules.decide(ALICE, "UPDATE", database("abd"))) == [AT_LOGIN]
    assert not rules.decide(ALICE, "SELECT", database("abd")).is_allowed


def test_before_8_0_32_mysql_puts_the_patterns_together() -> None:
    states = (
        user(ALICE, Membership(ROLE, default=True), Grant(pattern("a_c"), "INSERT")),
        role(ROLE, Grant(pattern("ab%"), "SELECT")),
    )
    assert mysql(*states, version="8.0.20").decide(ALICE, "SELECT", database("abc")).is_allowed
    assert not mysql(*states, version="8.0.32").decide(ALICE, "SELECT", database("abc")).is_allowed


def test_mariadb_adds_what_the_role_has_to_what_the_account_has() -> None:
    rules = mariadb(
        user(ALICE, Membership("r", default=True), Grant(database("abc"), "INSERT")),
        role("r", Grant(pattern("ab%"), "SELECT"), Membership("q")),
        role("q", Grant(pattern("ab_"), "UPDATE")),
    )
    abc = database("abc")
    assert rules.decide(ALICE, "INSERT", abc).is_allowed
    assert rules.decide(ALICE, "UPDATE", abc).is_allowed
    assert not rules.decide(ALICE, "SELECT", abc).is_allowed, "its role's row is less specific"


# Hosts.


@BOTH
def test_rows_of_the_same_user_on_a_wider_host_apply(engine) -> None:
    near = "'app'@'10.0.0.1'"
    rules = engine(
        user("'app'@'%'", Grant(database("d"), "SELECT"), Grant(table("e.t"), "SELECT")),
        user(near),
        user("'app'@'10.0.0.2'", Grant(database("f"), "SELECT")),
        user("'else'@'%'", Grant(database("g"), "SELECT")),
    )
    decision = rules.decide(near, "SELECT", database("d"))
    assert paths(decision) == [
        "'app'@'10.0.0.1' → 'app'@'%' (same user name, host covers this one)"
    ]
    assert rules.decide(near, "SELECT", table("e.t")).is_allowed
    assert not rules.decide(near, "SELECT", database("f")).is_allowed
    assert not rules.decide(near, "SELECT", database("g")).is_allowed
    assert not rules.decide("'app'@'%'", "SELECT", database("f")).is_allowed


@BOTH
def test_global_grants_are_those_of_the_one_account(engine) -> None:
    near = "'app'@'10.0.0.1'"
    rules = engine(user("'app'@'%'", Grant(SERVER, "SELECT")), user(near))
    assert not rules.decide(near, "SELECT", database("d")).is_allowed


@BOTH
def test_a_row_of_the_account_itself_comes_before_that_of_a_wider_host(engine) -> None:
    near = "'app'@'10.0.0.1'"
    rules = engine(
        user("'app'@'%'", Grant(database("d"), "SELECT"), Grant(table("e.t"), "SELECT")),
        user(near, Grant(pattern("%"), "INSERT"), Grant(column("e.t.c"), "INSERT")),
    )
    assert not rules.decide(near, "SELECT", database("d")).is_allowed
    assert not rules.decide(near, "SELECT", table("e.t")).is_allowed
    assert rules.decide(near, "INSERT", column("e.t.c")).is_allowed


def test_with_a_role_mysql_forgets_the_wider_host() -> None:
    near = "'app'@'10.0.0.1'"
    rules = mysql(
        user("'app'@'%'", Grant(database("d"), "SELECT")),
        user(near, Membership(ROLE, default=True)),
        role(ROLE),
    )
    assert when(rules.decide(near, "SELECT", database("d"))) == [LATER], "after SET ROLE NONE"


def test_database_rows_of_the_anonymous_user_apply_to_all() -> None:
    anonymous = user("''@'%'", Grant(pattern(r"test\_%"), "CREATE"), Grant(table("d.t"), "SELECT"))
    for engine in (mysql, mariadb):
        rules = engine(user(ALICE), anonymous)
        assert rules.decide(ALICE, "CREATE", database("test_x")).is_allowed
        assert not rules.decide(ALICE, "SELECT", table("d.t")).is_allowed


def test_mariadb_lends_global_rights_with_a_role() -> None:
    near = "'app'@'10.0.0.1'"
    rules = mariadb(
        user("'app'@'%'", Membership("r"), Grant(SERVER, "PROCESS")),
        user(near, Grant(SERVER, "FILE")),
        role("r", Grant(database("d"), "SELECT")),
    )
    assert when(rules.decide(near, "PROCESS", SERVER)) == [LATER]
    assert when(rules.decide(near, "SELECT", database("d"))) == [LATER]
    assert when(rules.decide(near, "FILE", SERVER)) == [AT_LOGIN]


# Roles.


@BOTH
def test_roles_are_in_force_at_login_or_after_set_role(engine) -> None:
    rules = engine(
        user(ALICE, Membership(ROLE, default=True), Membership(OTHER, default=False)),
        role(ROLE, Grant(table("d.t"), "SELECT")),
        role(OTHER, Grant(table("d.t"), "INSERT")),
    )
    assert when(rules.decide(ALICE, "SELECT", table("d.t"))) == [AT_LOGIN]
    later = rules.decide(ALICE, "INSERT", table("d.t"))
    assert (later.is_allowed, later.is_allowed_at_login) == (True, False)
    assert when(later) == [LATER]


@BOTH
def test_the_roles_of_a_role_are_active_with_it(engine) -> None:
    deep = "'deep'@'%'"
    rules = engine(
        user(ALICE, Membership(ROLE, default=True)),
        role(ROLE, Membership(OTHER)),
        role(OTHER, Membership(deep)),
        role(deep, Grant(table("d.t"), "SELECT")),
    )
    decision = rules.decide(ALICE, "SELECT", table("d.t"))
    assert when(decision) == [AT_LOGIN]
    assert paths(decision) == ["'alice'@'%' → 'r'@'%' (role) → 'q'@'%' (role) → 'deep'@'%' (role)"]
    assert rules.decide(ROLE, "SELECT", table("d.t")).is_allowed_at_login


def test_mandatory_roles_are_memberships_like_others() -> None:
    mandatory = Membership(ROLE, default=False, grantor="mandatory_roles")
    rules = mysql(user(ALICE, mandatory), role(ROLE, Grant(table("d.t"), "SELECT")))
    assert when(rules.decide(ALICE, "SELECT", table("d.t"))) == [LATER]


def test_mariadb_has_one_role_active_at_a_time() -> None:
    rules = mariadb(
        user(ALICE, Membership("r"), Membership("q")),
        role("r", Grant(table("d.t"), "SELECT")),
        role("q", Grant(database("d"), "INSERT")),
    )
    assert [a.roles for a in rules.activations(ALICE)] == [(), ("r",), ("q",)]


def test_mysql_may_have_all_roles_active() -> None:
    rules = mysql(
        user(ALICE, Membership(ROLE), Membership(OTHER)),
        role(ROLE, Grant(table("d.t"), "SELECT")),
        role(OTHER, Grant(database("d"), "USAGE", grantable=True)),
    )
    ways = rules.decide(ALICE, "SELECT", table("d.t")).held
    assert {(way.grantable, way.availability) for way in ways} == {(True, LATER), (False, LATER)}


def test_public_is_held_by_everyone_in_mariadb() -> None:
    public = replace(
        role("PUBLIC", Grant(table("d.t"), "SELECT"), Membership("r")), kind=AccountKind.PUBLIC
    )
    rules = mariadb(user(ALICE), public, role("r", Grant(table("d.t"), "INSERT")))
    assert paths(rules.decide(ALICE, "SELECT", table("d.t"))) == ["'alice'@'%' → PUBLIC (everyone)"]
    assert when(rules.decide(ALICE, "INSERT", table("d.t"))) == [AT_LOGIN]
    assert not rules.decide("r", "SELECT", table("d.t")).is_allowed
    assert [rules.is_everyone(name) for name in ("PUBLIC", ALICE, "nobody")] == [True, False, False]


# Partial revokes.


DENY = Grant(database("mysql"), "SELECT", deny=True)
GLOBAL = Grant(SERVER, "SELECT")


def test_a_partial_revoke_takes_from_the_global_grant_alone() -> None:
    rules = mysql(user(ALICE, GLOBAL, DENY, Grant(table("mysql.db"), "SELECT")))
    refused = rules.decide(ALICE, "SELECT", database("mysql"))
    assert not refused.is_allowed
    assert refused.denied == ("SELECT in mysql: partial revoke of 'alice'@'%'",)
    assert rules.decide(ALICE, "SELECT", table("mysql.db")).is_allowed
    assert rules.decide(ALICE, "SELECT", database("sales")).is_allowed
    (way,) = rules.decide(ALICE, "SELECT", SERVER).held
    assert way.source == "granted on server, except in mysql"


@pytest.mark.parametrize(
    ("own", "of_role", "expected"),
    [
        ([GLOBAL, DENY], [], False),
        ([GLOBAL, DENY], [GLOBAL], True),
        ([GLOBAL, DENY], [GLOBAL, DENY], False),
        ([GLOBAL], [GLOBAL, DENY], True),
        ([GLOBAL, DENY], [Grant(database("mysql"), "SELECT")], True),
        ([], [GLOBAL, DENY], False),
        ([Grant(database("mysql"), "SELECT")], [GLOBAL, DENY], True),
    ],
)
def test_a_restriction_of_one_does_not_bind_what_another_gives(own, of_role, expected) -> None:
    rules = mysql(
        user(ALICE, Membership(ROLE, default=True), *own, partial_revokes=True),
        role(ROLE, *of_role),
    )
    decision = rules.decide(ALICE, "SELECT", database("mysql"))
    assert decision.is_allowed_at_login is expected


# Everything.


def test_everything_is_listed_once_by_its_best_path() -> None:
    rules = mysql(
        user(
            ALICE, Membership(ROLE), Grant(table("d.t"), "SELECT"), Grant(database(r"a\_b"), "DROP")
        ),
        role(ROLE, Grant(table("d.t"), "SELECT"), Grant(pattern("s%"), "INSERT")),
    )
    found = {(i.privilege, str(i.securable)): i for i in rules.everything(ALICE)}
    assert set(found) == {
        ("SELECT", "table d.t"),
        ("DROP", "database a_b"),
        ("INSERT", "database pattern s%"),
    }
    assert found["SELECT", "table d.t"].availability is AT_LOGIN
    assert found["INSERT", "database pattern s%"].availability is LATER


def test_a_superuser_has_one_entry() -> None:
    every = [Grant(SERVER, word, grantable=True) for word in STATIC]
    rules = mysql(user(ALICE, *every, Grant(SERVER, "BACKUP_ADMIN")))
    (item,) = rules.everything(ALICE)
    assert (item.privilege, item.securable, item.grantable) == ("ALL", SERVER, True)
    restricted = mysql(user(ALICE, *every, DENY))
    assert len(restricted.everything(ALICE)) == len(STATIC)


def test_what_a_hidden_row_would_give_is_not_listed() -> None:
    near = "'app'@'10.0.0.1'"
    rules = mysql(
        user("'app'@'%'", Grant(database("d"), "SELECT")),
        user(near, Grant(database("d"), "INSERT")),
    )
    assert [item.privilege for item in rules.everything(near)] == ["INSERT"]


def test_an_unknown_account_or_role_holds_nothing() -> None:
    rules: AccessRules = mysql(user(ALICE, Membership("'gone'@'%'", default=True)))
    assert rules.decide("'nobody'@'%'", "SELECT", SERVER).held == ()
    assert rules.everything("'nobody'@'%'") == ()
    assert rules.powers("'nobody'@'%'") == ()
    assert rules.decide(ALICE, "SELECT", SERVER).held == ()


def test_a_privilege_that_is_not_known_is_kept() -> None:
    raw = Grant(SERVER, "access bit 55", recognised=False)
    (item,) = mariadb(user(ALICE, raw)).everything(ALICE)
    assert (item.privilege, item.source) == (
        "access bit 55",
        "granted on server (not a known privilege)",
    )


def test_a_locked_account_keeps_its_rights_and_lacks_a_login() -> None:
    locked = replace(user(ALICE, GLOBAL), can_login=False, is_locked=True)
    (way,) = mysql(locked).decide(ALICE, "SELECT", SERVER).held
    assert way.lacking == ("an unlocked account: it is locked",)
    (way,) = mysql(role(ROLE, GLOBAL)).decide(ROLE, "SELECT", SERVER).held
    assert way.lacking == ()


def test_sections_that_were_not_read_are_named_where_they_matter() -> None:
    unread = {
        SectionKey(name): SectionReport(SectionStatus.DENIED)
        for name in (SectionName.TABLE, SectionName.ROUTINE)
    }
    rules = mysql(user(ALICE, Grant(table("d.t"), "INSERT")), sections=unread)
    assert rules.decide(ALICE, "SELECT", table("d.t")).unknown == ("grants.table",)
    assert rules.decide(ALICE, "SELECT", database("d")).unknown == ()
    assert rules.decide(ALICE, "INSERT", table("d.t")).unknown == ()


# Powers.


def powers(rules: AccessRules, account: str) -> set[tuple[PowerKind, str, Availability]]:
    return {(power.kind, power.source, power.availability) for power in rules.powers(account)}


@pytest.mark.parametrize(
    ("engine", "grant", "kind", "source"),
    [
        (mysql, Grant(SERVER, "SUPER"), PowerKind.SUPERUSER, "SUPER"),
        (mariadb, Grant(SERVER, "SUPER"), PowerKind.SUPERUSER, "SUPER"),
        (mysql, Grant(SERVER, "ROLE_ADMIN"), PowerKind.GRANT_ADMIN, "ROLE_ADMIN on the server"),
        (
            mysql,
            Grant(SERVER, "SET_ANY_DEFINER"),
            PowerKind.GRANT_ADMIN,
            "SET_ANY_DEFINER on the server",
        ),
        (mariadb, Grant(SERVER, "SET USER"), PowerKind.GRANT_ADMIN, "SET USER on the server"),
        (mysql, Grant(SERVER, "CREATE USER"), PowerKind.GRANT_ADMIN, "CREATE USER on the server"),
        (
            mysql,
            Grant(SERVER, "SELECT", grantable=True),
            PowerKind.GRANT_ADMIN,
            "GRANT OPTION on the server",
        ),
        (
            mysql,
            Grant(table("mysql.user"), "UPDATE"),
            PowerKind.GRANT_ADMIN,
            "UPDATE on mysql.user",
        ),
        (
            mariadb,
            Grant(database("mysql"), "INSERT"),
            PowerKind.GRANT_ADMIN,
            "INSERT on mysql.global_priv",
        ),
    ],
)
def test_powers_are_found_at_login_and_through_roles(engine, grant, kind, source) -> None:
    rules = engine(
        user(ALICE, grant),
        user(OTHER, Membership("'a'@'%'")),
        role("'a'@'%'", Membership(ROLE)),
        role(ROLE, grant),
    )
    assert (kind, source, AT_LOGIN) in powers(rules, ALICE)
    assert (kind, source, LATER) in powers(rules, OTHER)
    (through,) = [p for p in rules.powers(OTHER) if p.source == source]
    assert path_text(through.path) == "'q'@'%' → 'a'@'%' (role) → 'r'@'%' (role)"


def test_harmless_accounts_have_no_power() -> None:
    for engine in (mysql, mariadb):
        rules = engine(
            user(
                ALICE,
                GLOBAL,
                Grant(database("d"), "INSERT", grantable=True),
                Grant(table("mysql.db"), "SELECT"),
            )
        )
        assert rules.powers(ALICE) == ()


def test_all_with_grant_option_is_a_superuser_without_super_too() -> None:
    every = [Grant(SERVER, word, grantable=True) for word in STATIC]
    sources = {p.source for p in mysql(user(ALICE, *every)).powers(ALICE)}
    assert "ALL PRIVILEGES with GRANT OPTION" in sources


def test_the_admin_option_counts_in_mysql_when_its_holder_is_active() -> None:
    states = (
        user(ALICE, Membership(ROLE, admin=True)),
        role(ROLE, Membership(OTHER, admin=True)),
        role(OTHER),
    )
    own = f"ADMIN OPTION on role {ROLE}"
    of_role = f"ADMIN OPTION on role {OTHER}"
    assert powers(mysql(*states), ALICE) == {
        (PowerKind.GRANT_ADMIN, own, AT_LOGIN),
        (PowerKind.GRANT_ADMIN, of_role, LATER),
    }
    assert powers(mariadb(*states), ALICE) == {
        (PowerKind.GRANT_ADMIN, own, AT_LOGIN),
        (PowerKind.GRANT_ADMIN, of_role, AT_LOGIN),
    }


# Objects as people name them.


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*.*", ["server"]),
        ("server", ["server"]),
        ("sales", ["database sales"]),
        ("sales.*", ["database sales"]),
        ("sales.orders", ["table sales.orders"]),
        ('"my.db"."a.b".c', ["column my.db.a.b.c"]),
        ("sales.pay", ["table sales.pay", "procedure sales.pay"]),
        ("s%", ["database s%", "database pattern s%"]),
        ("procedure:sales.other", ["procedure sales.other"]),
        ("view:sales.v", ["table sales.v"]),
        ("Database:sales", ["database sales"]),
        ("account:'alice'@'10.0.0.1'", ["account 'alice'@'10.0.0.1'"]),
    ],
)
def test_texts_name_objects(engine, text: str, expected: list[str]) -> None:
    procedure = Securable(SecurableKind.PROCEDURE, "sales", "", "pay")
    rules = engine(
        user("'alice'@'10.0.0.1'", Grant(procedure, "EXECUTE"), Grant(pattern("s%"), "SELECT"))
    )
    assert [str(found) for found in rules.securables(text)] == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no object"),
        ("a.b.c.d", "names no object"),
        ('"a', "quote is not closed"),
        ("a..b", "a part is empty"),
        ("planet:earth", "'planet' is no kind"),
        ("procedure:pay", "has 1 parts; the name of a procedure has 2"),
        ("account:'nobody'@'%'", "No account 'nobody'@'%' is known"),
    ],
)
def test_texts_that_name_nothing_are_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        mysql(user(ALICE)).securables(text)


def test_writes_are_told_from_reads() -> None:
    rules = mysql()
    reads = ("select", "SHOW VIEW", "PROCESS", "EXECUTE", "USAGE", "REPLICATION CLIENT")
    writes = ("INSERT", "DROP", "FILE", "CREATE USER", "PROXY", "GRANT OPTION", "BINLOG_ADMIN")
    assert not any(map(rules.is_write, reads))
    assert all(map(rules.is_write, writes))
