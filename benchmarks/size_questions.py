"""What the questions about sizes cost over a fleet, beside plain statements over the same rows.

    python -m benchmarks.size_questions --store sqlite
    python -m benchmarks.size_questions --store postgresql --instances 100 --rounds 3
    python -m benchmarks.size_questions --url sqlite:////tmp/filled.db

Every question, and every baseline, has a process of its own, so that its peak of memory is its
own. The baseline reads the rows that the question needs in one statement of SQL, as the plain
driver gives them, and keeps none of them; `start` only imports the question's modules. A store
of `--url` is one that was filled before: with `--keep` one is left there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.capacity_bench import Fleet, filled_store, raw_engine
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.instance import Selection
from sync_pipeline.report.html import render_html
from sync_pipeline.settings import Settings
from sync_pipeline.store.database import Database
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers import capacity
from sync_pipeline.workflows.answers.reporting import NEWS, Asked, fleet_report
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.servers.statements import counted

DAYS = 400
WINDOW = 90
MOST_SECONDS, MOST_MB = 10, 400
"""What every question may take at 1,000 instances of 50 databases and 400 days."""

OF_INSTANCES = """
SELECT instance_id, collected_date, total_bytes, known_bytes, database_count, unread_count
FROM instance_size_stats WHERE collected_date >= :since ORDER BY instance_id, collected_date
"""
OF_DATABASES = """
SELECT d.instance_id, d.database_id, d.collected_date, d.total_bytes FROM database_size_stats AS d
WHERE d.collected_date = :last ORDER BY d.total_bytes DESC LIMIT 20
"""


def _top(deps: SyncDeps) -> object:
    return capacity.top_databases(deps, by_growth=False, limit=20)


def _top_by_growth(deps: SyncDeps) -> object:
    return capacity.top_databases(deps, by_growth=True, limit=20)


def _forecast(deps: SyncDeps) -> object:
    return capacity.instance_growth(deps)


def _forecast_of_one(deps: SyncDeps) -> object:
    return capacity.database_growth(deps, (7,))


def _report(deps: SyncDeps) -> object:
    found = fleet_report(deps, Asked(Selection(), deps.clock() - NEWS, DAYS))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "report.html").write_text(render_html(found))
    return found.capacity.newest


QUESTIONS: dict[str, tuple[Callable[[SyncDeps], object], str, int]] = {
    "top": (_top, OF_DATABASES, 0),
    "top by growth": (_top_by_growth, OF_DATABASES, 0),
    "forecast": (_forecast, OF_INSTANCES, WINDOW),
    "forecast of one instance": (_forecast_of_one, "", 0),
    "report": (_report, OF_INSTANCES, DAYS - 1),
}
"""Each question with the statement that reads its rows, and how many days back."""


def main() -> int:
    """Measure and print one JSON object; 1 where a question takes too much."""
    parser = argparse.ArgumentParser(prog="benchmarks.size_questions", description=__doc__)
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="sqlite")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--databases", type=int, default=50)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--url", default="", help="a store that was filled before")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return _child(options.url, options.child)
    fleet = Fleet(options.instances, options.databases, options.days)
    with _store(options, fleet) as url:
        found = {name: _measured(url, name, options.rounds) for name in QUESTIONS}
    result = {"store": url.partition(":")[0], "sizes": fleet.rows, **found}
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return int(any(item["wall"] > MOST_SECONDS or item["MB"] > MOST_MB for item in found.values()))


@contextmanager
def _store(options: argparse.Namespace, fleet: Fleet) -> Iterator[str]:
    if options.url:
        yield options.url
        return
    with filled_store(options.store, fleet) as filled:
        yield filled.url


def _measured(url: str, name: str, rounds: int) -> dict[str, Any]:
    """Return the least of each measure of a question, with those of its baseline."""
    ours = _least(url, name, rounds)
    base = _least(url, f"baseline {name}", rounds) if QUESTIONS[name][1] else {}
    start = _least(url, "start", rounds)
    found = {**ours, "MB beyond start": ours["MB"] - start["MB"]}
    if base:
        found |= {"baseline": base, "ratio of wall": round(ours["wall"] / base["wall"], 2)}
    return found


def _least(url: str, name: str, rounds: int) -> dict[str, Any]:
    runs = [_run(url, name) for _ in range(rounds)]
    return {key: min(run[key] for run in runs) for key in runs[0]}


def _run(url: str, name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.size_questions", "--url", url, "--child", name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    assert process.stdout is not None  # noqa: S101 - it was asked for
    told: dict[str, Any] = json.loads(process.stdout.read())
    used = os.wait4(process.pid, 0)[2]
    return {**told, "CPU": round(used.ru_utime + used.ru_stime, 2), "MB": used.ru_maxrss // 1024}


def _child(url: str, name: str) -> int:
    """Answer one question, and print what it took."""
    began, statements = time.perf_counter(), 0
    if name.startswith("baseline "):
        _baseline(url, name.removeprefix("baseline "))
        statements = 1
    elif name != "start":
        statements = _question(url, name)
    told = {"wall": round(time.perf_counter() - began, 2), "statements": statements}
    sys.stdout.write(json.dumps(told))
    return 0


def _question(url: str, name: str) -> int:
    database = Database(url)
    store = Store(database)
    now = _last_day(database.engine)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), store_url=url, growth_window_days=WINDOW)
        deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: now)
        with counted(store) as seen:
            QUESTIONS[name][0](deps)
    store.close()
    return len(seen)


def _baseline(url: str, name: str) -> None:
    _, statement, days = QUESTIONS[name]
    engine = raw_engine(url)
    last = _last_day(engine).date()
    values = {"last": last, "since": last - timedelta(days=days)}
    with engine.connect() as connection:
        asked = {key: value for key, value in values.items() if f":{key}" in statement}
        streamed = connection.execution_options(yield_per=10_000)
        for _ in streamed.execute(text(statement), asked):
            pass
    engine.dispose()


def _last_day(engine: Engine) -> datetime:
    with engine.connect() as connection:
        found = connection.scalar(text("SELECT MAX(collected_date) FROM instance_size_stats"))
    return datetime.fromisoformat(str(found)).replace(hour=12, tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
