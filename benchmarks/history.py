"""What a year of syncs costs the questions about them, beside a month, and what pruning gives back.

    python -m benchmarks.history --store sqlite
    python -m benchmarks.history --store postgresql --instances 50 --days 365

Two stores are filled with syncs of every instance every 30 minutes, one of a month and one of
`--days`, with a change of an account for each instance and day. Each question is asked of both;
the baseline is one that reads the records of the newest session as the plain driver gives them.
Then the larger one is pruned to `--kept` days, and its size is told before, after, and after
as many new records as were taken away were written.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, text

from benchmarks.capacity_bench import Fleet, empty_store, raw_engine, register
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.session import SessionFilter, SyncCategory
from sync_pipeline.settings import Settings
from sync_pipeline.store.schema import instances
from sync_pipeline.store.store import Store
from sync_pipeline.store.world_rows import put_world
from sync_pipeline.store.worlds.packed import WorldAccount
from sync_pipeline.store.worlds.packing import pack
from sync_pipeline.workflows.answers.history import accounts_at, change_list
from sync_pipeline.workflows.answers.metrics import fleet_metrics
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.retention import prune_history

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
A_DAY = 48
MONTH = 30
DETAILS = json.dumps(
    {
        "inventory": {"seen": 103, "created": 0, "reactivated": 0, "deactivated": 0},
        "permissions": {"created": 0, "updated": 0, "unchanged": 103},
        "timings": {f"{name}_seconds": 0.0123 for name in ("connect", "collect", "store")},
        "warnings": [],
    }
)
ID = {
    "sqlite": "printf('%08x-0000-4000-8000-%012x', {n}, {n})",
    "postgresql": "lpad(to_hex({n}), 8, '0') || '-0000-4000-8000-' || lpad(to_hex({n}), 12, '0')",
}
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2026-11-01 12:00', (({n}) * -30) || ' minutes')",
    "postgresql": "timestamptz '2026-11-01 12:00Z' + ({n}) * interval '-30 minutes'",
}
SESSIONS = """
INSERT INTO sync_sessions (session_id, sync_type, sync_category, status, started_at, completed_at,
  total_instances, successful_instances, failed_instances, skipped_instances, cancelled_instances,
  job_name, run_id, shard_count)
SELECT {id}, 'scheduled_task', 'account', 'completed', {at}, {at}, {instances}, {instances}, 0, 0,
  0, 'account_sync', {id}, 1 FROM numbers WHERE n < {last} AND n >= {first} ORDER BY n DESC
"""
RUNS = """
INSERT INTO sync_session_runs (session_id, shard, run_id, status, started_at, ended_at)
SELECT {id}, 1, {id}, 'completed', {at}, {at} FROM numbers WHERE n < {last} AND n >= {first}
"""
RECORDS = """
INSERT INTO sync_instance_records (session_id, instance_id, attempt, run_id, status, started_at,
  instance_name, sync_category, completed_at, items_synced, items_created, items_updated,
  items_deleted, sync_details, shard)
SELECT {id}, i.id, 1, {id}, 'completed', {at}, i.name, 'account', {at}, 0, 0, 0, 0, {details}, 1
FROM numbers CROSS JOIN instances AS i WHERE n < {last} AND n >= {first} ORDER BY n DESC, i.id
"""
CHANGES = """
INSERT INTO account_change_log
  (instance_id, account_name, change_type, diff, lines, session_id, changed_at)
SELECT i.id, 'app', 'modify_other', CASE n / 48 - n / 96 * 2 WHEN 0
  THEN {locked} ELSE {unlocked} END, {lines}, {id}, {at}
FROM numbers CROSS JOIN instances AS i
WHERE n < {last} AND n >= {first} AND n - n / 48 * 48 = i.id - i.id / 48 * 48 ORDER BY n DESC, i.id
"""
ACCOUNTS = """
INSERT INTO instance_accounts
  (instance_id, account_name, kind, is_active, first_seen_at, last_seen_at)
SELECT id, 'app', 'user', {yes}, '2020-01-01', '2026-11-01' FROM instances
"""
PERMISSIONS = """
INSERT INTO account_permissions (account_id, is_superuser, is_locked, can_login,
  session_id, sync_session_id, last_sync_at, last_change_at)
