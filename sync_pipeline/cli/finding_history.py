"""`sync-pipeline findings history`: what became of findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import dependencies, parse_past, show_json, utc_now
from sync_pipeline.cli.options import WHEN, with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Selection

if TYPE_CHECKING:
    from sync_pipeline.workflows.answers.finding_history import FindingHistory

_DAY = 86_400


@with_options
def history(
    selection: Selection,
    output: Output,
    account: Annotated[str, typer.Option(help="Only of this account.")] = "",
    rule: Annotated[str, typer.Option(help="Only of this rule.")] = "",
    since: Annotated[str, typer.Option(help=WHEN)] = "30d",
    until: Annotated[str | None, typer.Option(help=WHEN)] = None,
) -> None:
    """Show the life of findings of which something happened in a time, each with all of it.

    Opened, worsened, accepted, resolved and opened again, with since when and by whom.
    """
    from sync_pipeline.access.findings.review import RULES
    from sync_pipeline.workflows.answers.finding_history import HistoryQuestion, finding_history
    from sync_pipeline.workflows.selecting import selected_ever

    if rule and rule not in {item.id for item in RULES}:
        raise ConfigurationError(
            f"There is no rule {rule!r}.", hint="See: sync-pipeline findings rules."
        )
    last = parse_past(until) if until else utc_now()
    asked = HistoryQuestion(parse_past(since), last, rule, account)
    if asked.until <= asked.since:
        raise ConfigurationError("--until is not after --since.")
    with dependencies() as deps:
        instances = selected_ever(deps.store, selection)
        found = list(finding_history(deps, instances, asked))
    if output.is_json:
        show_json([_json(item) for item in found])
        return
    columns = (
        *("instance", "account", "rule", "about", "now", "days"),
        *("when", "what", "severity", "by", "reason"),
    )
    rows = [row for item in found for row in _rows(item)]
    output.show(columns, rows, "Nothing happened to any finding.")


def _rows(item: FindingHistory) -> Iterator[tuple[object, ...]]:
    now = "resolved"
    if item.is_open:
        now = f"{item.severity}, accepted" if item.is_accepted else str(item.severity)
    for event in item.events:
        yield (
            *(item.instance, item.account, item.rule, item.about, now),
            int(item.age_seconds // _DAY),
            *(time_cell(event.at), str(event.kind), str(event.severity), event.by, event.reason),
        )


def _json(item: FindingHistory) -> dict[str, Any]:
    events = [{**asdict(event), "at": event.at.isoformat()} for event in item.events]
    return {**asdict(item), "events": events}
