"""What a migration makes of the rows that are there already."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from sync_pipeline.model.session import SessionStatus
from sync_pipeline.store.database import Database
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import DONE, FAILED, START, StoreBench


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