SELECT id, {no}, {yes}, {yes}, {id}, {id}, '2026-11-01', '2026-11-01' FROM instance_accounts
"""


def fill(engine: Engine, instances: int, first: int, last: int) -> None:
    """Write the sessions of which the numbers, counted back from now, are in [first, last)."""
    kind = engine.dialect.name
    json_text = (lambda value: f"'{value}'") if kind == "sqlite" else "'{}'::jsonb".format

    def toggled(*, is_locked: bool) -> str:
        change = {"name": "is_locked", "before": not is_locked, "after": is_locked}
        return json_text(json.dumps({"fields": [change]}))

    parts = {
        "id": ID[kind].format(n="n"),
        "at": MOMENT[kind].format(n="n"),
        "details": json_text(DETAILS),
        "locked": toggled(is_locked=True),
        "unlocked": toggled(is_locked=False),
        "first": first,
        "last": last,
        "instances": instances,
        "lines": json_text('["is_locked changed"]'),
    }
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE numbers (n integer)"))
        numbers = [{"n": number} for number in range(first, last)]
        connection.execute(text("INSERT INTO numbers VALUES (:n)"), numbers)
        for statement in (SESSIONS, RUNS, RECORDS, CHANGES):
            connection.exec_driver_sql(statement.format(**parts))
        connection.execute(text("DROP TABLE numbers"))


def put_accounts(engine: Engine) -> None:
    """Write an account of each instance, as the last session found it."""
    kind = engine.dialect.name
    state = AccountState("app", AccountKind.USER, can_login=True, is_locked=True)
    packed = pack([WorldAccount(state, is_active=True, changed_at=NOW)])
    parts = {
        "no": "0" if kind == "sqlite" else "false",
        "yes": "1" if kind == "sqlite" else "true",
        "id": ID[kind].format(n="0"),
    }
    with engine.begin() as connection:
        for statement in (ACCOUNTS, PERMISSIONS):
            connection.exec_driver_sql(statement.format(**parts))
        for instance_id in connection.scalars(select(instances.c.id)).all():
            put_world(connection, instance_id, packed, NOW)


def questions(deps: SyncDeps, session_id: str) -> dict[str, Callable[[], object]]:
    """Return what is asked of a store."""
    store = deps.store
    day = NOW - timedelta(days=1)
    return {
        "sessions list": lambda: store.sessions.list(SessionFilter(limit=20)),
        "sessions list of one instance": lambda: store.sessions.list(
            SessionFilter(instances=("instance-00007",), limit=20)
        ),
        "sessions show": lambda: (
            store.sessions.get(session_id),
            store.sessions.records(session_id),
        ),
        "freshness": lambda: store.freshness.view([SyncCategory.ACCOUNT, SyncCategory.CAPACITY]),
        "metrics": lambda: fleet_metrics(deps),
        "accounts changes": lambda: change_list(store, ChangeFilter(limit=200)),
        "accounts changes since a day": lambda: change_list(store, ChangeFilter(since=day)),
        "accounts at, a day ago": lambda: accounts_at(store, day),
    }


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Return the least time of some rounds."""
    least = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - began)
    return round(least * 1000, 2)


def measured(deps: SyncDeps, engine: Engine, rounds: int) -> dict[str, float]:
    """Return the milliseconds of each question, and of the baseline."""
    newest = deps.store.sessions.list(SessionFilter(limit=1))[0].session_id
    found = {name: milliseconds(work, rounds) for name, work in questions(deps, newest).items()}
    plain = text("SELECT * FROM sync_instance_records WHERE session_id = :id")
    with engine.connect() as connection:
        found["baseline"] = milliseconds(
            lambda: connection.execute(plain, {"id": newest}).all(), rounds
        )
    return found


def bytes_of(engine: Engine) -> int:
    """Return what the store takes on disk, without its log."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
            return Path(str(engine.url.database)).stat().st_size
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def vacuumed(engine: Engine) -> None:
    """Do what PostgreSQL's autovacuum does by and by."""
    if engine.dialect.name != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def pruned(deps: SyncDeps, engine: Engine, options: argparse.Namespace) -> dict[str, Any]:
    """Prune a store, write as much again, and return what that took."""
    before, pauses = bytes_of(engine), []
    began = time.perf_counter()
    done = prune_history(deps, pause=pauses.append)
    seconds = time.perf_counter() - began
    after = bytes_of(engine)
    vacuumed(engine)
    fill(engine, options.instances, -(options.days - options.kept) * A_DAY, 0)
    return {
        "said": done.message,
        "seconds": round(seconds, 1),
        "records a second": round(done.records / seconds),
        "transactions": len(pauses),
        "longest, milliseconds": round(max(pauses) * 1000),
        "MB before": before // 10**6,
        "MB after": after // 10**6,
        "MB with as many new ones": bytes_of(engine) // 10**6,
    }


def main() -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.history", description=__doc__)
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="sqlite")
    parser.add_argument("--instances", type=int, default=50)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--kept", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result: dict[str, Any] = {"store": options.store}
    for days in (MONTH, options.days):
        with empty_store(options.store) as url, tempfile.TemporaryDirectory() as home:
            store, engine = Store.open(url), raw_engine(url)
            register(store, Fleet(options.instances, 0, 0))
            fill(engine, options.instances, 0, days * A_DAY)
            put_accounts(engine)
            vacuumed(engine)
            settings = Settings(
                home=Path(home),
                store_url=url,
                session_retention_days=options.kept,
                change_retention_days=options.kept,
            )
            deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: NOW)
            found: dict[str, Any] = {
                "records": options.instances * days * A_DAY,
                "MB": bytes_of(engine) // 10**6,
                "milliseconds": measured(deps, engine, options.rounds),
            }
            if days > options.kept:
                found["pruned"] = pruned(deps, engine, options)
                vacuumed(engine)
                found["milliseconds after"] = measured(deps, engine, options.rounds)
            result[f"{days} days"] = found
            store.close()
            engine.dispose()
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
