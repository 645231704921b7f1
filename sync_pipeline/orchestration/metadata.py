"""What a step shows in the UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from sync_pipeline.model.change import AccountChange
from sync_pipeline.workflows.sync_accounts import AccountSyncReport

MOST_CHANGES = 50
MOST_LINES = 10


def report_metadata(report: AccountSyncReport) -> dict[str, dg.MetadataValue]:
    """Return counts, changes, durations and warnings of one instance's sync."""
    counters = report.counters
    metadata: dict[str, dg.MetadataValue] = {
        "instance": dg.MetadataValue.text(report.instance),
        "outcome": dg.MetadataValue.text(f"{report.status}: {report.message}"),
        "permissions created or updated": dg.MetadataValue.int(counters.items_synced),
        "accounts created": dg.MetadataValue.int(counters.items_created),
        "accounts updated": dg.MetadataValue.int(counters.items_updated),
        "accounts deactivated": dg.MetadataValue.int(counters.items_deleted),
        "changes": dg.MetadataValue.md(changes_table(report.changes)),
    }
    if report.timings:
        metadata["durations"] = dg.MetadataValue.md(durations_table(report.timings))
    if report.warnings:
        metadata["warnings"] = dg.MetadataValue.md(_bullets(report.warnings))
    return metadata


def changes_table(changes: Sequence[AccountChange]) -> str:
    """Return the changes as a Markdown table, the first ones where there are many."""
    if not changes:
        return "No change."
    rows = [
        f"| {_cell(change.account)} | {change.change_type} | {_lines(change.lines)} |"
        for change in changes[:MOST_CHANGES]
    ]
    table = "\n".join(["| account | change | what |", "|---|---|---|", *rows])
    rest = len(changes) - MOST_CHANGES
    return f"{table}\n\n… and {rest} more, see the change log." if rest > 0 else table


def durations_table(timings: Mapping[str, float]) -> str:
    """Return the seconds of each phase as a Markdown table."""
    rows = [
        f"| {_cell(name.removesuffix('_seconds').replace('_', ' '))} | {seconds:.3f} |"
        for name, seconds in timings.items()
    ]
    return "\n".join(["| phase | seconds |", "|---|---|", *rows])


def _lines(lines: Sequence[str]) -> str:
    shown = [_cell(line) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"… and {len(lines) - MOST_LINES} more")
    return "<br>".join(shown)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_cell(line)}" for line in lines)


def _cell(text: str) -> str:
    """Return a text that Markdown shows as it is: names may hold any character."""
    escaped = "".join(f"\\{char}" if char in r"\`*_{}[]<>#|~" else char for char in text)
    return escaped.replace("\n", " ")
