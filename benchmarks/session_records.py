"""What the records of a large session cost: statements, and time by session size.

    python -m benchmarks.session_records [--url URL] [--records 10000] [--threads 1]

Each record is claimed and finished, as a worker does. Quarters of equal cost show that
a record does not cost more in a larger session.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, event

from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.session import (
    NewSession,
    RecordOutcome,
    RecordStatus,
    Session,
    SyncCategory,
    SyncType,
)
from sync_pipeline.store.database import Database
from sync_pipeline.store.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DONE = RecordOutcome(RecordStatus.COMPLETED, details={"warnings": []})
CREDENTIAL = StoredCredential("monitor", "watcher", "env:WATCHER")


class StatementCounter:
    """Counts what an engine executes."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "before_cursor_execute", self._see)

    def _see(self, *_: Any) -> None:
        self.count += 1


def open_session(store: Store, size: int) -> tuple[Session, list[Instance]]:
    """Open a session of so many instances, each on a host of its own."""
    store.registry.put_credential(CREDENTIAL, NOW)
    names = [f"db{number:06}" for number in range(size)]
    fleet = [
        Instance(0, name, EngineName.POSTGRESQL, f"{name}.example", 5432, CREDENTIAL.name)
        for name in names
    ]
    store.registry.put_instances(fleet, NOW)
    run_id = str(uuid4())
    new = NewSession(run_id, SyncType.MANUAL_TASK, SyncCategory.ACCOUNT, "account_sync", run_id)
    found = store.registry.instances()
    return store.sessions.open(new, found, NOW), list(found)


def work(store: Store, session: Session, instance: Instance) -> None:
    """Claim and finish one record."""
    claim = store.sessions.claim(session.session_id, instance.id, session.run_id, NOW)
    store.sessions.finish(claim, DONE, NOW)


def measure(url: str, size: int, threads: int) -> Sequence[str]:
    """Return the lines of the report."""
    database = Database(url)
    database.upgrade()
    store = Store(database)
    began = time.perf_counter()
    session, fleet = open_session(store, size)
    lines = [f"opened {size} records in {time.perf_counter() - began:.2f} s"]
    counter = StatementCounter(database.engine)
    quarter = max(1, size // 4)
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, size, quarter):
            part = fleet[start : start + quarter]
            before, began = counter.count, time.perf_counter()
            for done in [pool.submit(work, store, session, item) for item in part]:
                done.result()
            seconds = time.perf_counter() - began
            statements = (counter.count - before) / len(part)
            each = seconds / len(part) * 1000
            lines.append(
                f"records {start + 1} to {start + len(part)}: {seconds:.2f} s, {each:.2f} ms "
                f"and {statements:.2f} statements a record (with BEGIN on SQLite)"
            )
    ended = store.sessions.get(session.session_id)
    lines.append(f"the session is {ended.status if ended else 'lost'}")
    store.close()
    return lines


def main() -> None:
    """Measure on the store of the command line, or on an SQLite file of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = options.url or f"sqlite:///{Path(directory) / 'store.db'}"
        for line in measure(url, options.records, options.threads):
            print(line)  # noqa: T201 - the report of a command


if __name__ == "__main__":
    main()
