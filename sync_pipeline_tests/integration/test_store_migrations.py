"""What a migration makes of the rows that are there already."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import column, create_engine, insert, table, text

from sync_pipeline.model.session import SessionStatus, SyncCategory
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import UtcDateTime
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import DONE, FAILED, START, StoreBench

# As revisions before 0024 had it.
TOLD = table(
    "freshness_told",
    column("channel"),
    column("instance_id"),
    column("sync_category"),
    column("told_at", UtcDateTime),
)


@pytest.mark.usefixtures("real_migrations")
def test_sessions_of_older_versions_know_their_runs(store_url: str) -> None:
    """Down to the revision before, as an older version left it, and up again."""
    bench = StoreBench(Store.open(store_url))
    fleet = bench.fleet("a", "b")
    done = bench.open(fleet[:1])
    bench.store.sessions.finish(bench.claim(done, fleet[0]), DONE, START)
    alive = bench.open(fleet)
    bench.store.sessions.finish(bench.claim(alive, fleet[0]), FAILED, START)
    ids = (done.session_id, alive.session_id)
    before = [(bench.session(item), bench.store.sessions.records(item)) for item in ids]
    bench.store.close()

    engine = create_engine(store_url)
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = engine
    command.downgrade(config, "0006-1")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT run_id, ended_run_id FROM sync_sessions"))
        assert sorted((row.run_id, bool(row.ended_run_id)) for row in rows) == sorted(
            [(done.run_id, False), (alive.run_id, False)]
        )
    engine.dispose()

    database = Database(store_url)
    database.upgrade()
    again = StoreBench(Store(database))
    after = [(again.session(item), again.store.sessions.records(item)) for item in ids]
    assert after == before
    (run,) = again.store.sessions.runs(alive.session_id)
    assert (run.run_id, run.shard, run.status) == (alive.run_id, 1, SessionStatus.RUNNING)
    claim = again.claim(alive, fleet[1])
    again.store.sessions.finish(claim, DONE, START)
    assert again.session(alive.session_id).status is SessionStatus.FAILED
    database.close()


@pytest.mark.usefixtures("real_migrations")
def test_who_was_told_that_an_instance_is_overdue_is_not_told_again(store_url: str) -> None:
    """What one channel was told is announced: its end is told to all, on both ways."""
    bench = StoreBench(Store.open(store_url))
    one, two, _ = bench.fleet("a", "b", "c")
    bench.store.close()
    engine = create_engine(store_url)
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = engine
    command.downgrade(config, "0023")
    told = [("slack", one.id), ("webhook", one.id), ("slack", two.id)]
    with engine.begin() as connection:
        for channel, instance_id in told:
            row = {"channel": channel, "instance_id": instance_id, "told_at": START}
            connection.execute(insert(TOLD).values(row | {"sync_category": "account"}))
    command.upgrade(config, "0024")

    store = Store(Database(store_url))
    announced = {(one.id, SyncCategory.ACCOUNT), (two.id, SyncCategory.ACCOUNT)}
    assert store.freshness.view([SyncCategory.ACCOUNT]).announced == announced
    assert set(store.outbox.states(START)) == {"slack", "webhook"}
    store.close()

    command.downgrade(config, "0023")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT channel, instance_id FROM freshness_told"))
        found = sorted((row.channel, row.instance_id) for row in rows)
    assert found == sorted({(channel, item) for channel, _ in told for item in (one.id, two.id)})
    engine.dispose()
    database = Database(store_url)
    database.upgrade()
    database.close()
