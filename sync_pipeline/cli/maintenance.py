"""`sync-pipeline maintenance`: times in which instances are left alone."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer

from sync_pipeline.cli.completion import instance_names
from sync_pipeline.cli.context import (
    MOST_ROWS,
    dependencies,
    say,
    show_json,
    show_notes,
    shown_time,
)
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.maintenance import MaintenanceWindow
from sync_pipeline.model.moment import read_moment

app = typer.Typer(help="Leave instances alone for a time.", no_args_is_help=True)


@app.command()
def start(
    *,
    reason: Annotated[str, typer.Option(help="Why; the skipped records say it.")],
    instance: Annotated[
        str | None, typer.Option(help="This instance.", autocompletion=instance_names)
    ] = None,
    tag: Annotated[str | None, typer.Option(help="All with this tag, as team=billing.")] = None,
    until: Annotated[str | None, typer.Option(help="When it ends, as 2026-01-31T06:00.")] = None,
    hours: Annotated[
        float | None, typer.Option(help="How long it takes, from now.", min=0.01)
    ] = None,
) -> None:
    """Begin maintenance now; it ends by itself. Runs that have begun are not stopped."""
    from sync_pipeline.cli.launch import user
    from sync_pipeline.workflows.watching.windows import start_maintenance

    with dependencies() as deps:
        ends_at = _end(until, hours, deps.clock())
        started = start_maintenance(
            deps, instance=instance, tag=tag, ends_at=ends_at, reason=reason, created_by=user()
        )
    say(
        f"Maintenance {started.window_id} of {instance or tag} holds {started.instances} "
        f"instances until {shown_time(ends_at)}. Runs that have begun are not stopped."
    )
    if not started.instances:
        show_notes([f"no instance has the tag {tag} now; one that gets it is held too."])


@app.command("list")
@with_options
def list_(
    output: Output,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> None:
    """List the maintenance that holds now."""
    with dependencies() as deps:
        now = deps.clock()
        windows = deps.store.maintenance
        found = windows.list() if everything else windows.active(now)
    if output.is_json:
        show_json([{**asdict(item), "is_active": item.is_active(now)} for item in found])
        return
    rows = [
        (
            item.id,
            item.instance_name or item.tag,
            _state(item, now),
            time_cell(item.starts_at),
            time_cell(item.ended_at or item.ends_at),
            item.created_by,
            item.reason,
        )
        for item in found
    ]
    columns = ("number", "of", "state", "from", "until", "by", "reason")
    output.show(columns, rows, "Nothing is in maintenance: sync-pipeline maintenance start.")


@app.command()
def end(
    number: Annotated[
        int, typer.Argument(help="The number that list shows.", min=1, max=MOST_ROWS)
    ],
) -> None:
    """End maintenance before its time: the next run syncs the instances again."""
    with dependencies() as deps:
        ended = deps.store.maintenance.end(number, deps.clock())
    say(f"Maintenance {ended.id} of {ended.instance_name or ended.tag} ended.")


def _end(until: str | None, hours: float | None, now: datetime) -> datetime:
    from sync_pipeline.workflows.watching.windows import LONGEST_DAYS

    if (until is None) == (hours is None):
        raise ConfigurationError("Give --until or --hours, and not both.")
    if until is not None:
        return read_moment(until)
    if math.isnan(hours or 0):
        raise ConfigurationError("--hours has to be a number.")
    # What is too long for a date is refused as what is longer than the longest window.
    return now + timedelta(hours=min(hours or 0, 24 * (LONGEST_DAYS + 1)))


def _state(item: MaintenanceWindow, now: datetime) -> str:
    if item.is_active(now):
        return "holds"
    return "ended early" if item.ended_at else "over"
