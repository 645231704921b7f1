"""`sync-pipeline doctor`: how everything is, a line each, and what to do next."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.context import show_json, show_lines, utc_now
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output

if TYPE_CHECKING:
    from sync_pipeline.model.checkup import Check, State

SECONDS = 30.0
MOST_SECONDS = 3600.0
ALL_OK, WARNINGS, FAULTS = 0, 1, 2


@with_options
def doctor(
    output: Output,
    seconds: Annotated[
        float,
        typer.Option(min=1, max=MOST_SECONDS, help="For all of it; what hangs holds nothing else."),
    ] = SECONDS,
    each: Annotated[
        int,
        typer.Option(min=0, max=1_000_000, help="Instances of each engine that are logged in to."),
    ] = 1,
) -> None:
    """Look at everything that runs need, and say what to do. It changes nothing.

    Exit status: 0 all is well, 1 there are warnings, 2 there are faults (or the command is wrong).
    """
    from sync_pipeline.model.checkup import worst
    from sync_pipeline.workflows.checkup.plan import look_at_everything

    began = time.monotonic()
    checks = look_at_everything(utc_now, seconds, each)
    state = worst(checks)
    if output.is_json:
        took = round(time.monotonic() - began, 3)
        checked = [asdict(item) for item in checks]
        show_json({"state": state, "took_seconds": took, "checks": checked})
    elif output.is_csv:
        rows = [(item.state, item.name, item.what, item.todo) for item in checks]
        output.show(("state", "check", "what", "todo"), rows, "")
    else:
        show_lines(_lines(checks))
    raise typer.Exit(_status(state))


def _lines(checks: Sequence[Check]) -> list[str]:
    """Return a line each; of what is well, what to do is no news."""
    from sync_pipeline.model.checkup import State

    wide = max((len(item.name) for item in checks), default=0)
    return [
        f"{item.state:<7}  {item.name:<{wide}}  {item.what}"
        + (f" → {item.todo}" if item.todo and item.state is not State.OK else "")
        for item in checks
    ]


def _status(state: State) -> int:
    from sync_pipeline.model.checkup import State as Found

    return {Found.OK: ALL_OK, Found.WARNING: WARNINGS}.get(state, FAULTS)
