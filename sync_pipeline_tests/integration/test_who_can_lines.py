"""The lines of `access who-can` over a fleet: where the object is, and who is told together."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import insert

from sync_pipeline.cli import context
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from sync_pipeline.settings import Settings
from sync_pipeline.store.sizes.schema import instance_databases
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers import access
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench, an_instance
from workbench.servers.statements import counted

K = SecurableKind
SERVER = Securable(K.SERVER)
ORDERS = Securable(K.TABLE, "shop", name="orders")
WHO = ("access", "who-can", "DELETE", "table:shop.orders")


def user(name: str, *grants: Grant, superuser: bool = False) -> AccountState:
    return AccountState(
        f"'{name}'@'%'", AccountKind.USER, can_login=True, is_superuser=superuser, grants=grants
    )


def superusers(*names: str) -> list[AccountState]:
    return [
        user(name, Grant(SERVER, "DELETE"), Grant(SERVER, "SUPER"), superuser=True)
        for name in names
    ]


WATCHER = user("watcher", Grant(SERVER, "SHOW DATABASES"))
ROOTS = superusers("ann", "bea", "cid", "dan", "eve")
APP = user("app", Grant(ORDERS, "DELETE"))
OF_DATABASE = user("clerk", Grant(Securable(K.DATABASE, "shop"), "DELETE"))


def register(store: Store, bench: StoreBench, engine: EngineName, *names: str) -> list[Instance]:
    bench.fleet()
    store.registry.put_instances([an_instance(name, engine) for name in names], bench.now)
    found = {item.name: item for item in store.registry.instances()}
    return [found[name] for name in names]


def sync(bench: StoreBench, instance: Instance, *accounts: AccountState) -> None:
    session = bench.open([instance])
    bench.apply_claimed(bench.claim(session, instance), instance, *accounts)


def listing(store: Store, bench: StoreBench, instance: Instance, *names: str) -> None:
    """Write what a size collection of an hour later listed."""
    at = bench.now + timedelta(hours=1)
    moments = {"first_seen_at": at, "last_seen_at": at}
    rows = [
        {"instance_id": instance.id, "database_name": name, "is_active": True, **moments}
        for name in names
    ]
    with store._database.write() as connection:
        connection.execute(insert(instance_databases), rows)


@pytest.fixture
def fleet(command: Command) -> Command:
    """`with` has the table, `there` its database, two have neither, of `never` nobody knows."""
    store = command.store()
    bench = StoreBench(store)
    names = ("with", "there", "crm-1", "crm-2", "never")
    instances = register(store, bench, EngineName.MARIADB, *names)
    by_name = dict(zip(names, instances, strict=True))
    for name, item in by_name.items():
        more = {"with": [APP], "there": [OF_DATABASE]}.get(name, [])
        sync(bench, item, WATCHER, *ROOTS, *more)
    listing(store, bench, by_name["with"], "Shop", "mysql")
    listing(store, bench, by_name["there"], "shop")
    for name in ("crm-1", "crm-2"):
        listing(store, bench, by_name[name], "crm", "mysql")
    store.close()
    now = bench.now + timedelta(hours=10)
    command.patch.setattr(context, "utc_now", lambda: now)
    return command


def lines(command: Command, *options: str) -> list[str]:
    command.patch.setenv("COLUMNS", "300")
    return [
        " ".join(line.replace("│", " ").split())
        for line in command.ok(*WHO, *options).out.splitlines()
        if line.startswith(("│", "Note"))
    ]


def accounts_of(command: Command, *options: str) -> list[tuple[str, str]]:
    return [
        (item["instance"], item["account"])
        for item in command.ok(*WHO, "--json", *options).json["holders"]
    ]


def test_an_instance_is_listed_if_the_object_is_there(fleet: Command) -> None:
    said = lines(fleet)
    assert said[0] == (
        "with 'app'@'%' at login table shop.orders 'app'@'%' granted on table shop.orders"
    )
    assert said[1] == (
        "with 5 superusers: 'ann'@'%', 'bea'@'%', 'cid'@'%' and 2 more at login table shop.orders"
        " granted on server"
    )
    notes = [line for line in said if line.startswith("Note")]
    assert len(said) - len(notes) == 2
    assert sum("which were not tried" in line for line in notes) == 1
    assert any("3 instances (never, there, with): Not known, and could" in line for line in notes)
    assert (
        "Note: table:shop.orders may be on 2 instances (never, there), where nothing names it: 11 "
        "accounts would have DELETE there. --instance NAME shows them, and --all-holders shows all."
    ) in notes
    assert (
        "Note: Not on 2 instances (crm-1, crm-2): no database shop there (listed on 2026-03-01 or "
        "later)."
    ) in notes


def test_programs_are_told_each_holder_wherever_the_object_may_be(fleet: Command) -> None:
    said = fleet.ok(*WHO, "--json").json
    by_instance: dict[str, set[str]] = {}
    for item in said["holders"]:
        by_instance.setdefault(item["instance"], set()).add(item["account"])
    roots = {item.name for item in ROOTS}
    assert by_instance == {
        "with": {*roots, "'app'@'%'"},
        "there": {*roots, "'clerk'@'%'"},
        "never": roots,
    }
    assert {(item["instance"], item["exists"]) for item in said["holders"]} == {
        ("with", "yes"), ("there", "may be"), ("never", "may be"),
    }  # fmt: skip
    told = {item["account"]: item["told_with"] for item in said["holders"]}
    assert (told["'ann'@'%'"], told["'app'@'%'"]) == ("superusers", "")
    assert said["may_be_on"] == ["never", "there"]
    # What could change an answer about an instance without the database is not told.
    assert {text.partition(":")[0] for text in said["not_known"]} == {"never", "there", "with"}
    (absent,) = said["not_there"]
    assert (absent["missing"], absent["instances"]) == ("database shop", ["crm-1", "crm-2"])
    rows = list(csv.DictReader(io.StringIO(fleet.run(*WHO, "--csv").out)))
    assert sorted((row["instance"], row["account"]) for row in rows) == sorted(accounts_of(fleet))
    assert {(row["instance"], row["exists"]) for row in rows} == {
        ("with", "yes"), ("there", "may be"), ("never", "may be"),
    }  # fmt: skip


def test_every_line_is_there_for_who_asks(fleet: Command) -> None:
    shown = [line for line in lines(fleet, "--all-holders") if not line.startswith("Note")]
    assert len(shown) == len(accounts_of(fleet)) == 17
    # Asked about by its name, an instance is listed though nothing names the object there.
    named = lines(fleet, "--instance", "there")
    assert named[0].startswith("there 'clerk'@'%' at login")
    assert named[1].startswith("there 5 superusers:")
    assert any("it may be there, and what is shown is who would have it" in line for line in named)
    absent = lines(fleet, "--instance", "crm-1")
    assert [line for line in absent if not line.startswith("Note")] == []


def test_where_it_is_nowhere_for_sure_its_database_is_listed(fleet: Command) -> None:
    said = fleet.ok("access", "who-can", "DELETE", "table:shop.items").out
    assert "'clerk'@'%'" in said
    assert "Nothing names table:shop.items on 2 instances" in " ".join(said.split())
    assert "crm-1" in said.split("Note: Not on")[1]
    # What is nowhere named, and of which no listing tells, is noted all the same.
    nowhere = " ".join(fleet.ok("access", "who-can", "FILE", "table:nowhere.t").out.split())
    assert "No account has FILE" in nowhere


def test_a_lone_superuser_keeps_its_line(command: Command) -> None:
    store = command.store()
    bench = StoreBench(store)
    (one,) = register(store, bench, EngineName.MARIADB, "one")
    sync(bench, one, ROOTS[0], APP)
    store.close()
    assert [line.split(" at login")[0] for line in lines(command) if "at login" in line] == [
        "one 'ann'@'%'", "one 'app'@'%'",
    ]  # fmt: skip


def test_what_the_engine_made_is_shown_to_who_asks(command: Command) -> None:
    table = Securable(K.TABLE, "shop", "public", "orders", catalog="shop")
    monitor = AccountState(
        "pg_monitor", AccountKind.ROLE, can_login=False, grants=(Grant(table, "DELETE"),)
    )
    mon = AccountState(
        "mon",
        AccountKind.USER,
        can_login=True,
        memberships=(Membership("pg_monitor", inherit=True, set_role=True),),
    )
    store = command.store()
    bench = StoreBench(store)
    (one,) = bench.fleet("one")
    sync(bench, one, mon, monitor)
    store.close()
    asked = ("access", "who-can", "DELETE", "table:shop.public.orders")
    found = command.ok(*asked, "--json").json
    assert [item["account"] for item in found["holders"]] == ["mon"]
    assert [step["account"] for step in found["holders"][0]["held"][0]["path"]] == [
        "mon", "pg_monitor",
    ]  # fmt: skip
    assert "mon → pg_monitor (member)" in command.ok(*asked).out
    own = command.ok(*asked, "--json", "--with-system").json["holders"]
    assert [(item["account"], item["is_system"]) for item in own] == [
        ("mon", False), ("pg_monitor", True),
    ]  # fmt: skip
    names = ("accounts", "list", "--json")
    listed = [item["state"]["name"] for item in command.ok(*names).json]
    every = [item["state"]["name"] for item in command.ok(*names, "--with-system").json]
    assert (listed, every) == (["mon"], ["mon", "pg_monitor"])
    assert (
        command.ok("accounts", "list", "--limit", "1", "--json").json[0]["state"]["name"] == "mon"
    )
    assert "pg_monitor" in command.ok("accounts", "show", "one", "pg_monitor").out


def test_a_question_sends_no_statement_more_for_each_instance(command: Command) -> None:
    store = command.store()
    bench = StoreBench(store)
    names = [f"i{number}" for number in range(30)]
    instances = register(store, bench, EngineName.MARIADB, *names)
    for item in instances:
        sync(bench, item, WATCHER, *ROOTS[:1])
        listing(store, bench, item, "crm")
    deps = SyncDeps(store, None, Settings.load(), lambda: bench.now + timedelta(hours=2))  # type: ignore[arg-type]

    def sent(some: list[Instance]) -> int:
        with counted(store) as statements:
            search = access.search(deps, "DELETE", "table:shop.orders", [some])
            assert list(search.holders()) == []
        assert len(search.answer().absent[0].instances) == len(some)
        return len(statements)

    assert sent(instances[:3]) == 4
    # The first eight are read by themselves.
    assert sent(instances) == sent(instances[:9]) == 7
