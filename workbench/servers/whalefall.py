"""A WhaleFall store on a private PostgreSQL: its public tables in our words, filled at random.

The tables, columns, keys and words are those of its migrations (20260528100000).
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from cryptography.fernet import Fernet

from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer

_PARTITIONED = {
    "database_size_stats": "collected_date",
    "instance_size_stats": "collected_date",
    "database_size_aggregations": "period_start",
    "instance_size_aggregations": "period_start",
}
TABLES = Path(__file__).with_suffix(".sql")
REVISION = "20260528100000"
INSERT_AT_ONCE = 1000


def sealed(key: str, password: str) -> str:
    """Return a password as WhaleFall keeps it."""
    return base64.b64encode(Fernet(key).encrypt(password.encode())).decode()


def _uuid(dice: random.Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))


@dataclass
class WhaleFallBench:
    """A WhaleFall store that a test fills."""

    url: str
    connection: psycopg.Connection[Any] = field(repr=False)
    key: str = field(default_factory=lambda: Fernet.generate_key().decode(), repr=False)

    def create(self) -> None:
        """Make its tables."""
        self.connection.execute(TABLES.read_bytes())
        self.run(f"INSERT INTO alembic_version VALUES ('{REVISION}')")

    def run(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        done = self.connection.execute(query, values)
        return done.fetchall() if done.description else []

    def add(self, table: str, **values: Any) -> int:
        """Insert a row; return its id."""
        columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        plain = [
            json.dumps(item) if isinstance(item, dict | list) else item for item in values.values()
        ]
        if table in _PARTITIONED:
            self.month(table, values[_PARTITIONED[table]])
        query = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        if table == "instance_tags":
            self.run(query, *plain)
            return 0
        return int(self.run(f"{query} RETURNING id", *plain)[0][0])

    def month(self, table: str, day: date) -> None:
        """Make the partition of a day."""
        first = day.replace(day=1)
        end = (first + timedelta(days=32)).replace(day=1)
        self.run(
            f"CREATE TABLE IF NOT EXISTS {table}_{first:%Y_%m} PARTITION OF {table} FOR VALUES "
            f"FROM ('{first}') TO ('{end}')"
        )

    def credential(self, name: str, password: str, **more: Any) -> int:
        """Add a credential of a database."""
        values = {
            "credential_type": "database",
            "username": f"{name}_user",
            "password": sealed(self.key, password),
            "is_active": True,
            **more,
        }
        return self.add("credentials", name=name, **values)

    def instance(self, name: str, **more: Any) -> int:
        """Add an instance."""
        values = {
            "db_type": "mysql",
            "host": f"{name}.example",
            "port": 3306,
            "is_active": True,
            "created_at": datetime(2024, 1, 1, tzinfo=UTC),
            **more,
        }
        return self.add("instances", name=name, **values)

    def fill(self, dice: random.Random, days: list[date], instances: int = 3) -> None:
        """Fill it with a fleet whose history is that of these days."""
        credential = self.credential("dba", "s3cret-of-whalefall")
        engines = ("mysql", "postgresql", "sqlserver", "oracle")
        for number in range(instances):
            instance = self.instance(
                f"db{number}", credential_id=credential, db_type=engines[number % 4]
            )
            tag = self.add(
                *("tags",), name=f"site{number}", display_name="地", category="location",
                is_active=True,
            )  # fmt: skip
            self.add("instance_tags", instance_id=instance, tag_id=tag)
            self._fill_sizes(dice, instance, days)
            self._fill_accounts(dice, instance, engines[number % 4], days)
        self._fill_sessions(dice, days)

    def _fill_sizes(self, dice: random.Random, instance: int, days: list[date]) -> None:
        names = [f"app_{number}" for number in range(dice.randint(1, 3))]
        for name in names:
            self.add(
                *("instance_databases",), instance_id=instance, database_name=name,
                is_active=True, first_seen_date=days[0], last_seen_date=days[-1],
            )  # fmt: skip
        for table in _PARTITIONED:
            for day in {day.replace(day=1) for day in days}:
                self.month(table, day)
        sizes = {name: dice.randint(1, 5000) for name in names}
        for name in names:
            self.table(instance, name, "orders", days[-1], 900, 300)
        rows, totals = [], []
        for day in days:
            at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
            for name in names:
                sizes[name] = max(0, sizes[name] + dice.randint(-20, 40))
                rows.append((instance, name, sizes[name], sizes[name], None, day, at))
            totals.append((instance, sum(sizes.values()), len(names), day, at))
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO database_size_stats (instance_id, database_name, size_mb, "
                "data_size_mb, log_size_mb, collected_date, collected_at) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                rows,
            )
            cursor.executemany(
                "INSERT INTO instance_size_stats (instance_id, total_size_mb, database_count, "
                "collected_date, collected_at) VALUES (%s, %s, %s, %s, %s)",
                totals,
            )
        self.aggregate(instance)

    def table(
        self, instance: int, database: str, name: str, day: date, size: int | str, index: int | None
    ) -> None:
        """Add the last size (MiB) of a table."""
        at = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
        self.add(
            *("database_table_size_stats",), instance_id=instance, database_name=database,
            schema_name="public", table_name=name, size_mb=size, index_size_mb=index,
            data_size_mb=None if index is None else 3, collected_at=at,
        )  # fmt: skip

    def aggregate(self, instance: int) -> None:
        """Write its aggregations of months, as it cuts averages to whole MiB."""
        self.run(
            "INSERT INTO database_size_aggregations (instance_id, database_name, period_type, "
            "period_start, period_end, avg_size_mb, max_size_mb, min_size_mb, data_count) SELECT "
            "instance_id, database_name, 'monthly', date_trunc('month', collected_date)::date, "
            "(date_trunc('month', collected_date) + interval '1 month - 1 day')::date, "
            "trunc(avg(size_mb)), max(size_mb), min(size_mb), count(*) FROM database_size_stats "
            "WHERE instance_id = %s GROUP BY 1, 2, 4, 5",
            instance,
        )
        self.run(
            "INSERT INTO instance_size_aggregations (instance_id, period_type, period_start, "
            "period_end, total_size_mb, avg_size_mb, max_size_mb, min_size_mb, data_count, "
            "database_count) SELECT instance_id, 'monthly', date_trunc('month', "
            "collected_date)::date, (date_trunc('month', collected_date) + interval "
            "'1 month - 1 day')::date, max(total_size_mb), trunc(avg(total_size_mb)), "
            "max(total_size_mb), min(total_size_mb), count(*), max(database_count) "
            "FROM instance_size_stats WHERE instance_id = %s GROUP BY 1, 3, 4",
            instance,
        )

    def _fill_accounts(
        self, dice: random.Random, instance: int, engine: str, days: list[date]
    ) -> None:
        for number in range(dice.randint(1, 4)):
            # As its adapters write them.
            name = f"user{number}@%" if engine == "mysql" else f"user{number}"
            account = self.add(
                *("instance_accounts",), instance_id=instance, username=name, db_type="mysql",
                owner_id=instance, is_active=dice.random() < 0.8,
            )  # fmt: skip
            self.add(
                *("account_permission",), instance_id=instance, db_type="mysql", username=name,
                instance_account_id=account, owner_id=instance,
                permission_snapshot={"version": 4, "categories": {"global": ["SELECT"]}},
                permission_facts={"capabilities": dice.sample(["SUPERUSER", "LOCKED"], 1)},
                last_sync_time=datetime.now(UTC), last_change_time=datetime.now(UTC),
            )  # fmt: skip
            for day in dice.sample(days, min(len(days), 3)):
                self.change(instance, name, day, dice.choice(["add", "modify_privilege"]))

    def change(self, instance: int, name: str, day: date, kind: str, **more: Any) -> int:
        """Add an entry of the change log."""
        values: dict[str, Any] = {
            "privilege_diff": {
                "version": 1,
                "entries": [
                    {
                        "field": "global_privileges",
                        "label": "全局权限",
                        "object": "全局权限",
                        "action": "GRANT",
                        "permissions": ["SELECT", "INSERT"],
                    }
                ],
            },
            "other_diff": {"version": 1, "entries": []},
            "message": f"账户 {name} 权限更新",
            "status": "success",
            "change_time": datetime(day.year, day.month, day.day, 4, tzinfo=UTC),
            **more,
        }
        return self.add(
            *("account_change_log",), instance_id=instance, db_type="mysql", username=name,
            change_type=kind, owner_id=instance, **values,
        )  # fmt: skip

    def _fill_sessions(self, dice: random.Random, days: list[date]) -> None:
        ids = [row[0] for row in self.run("SELECT id FROM instances ORDER BY id")]
        for day in days[:: max(1, len(days) // 30)]:
            at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
            session, run = _uuid(dice), _uuid(dice)
            status = dice.choice(["completed", "failed", "cancelled"])
            self.add(
                *("sync_sessions",), session_id=session, sync_type="scheduled_task",
                sync_category="account", status=status, started_at=at, total_instances=len(ids),
                completed_at=at + timedelta(seconds=9), successful_instances=1, failed_instances=0,
            )  # fmt: skip
            self.add(
                *("task_runs",), run_id=run, task_key="sync_accounts", task_name="账户同步",
                task_category="account", trigger_source="scheduled",
                status="completed_with_errors", started_at=at, progress_total=len(ids),
                progress_completed=1, progress_failed=1,
            )  # fmt: skip
            for instance in ids:
                self.add(
                    *("sync_instance_records",), session_id=session, instance_id=instance,
                    instance_name=f"db{instance}", sync_category="account", status="completed",
                    started_at=at, completed_at=at, items_synced=dice.randint(0, 9),
                    sync_details={"version": 1, "note": "数据"},
                )  # fmt: skip
                self.add(
                    *("task_run_items",), run_id=run, item_type="instance",
                    item_key=str(instance), item_name=f"db{instance}", instance_id=instance,
                    status="completed", started_at=at, metrics_json={"accounts": 3},
                )  # fmt: skip


@contextmanager
def whalefall_on(server: RunningServer) -> Iterator[WhaleFallBench]:
    """Make an empty WhaleFall store on a server, and drop it."""
    with store_database(server) as url:
        plain = url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(plain, autocommit=True) as connection:
            bench = WhaleFallBench(plain, connection)
            bench.create()
            yield bench
