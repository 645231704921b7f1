"""The list of changes: a first sync is one line, what is no news is none, and all is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import Baseline, ChangeType
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.settings import Settings
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.findings import review_session
from sync_pipeline.workflows.answers.history import accounts_at, change_list, logged_changes
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench, an_account, minutes


def listed(store: Store, **wanted: object) -> list[tuple[str, object]]:
    found = change_list(store, ChangeFilter(**wanted))  # type: ignore[arg-type]
    return [
        (item.instance, item.accounts)
        if isinstance(item, Baseline)
        else (item.change.account, item.change.change_type)
        for item in found
    ]


def reporting(name: str, value: object) -> AccountState:
    return replace(an_account(name), attributes=(("is_odd", value),))  # type: ignore[arg-type]


def test_the_first_sync_of_each_instance_is_one_line(store: Store) -> None:
    bench = StoreBench(store)
    one, two = bench.fleet("one", "two")
    first = bench.apply(one, an_account("a"), an_account("b"), an_account("c"))
    # At the same moment, but no first sync.
    bench.apply(one, an_account("a"), an_account("b"), an_account("c"), an_account("d"))
    bench.now = minutes(30)
    bench.apply(two, an_account("a"))
    bench.now = minutes(60)
    bench.apply(one, an_account("a"), an_account("b"), an_account("d", is_locked=True))
    added, removed, other = ChangeType.ADD, ChangeType.REMOVE, ChangeType.MODIFY_OTHER
    everything = [("c", removed), ("d", other), ("two", 1), ("one", 3), ("d", added)]
    assert sorted(map(str, listed(store))) == sorted(map(str, everything))
    assert listed(store, limit=3)[2:] == [("two", 1)]
    assert listed(store, session_id=first.session_id) == [("one", 3)]
    assert set(listed(store, change_types=(removed, other))) == {("c", removed), ("d", other)}
    assert listed(store, instances=(two.id,)) == [("two", 1)]
    assert listed(store, since=minutes(45), instances=(two.id,)) == []
    # Who asks for one account is told of it, not of a number.
    assert listed(store, instances=(one.id,), account="a") == [("a", added)]
    entries = logged_changes(store, ChangeFilter())
    assert len(entries) == 7
    assert {(item.instance, item.change.account) for item in entries if item.is_baseline} == {
        ("one", "a"),
        ("one", "b"),
        ("one", "c"),
        ("two", "a"),
    }
    (one,) = (item.id for item in store.registry.instances() if item.name == "one")
    assert {item.state.name for item in accounts_at(store, minutes(0), (one,))} == set("abcd")
    # Of chosen instances the baselines are theirs alone.
    wanted = ChangeFilter(instances=(one,))
    assert {item.instance for item in change_list(store, wanted)} == {"one"}


def test_an_instance_that_was_deleted_and_added_again_has_one_first_sync(store: Store) -> None:
    bench = StoreBench(store)
    (one,) = bench.fleet("one")
    bench.apply(one, an_account("a"), an_account("b"))
    store.registry.delete_instance("one", minutes(10))
    (again,) = bench.fleet("one")
    bench.now = minutes(30)
    bench.apply(again, an_account("b"), an_account("c"))
    assert listed(store)[-1] == ("one", 2)
    assert set(listed(store)[:-1]) == {("a", ChangeType.REMOVE), ("c", ChangeType.ADD)}


def test_what_an_upgrade_reports_hides_nothing_behind_it(store: Store) -> None:
    bench = StoreBench(store)
    (one,) = bench.fleet("one")
    names = [f"a{number:02}" for number in range(40)]
    bench.apply(one, *map(an_account, names))
    bench.now = minutes(30)
    bench.apply(one, *map(an_account, names), an_account("new"))
    bench.now = minutes(60)
    bench.apply(one, *(reporting(name, False) for name in names), an_account("new"))
    new = ("new", ChangeType.ADD)
    assert listed(store) == [new, ("one", 40)]
    assert listed(store, limit=1) == [new]
    assert len(store.accounts.changes(ChangeFilter(with_silent=False))) == 41
    with store._database.write() as connection:
        # As a version before wrote them.
        noisy = log.c.change_type == str(ChangeType.MODIFY_OTHER)
        connection.execute(update(log).where(noisy).values(lines=["is_odd is no"]))
    assert listed(store) == [new, ("one", 40)]
    assert listed(store, limit=1) == [new]
    assert listed(store, account="a01") == [("a01", ChangeType.ADD)]
    assert len(logged_changes(store, ChangeFilter())) == 81
    (state,) = (item.state for item in accounts_at(store, minutes(60)) if item.state.name == "a01")
    assert dict(state.attributes) == {"is_odd": False}


def test_a_first_sync_changed_no_account_that_has_findings(store: Store, tmp_path: Path) -> None:
    bench = StoreBench(store)
    (one,) = bench.fleet("one")
    settings = Settings(home=tmp_path)
    deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: bench.now)
    boss = replace(an_account("boss"), is_superuser=True)

    def counted(*states: AccountState) -> tuple[int, int]:
        session = bench.apply(one, *states)
        bench.now += timedelta(minutes=30)
        found = review_session(deps, session)
        superusers = {item.account for item in found.review.findings if "superuser" in item.rule}
        return len(superusers), sum(found.changed.values())

    assert counted(boss) == (1, 0)
    assert counted(replace(boss, attributes=(("is_odd", False),))) == (1, 0)
    (superusers, changed) = counted(boss, replace(boss, name="new"))
    assert superusers == 2
    assert changed > 0


def test_the_command_says_it_so_and_has_the_details(command: Command) -> None:
    store = command.store()
    try:
        bench = StoreBench(store)
        (one,) = bench.fleet("one")
        bench.apply(one, reporting("a", False), reporting("b", True))
        bench.now = minutes(30)
        bench.apply(one, an_account("a"), reporting("b", True), reporting("c", False))
        with store._database.write() as connection:
            # As a version before wrote it.
            lines = ["account appeared", "is_odd is no", "kind changed from user to user"]
            connection.execute(update(log).where(log.c.account_name == "c").values(lines=lines))
    finally:
        store.close()
    text = command.ok("accounts", "changes").out
    assert "first sync: 2 accounts found; --details lists them" in text
    assert "can log in" in text
    assert not any(word in text for word in ("kind changed", "is_odd", "by the first sync"))
    details = command.ok("accounts", "changes", "--details").out
    assert details.count("account found by the first sync") == 2
    assert "is_odd is no longer reported (was no)" in details
    found = json.loads(command.ok("accounts", "changes", "--json").out)
    assert [(item["account"], item["is_baseline"], item["lines"]) for item in found] == [
        ("c", False, ["account appeared", "can log in"]),
        ("a", False, []),
        ("b", True, ["account found by the first sync", "can log in", "is_odd is yes"]),
        ("a", True, ["account found by the first sync", "can log in"]),
    ]
    assert found[1]["diff"] == {"fields": [{"name": "attribute.is_odd", "before": False}]}
