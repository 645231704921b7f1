"""Powers over other accounts in PostgreSQL, and how one comes to them."""

from __future__ import annotations

import pytest

from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import Availability, PowerKind, path_text
from workbench.strategies.postgresql_worlds import (
    having,
    having_before_16,
    role,
    rules,
)

NOW, LATER = Availability.AT_LOGIN, Availability.AFTER_SET_ROLE
SUPER, ADMIN = PowerKind.SUPERUSER, PowerKind.GRANT_ADMIN
ROOT = role("root", superuser=True)


def found(rules: PostgreSqlAccess, account: str) -> list[tuple[PowerKind, str, Availability]]:
    return [(p.kind, p.source, p.availability) for p in rules.powers(account)]


def test_a_superuser_has_that_one_power() -> None:
    assert found(rules(ROOT), "root") == [(SUPER, "superuser", NOW)]
    assert found(rules(role("alice")), "alice") == []


def test_a_member_of_a_superuser_must_set_the_role() -> None:
    world = rules(
        role("alice", member_of=[having("dba")]), role("dba", member_of=[having("root")]), ROOT
    )
    assert found(world, "alice") == [(SUPER, "superuser", LATER)]
    (power,) = world.powers("alice")
    assert path_text(power.path) == "alice → dba (member, set role) → root (member, set role)"


def test_who_may_not_set_the_role_is_no_superuser() -> None:
    assert (
        found(rules(role("alice", member_of=[having("root", set_role=False)]), ROOT), "alice") == []
    )


@pytest.mark.parametrize(
    "name", ["pg_execute_server_program", "pg_write_server_files", "pg_read_server_files"]
)
def test_roles_that_act_on_the_servers_files_are_superusers(name: str) -> None:
    at_once = rules(role("alice", member_of=[having(name)]))
    assert found(at_once, "alice") == [(SUPER, f"predefined role {name}", NOW)]
    first_set = rules(role("alice", member_of=[having(name, inherit=False)]))
    assert found(first_set, "alice") == [(SUPER, f"predefined role {name}", LATER)]


def test_admin_option_is_a_power_even_without_the_role_itself() -> None:
    only_admin = having("dba", admin=True, inherit=False, set_role=False)
    world = rules(
        role("alice", member_of=[only_admin]), role("dba", member_of=[having("root")]), ROOT
    )
    assert found(world, "alice") == [
        (SUPER, "superuser", LATER),
        (ADMIN, "ADMIN OPTION on dba", NOW),
    ]
    assert "grants it to itself: ADMIN OPTION" in path_text(world.powers("alice")[0].path)


def test_only_superusers_grant_superusers() -> None:
    only_admin = having("root", admin=True, inherit=False, set_role=False)
    assert found(rules(role("alice", member_of=[only_admin]), ROOT), "alice") == []


def test_admin_option_of_a_role_counts_for_its_members() -> None:
    staff = role("staff", member_of=[having("team", admin=True)])
    inherits = rules(role("alice", member_of=[having("staff")]), staff, role("team"))
    sets = rules(role("alice", member_of=[having("staff", inherit=False)]), staff, role("team"))
    assert found(inherits, "alice") == [(ADMIN, "ADMIN OPTION on team", NOW)]
    assert found(sets, "alice") == [(ADMIN, "ADMIN OPTION on team", LATER)]


def test_before_16_createrole_may_grant_all_but_superusers() -> None:
    accounts = (role("alice", can_create_roles=True), role("bob"), ROOT)
    powers = found(rules(*accounts, version="15.4"), "alice")
    assert (ADMIN, "CREATEROLE", NOW) in powers
    assert (SUPER, "predefined role pg_execute_server_program", LATER) in powers
    assert (SUPER, "superuser", LATER) not in powers
    assert found(rules(*accounts, version="16.0"), "alice") == []


def test_before_16_createrole_reaches_a_superuser_through_its_members() -> None:
    member = role("bob", member_of=[having_before_16("root")])
    world = rules(role("alice", can_create_roles=True), member, ROOT, version="14.9")
    assert (SUPER, "superuser", LATER) in found(world, "alice")


def test_createrole_is_not_inherited() -> None:
    maker = role("maker", can_create_roles=True)
    alice = role("alice", member_of=[having_before_16("maker")])
    assert (ADMIN, "CREATEROLE", LATER) in found(rules(alice, maker, version="15.4"), "alice")
    assert (ADMIN, "CREATEROLE", NOW) not in found(rules(alice, maker, version="15.4"), "alice")


def test_public_has_no_power() -> None:
    assert found(rules(), "public") == []
