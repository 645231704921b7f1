"""What a server has that the rules do not know is never answered with a certain yes or no."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.access.answers import Verdict, WhoCan
from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, compare, who_can
from sync_pipeline.collect.unknown import unknown_warnings
from sync_pipeline.engines.access.cautious import doubts_of
from sync_pipeline.engines.access.doubts import newer_release
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import FindingRules
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity
from sync_pipeline_tests.unit.access.test_findings import TODAY
from workbench.strategies.any_engine import (
    NEWER,
    SHAPES,
    newest,
    questions,
    with_grant,
    worlds_of,
)

FEW = settings(max_examples=25, deadline=None)
every_engine = pytest.mark.parametrize("engine", list(EngineName))
K = SecurableKind


def judged(world: AccessWorld) -> Judged:
    return Judged(world, ENGINES[world.engine].access_rules(world))


def text_of(on: Securable, engine: EngineName) -> str:
    """Return how a person names an object."""
    if on.kind is K.SERVER:
        return "*.*" if engine in (EngineName.MYSQL, EngineName.MARIADB) else "server"
    parts = (on.database, on.schema, on.name)
    return f"{on.kind}:{'.'.join(part for part in parts if part)}"


@every_engine
@FEW
@given(data=st.data())
def test_no_answer_about_a_newer_release_is_certain(
    engine: EngineName, data: st.DataObject
) -> None:
    world = data.draw(worlds_of(engine))
    known, newer = judged(world), judged(replace(world, version=NEWER[engine]))
    for account in world.accounts:
        for word, on in questions(engine):
            before = known.rules.decide(account, word, on)
            after = newer.rules.decide(account, word, on)
            # What is plainly there stays informative; nothing stays certain.
            assert after.held == before.held
            assert after.denied == before.denied
            assert after.unknown[: len(before.unknown)] == before.unknown
            assert any(NEWER[engine] in item for item in after.unknown)


@every_engine
@FEW
@given(data=st.data())
def test_a_newer_release_is_said_once_and_makes_no_account_a_holder(
    engine: EngineName, data: st.DataObject
) -> None:
    world = data.draw(worlds_of(engine))
    on = data.draw(st.sampled_from([grant.securable for _, grant in _granted(world)] or [None]))
    if on is None:
        return
    found = {}
    for version in (newest(engine), NEWER[engine]):
        found[version] = who_can(
            [judged(replace(world, version=version))], "SELECT", text_of(on, engine)
        )
    before, after = found.values()
    assert _holders(after) == _holders(before)
    assert not after.is_complete
    (said,) = (gap for gap in after.gaps if NEWER[engine] in gap)
    assert said.startswith("i: Not known, and could change the answer: the rules of ")
    assert not any(NEWER[engine] in gap for gap in before.gaps)


def _granted(world: AccessWorld) -> list[tuple[str, Grant]]:
    return [(name, grant) for name, state in world.accounts.items() for grant in state.grants]


def _holders(found: WhoCan) -> list[tuple[str, Verdict]]:
    return [(item.state.name, item.verdict) for item in found.holders]


@every_engine
@pytest.mark.parametrize("deny", [False, True])
@FEW
@given(data=st.data())
def test_an_unknown_privilege_leaves_no_certain_no_where_it_counts(
    engine: EngineName, deny: bool, data: st.DataObject
) -> None:
    world = data.draw(worlds_of(engine))
    shape = SHAPES[engine]
    on = data.draw(st.sampled_from(shape.securables))
    holder = data.draw(st.sampled_from(shape.names))
    strange = Grant(on, "FROBNICATE", deny=deny, recognised=False)
    changed = with_grant(world, holder, strange)
    before, after = judged(world).rules, judged(changed).rules
    for account, state in world.accounts.items():
        is_reached = account == holder or any(m.role == holder for m in state.memberships)
        is_reached = is_reached or world.accounts[holder].kind is AccountKind.PUBLIC
        for word, asked in questions(engine):
            known, found = before.decide(account, word, asked), after.decide(account, word, asked)
            added = [item for item in found.unknown if "FROBNICATE" in item]
            if asked == on and (
                is_reached or (engine is EngineName.SQLSERVER and "public" in holder)
            ):
                assert added or (found.is_allowed_at_login and not deny)
            if not is_reached and "public" not in holder.lower():
                assert found.unknown == known.unknown


def test_an_unknown_deny_is_no_row_security() -> None:
    table = Securable(K.TABLE, "shop", "sales", "orders", catalog="shop")
    select, strange = Grant(table, "SELECT"), Grant(table, "FROBNICATE", deny=True)
    world = AccessWorld(
        "i",
        EngineName.POSTGRESQL,
        newest(EngineName.POSTGRESQL),
        {
            "ann": AccountState(
                "ann", AccountKind.USER, True, grants=(replace(strange, recognised=False),)
            ),
            "bob": AccountState("bob", AccountKind.USER, True, grants=(select,)),
        },
    )
    unknown = judged(world).rules.decide("bob", "SELECT", table).unknown
    assert not [text for text in unknown if "row security" in text]


@pytest.mark.parametrize(
    ("engine", "version", "is_newer"),
    [
        (EngineName.POSTGRESQL, "18.9 (Debian 18.9-1.pgdg13+1)", False),
        (EngineName.POSTGRESQL, "14.20", False),
        (EngineName.POSTGRESQL, "19beta2", True),
        (EngineName.POSTGRESQL, "20.1", True),
        (EngineName.MYSQL, "9.7.9", False),
        (EngineName.MYSQL, "8.4.99-commercial", False),
        (EngineName.MYSQL, "9.8.0", True),
        (EngineName.MYSQL, "26.7.1", True),
        (EngineName.MARIADB, "11.8.20-MariaDB-ubu2404", False),
        (EngineName.MARIADB, "10.11.99-MariaDB", False),
        (EngineName.MARIADB, "12.3.1-MariaDB", True),
        (EngineName.MARIADB, "13.1.1-MariaDB", True),
        (EngineName.SQLSERVER, "16.0 (Azure SQL Managed Instance, 12.0.2000.8)", False),
        (EngineName.SQLSERVER, "16.0 (Azure SQL Database, 12.0.2000.8)", False),
        (EngineName.SQLSERVER, "13.0.6300.2", False),
        (EngineName.SQLSERVER, "17.0.1000.7", True),
        (EngineName.ORACLE, "19.30.0.0.0", False),
        (EngineName.ORACLE, "23.9.0.25.07", False),
        # 26ai is a release update of 23ai, by its number, and has end users of its own.
        (EngineName.ORACLE, "23.26.0.0.0", True),
        (EngineName.ORACLE, "27.1.0.0.0", True),
        (EngineName.ORACLE, "next", True),
        (EngineName.ORACLE, "", False),
    ],
)
def test_a_line_of_releases_is_newer_and_a_minor_release_is_not(
    engine: EngineName, version: str, is_newer: bool
) -> None:
    assert bool(newer_release(ENGINES[engine], version)) is is_newer
    world = AccessWorld("i", engine, version, {})
    assert (doubts_of(ENGINES[engine].access_rules(world)) is not None) is is_newer
    server = ServerIdentity(version, ())
    assert len(list(unknown_warnings(ENGINES[engine], server, ()))) == is_newer


def state(
    name: str, *grants: Grant, roles: tuple[str, ...] = (), **attributes: str
) -> AccountState:
    return AccountState(
        name=name,
        kind=AccountKind.USER,
        can_login=True,
        database="shop" if name.startswith("[shop]") else "",
        attributes=tuple(attributes.items()),
        memberships=tuple(Membership(role) for role in roles),
        grants=grants,
    )


def world_of(engine: EngineName, *states: AccountState) -> AccessWorld:
    return AccessWorld("i", engine, newest(engine), {item.name: item for item in states})


ORDERS = Securable(K.TABLE, "shop", "dbo", "orders", catalog="shop")
_UNKNOWN = [
    (EngineName.SQLSERVER, state("ann", type="PASSKEY_LOGIN"), "type PASSKEY_LOGIN"),
    (
        EngineName.SQLSERVER,
        state("[shop].[ann]", type="SQL_USER", authentication_type="PASSKEY"),
        "authentication type PASSKEY",
    ),
    (
        EngineName.SQLSERVER,
        state(
            "[shop].[ann]",
            Grant(Securable(K.OBJECT, "shop", name="VECTOR STORE::v", catalog="shop"), "SELECT"),
            type="SQL_USER",
        ),
        "SELECT on object",
    ),
    (
        EngineName.SQLSERVER,
        state("[shop].[ann]", Grant(ORDERS, "EMBED", recognised=False), type="SQL_USER"),
        "EMBED on table",
    ),
    (EngineName.ORACLE, state("ANN", account_status="OPEN & FROZEN"), "account status FROZEN"),
    (EngineName.ORACLE, state("ANN", authentication_type="PASSKEY"), "authentication type PASSKEY"),
    (
        EngineName.ORACLE,
        state("ANN", Grant(Securable(K.SERVER), "EMBED ANY TABLE", recognised=False)),
        "EMBED ANY TABLE on server",
    ),
    (EngineName.POSTGRESQL, state("ann", roles=("pg_embed",)), "predefined role pg_embed"),
    (EngineName.POSTGRESQL, state("pg_embed"), "predefined role pg_embed"),
    (
        EngineName.POSTGRESQL,
        state("ann", Grant(ORDERS, "EMBED", recognised=False)),
        "EMBED on table",
    ),
    (
        EngineName.MYSQL,
        state("'a'@'%'", Grant(Securable(K.SERVER), "EMBED_ADMIN")),
        "EMBED_ADMIN on",
    ),
    (
        EngineName.MARIADB,
        state("'a'@'%'", Grant(Securable(K.SERVER), "access bit 44", recognised=False)),
        "access bit 44 on server",
    ),
]


@pytest.mark.parametrize(("engine", "account", "name"), _UNKNOWN)
def test_an_unknown_thing_is_in_the_warnings_and_in_each_answer(
    engine: EngineName, account: AccountState, name: str
) -> None:
    other = state("[shop].[bob]" if account.database else "BOB", type="SQL_LOGIN")
    world = world_of(engine, account, other)
    server = ServerIdentity(world.version, ())
    warnings = list(unknown_warnings(ENGINES[engine], server, (account,)))
    if not account.name.startswith("pg_"):
        assert len(warnings) == 1
        assert name in warnings[0]
    asked = judged(world)
    has_schemas = engine in (EngineName.POSTGRESQL, EngineName.SQLSERVER)
    on = ORDERS if has_schemas else Securable(K.TABLE, schema="HR", name="EMP")
    assert asked.rules.decide(account.name, "DELETE", on).unknown
    found = access_of(asked, account.name)
    (gap,) = (item for item in found.gaps if "Not known, and could change" in item)
    assert name.split(maxsplit=1)[0] in gap
    assert access_of(asked, other.name).gaps == asked.gaps()
    comparison = compare(asked, account.name, asked, other.name)
    assert gap in comparison.gaps
    notes = review([Case(asked)], FindingRules(), TODAY).notes
    assert gap in notes


def test_what_the_accounts_of_the_engine_hold_is_no_warning() -> None:
    strange = Grant(Securable(K.SERVER), "EMBED ANY TABLE", recognised=False)
    own = replace(state("XDB", strange), is_system=True)
    server = ServerIdentity("19.3", (19, 3))
    assert list(unknown_warnings(ENGINES[EngineName.ORACLE], server, (own,))) == []


def test_what_is_flagged_and_known_is_no_doubt() -> None:
    revoked = Grant(ORDERS, "SELECT (revoked)", recognised=False)
    objects = (
        Grant(Securable(K.OBJECT, "shop", name=name, catalog="shop"), "ALTER", recognised=False)
        for name in ("ROUTE::r", "EXTERNAL LANGUAGE id 7", "EXTERNAL MODEL id 7")
    )
    newer = Grant(Securable(K.DATABASE, "shop"), "CREATE EXTERNAL MODEL", recognised=False)
    ann = state("[shop].[ann]", revoked, newer, *objects, type="SQL_USER")
    world = world_of(EngineName.SQLSERVER, ann)
    assert doubts_of(ENGINES[EngineName.SQLSERVER].access_rules(world)) is None


def test_a_login_is_doubted_for_what_its_user_has() -> None:
    login = state("ann", type="SQL_LOGIN")
    user = state(
        "[shop].[ann]", Grant(ORDERS, "EMBED", recognised=False), type="SQL_USER", login="ann"
    )
    rules = judged(world_of(EngineName.SQLSERVER, login, user)).rules
    assert "EMBED" in rules.decide("ann", "SELECT", ORDERS).unknown[-1]


def test_a_deny_that_is_not_known_makes_a_yes_unsure() -> None:
    on = Securable(K.TABLE, "shop", "", "orders")
    grants = (Grant(on, "SELECT"), Grant(on, "EMBED", deny=True, recognised=False))
    asked = judged(world_of(EngineName.MARIADB, state("'a'@'%'", *grants)))
    decision = asked.rules.decide("'a'@'%'", "SELECT", on)
    assert decision.is_allowed
    assert "EMBED on table shop.orders takes" in decision.unknown[0]
    found = who_can([asked], "SELECT", "shop.orders")
    assert [item.verdict for item in found.holders] == [Verdict.AT_LOGIN]
    assert not found.is_complete


def test_many_and_long_names_make_short_texts() -> None:
    grants = tuple(
        Grant(ORDERS, f"X{number}\n\x1b[31m{'X' * 5000}", recognised=False) for number in range(50)
    )
    account = state("ann", *grants)
    (warning,) = unknown_warnings(
        ENGINES[EngineName.POSTGRESQL], ServerIdentity("18.1", (18, 1)), (account,)
    )
    assert len(warning) < 2000
    asked = judged(world_of(EngineName.POSTGRESQL, account))
    unknown = asked.rules.decide("ann", "SELECT", ORDERS).unknown
    for text in (warning, *unknown, *access_of(asked, "ann").gaps):
        assert text.isprintable()
        assert len(text) < 2000
    assert unknown[-1] == "45 more unknown things"


def test_a_column_that_nothing_reads_is_in_every_answer() -> None:
    read = {
        SectionKey(SectionName.ACCOUNTS): SectionReport(
            SectionStatus.READ, "what the catalog keeps in pg_authid.rolnew, which nothing reads"
        )
    }
    world = replace(world_of(EngineName.POSTGRESQL, state("ann")), sections=read)
    asked = judged(world)
    assert "pg_authid.rolnew" in asked.rules.decide("ann", "SELECT", ORDERS).unknown[-1]
    assert any("pg_authid.rolnew" in gap for gap in access_of(asked, "ann").gaps)
    # The section counts as read: what is gone from it is gone.
    assert read[SectionKey(SectionName.ACCOUNTS)].is_known


def test_two_accounts_of_a_newer_server_are_not_known_to_differ() -> None:
    grant = Grant(ORDERS, "SELECT")
    world = world_of(EngineName.POSTGRESQL, state("ann", grant), state("bob"), state("public"))
    asked = judged(replace(world, version="19.0"))
    found = compare(asked, "ann", asked, "bob")
    assert found.everywhere
    assert all(set(found.everywhere) <= set(item.unknown) for item in found.differences)
    assert len([gap for gap in found.gaps if "19.0" in gap]) == 1
