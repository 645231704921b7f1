"""On which instances an object is: nobody who has a privilege is left out by a wrong belief."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.access.answers import Existence, Verdict, WhoCan
from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.grants import gone_database
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import who_can
from sync_pipeline.cli.holders import Asked, Lines
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import Databases, Listing
from sync_pipeline.model.privilege import Grant, SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionReport, SectionStatus

K = SecurableKind
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LISTED = NOW - timedelta(hours=9)
READ = SectionReport(SectionStatus.READ)
DENIED = SectionReport(SectionStatus.DENIED, "Grant it.")
FAMILY = [EngineName.MYSQL, EngineName.MARIADB]
SHOW = Grant(Securable(K.SERVER), "SHOW DATABASES")
ROOT, WATCHER, APP = "'root'@'localhost'", "'watcher'@'%'", "'app'@'%'"


def user(name: str, *grants: Grant, superuser: bool = False, **more: object) -> AccountState:
    return AccountState(
        name, AccountKind.USER, can_login=True, is_superuser=superuser, grants=grants, **more
    )  # type: ignore[arg-type]


def asked(
    engine: EngineName,
    *accounts: AccountState,
    version: str = "11.8.3-MariaDB",
    databases: tuple[str, ...] = (),
    sections: dict[SectionKey, SectionReport] | None = None,
    listing: Listing | None = None,
) -> Judged:
    read = {
        SectionKey(name, database): READ for name in SectionName for database in ("", *databases)
    }
    world = AccessWorld(
        "one",
        engine,
        "9.7.0" if engine is EngineName.MYSQL else version,
        {item.name: item.canonical() for item in accounts},
        {**read, **(sections or {})},
        asked_at=NOW,
    )
    return Judged(world, ENGINES[engine].access_rules(world), listing or Listing())


def listed(*names: str, at: datetime = LISTED, **changes: object) -> Listing:
    """Return that the account `watcher`, which has not changed since, listed these databases."""
    databases = Databases(frozenset(names), frozenset(), at, (r"performance\_schema", "no%"))
    return replace(
        Listing(databases, "watcher", {WATCHER: at - timedelta(days=1)}),
        **changes,  # type: ignore[arg-type]
    )


def family(engine: EngineName, listing: Listing | None, *more: AccountState) -> Judged:
    everything = [Grant(Securable(K.SERVER), word) for word in ("SELECT", "SUPER", "DELETE")]
    root = user(ROOT, *everything, superuser=True)
    return asked(engine, root, user(WATCHER, SHOW), *more, listing=listing)


def on(judged: Judged, text: str, privilege: str = "DELETE") -> WhoCan:
    return who_can([judged], privilege, text)


def found(answer: WhoCan) -> dict[str, Existence]:
    return {item.state.name: item.existence for item in answer.holders}


@pytest.mark.parametrize("engine", FAMILY)
def test_a_database_that_is_not_listed_has_no_holders(engine: EngineName) -> None:
    answer = on(family(engine, listed("crm", "mysql")), "table:shop.orders")
    assert found(answer) == {}
    (absence,) = answer.absent
    assert (absence.missing, absence.instances) == ("database shop", ("one",))
    assert absence.listed_at == LISTED
    assert answer.unsure == ()
    assert not answer.is_found


@pytest.mark.parametrize("engine", FAMILY)
@pytest.mark.parametrize(
    "listing",
    [
        pytest.param(None, id="never listed"),
        pytest.param(listed("crm", at=NOW - timedelta(days=3)), id="listed long ago"),
        pytest.param(listed("crm", monitor="another"), id="by an account that is not known"),
        pytest.param(listed("crm", changed_at={}), id="when the account changed is not known"),
        pytest.param(listed("crm", changed_at={WATCHER: NOW}), id="the account changed since"),
    ],
)
def test_where_it_can_not_be_told_it_may_be(engine: EngineName, listing: Listing | None) -> None:
    answer = on(family(engine, listing), "table:shop.orders")
    assert found(answer) == {ROOT: Existence.MAY_BE}
    assert (answer.absent, answer.unsure) == ((), ("one",))


@pytest.mark.parametrize("engine", FAMILY)
def test_an_account_that_sees_some_databases_tells_of_no_other(engine: EngineName) -> None:
    hidden = Grant(Securable(K.DATABASE, "shop"), "SELECT", deny=True)
    for watcher in (user(WATCHER), user(WATCHER, SHOW, hidden)):
        root = user(ROOT, Grant(Securable(K.SERVER), "DELETE"), superuser=True)
        answer = on(asked(engine, root, watcher, listing=listed("crm")), "table:shops.orders")
        assert found(answer) == {ROOT: Existence.MAY_BE}


@pytest.mark.parametrize("engine", FAMILY)
@pytest.mark.parametrize("name", ["Shop", "SHOP", "shop"])
def test_a_name_is_there_in_any_case(engine: EngineName, name: str) -> None:
    judged = family(engine, listed("Shop"))
    assert found(on(judged, f"table:{name}.orders")) == {ROOT: Existence.LIKELY}
    assert found(on(judged, f"database:{name}")) == {ROOT: Existence.YES}


@pytest.mark.parametrize("engine", FAMILY)
@pytest.mark.parametrize("text", ["table:nowhere.t", "table:mysql.user", "table:Sys.t", "*.*"])
def test_what_is_never_listed_and_what_each_server_has_is_kept(
    engine: EngineName, text: str
) -> None:
    answer = on(family(engine, listed("crm")), text)
    assert ROOT in found(answer)
    assert answer.absent == ()


@pytest.mark.parametrize("engine", FAMILY)
def test_what_a_grant_names_is_there_though_no_listing_has_it(engine: EngineName) -> None:
    named = user(APP, Grant(Securable(K.TABLE, "shop", name="orders"), "DELETE"))
    judged = family(engine, listed("crm"), named)
    yes = {ROOT: Existence.YES, APP: Existence.YES}
    assert found(on(judged, "table:shop.orders")) == yes
    assert found(on(judged, "table:shop.Orders"))[ROOT] is Existence.YES
    assert found(on(judged, "column:shop.orders.id", "SELECT"))[ROOT] is Existence.YES
    assert found(on(judged, "database:shop"))[ROOT] is Existence.YES
    # Something else in a database that no listing has.
    assert on(judged, "table:shop.items").absent


@pytest.mark.parametrize("engine", FAMILY)
def test_a_pattern_names_no_database(engine: EngineName) -> None:
    pattern = Securable(K.DATABASE_PATTERN, "sh%")
    judged = family(engine, listed("shop2"), user(APP, Grant(pattern, "DELETE")))
    assert found(on(judged, "table:shop2.t")) == {ROOT: Existence.LIKELY, APP: Existence.LIKELY}
    assert on(judged, "table:shop.t").absent


@pytest.mark.parametrize("engine", FAMILY)
@pytest.mark.parametrize("may_list", [True, False])
def test_who_sees_some_databases_alone_calls_no_other_one_gone(
    engine: EngineName, *, may_list: bool
) -> None:
    """Or else a REVOKE of what is in use would be its fix."""
    app = user(APP, *(Grant(Securable(K.DATABASE, name), "SELECT") for name in ("shop", "old")))
    watcher = user(WATCHER, *([SHOW] if may_list else []))
    databases = Databases(frozenset({"crm"}), frozenset({"old"}), LISTED)
    changed = dict.fromkeys((APP, WATCHER), LISTED - timedelta(days=1))
    case = Case(asked(engine, app, watcher), databases, changed, "watcher")
    gone = [item.about for item in gone_database.findings([case])]
    assert gone == ["database old", *(["database shop"] if may_list else [])]


def oracle(*more: AccountState, **options: object) -> Judged:
    grants = (Grant(Securable(K.SERVER), "DELETE ANY TABLE"),)
    users = (user("ADMIN", *grants), user("SHOP"))
    return asked(EngineName.ORACLE, *users, *more, version="19.22.0.0.0", **options)  # type: ignore[arg-type]


def test_a_schema_of_oracle_is_its_user() -> None:
    judged = oracle()
    assert found(on(judged, "table:shop.orders"))["ADMIN"] is Existence.LIKELY
    assert set(found(on(judged, "schema:SHOP", "DELETE ANY TABLE")).values()) == {Existence.YES}
    answer = on(judged, "table:crm.orders")
    assert found(answer) == {}
    assert [(item.missing, item.listed_at) for item in answer.absent] == [("schema CRM", None)]


def test_a_schema_of_oracle_that_may_be_left_out_is_not_said_to_be_gone() -> None:
    unread = {SectionKey(SectionName.ACCOUNTS): DENIED}
    assert found(on(oracle(sections=unread), "table:crm.orders"))["ADMIN"] is Existence.MAY_BE
    left_out = Listing(excluded_accounts=("C%",))
    assert found(on(oracle(listing=left_out), "table:crm.orders"))["ADMIN"] is Existence.MAY_BE
    for schema in ("MDSYS", "XDB", "APEX_240100", "C##OPS", "GSMADMIN_INTERNAL"):
        assert found(on(oracle(), f"table:{schema}.T"))["ADMIN"] is Existence.MAY_BE, schema
    assert found(on(oracle(), "table:SYSTEM.T"))["ADMIN"] is Existence.YES
    granted = user("APP", Grant(Securable(K.TABLE, "", "CRM", "ITEMS"), "READ"))
    assert found(on(oracle(granted), "table:crm.orders"))["ADMIN"] is not Existence.NO


def test_each_pluggable_database_has_its_own_schemas() -> None:
    grant = Grant(Securable(K.SERVER, "P1", catalog="P1"), "DELETE ANY TABLE")
    there = (user("P1.ADMIN", grant, database="P1"), user("P1.CRM", database="P1"))
    answer = on(oracle(*there, databases=("P1",)), "table:P1.CRM.ORDERS")
    assert found(answer) == {"P1.ADMIN": Existence.LIKELY, "P1.CRM": Existence.LIKELY}


def in_two() -> Judged:
    """P1 has a grant on the table; of the same schema in P2 nothing is granted."""
    table = Securable(K.TABLE, "P1", "APP", "ORDERS", catalog="P1")
    of_p1 = (user("P1.APP", database="P1"), user("P1.BOB", Grant(table, "DELETE"), database="P1"))
    grant = Grant(Securable(K.SERVER, "P2", catalog="P2"), "DELETE ANY TABLE")
    of_p2 = (user("P2.APP", database="P2"), user("P2.EVE", grant, database="P2"))
    return oracle(*of_p1, *of_p2, databases=("P1", "P2"))


def test_what_a_grant_names_in_one_container_may_be_in_another_one() -> None:
    answer = on(in_two(), "table:app.orders")
    assert found(answer) == {
        "P1.APP": Existence.YES,
        "P1.BOB": Existence.YES,
        "P2.APP": Existence.LIKELY,
        "P2.EVE": Existence.LIKELY,
    }
    # A container without the schema has none, and a name with its container is of that one.
    assert answer.is_found
    assert set(found(on(in_two(), "table:P1.app.orders"))) == {"P1.APP", "P1.BOB"}


def told(answer: WhoCan, **options: bool) -> tuple[list[str], str]:
    shown = Lines(Asked(**options))
    shown.add(answer.holders)
    notes = " ".join(shown.end(answer))
    return [f"{row[1]} {row[2]}" for row in shown.rows], notes


def test_who_may_have_it_where_another_has_it_is_told() -> None:
    answer = on(in_two(), "table:app.orders")
    rows, notes = told(answer)
    assert rows == ["P1.APP at login", "P1.BOB at login"]
    assert "may be on 1 instance (one), where nothing names it: 2 accounts would have" in notes
    for option in ("is_alone", "every_holder"):
        rows, notes = told(answer, **{option: True})
        assert rows[2:] == ["P2.APP at login", "P2.EVE at login"]
        assert "on 1 instance (one): it may be there, and what is shown is who would" in notes


def test_one_who_is_denied_as_one_kind_is_told_as_another() -> None:
    answer = on(oracle(), "table:shop.orders")
    (admin,) = (item for item in answer.holders if item.state.name == "ADMIN")
    other = replace(admin.decision, securable=Securable(K.VIEW, "", "SHOP", "ORDERS"))
    denied = replace(admin, verdict=Verdict.DENIED, decision=replace(other, held=(), denied=("x",)))
    rows, notes = told(replace(answer, holders=(denied, admin, replace(admin, decision=other))))
    assert [row.split(" ", 1)[1] for row in rows] == ["denied", "at login"]
    rows, notes = told(replace(answer, holders=(denied, admin), is_found=True))
    assert "1 account would have" in notes


def test_all_paths_are_those_of_each_superuser() -> None:
    everything = [Grant(Securable(K.SERVER), word) for word in ("DELETE", "SUPER")]
    boss = user("'boss'@'%'", *everything, superuser=True)
    answer = on(family(EngineName.MYSQL, listed("shop"), boss), "table:shop.orders")
    assert len(told(answer, is_alone=True)[0]) == 1
    assert len(told(answer, is_alone=True, all_paths=True)[0]) == 2


def sqlserver(*databases: str, **options: object) -> Judged:
    sa = user("sa", superuser=True, attributes=(("type", "SQL_LOGIN"),))
    member = replace(sa, kind=AccountKind.LOGIN)
    publics = [
        AccountState(f"[{name}].[public]", AccountKind.ROLE, can_login=False, database=name)
        for name in databases
    ]
    return asked(
        EngineName.SQLSERVER, member, *publics, version="16.0", databases=databases, **options
    )  # type: ignore[arg-type]


def test_a_database_of_sql_server_is_found_in_any_case() -> None:
    answer = on(sqlserver("master", "Shop"), "table:SHOP.dbo.orders")
    assert answer.absent == ()
    assert set(found(answer).values()) <= {Existence.LIKELY}
    assert answer.unsure == ("one",)


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        (EngineName.SQLSERVER, "table:crm.dbo.orders"),
        (EngineName.POSTGRESQL, "table:crm.public.orders"),
        (EngineName.POSTGRESQL, "database:crm"),
    ],
)
def test_a_database_that_the_last_sync_did_not_list_is_named(engine: EngineName, text: str) -> None:
    """Beside an instance that has it: alone it is a name that exists nowhere."""
    crm = Securable(K.TABLE, "crm", "dbo", "orders", catalog="crm")
    public = replace(crm, schema="public")
    holder = user("app", *(Grant(item, "DELETE") for item in (crm, public)))
    with_it = asked(
        engine,
        holder,
        user("boss", Grant(Securable(K.DATABASE, "crm"), "OWNER")),
        version="16.0",
        databases=("crm",),
    )
    without = asked(engine, user("app"), version="16.0", databases=("shop",))
    hidden = {SectionKey(SectionName.DATABASE): DENIED}
    unsure = asked(engine, user("app"), version="16.0", databases=("shop",), sections=hidden)
    answer = who_can([with_it, without], "DELETE", text)
    assert [(item.missing, item.instances) for item in answer.absent] == [
        ("database crm", ("one",))
    ]
    assert answer.is_found
    # Where databases are hidden nothing is said to be gone, and what was not read is told.
    answer = who_can([with_it, unsure], "DELETE", text)
    assert [item.missing for item in answer.absent] == [""]
    assert not answer.is_complete
    with pytest.raises(ConfigurationError, match="names nothing"):
        who_can([without], "DELETE", text)


def test_a_name_without_its_database_is_none_of_a_database() -> None:
    orders = Securable(K.TABLE, "shop", "public", "orders", catalog="shop")
    shop = asked(
        EngineName.POSTGRESQL,
        user("app", Grant(orders, "SELECT")),
        version="16",
        databases=("shop",),
    )
    crm = asked(EngineName.POSTGRESQL, user("app"), version="16", databases=("crm",))
    answer = who_can([shop, crm], "SELECT", "table:public.orders")
    assert [item.missing for item in answer.absent] == [""]
