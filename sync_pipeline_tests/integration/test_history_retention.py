"""The end of sessions and of the change log: what goes, what stays, and what is said of it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.breaker import Streak
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.session import (
    RecordStatus,
    Session,
    SessionFilter,
    SessionStatus,
    SyncCategory,
)
from sync_pipeline.reconcile.replay import replay
from sync_pipeline.settings import Settings
from sync_pipeline.store.schema import (
    account_change_log,
    sync_instance_records,
    sync_record_attempts,
    sync_session_runs,
    sync_sessions,
)
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.history import AccountAt, accounts_at, change_list
from sync_pipeline.workflows.answers.metrics import fleet_metrics
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.retention import prune_history
from workbench.benches.command import Command
from workbench.benches.store_bench import DONE, FAILED, StoreBench, an_account, new_id, new_session
from workbench.servers.statements import planned

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
SESSION_DAYS, CHANGE_DAYS = 100, 300


@pytest.fixture
def deps(store: Store, store_url: str, tmp_path: Path) -> SyncDeps:
    settings = Settings(
        home=tmp_path,
        store_url=store_url,
        session_retention_days=SESSION_DAYS,
        change_retention_days=CHANGE_DAYS,
    )
    return SyncDeps(store, SecretVault.open(settings), settings, lambda: NOW)


@pytest.fixture
def bench(store: Store) -> StoreBench:
    return StoreBench(store)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def prune(deps: SyncDeps) -> str:
    return prune_history(deps, pause=lambda _: None).message


def session(
    bench: StoreBench, days: float, outcomes: dict[Instance, RecordStatus], **more: object
) -> Session:
    """Write a session of so many days ago, whose records end at once."""
    bench.now = ago(days)
    new = replace(new_session(new_id()), **more)  # type: ignore[arg-type]
    opened = bench.store.sessions.open(new, list(outcomes), bench.now)
    for instance, status in outcomes.items():
        claim = bench.claim(opened, instance)
        outcome = DONE if status is RecordStatus.COMPLETED else FAILED
        bench.store.sessions.finish(claim, replace(outcome, status=status), bench.now)
    return opened


def left(store: Store) -> dict[str, set[str]]:
    """Return the sessions that are there, each with the instances of its records."""
    return {
        item.session_id: {
            record.instance_name for record in store.sessions.records(item.session_id)
        }
        for item in store.sessions.list(SessionFilter(limit=10_000))
    }


def rows(store: Store, table: object) -> int:
    with store._database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


OK, BAD, SKIPPED = RecordStatus.COMPLETED, RecordStatus.FAILED, RecordStatus.SKIPPED


def test_old_sessions_end_but_for_what_is_last(deps: SyncDeps, bench: StoreBench) -> None:
    """`a` is synced on, `b` fails ever since, `c` was not seen any more."""
    a, b, c = bench.fleet("a", "b", "c")
    session(bench, 200, {a: OK, b: OK, c: OK})
    success_of_c = session(bench, 195, {c: OK})
    last_of_c = session(bench, 190, {a: OK, b: OK, c: SKIPPED})
    success_of_a = session(bench, 150, {a: OK, b: BAD})
    recent = session(bench, 99, {a: BAD, b: BAD})
    before = deps.store.freshness.view([SyncCategory.ACCOUNT])
    assert prune(deps) == (
        "1 sessions, 5 records, 0 changes of accounts, 0 resolved findings, "
        "0 events and 0 told ones pruned."
    )
    assert left(bench.store) == {
        success_of_c.session_id: {"c"},
        last_of_c.session_id: {"b", "c"},
        success_of_a.session_id: {"a"},
        recent.session_id: {"a", "b"},
    }
    assert deps.store.freshness.view([SyncCategory.ACCOUNT]) == before


def test_what_is_left_follows_from_the_rule(deps: SyncDeps, bench: StoreBench) -> None:
    """Random sessions of two categories, against the rule in plain words of Python."""
    chance = random.Random(7)
    fleet = bench.fleet(*(f"i{number}" for number in range(5)))
    written: list[tuple[int, Session, SyncCategory, dict[Instance, RecordStatus]]] = []
    for days in range(170, 20, -10):
        category = chance.choice([SyncCategory.ACCOUNT, SyncCategory.CAPACITY])
        chosen = {
            item: chance.choice([OK, OK, BAD, SKIPPED])
            for item in fleet
            if chance.random() < (0.7 if item != fleet[0] or days > 120 else 0)
        }
        if chosen:
            written.append(
                (days, session(bench, days, chosen, category=category), category, chosen)
            )
    expected: dict[str, set[str]] = {}
    for number, (days, item, category, chosen) in enumerate(written):
        later = [o for _, _, c, o in written[number + 1 :] if c is category]
        kept = {
            instance.name
            for instance, status in chosen.items()
            if days <= SESSION_DAYS
            or not any(instance in outcomes for outcomes in later)
            or (status is OK and not any(outcomes.get(instance) is OK for outcomes in later))
        }
        if kept or days <= SESSION_DAYS:
            expected[item.session_id] = kept
    prune(deps)
    assert left(bench.store) == expected
    assert rows(bench.store, sync_session_runs) == len(expected)
    assert len(expected) < len(written)
    assert "0 sessions, 0 records" in prune(deps)


def test_small_steps_come_to_the_same_end(deps: SyncDeps, bench: StoreBench) -> None:
    """Each deletes no more than it may, and whoever is stopped between two goes on later."""
    fleet = bench.fleet(*(f"i{number}" for number in range(4)))
    for days in range(160, 20, -10):
        session(bench, days, dict.fromkeys(fleet, OK))
    before, place, sizes = ago(SESSION_DAYS), None, []
    for _ in range(3):
        found = bench.store.session_retention.prune(before, place, limit=3)
        place = found.place
        sizes.append(found.records)
    assert sizes == [3, 3, 3]
    for item in bench.store.sessions.list(SessionFilter(limit=100)):
        assert item.status is SessionStatus.COMPLETED
    # The next run begins at the oldest session again.
    place, total = None, 0
    while True:
        found = bench.store.session_retention.prune(before, place, limit=3)
        assert found.records <= 3
        total, place = total + found.records, found.place
        if found.is_all:
            break
    assert total == 6 * 4 - 9
    assert {len(records) for records in left(bench.store).values()} == {4}
    assert len(left(bench.store)) == 8


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_the_time_of_a_run_is_bounded(deps: SyncDeps, bench: StoreBench) -> None:
    fleet = bench.fleet("a")
    for days in range(400, 100, -60):
        session(bench, days, {fleet[0]: OK})
    session(bench, 1, {fleet[0]: OK})
    hurried = replace(deps, settings=deps.settings.model_copy(update={"max_runtime_seconds": 0}))
    assert "The next run goes on" in prune(hurried)
    assert "The next run goes on" not in prune(deps)
    assert len(left(bench.store)) == 1


def test_open_and_named_sessions_stay(deps: SyncDeps, bench: StoreBench) -> None:
    a, b = bench.fleet("a", "b")
    bench.now = ago(180)
    still_open = bench.open([a])
    repeated = session(bench, 170, {a: OK, b: OK})
    counted = session(bench, 160, {b: BAD})
    streak = Streak(b.id, SyncCategory.ACCOUNT, 1, ago(160), "connect", "refused")
    bench.store.streaks.lengthen(streak, counted.session_id)
    bench.now = ago(150)
    writing = bench.apply(a, an_account("app"))
    repeating = session(bench, 5, {a: OK, b: OK}, repeats=repeated.session_id)
    prune(deps)
    assert left(bench.store) == {
        still_open.session_id: {"a"},
        repeated.session_id: set(),
        counted.session_id: {"b"},
        writing.session_id: set(),
        repeating.session_id: {"a", "b"},
    }
    claim = bench.claim(still_open, a)
    bench.store.sessions.finish(claim, DONE, NOW)
    assert bench.session(still_open.session_id).status is SessionStatus.COMPLETED


def test_syncs_go_on_meanwhile(deps: SyncDeps, bench: StoreBench) -> None:
    """And what they write stays, also in an old session that is opened again."""
    a, b = bench.fleet("a", "b")
    for days in range(200, 100, -10):
        session(bench, days, {a: OK, b: OK})
    again = session(bench, 100.5, {a: OK, b: BAD})
    session(bench, 1, {a: OK, b: OK})
    bench.now = NOW
    bench.open([b], again.session_id, "another-run")
    with ThreadPoolExecutor(1) as pool:
        pruning = pool.submit(prune, deps)
        new = [session(bench, 0, {a: OK, b: OK}) for _ in range(3)]
        bench.store.sessions.finish(bench.claim(again, b, "another-run"), DONE, NOW)
        pruning.result(60)
    found = left(bench.store)
    assert all(found[item.session_id] == {"a", "b"} for item in new)
    assert found[again.session_id] == {"a", "b"}
    assert bench.session(again.session_id).status is SessionStatus.COMPLETED
    assert len(found) == 5
    session(bench, -0.01, {a: OK, b: OK})  # now nothing of it is the last
    prune(deps)
    assert again.session_id not in left(bench.store)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_attempts_go_with_their_records(deps: SyncDeps, bench: StoreBench) -> None:
    (a,) = bench.fleet("a")
    for days in (150, 10):
        bench.now = ago(days)
        opened = bench.open([a])
        claim = bench.claim(opened, a)
        bench.store.sessions.release(claim, "connect", "refused", bench.now)
        bench.store.sessions.finish(bench.claim(opened, a), DONE, bench.now)
    assert rows(bench.store, sync_record_attempts) == 2
    prune(deps)
    assert rows(bench.store, sync_record_attempts) == 1
    assert rows(bench.store, sync_instance_records) == 1
    assert rows(bench.store, sync_sessions) == rows(bench.store, sync_session_runs) == 1


def history(bench: StoreBench) -> list[datetime]:
    """Write changes of two instances over 600 days; return moments between them."""
    a, b = bench.fleet("a", "b")
    for days in range(600, 0, -50):
        bench.now = ago(days)
        number = days // 50
        accounts = [
            an_account(f"u{n}", is_locked=(n + number) % 3 == 0)
            for n in range(6)
            if (n + number) % 4
        ]
        bench.apply(a, *accounts)
        if days < 400:
            bench.apply(b, *accounts[1:])
    return [ago(days) for days in range(625, 0, -25)]


def test_the_past_is_known_as_far_as_it_is_kept(deps: SyncDeps, bench: StoreBench) -> None:
    moments = history(bench)
    logged = bench.store.accounts.changes(ChangeFilter(limit=None, oldest_first=True))
    before = {moment: accounts_at(bench.store, moment) for moment in moments}
    for moment, found in before.items():
        assert {(item.instance, item.state.name): item for item in found} == {
            (name, account): AccountAt(name, known.state, known.is_active)
            for name in ("a", "b")
            for account, known in replay(
                entry.change
                for entry in logged
                if entry.instance == name and entry.changed_at <= moment
            ).items()
        }
    changes = ChangeFilter(since=ago(CHANGE_DAYS), limit=None)
    told = change_list(bench.store, changes)
    entries = rows(bench.store, account_change_log)
    said = prune(deps)
    assert f"{entries - rows(bench.store, account_change_log)} changes" in said
    assert entries > rows(bench.store, account_change_log) > 2
    for moment, accounts in before.items():
        if moment >= ago(CHANGE_DAYS):
            assert accounts_at(bench.store, moment) == accounts
            continue
        with pytest.raises(ConfigurationError, match=r"not known any more.*CHANGE_RETENTION_DAYS"):
            accounts_at(bench.store, moment)
    assert change_list(bench.store, changes) == told
    # Nothing that came later passes for what the first sync found.
    everything = bench.store.accounts.changes(ChangeFilter(limit=None))
    assert min(item.changed_at for item in everything) >= ago(CHANGE_DAYS)
    assert not any(item.is_baseline for item in everything)
    assert bench.store.accounts.baselines(ChangeFilter(limit=None)) == []
    # A longer retention brings nothing back, and the past that is gone is not invented.
    longer = deps.settings.model_copy(update={"change_retention_days": 5000})
    prune(replace(deps, settings=longer))
    assert bench.store.change_retention.horizon() == ago(CHANGE_DAYS)


def test_what_is_half_deleted_is_not_told(deps: SyncDeps, bench: StoreBench) -> None:
    """From the moment on that the horizon has moved; a run may end before all is deleted."""
    history(bench)
    horizon = bench.store.change_retention.move_horizon(ago(CHANGE_DAYS))
    a, _ = bench.store.change_retention.instances_to_prune()
    assert bench.store.change_retention.prune(a, 2) == 2
    everything = bench.store.accounts.changes(ChangeFilter(limit=None))
    assert min(item.changed_at for item in everything) >= horizon
    with pytest.raises(ConfigurationError, match="not known any more"):
        accounts_at(bench.store, ago(CHANGE_DAYS + 1))
    prune(deps)
    assert bench.store.change_retention.instances_to_prune() == []
    assert bench.store.accounts.changes(ChangeFilter(limit=None)) == everything
    assert rows(bench.store, account_change_log) == len(everything) + 2


def test_it_is_said_what_is_not_kept(command: Command) -> None:
    store = command.store()
    bench = StoreBench(store)
    (a,) = bench.fleet("a")
    bench.now = datetime.now(UTC) - timedelta(days=900)
    first = bench.apply(a, an_account("app"))
    bench.now = datetime.now(UTC) - timedelta(days=1)
    bench.apply(a, an_account("app", is_locked=True))
    settings = Settings(home=command.home, change_retention_days=30)
    deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: datetime.now(UTC))
    later = Settings(home=command.home, session_retention_days=30)
    prune_history(replace(deps, settings=later), pause=lambda _: None)
    said = command.ok("sessions", "show", first.session_id)
    assert "1 of its records are not kept any more: SYNC_PIPELINE_SESSION_RETENTION_DAYS" in (
        " ".join(said.out.split())
    )
    prune_history(deps, pause=lambda _: None)
    store.close()
    refused = command.wrong("accounts", "at", "--time", "2020-01-01")
    assert "is not known any more" in " ".join(refused.split())
    said = command.ok("accounts", "changes", "--until", "2020-01-01")
    assert "is not told: changes are kept for" in " ".join(said.out.split())
    assert "is not told" not in command.ok("accounts", "changes").out


def test_questions_about_a_long_history_use_indexes(
    deps: SyncDeps, bench: StoreBench, store: Store
) -> None:
    (a, b) = bench.fleet("a", "b")
    opened = session(bench, 150, {a: OK, b: BAD})
    bench.apply(a, an_account("app"))
    session(bench, 3, {a: OK, b: OK})
    with planned(store) as plans:
        store.sessions.list(SessionFilter(limit=5))
        store.sessions.list(SessionFilter(instances=("a",), limit=5))
        store.sessions.records(opened.session_id)
        store.session_reads.failures(opened.session_id, 5)
        store.freshness.view([SyncCategory.ACCOUNT])
        change_list(store, ChangeFilter(limit=5))
        fleet_metrics(deps)
        store.accounts.since(ago(5))
        prune_history(deps, pause=lambda _: None)
    assert len(plans) > 10
    large = ("sync_instance_records", "account_change_log", "newer", "sync_record_attempts")
    for plan in plans:
        if "sync_sessions" in plan:
            assert "SCAN sync_sessions\n" not in f"{plan}\n"
        for table in large:
            assert f"Seq Scan on {table}" not in plan
            whole = [line for line in plan.splitlines() if line.startswith(f"SCAN {table}")]
            assert [line for line in whole if "USING" not in line] == []
