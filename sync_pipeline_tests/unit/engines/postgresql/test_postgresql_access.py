"""PostgreSQL's access rules: paths, what is lacking, what is not known, facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.model.access import AccountFacts, Availability, path_text
from sync_pipeline.model.privilege import (
    Grant,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.postgresql_worlds import (
    AMOUNT,
    EVERYONE,
    ORDERS,
    OWNER,
    SALES,
    SERVER,
    SHOP,
    TOTAL,
    having,
    having_before_16,
    on,
    read_sections,
    role,
    rules,
    world,
)

K = SecurableKind
READERS = role("readers", *on(ORDERS, "SELECT"), *on(SALES, "USAGE"), login=False)


def test_the_path_names_each_role_on_the_way_to_the_grant() -> None:
    found = rules(
        role("alice", member_of=[having("staff")]),
        role("staff", member_of=[having("readers")], login=False),
        READERS,
    )
    (way,) = found.decide("alice", "SELECT", ORDERS).held
    assert path_text(way.path) == "alice → staff (member) → readers (member)"
    assert way.source == "grant by owner"
    assert way.availability is Availability.AT_LOGIN
    assert way.lacking == ()


def test_ways_at_login_come_first_then_the_shorter() -> None:
    found = rules(
        role("alice", member_of=[having("short", inherit=False), having("long")]),
        role("short", *on(ORDERS, "SELECT")),
        role("long", member_of=[having("readers")]),
        READERS,
    )
    held = found.decide("alice", "select", ORDERS).held
    assert [(len(way.path), way.availability) for way in held] == [
        (3, Availability.AT_LOGIN),
        (2, Availability.AFTER_SET_ROLE),
    ]


def test_a_role_that_is_reached_both_ways_counts_at_login() -> None:
    found = rules(
        role("alice", member_of=[having("readers", inherit=False), having("staff")]),
        role("staff", member_of=[having("readers")]),
        READERS,
    )
    (way,) = found.decide("alice", "SELECT", ORDERS).held
    assert way.availability is Availability.AT_LOGIN
    assert [step.account for step in way.path] == ["alice", "staff", "readers"]


def test_a_membership_that_may_only_be_inherited_is_no_way_to_set_role() -> None:
    found = rules(
        role("alice", member_of=[having("staff", set_role=False)]),
        role("staff", member_of=[having("readers", inherit=False)]),
        READERS,
    )
    assert not found.decide("alice", "SELECT", ORDERS).is_allowed


def test_a_membership_with_neither_option_gives_nothing() -> None:
    found = rules(
        role("alice", member_of=[having("readers", inherit=False, set_role=False)]), READERS
    )
    assert not found.decide("alice", "SELECT", ORDERS).is_allowed
    assert found.decide("alice", "MEMBER", principal("readers")).is_allowed
    assert not found.decide("alice", "USAGE", principal("readers")).is_allowed


def test_one_of_several_grantors_is_enough_to_inherit() -> None:
    twice = [having("readers", inherit=False), replace(having("readers"), grantor="boss")]
    found = rules(role("alice", member_of=twice), READERS)
    assert found.decide("alice", "SELECT", ORDERS).is_allowed_at_login


@pytest.mark.parametrize("inherits", [True, False])
def test_before_16_the_members_own_attribute_decides(inherits: bool) -> None:
    alice = role("alice", member_of=[having_before_16("readers")], inherits=inherits)
    decision = rules(alice, READERS, version="15.4").decide("alice", "SELECT", ORDERS)
    assert decision.is_allowed
    assert decision.is_allowed_at_login is inherits


def test_public_counts_for_everyone_and_is_on_the_path() -> None:
    (way,) = rules(role("alice")).decide("alice", "CONNECT", SHOP).held
    assert path_text(way.path) == "alice → public (everyone)"
    assert rules().decide("public", "CONNECT", SHOP).is_allowed_at_login
    assert rules().is_everyone("public")
    assert not rules(role("alice")).is_everyone("alice")


def test_an_owner_may_grant_what_it_revoked_from_itself() -> None:
    found = rules()
    assert not found.decide("owner", "TRIGGER", ORDERS).is_allowed
    assert found.decide("owner", "TRIGGER WITH GRANT OPTION", ORDERS).is_allowed_at_login
    (way,) = found.decide("owner", "SELECT", ORDERS).held
    assert way.grantable
    (owns,) = found.decide("owner", "OWNER", ORDERS).held
    assert owns.source == "owner"


def test_members_of_the_owner_own_too() -> None:
    found = rules(role("alice", member_of=[having("owner")]))
    assert found.decide("alice", "OWNER", ORDERS).is_allowed_at_login
    assert found.decide("alice", "SELECT WITH GRANT OPTION", ORDERS).is_allowed_at_login


def test_a_grant_option_is_told_from_the_privilege() -> None:
    found = rules(
        role("alice", *on(ORDERS, "SELECT")), role("bob", *on(ORDERS, "SELECT", grantable=True))
    )
    assert [w.grantable for w in found.decide("alice", "SELECT", ORDERS).held] == [False]
    assert not found.decide("alice", "SELECT WITH GRANT OPTION", ORDERS).is_allowed
    assert [w.grantable for w in found.decide("bob", "SELECT", ORDERS).held] == [True]
    assert found.decide("bob", "SELECT WITH GRANT OPTION", ORDERS).is_allowed


def test_a_superuser_may_do_all_and_is_listed_once() -> None:
    found = rules(role("root", superuser=True))
    decision = found.decide("root", "MAINTAIN WITH GRANT OPTION", ORDERS)
    assert decision.is_allowed_at_login
    assert decision.unknown == ()
    (only,) = found.everything("root")
    assert (only.privilege, only.securable, only.source) == ("ALL", SERVER, "superuser")


def test_superuser_and_other_attributes_are_not_inherited() -> None:
    boss = role("boss", superuser=True, login=False, can_create_databases=True)
    found = rules(role("alice", member_of=[having("boss")]), boss)
    decision = found.decide("alice", "DELETE", ORDERS)
    assert not decision.is_allowed_at_login
    (way,) = decision.held
    assert path_text(way.path) == "alice → boss (member, set role)"
    assert not found.decide("alice", "CREATEDB", SERVER).is_allowed_at_login
    assert found.decide("alice", "CREATEDB", SERVER).is_allowed


def test_an_attribute_counts_for_its_own_role() -> None:
    found = rules(role("alice", bypasses_row_security=True))
    (way,) = found.decide("alice", "BYPASSRLS", SERVER).held
    assert way.source == "attribute BYPASSRLS"
    assert not found.decide("alice", "REPLICATION", SERVER).is_allowed


def test_set_role_is_too_late_for_connect() -> None:
    closed = replace(EVERYONE, grants=())
    door = role("door", *on(SHOP, "CONNECT"))
    found = rules(role("alice", member_of=[having("door", inherit=False)]), door, closed)
    assert not found.decide("alice", "CONNECT", SHOP).is_allowed
    assert ("CONNECT", SHOP) not in held_by(found, "alice")


def test_a_privilege_that_a_kind_does_not_have_is_nobodys() -> None:
    found = rules(role("root", superuser=True), version="16.1")
    assert not found.decide("root", "EXECUTE", ORDERS).is_allowed
    assert not found.decide("root", "MAINTAIN", ORDERS).is_allowed
    assert not found.decide("owner", "DELETE", AMOUNT).is_allowed


def test_an_unknown_privilege_that_was_granted_is_held() -> None:
    strange = Grant(ORDERS, "POLISH", grantor="owner", recognised=False)
    assert rules(role("alice", strange)).decide("alice", "polish", ORDERS).is_allowed


def test_a_privilege_on_the_table_is_one_on_its_columns_and_not_back() -> None:
    found = rules(role("alice", *on(ORDERS, "SELECT")), role("bob", *on(AMOUNT, "SELECT")))
    (way,) = found.decide("alice", "SELECT", AMOUNT).held
    assert way.source == "grant on the table by owner"
    assert way.securable == AMOUNT
    assert found.decide("bob", "SELECT", AMOUNT).is_allowed
    assert not found.decide("bob", "SELECT", ORDERS).is_allowed


def test_predefined_roles_cover_all_of_a_kind_without_its_grants() -> None:
    found = rules(role("etl", member_of=[having("pg_read_all_data")]))
    for securable in (ORDERS, AMOUNT, replace(ORDERS, name="new")):
        (way,) = found.decide("etl", "SELECT", securable).held
        assert way.source == "predefined role pg_read_all_data"
        assert not way.grantable
        assert way.lacking == ()
    assert found.decide("etl", "USAGE", SALES).is_allowed
    assert not found.decide("etl", "SELECT WITH GRANT OPTION", ORDERS).is_allowed
    listed = held_by(found, "etl")
    assert ("SELECT", Securable(K.TABLE)) in listed
    assert ("SELECT", Securable(K.SEQUENCE)) in listed
    assert ("SELECT", ORDERS) not in listed


@pytest.mark.parametrize(("version", "counts"), [("18.4", False), ("19.0", True)])
@pytest.mark.parametrize(
    ("by", "privilege", "kind"),
    [
        ("pg_read_all_data", "SELECT", K.LARGE_OBJECT),
        ("pg_write_all_data", "UPDATE", K.LARGE_OBJECT),
        ("pg_read_all_data", "SELECT", K.PROPERTY_GRAPH),
    ],
)
def test_all_data_are_large_objects_and_property_graphs_too_from_19(
    by: str, privilege: str, kind: SecurableKind, version: str, counts: bool
) -> None:
    found = rules(role("etl", member_of=[having(by)]), version=version)
    schema = "sales" if kind is K.PROPERTY_GRAPH else ""
    securable = Securable(kind, "shop", schema, "7", catalog="shop")
    assert found.decide("etl", privilege, securable).is_allowed is counts
    assert ((privilege, Securable(kind)) in held_by(found, "etl")) is counts
    other = "UPDATE" if privilege == "SELECT" else "SELECT"
    assert not found.decide("etl", other, securable).is_allowed


def test_a_property_graph_is_found_and_its_remedy_is_one() -> None:
    graph = Securable(K.PROPERTY_GRAPH, "shop", "sales", "links", catalog="shop")
    found = rules(role("ann", *on(graph, "SELECT")), version="19.0")
    assert found.securables("property graph:shop.sales.links") == [graph]
    assert found.decide("ann", "SELECT", graph).is_allowed
    assert found.revoke("ann", Grant(graph, "SELECT")) == (
        'REVOKE SELECT ON PROPERTY GRAPH "shop"."sales"."links" FROM "ann";'
    )


def test_the_owner_of_a_database_is_pg_database_owner_in_it_alone() -> None:
    public_schema = Securable(K.SCHEMA, "shop", "public", catalog="shop")
    elsewhere = replace(public_schema, database="other", catalog="other")
    special = role("pg_database_owner", *on(public_schema, "CREATE"), *on(elsewhere, "CREATE"))
    found = rules(special)
    (way,) = found.decide("owner", "CREATE", public_schema).held
    assert path_text(way.path) == "owner → pg_database_owner (owner of database shop)"
    assert not found.decide("owner", "CREATE", elsewhere).is_allowed
    assert ("CREATE", public_schema) in held_by(found, "owner")
    assert ("CREATE", elsewhere) not in held_by(found, "owner")


def test_before_16_an_owner_that_does_not_inherit_must_set_pg_database_owner() -> None:
    special = role("pg_database_owner", *on(SALES, "CREATE"))
    closed = replace(OWNER, grants=on(SHOP, "OWNER"), attributes=(("inherits", False),))
    before, after = (rules(special, closed, version=version) for version in ("15.1", "16.1"))
    assert not before.decide("owner", "CREATE", SALES).is_allowed_at_login
    assert before.decide("owner", "CREATE", SALES).is_allowed
    assert after.decide("owner", "CREATE", SALES).is_allowed_at_login


def test_what_is_lacking_is_said() -> None:
    closed = replace(EVERYONE, grants=())
    locked = role("alice", *on(ORDERS, "SELECT"), login=False)
    (way,) = rules(locked, closed).decide("alice", "SELECT", ORDERS).held
    assert way.lacking == (
        "LOGIN: it cannot log in itself",
        "CONNECT on database shop",
        "USAGE on schema sales",
    )


def test_usage_of_the_schema_is_asked_of_the_role_that_is_set() -> None:
    members = [having("readers", inherit=False), having("bare", inherit=False)]
    bare = role("bare", *on(TOTAL, "EXECUTE"))
    found = rules(role("alice", member_of=members), READERS, bare)
    (select,) = found.decide("alice", "SELECT", ORDERS).held
    assert select.lacking == ()
    (execute,) = found.decide("alice", "EXECUTE", TOTAL).held
    assert execute.lacking == ("USAGE on schema sales",)


@pytest.mark.parametrize(
    ("until", "is_over"),
    [
        ("2026-03-01T11:59:59.000000Z", True),
        ("2026-03-01T12:00:00.000000Z", True),
        ("2026-03-01T12:00:01.000000Z", False),
        ("12026-03-01T12:00:01.000000Z", False),
        ("0044-03-15T00:00:00.000000Z BC", True),
        ("-infinity", True),
        ("infinity", False),
        (None, False),
    ],
)
def test_a_password_that_ended_is_lacking_and_a_fact(until: str | None, is_over: bool) -> None:
    found = rules(role("alice", *on(SHOP, "CREATE"), valid_until=until))
    (way,) = found.decide("alice", "CREATE", SHOP).held
    assert bool(way.lacking) is is_over
    facts = found.facts("alice")
    assert facts.is_expired is is_over
    assert facts.never_expires is (until in (None, "infinity"))


def test_without_a_clock_it_is_not_known_whether_a_password_ended() -> None:
    alice = role("alice", *on(SHOP, "CREATE"), valid_until="2026-03-01T11:59:59.000000Z")
    found = PostgreSqlAccess(replace(world(alice), asked_at=None))
    assert found.facts("alice").is_expired is None
    assert found.decide("alice", "CREATE", SHOP).held[0].lacking == ()


def test_a_connection_limit_of_zero_keeps_all_but_superusers_out() -> None:
    found = rules(
        role("alice", connection_limit=0), role("root", superuser=True, connection_limit=0)
    )
    assert found.decide("alice", "CONNECT", SHOP).held[0].lacking == (
        "a connection: its limit is 0",
    )
    assert found.decide("root", "CONNECT", SHOP).held[0].lacking == ()


def test_facts_say_only_what_the_catalogs_know() -> None:
    found = rules(role("alice"), role("group", login=False), role("pg_monitor", login=False))
    assert found.facts("alice") == AccountFacts(never_expires=True, is_expired=False)
    assert found.facts("group") == AccountFacts()
    assert found.facts("pg_monitor") == AccountFacts(is_system=True)
    assert found.facts("nobody") == AccountFacts()


@pytest.mark.parametrize(
    ("securable", "name", "database"),
    [
        (ORDERS, SectionName.TABLE, "shop"),
        (ORDERS, SectionName.SCHEMA, "shop"),
        (ORDERS, SectionName.DATABASE, ""),
        (ORDERS, SectionName.MEMBERSHIPS, ""),
        (AMOUNT, SectionName.COLUMN, "shop"),
        (AMOUNT, SectionName.TABLE, "shop"),
        (SHOP, SectionName.ACCOUNTS, ""),
    ],
)
@pytest.mark.parametrize(
    "status", [SectionStatus.DENIED, SectionStatus.FAILED, SectionStatus.SKIPPED, None]
)
def test_sections_that_were_not_read_are_named(
    securable: Securable, name: SectionName, database: str, status: SectionStatus | None
) -> None:
    sections = read_sections()
    key = SectionKey(name, database)
    if status is None:
        del sections[key]
    else:
        sections[key] = SectionReport(status, "because")
    alice = role("alice", superuser=False)
    found = PostgreSqlAccess(world(alice, sections=sections))
    assert found.decide("alice", "SELECT", securable).unknown == (str(key),)


def test_sections_that_do_not_count_are_not_named() -> None:
    sections = read_sections()
    for name in (SectionName.TYPE, SectionName.COLUMN):
        sections[SectionKey(name, "shop")] = SectionReport(SectionStatus.FAILED)
    sections[SectionKey(SectionName.PARAMETER)] = SectionReport(SectionStatus.NOT_APPLICABLE)
    found = PostgreSqlAccess(world(role("alice"), sections=sections))
    assert found.decide("alice", "SELECT", ORDERS).unknown == ()
    assert found.decide("alice", "SET", Securable(K.PARAMETER, name="work_mem")).unknown == ()
    assert found.decide("alice", "CREATEDB", SERVER).unknown == ()


def test_roles_that_are_not_kept_are_named_where_they_could_have_it() -> None:
    found = rules(role("alice", *on(SHOP, "CREATE"), member_of=[having("pg_monitor")]))
    unknown = found.decide("alice", "SELECT", ORDERS).unknown
    (left_out,) = [item for item in unknown if "left out as system accounts" in item]
    assert left_out.startswith("what was granted to pg_monitor, ")
    assert "pg_read_all_stats" in left_out
    assert found.decide("alice", "CREATE", SHOP).unknown == ()


def test_a_role_that_is_not_kept_makes_what_is_lacking_doubtful() -> None:
    alice = role("alice", *on(ORDERS, "SELECT"), member_of=[having("dba")])
    (way,) = rules(alice).decide("alice", "SELECT", ORDERS).held
    assert way.lacking == ("USAGE on schema sales, unless dba has it, of which nothing is kept",)


def test_an_account_that_is_not_there_has_nothing() -> None:
    found = rules()
    assert found.decide("nobody", "CONNECT", SHOP).held == ()
    assert found.everything("nobody") == ()
    assert found.powers("nobody") == ()


def test_roles_are_listed_as_principals() -> None:
    found = rules(role("alice", member_of=[having("readers", admin=True)]), READERS)
    listed = {(e.privilege, e.securable): e for e in found.everything("alice")}
    assert listed["USAGE", principal("readers")].grantable
    assert found.decide("alice", "MEMBER WITH ADMIN OPTION", principal("readers")).is_allowed
    assert found.decide("alice", "SET", principal("readers")).is_allowed
    assert not found.decide("readers", "MEMBER", principal("alice")).is_allowed


def test_everything_is_listed_once_by_the_path_that_may_grant() -> None:
    granting = role("granting", *on(ORDERS, "SELECT", grantable=True))
    found = rules(role("alice", *on(ORDERS, "SELECT"), member_of=[having("granting")]), granting)
    (entry,) = [e for e in found.everything("alice") if e.securable == ORDERS]
    assert entry.grantable
    assert entry.path[-1].account == "granting"


@pytest.mark.parametrize(
    ("privilege", "expected"),
    [
        *((name, True) for name in ("INSERT", "delete", "TRUNCATE", "CREATE", "OWNER", "ALL")),
        *((name, True) for name in ("ALTER SYSTEM", "CREATEROLE", "UPDATE WITH GRANT OPTION")),
        *((name, False) for name in ("SELECT", "USAGE", "CONNECT", "TEMP", "EXECUTE", "MEMBER")),
    ],
)
def test_writing_is_told_from_reading(privilege: str, expected: bool) -> None:
    assert rules().is_write(privilege) is expected


def principal(name: str) -> Securable:
    return Securable(K.PRINCIPAL, name=name)


def held_by(found: PostgreSqlAccess, account: str) -> set[tuple[str, Securable]]:
    return {(entry.privilege, entry.securable) for entry in found.everything(account)}
