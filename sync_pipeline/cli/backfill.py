"""`sync-pipeline backfill`: aggregate past periods again, all in one run."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from sync_pipeline.cli.context import dependencies
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.moment import require_near
from sync_pipeline.model.period import PeriodType

DATE = ["%Y-%m-%d"]


@with_options
def backfill(
    *,
    period: Annotated[PeriodType, typer.Option(help="The kind of period.")],
    first: Annotated[
        datetime, typer.Option("--from", formats=DATE, help="First day; its period is taken.")
    ],
    last: Annotated[datetime, typer.Option("--to", formats=DATE, help="Last day, included.")],
    selection: Selection,
    output: Output,
) -> None:
    """Aggregate every period between two days again, in one run.

    Instances and databases that are gone are aggregated for the days on which they were
    measured. The result equals what the schedule wrote, or would have written.
    """
    from sync_pipeline.cli.run import launch
    from sync_pipeline.workflows.dates import today
    from sync_pipeline.workflows.syncing.aggregation import chosen_range

    require_near(first)  # The last day may be far: periods end with today's.
    with dependencies() as deps:
        chosen_range(period, first.date(), last.date(), today(deps))
    launch(
        "backfill_sizes",
        selection,
        output=output,
        ever=True,
        period=str(period),
        first=first.date().isoformat(),
        last=last.date().isoformat(),
    )
