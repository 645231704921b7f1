"""`sync-pipeline report`: one HTML file that opens anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync_pipeline.cli.context import dependencies, say


def report(
    output: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)] = Path(
        "capacity.html"
    ),
    days: Annotated[int, typer.Option(help="Days to look back on.", min=7, max=3700)] = 400,
) -> None:
    """Write a report of sizes, growth, forecasts, gaps and failures as one HTML file.

    It needs no network: everything is in the file.
    """
    from sync_pipeline.report.html import write_html
    from sync_pipeline.workflows.answers.reporting import fleet_report

    with dependencies() as deps:
        found = fleet_report(deps, days)
    write_html(found, output)
    say(f"The report of {len(found.newest)} instances is in {output}.")
