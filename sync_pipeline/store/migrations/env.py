"""How Alembic reaches the store: with the engine that the caller opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from alembic import context
from sqlalchemy import Connection

from sync_pipeline.store.upgrades import every_table


@contextmanager
def _whole(connection: Connection) -> Iterator[None]:
    """Let all migrations be one transaction on SQLite, where Alembic begins none."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def run() -> None:
    """Run the migrations in one transaction."""
    engine = context.config.attributes["engine"]
    is_whole = context.config.attributes.get("is_whole", False)
    # What Alembic finds begun it leaves to who began it.
    with engine.connect() as connection, _whole(connection) if is_whole else nullcontext():
        context.configure(
            connection=connection, target_metadata=every_table(), render_as_batch=True
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
