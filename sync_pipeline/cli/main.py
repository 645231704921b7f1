"""The `sync-pipeline` command.

Exit status: 0 done, 1 something in the fleet failed, 2 the command or a setting is
wrong, 3 the store or the run could not be had, or the output not be written.
"""

from __future__ import annotations

import atexit
import gc
import sys
from typing import Annotated, NoReturn

import typer

from sync_pipeline.cli.lazy import Entry, LazyGroup, require_help_writer
from sync_pipeline.cli.terminal import (
    log_to_terminal,
    require_text,
    run_app,
    show_error,
    show_every_name,
    written_output,
)
from sync_pipeline.errors import ConfigurationError, SyncError

WRONG_COMMAND, UNAVAILABLE = 2, 3
OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Importing makes many objects and no garbage: looking for it was an eighth of a command's time."""


class Root(LazyGroup):
    """Every command. A line here is what the help of all says, and no more is imported for it."""

    entries = (
        Entry(
            "grants",
            "sync_pipeline.cli.grants",
            "Print the script that makes the monitoring account; replace <password> in it.",
            "grants",
        ),
        Entry(
            "up",
            "sync_pipeline.cli.serve",
            "Start the Dagster UI and the daemon that runs schedules and sensors.",
            "up",
        ),
        Entry(
            "health",
            "sync_pipeline.cli.health",
            "Say whether the UI and the daemon answer, for who keeps them running.",
            "health",
        ),
        Entry(
            "console",
            "sync_pipeline.cli.console",
            "Serve the pages and the API that answer, and make the tokens for them.",
        ),
        Entry(
            "backfill",
            "sync_pipeline.cli.backfill",
            "Aggregate every period between two days again, in one run.",
            "backfill",
        ),
        Entry(
            "report",
            "sync_pipeline.cli.report",
            "Write a report of changes, administrators, findings, sizes and limits, or mail it.",
            "report",
        ),
        Entry(
            "metrics",
            "sync_pipeline.cli.metrics",
            "Print metrics in Prometheus' text format, or write or serve them.",
            "metrics",
        ),
        Entry(
            "backup",
            "sync_pipeline.cli.backup",
            "Copy the store, and the key where asked, into a new directory while all goes on.",
            "backup",
        ),
        Entry(
            "restore",
            "sync_pipeline.cli.backup",
            "Put the store of a backup in the place of the present one, whole or not at all.",
            "restore",
        ),
        Entry(
            "doctor",
            "sync_pipeline.cli.doctor",
            "Look at everything that runs need, and say what to do. It changes nothing.",
            "doctor",
        ),
        Entry("instances", "sync_pipeline.cli.instances", "The instances of the fleet."),
        Entry(
            "credentials", "sync_pipeline.cli.credentials", "User names and secrets of the fleet."
        ),
        Entry(
            "accounts",
            "sync_pipeline.cli.accounts",
            "Accounts, their permissions and their history.",
        ),
        Entry(
            "access",
            "sync_pipeline.cli.access",
            "What accounts can really do, and by which path.",
        ),
        Entry(
            "import", "sync_pipeline.cli.imports", "Move in: take over what another system kept."
        ),
        Entry("findings", "sync_pipeline.cli.findings", "Findings of an access review."),
        Entry("sessions", "sync_pipeline.cli.sessions", "Sync sessions and their records."),
        Entry("run", "sync_pipeline.cli.run", "Launch a job now and wait for its end."),
        Entry("alerts", "sync_pipeline.cli.alerts", "Overdue instances, and who is told of what."),
        Entry(
            "settings",
            "sync_pipeline.cli.settings",
            "Show every setting: its value without secrets, where it comes from, and its default.",
            "settings",
        ),
        Entry("capacity", "sync_pipeline.cli.capacity", "Sizes, growth and forecasts."),
        Entry("maintenance", "sync_pipeline.cli.maintenance", "Leave instances alone for a time."),
    )


app = typer.Typer(
    name="sync-pipeline",
    help="Know who can do what on every database you own, and how fast each one grows.",
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"sync-pipeline {version('sync_pipeline')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options that go before every command."""


def main() -> NoReturn:
    """Run the command; an error is one sentence on standard error."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    # The interpreter looks for garbage when it ends, too: that was a quarter of the time.
    atexit.register(gc.freeze)
    if "--help" in sys.argv:
        require_help_writer()
    show_every_name()
    log_to_terminal()
    try:
        require_text(sys.argv)
        with written_output():
            status = run_app(app)
    except SyncError as error:
        show_error(str(error))
        sys.exit(WRONG_COMMAND if isinstance(error, ConfigurationError) else UNAVAILABLE)
    sys.exit(status)


if __name__ == "__main__":
    main()
