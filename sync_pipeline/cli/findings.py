"""`sync-pipeline findings`: what an access review should look at."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import dependencies, say, show_csv, show_json, show_notes, show_table
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import path_text
from sync_pipeline.model.finding import Finding, Review, Severity

app = typer.Typer(help="Findings of an access review.", invoke_without_command=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
COLUMNS = ("severity", "instance", "account", "rule", "evidence", "fix")


@app.callback()
def findings(
    context: typer.Context,
    instance: Annotated[
        str | None, typer.Option("--instance", help="Only here. Default: all active ones.")
    ] = None,
    severity: Annotated[
        Severity | None, typer.Option(help="Only those that are at least this bad.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV; notes go to standard error.")
    ] = False,
) -> None:
    """Show what a review of all accounts should look at, worst first."""
    from sync_pipeline.access.findings.review import RULES
    from sync_pipeline.workflows.answers.access import chosen
    from sync_pipeline.workflows.answers.findings import narrowed, review_of

    if context.invoked_subcommand is not None:
        return
    if as_json and as_csv:
        raise ConfigurationError("An answer has one format.", hint="Give --json or --csv.")
    if rule is not None and rule not in {item.id for item in RULES}:
        raise ConfigurationError(
            f"There is no rule {rule!r}.", hint="See: sync-pipeline findings rules."
        )
    with dependencies() as deps:
        found = narrowed(review_of(deps, chosen(deps, instance)), severity, rule)
    if as_json:
        show_json(_review(found))
        return
    if as_csv:
        rows = [
            (*_row(item)[:-1], path_text(item.path), *_lines(item.fix, item.undo), item.left)
            for item in found.findings
        ]
        show_csv((*COLUMNS[:-1], "path", COLUMNS[-1], "undo", "left"), rows)
    else:
        show_table(COLUMNS, [_row(item) for item in found.findings], "There is no finding.")
        counts = ", ".join(f"{count} {name}" for name, count in found.counts.items() if count)
        say(f"{counts or 'None'}; {len(found.suppressed)} accepted.")
    show_notes(found.notes, apart=as_csv)


@app.command()
def rules(as_json: Json = False) -> None:
    """Show every rule: what it looks for, why, and who says so."""
    from sync_pipeline.access.findings.review import RULES
    from sync_pipeline.workflows.answers.findings import finding_rules

    with dependencies() as deps:
        disabled = finding_rules(deps.settings).disabled
    if as_json:
        show_json(
            [
                {
                    "id": rule.id,
                    "title": rule.title,
                    "severity": rule.severity,
                    "rationale": rule.rationale,
                    "sources": list(rule.sources),
                    "is_on": rule.id not in disabled,
                }
                for rule in RULES
            ]
        )
        return
    for rule in RULES:
        off = ", switched off" if rule.id in disabled else ""
        say(f"{rule.id} ({rule.severity}{off}): {rule.title}")
        say(f"  {rule.rationale}")
        for source in rule.sources:
            say(f"  - {source}")


def _lines(*texts: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(text.split("\n")) for text in texts)


def _row(item: Finding) -> tuple[object, ...]:
    left = f"Left: {item.left}" if item.left else ""
    (fix,) = _lines("\n".join(filter(None, (item.fix, left))))
    return item.severity, item.instance, item.account, item.rule, item.evidence, fix


def _review(found: Review) -> dict[str, Any]:
    return {
        "counts": found.counts,
        "findings": [_finding(item) for item in found.findings],
        "accepted": [_finding(item) for item in found.suppressed],
        "notes": list(found.notes),
    }


def _finding(item: Finding) -> dict[str, Any]:
    from sync_pipeline.cli.access import path_json

    return {
        "instance": item.instance,
        "engine": item.engine,
        "account": item.account,
        "rule": item.rule,
        "severity": item.severity,
        "evidence": item.evidence,
        "path": path_json(item.path),
        "fix": item.fix,
        "undo": item.undo,
        "left": item.left,
    }
