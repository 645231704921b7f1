"""The `sync-pipeline` command.

Exit status: 0 done, 1 something in the fleet failed, 2 the command or a setting is
wrong, 3 the store or the run could not be had, or the output not be written.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from sync_pipeline.cli import (
    access,
    accounts,
    alerts,
    backfill,
    capacity,
    credentials,
    findings,
    grants,
    instances,
    maintenance,
    metrics,
    report,
    run,
    serve,
    sessions,
)
from sync_pipeline.cli.context import show_error
from sync_pipeline.cli.terminal import (
    log_to_terminal,
    require_text,
    run_app,
    show_every_name,
    written_output,
)
from sync_pipeline.errors import ConfigurationError, SyncError

WRONG_COMMAND, UNAVAILABLE = 2, 3

app = typer.Typer(
    name="sync-pipeline",
    help="Know who can do what on every database you own, and how fast each one grows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(instances.app, name="instances")
app.add_typer(credentials.app, name="credentials")
app.add_typer(accounts.app, name="accounts")
app.add_typer(access.app, name="access")
app.add_typer(findings.app, name="findings")
app.add_typer(sessions.app, name="sessions")
app.add_typer(run.app, name="run")
app.add_typer(alerts.app, name="alerts")
app.command("grants")(grants.grants)
app.command("up")(serve.up)
app.command("backfill")(backfill.backfill)
app.command("report")(report.report)
app.command("metrics")(metrics.metrics)
app.add_typer(capacity.app, name="capacity")
app.add_typer(maintenance.app, name="maintenance")


def main() -> NoReturn:
    """Run the command; an error is one sentence on standard error."""
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
