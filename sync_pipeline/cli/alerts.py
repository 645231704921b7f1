"""`sync-pipeline alerts`: what is overdue, and whether alerts arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from sync_pipeline.cli.context import (
    dependencies,
    say,
    show_json,
    utc_now,
)
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Selection

if TYPE_CHECKING:
    from sync_pipeline.workflows.watching.freshness import OverdueNow

app = typer.Typer(help="Overdue instances, and who is told of them.", no_args_is_help=True)

DONE, SOME_FAILED = 0, 1


@app.command()
@with_options
def test(output: Output) -> None:
    """Send a test message to every channel that is set.

    Exit status: 0 all were sent, 1 one was not, 2 no channel is set.
    """
    from sync_pipeline.notify.channels import channels_of
    from sync_pipeline.workflows.watching.freshness import try_channels

    with dependencies() as deps:
        channels = channels_of(deps.settings)
        if not channels:
            raise ConfigurationError(
                "No channel for alerts is set.",
                hint="Set SYNC_PIPELINE_ALERT_WEBHOOK_URL, SYNC_PIPELINE_ALERT_SLACK_URL or "
                "SYNC_PIPELINE_ALERT_EMAIL_TO.",
            )
        deliveries = try_channels(deps, channels)
    if output.is_json:
        show_json([{"channel": item.channel, "error": item.error} for item in deliveries])
    elif output.is_csv:
        output.show(("channel", "error"), [(item.channel, item.error) for item in deliveries], "")
    else:
        for item in deliveries:
            say(f"{item.channel}: {'sent' if item.error is None else item.error}")
    failed = any(item.error is not None for item in deliveries)
    raise typer.Exit(SOME_FAILED if failed else DONE)


@app.command("list")
@with_options
def list_(selection: Selection, output: Output) -> None:
    """List what the last check found overdue, longest first."""
    from sync_pipeline.report.alerts import ago
    from sync_pipeline.workflows.selecting import registered
    from sync_pipeline.workflows.watching.freshness import overdue_now

    with dependencies() as deps:
        found = overdue_now(deps)
        names = {item.name for item in registered(deps.store, selection)}
    found = replace(
        found, overdue=tuple(item for item in found.overdue if item.watched.instance in names)
    )
    if output.is_json:
        show_json(_plain(found))
        return
    now = utc_now()
    rows = [
        (
            item.watched.instance,
            item.watched.category,
            time_cell(item.watched.last_success_at, "never"),
            time_cell(item.stale_since),
            ago(item.stale_since, now) if item.stale_since else "",
        )
        for item in found.overdue
    ]
    columns = ("instance", "category", "last success", "overdue since", "for")
    checked = [
        f"{item.category} was checked {ago(item.checked_at, now)} ago; a success counts for "
        f"{item.limit}."
        for item in found.checks
    ]
    output.show(
        columns,
        rows,
        "Nothing was overdue at the last check.",
        checked or ["Nothing was checked yet: the daemon does it (sync-pipeline up)."],
    )


def _plain(found: OverdueNow) -> dict[str, object]:
    return {
        "overdue": [
            {
                "instance": item.watched.instance,
                "category": item.watched.category,
                "last_success_at": item.watched.last_success_at,
                "stale_since": item.stale_since,
            }
            for item in found.overdue
        ],
        "checks": [
            {
                "category": item.category,
                "limit_seconds": item.limit.total_seconds(),
                "checked_at": item.checked_at,
            }
            for item in found.checks
        ],
    }
