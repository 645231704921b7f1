"""Making and changing the store's tables, by Alembic: it costs what SQLAlchemy does to import."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, MetaData

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.store.console.schema import console_tokens
from sync_pipeline.store.daemon.schema import daemon_lease
from sync_pipeline.store.events.outbox_schema import outbox_lines
from sync_pipeline.store.events.schema import events
from sync_pipeline.store.imports.schema import import_marks
from sync_pipeline.store.schema import metadata
from sync_pipeline.store.sizes.schema import instance_databases
from sync_pipeline.store.use.schema import instance_use
from sync_pipeline.store.watch.report_schema import report_routes
from sync_pipeline.store.watch.schema import freshness_checks


def every_table() -> MetaData:
    """Return what the tables of all schemas are registered in."""
    tables = (
        console_tokens,
        daemon_lease,
        events,
        freshness_checks,
        import_marks,
        instance_databases,
        instance_use,
        outbox_lines,
        report_routes,
    )
    for table in tables:
        assert table.metadata is metadata  # noqa: S101 - importing each schema registers its tables
    return metadata


FORMER_TABLES = frozenset({"freshness_told"})
"""Tables that stores of older revisions have, and this one has not any more."""
_PACKED = "0010"


def upgrade_tables(engine: Engine, revision: str | None, newest: str) -> None:
    """Bring the tables of a store, which have this revision, to the newest one of this version.

    Raises:
        ConfigurationError: a newer sync_pipeline made the tables.
    """
    if revision is not None and revision > newest:  # whatever migrations an upgrade has put there
        raise _made_by_newer(revision)
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = engine
    is_sqlite = engine.dialect.name == "sqlite"
    try:
        if is_sqlite and (revision or "") < _PACKED:
            # It commits one instance after the other, and goes on where it was cut off.
            command.upgrade(config, _PACKED)
        config.attributes["is_whole"] = is_sqlite
        command.upgrade(config, newest)
    except CommandError:
        raise _made_by_newer(revision) from None


def _made_by_newer(revision: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"The store's tables have the revision {revision}, which this version of "
        "sync_pipeline does not know.",
        hint="A newer version made them: install that one, or start again what has run since "
        "before it was installed (up, workers).",
    )
