"""Accounts that are not what the last sync left: none calls them unchanged, the next mends them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from sync_pipeline.errors import LeaseHeld, StoreDamaged
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.inventory import AccountFilter, ChangeFilter
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.model.session import RecordStatus
from sync_pipeline.settings import Settings
from sync_pipeline.store.schema import change_horizon
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.access import access_of, search
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline.workflows.syncing.mended import MENDED
from sync_pipeline_tests.integration.test_sync_accounts import Bench
from sync_pipeline_tests.integration.test_unchanged import Run, is_unchanged, run
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench, an_account, minutes
from workbench.servers.running import RunningServer

__all__ = ["run"]
World = dict[str, object]


@pytest.fixture
def bench(postgresql_server: RunningServer, run: Run, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(postgresql_server, tmp_path)
    run("CREATE ROLE un_app LOGIN")
    bench.sync()
    run("CREATE ROLE un_gone", "GRANT un_gone TO un_app")
    bench.sync()
    run("DROP ROLE un_gone")
    bench.sync()
    bench.sync()
    yield bench
    bench.store.close()


def world(store: Store) -> World:
    with store._database.read() as connection:
        return dict(connection.execute(select(worlds)).mappings().one())


def put(store: Store, values: World | None) -> None:
    with store._database.write() as connection:
        connection.execute(delete(worlds))
        if values is not None:
            connection.execute(insert(worlds).values(values))


def held(store: Store) -> object:
    views = store.accounts.find(AccountFilter(only_active=False))
    states = [
        (view.state, view.is_active, view.first_seen_at, view.last_change_at) for view in views
    ]
    return states, store.accounts.changes(ChangeFilter())


SPOILS: dict[str, Callable[[World, World], World | None]] = {
    "gone": lambda _now, _before: None,
    "cut off": lambda now, _: {**now, "grants": bytes(now["grants"])[:-1]},  # type: ignore[call-overload]
    "another format": lambda now, _: {**now, "format": 7},
    "of an earlier moment": lambda _, before: before,
}


def test_the_next_sync_mends_what_is_damaged(bench: Bench, run: Run) -> None:
    run("ALTER ROLE un_app CONNECTION LIMIT 7")
    bench.sync()
    earlier = world(bench.store)
    run("ALTER ROLE un_app CONNECTION LIMIT -1")
    bench.sync()
    whole, wanted = world(bench.store), held(bench.store)
    for name, spoil in SPOILS.items():
        put(bench.store, spoil(whole, earlier))
        with pytest.raises(StoreDamaged):
            bench.store.accounts.find(AccountFilter())
        session_id = bench.open()
        report = bench.sync(session_id)
        assert not is_unchanged(bench.record(session_id)), name
        assert MENDED in report.warnings, name
        assert held(bench.store) == wanted, name
        assert world(bench.store)["digest"] == whole["digest"], name
        assert bench.sync().message.endswith("unchanged"), name


def test_what_the_log_does_not_tell_any_more_is_not_made_up(bench: Bench) -> None:
    with bench.store._database.write() as connection:
        connection.execute(update(change_horizon).values(pruned_before=bench.clock()))
    put(bench.store, None)
    session_id = bench.open()
    with pytest.raises(StoreDamaged, match=r"^billing: .*they are not there"):
        bench.sync(session_id)
    assert bench.record(session_id).status is RecordStatus.FAILED


def test_a_late_sync_writes_nothing_over_what_another_one_wrote(bench: Bench, run: Run) -> None:
    """It was stopped for longer than its lease, after it had read the server and the store."""
    run("ALTER ROLE un_app CONNECTION LIMIT 1")
    session_id = bench.open()
    apply = bench.store.accounts.apply

    def later(*arguments: object) -> None:
        run("ALTER ROLE un_app CONNECTION LIMIT 2")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bench.store.accounts, "apply", apply)
            sync_instance_accounts(
                bench.deps, replace(bench.work(bench.open()), is_exclusive=False)
            )
        apply(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.store.accounts, "apply", later)
        with pytest.raises(LeaseHeld, match="Another run wrote its accounts") as caught:
            bench.sync(session_id)
    assert caught.value.retryable
    assert bench.record(session_id).status is RecordStatus.FAILED
    assert bench.sync().message.endswith("unchanged")
    run("ALTER ROLE un_app CONNECTION LIMIT 1")
    assert "1 updated" in bench.sync().message


def test_one_damaged_instance_costs_no_answer_about_the_others(
    store: Store, tmp_path: Path
) -> None:
    bench = StoreBench(store)
    fleet = bench.fleet("one", "two", "three")
    on = Grant(Securable(SecurableKind.TABLE, "d", "s", "t"), "SELECT")
    states: list[AccountState] = [replace(an_account("app"), is_superuser=True, grants=(on,))]
    for item in fleet:
        bench.apply(item, *states)
    settings = Settings(home=tmp_path)
    deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: bench.now)
    bench.now = minutes(60)
    before = review_of(deps, fleet)
    of_two = worlds.c.instance_id == fleet[1].id
    with store._database.write() as connection:
        digest = connection.scalar(select(worlds.c.digest).where(of_two))
        connection.execute(update(worlds).where(of_two).values(digest="0" * 64))
    bench.now = minutes(70)
    found = search(deps, "SELECT", "table:d.s.t", [fleet])
    assert [holder.instance for holder in found.holders()] == ["one", "three"]
    told = re.compile(r"two: accounts was not read .*is not what was written.*its backup\.")
    assert [text for text in found.answer().gaps if told.match(text)]
    damaged = review_of(deps, fleet)
    assert [text for text in damaged.notes if told.match(text)]
    assert {item.instance for item in damaged.findings} == {"one", "three"}
    with pytest.raises(StoreDamaged, match=r"^two: "):
        access_of(deps, "app", "two")
    with store._database.write() as connection:
        connection.execute(update(worlds).where(of_two).values(digest=digest))
    bench.now = minutes(80)
    after = review_of(deps, fleet).findings
    assert after == before.findings
    first_seen = [item.first_seen for item in before.findings]
    assert [item.first_seen for item in after] == first_seen, "none was ever resolved"


def test_a_list_of_accounts_leaves_a_damaged_instance_out_and_says_so(command: Command) -> None:
    store = command.store()
    bench = StoreBench(store)
    fleet = bench.fleet("one", "two")
    for item in fleet:
        bench.apply(item, an_account("app"))
    with store._database.write() as connection:
        connection.execute(delete(worlds).where(worlds.c.instance_id == fleet[0].id))
    said = command.run("accounts", "list", "--json")
    assert said.status == 0
    assert [item["instance"] for item in said.json] == ["two"]
    assert said.err.startswith("one: What the store keeps of its accounts is not what was written")
    said = command.run("accounts", "list", "--instance=one")
    assert (said.status, said.out) == (3, "")
