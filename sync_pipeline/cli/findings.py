"""`sync-pipeline findings`: what an access review should look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import (
    dependencies,
    parse_past,
    say,
    show_json,
    show_lines,
    show_notes,
)
from sync_pipeline.cli.finding_acceptances import accept, acceptance_json, accepted, unaccept
from sync_pipeline.cli.finding_history import history
from sync_pipeline.cli.long_json import show_long_json
from sync_pipeline.cli.options import WHEN, with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import path_text
from sync_pipeline.model.causes import as_told, causes_of, counts_of_causes
from sync_pipeline.model.finding import Finding, Review, Severity
from sync_pipeline.model.grouping import By
from sync_pipeline.model.instance import Selection

app = typer.Typer(help="Findings of an access review.", invoke_without_command=True)

COLUMNS = (
    *("severity", "instance", "account", "rule", "evidence", "path", "fix", "undo", "left"),
    *("first seen", "breaks", "cause", "implied", "worsened", "severity before"),
)
_DAY_AGO = "24h"


@app.callback()
@with_options
def findings(
    context: typer.Context,
    selection: Selection,
    output: Output,
    severity: Annotated[
        Severity | None, typer.Option(help="Only those that are at least this bad.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(help="Show the controls of a benchmark instead: cis-postgresql, and so on."),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Only those that came since a moment: 24h ago.")
    ] = False,
    since: Annotated[str | None, typer.Option(help=f"The moment of --new: {WHEN}")] = None,
    by: Annotated[By, typer.Option(help="By what a table groups.")] = By.RULE,
    everything: Annotated[
        bool, typer.Option("--all", help="Every line of a table, also of large groups.")
    ] = False,
) -> None:
    """Show what a review of all accounts should look at, worst first."""
    from sync_pipeline.access.findings.review import RULES
    from sync_pipeline.workflows.answers import findings as answers
    from sync_pipeline.workflows.selecting import active

    if context.invoked_subcommand is not None:
        return
    if benchmark is not None:
        from sync_pipeline.cli.benchmark import show_benchmark

        show_benchmark(selection, output, benchmark)
        return
    if rule is not None and rule not in {item.id for item in RULES}:
        raise ConfigurationError(
            f"There is no rule {rule!r}.", hint="See: sync-pipeline findings rules."
        )
    moment = parse_past(since or _DAY_AGO) if new or since else None
    with dependencies() as deps:
        instances = active(deps.store, selection)
        found = answers.narrowed(answers.review_of(deps, instances), None, rule)
        if moment is not None:
            found = answers.since(deps, instances, found, moment)
    if output.is_table:
        from sync_pipeline.cli.finding_table import FindingTable

        table = FindingTable(
            {item.name: item.tags for item in instances},
            {item.id: item.title for item in RULES},
            by,
            is_whole=everything,
        )
        show_lines(table.lines(found, severity))
        show_notes(found.notes)
        return
    found = answers.narrowed(found, severity, rule)
    told = tuple(as_told(found.findings))
    if output.is_json:
        causes = counts_of_causes(causes_of(found.findings, found.others))
        show_long_json("findings", map(_finding, told), lambda: _review(found, causes))
        return
    output.show(COLUMNS, list(map(_row, told)), "")
    show_notes(found.notes, apart=True)


@app.command()
@with_options
def rules(output: Output) -> None:
    """Show every rule: what it looks for, why, who says so, and the controls it looks after."""
    from sync_pipeline.access.benchmarks.registry import controls_of
    from sync_pipeline.access.findings.review import RULES
    from sync_pipeline.workflows.answers.finding_rules import file_rules

    with dependencies() as deps:
        disabled = file_rules(deps.settings).disabled
    if output.is_json:
        show_json(
            [
                {
                    "id": rule.id,
                    "title": rule.title,
                    "severity": rule.severity,
                    "rationale": rule.rationale,
                    "sources": list(rule.sources),
                    "controls": list(controls_of(rule.id)),
                    "is_on": rule.id not in disabled,
                }
                for rule in RULES
            ]
        )
        return
    if output.is_csv:
        output.show(
            ("rule", "severity", "is on", "title", "rationale", "sources", "controls"),
            [
                (rule.id, rule.severity, rule.id not in disabled, rule.title, rule.rationale,
                 tuple(rule.sources), tuple(controls_of(rule.id)))
                for rule in RULES
            ],
            "",
        )  # fmt: skip
        return
    for rule in RULES:
        off = ", switched off" if rule.id in disabled else ""
        say(f"{rule.id} ({rule.severity}{off}): {rule.title}")
        say(f"  {rule.rationale}")
        for source in rule.sources:
            say(f"  - {source}")
        controls = ", ".join(controls_of(rule.id))
        say(f"  Controls: {controls or 'none. ' + rule.no_control}")


@app.command()
@with_options
def trend(
    selection: Selection,
    output: Output,
    days: Annotated[int, typer.Option(help="Days to look back on.", min=1, max=3700)] = 30,
) -> None:
    """Show how many findings came and went, by day."""
    from sync_pipeline.workflows.answers import findings as answers
    from sync_pipeline.workflows.selecting import active

    with dependencies() as deps:
        found = answers.trend(deps, active(deps.store, selection), days)
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    rows = [
        (
            *(item.day, item.severity, item.baseline, item.new, item.worsened, item.eased),
            *(item.resolved, item.open, item.accepted),
        )
        for item in found
    ]
    columns = ("day", "severity", "found first", "new", "worsened", "eased", "resolved", "left")
    output.show((*columns, "accepted"), rows, "No finding came or went.")


app.command()(accept)
app.command()(unaccept)
app.command()(accepted)
app.command()(history)


def _row(item: Finding) -> tuple[object, ...]:
    worsened = item.worsened
    return (
        item.severity,
        item.instance,
        item.account,
        item.rule,
        item.evidence,
        path_text(item.path),
        tuple(item.fix.split("\n")),
        tuple(item.undo.split("\n")),
        item.left,
        time_cell(item.first_seen),
        item.breaks,
        item.cause,
        item.implied,
        time_cell(worsened.since if worsened else None),
        str(worsened.severity) if worsened else "",
    )


def _review(found: Review, causes: Mapping[Severity, int]) -> dict[str, Any]:
    """Return all but the findings, which are many."""
    return {
        "counts": found.counts,
        "causes": causes,
        "accepted": [_finding(item) for item in found.suppressed],
        "notes": list(found.notes),
    }


def _finding(item: Finding) -> dict[str, Any]:
    from sync_pipeline.cli.access_values import path_json

    worsened = item.worsened
    return {
        "instance": item.instance,
        "engine": item.engine,
        "account": item.account,
        "rule": item.rule,
        "severity": item.severity,
        "first_seen_at": item.first_seen.isoformat() if item.first_seen else None,
        "evidence": item.evidence,
        "path": path_json(item.path),
        "fix": item.fix,
        "undo": item.undo,
        "left": item.left,
        "breaks": item.breaks,
        "cause": item.cause,
        "implied": item.implied,
        "worsened_at": worsened.since.isoformat() if worsened else None,
        "severity_before": worsened.severity if worsened else None,
        "acceptance": acceptance_json(item.acceptance) if item.acceptance else None,
    }
