"""How Alembic reaches the store: with the engine that the caller opened."""

from __future__ import annotations

from alembic import context

from sync_pipeline.store.database import newest_revision
from sync_pipeline.store.upgrades import every_table
from sync_pipeline.store.views.views import make_views, take_views


def run() -> None:
    """Run the migrations in one transaction."""
    engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        if context.config.attributes.get("is_whole", False):
            # On SQLite Alembic begins none. What it finds begun it leaves to who began it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.configure(
            connection=connection, target_metadata=every_table(), render_as_batch=True
        )
        with context.begin_transaction():
            are_wanted = take_views(connection)
            context.run_migrations()
            if are_wanted and context.get_context().get_current_revision() == newest_revision():
                make_views(connection)
        connection.commit()


run()
