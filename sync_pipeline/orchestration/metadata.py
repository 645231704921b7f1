"""What a step shows in the UI: of any size, in a bounded number of characters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg
from rich import filesize

from sync_pipeline.model.aggregation import Aggregation
from sync_pipeline.model.change import AccountChange
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.session import Session
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.text import shortened, visible_start
from sync_pipeline.orchestration.catalogued import aggregation_key, size_key
from sync_pipeline.orchestration.markdown import bullets, cell, table
from sync_pipeline.visible import visible
from sync_pipeline.workflows.answers.capacity import top_databases
from sync_pipeline.workflows.answers.findings import SessionReview, review_session
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import AccountSyncReport
from sync_pipeline.workflows.syncing.aggregation import AggregationReport
from sync_pipeline.workflows.syncing.recorded import InstanceReport
from sync_pipeline.workflows.syncing.sizes import SizeReport

MOST_DATABASES = 10
MOST_LINES = 10
MOST_IN_LINE = 100
MOST_IN_MESSAGE = 1_000
RECORD = ", see the record: sync-pipeline sessions show"


def report_metadata(report: AccountSyncReport) -> dict[str, dg.MetadataValue]:
    """Return counts, changes, durations and warnings of one instance's account sync."""
    counters = report.counters
    return {
        **_common(report),
        "permissions created or updated": dg.MetadataValue.int(counters.items_synced),
        "accounts created": dg.MetadataValue.int(counters.items_created),
        "accounts updated": dg.MetadataValue.int(counters.items_updated),
        "accounts deactivated": dg.MetadataValue.int(counters.items_deleted),
        **changes_metadata(report),
    }


def changes_metadata(report: AccountSyncReport) -> dict[str, dg.MetadataValue]:
    """Return which accounts changed in an instance's account sync, and how."""
    return {"changes": dg.MetadataValue.md(_changes(report))}


def size_metadata(report: SizeReport) -> dict[str, dg.MetadataValue]:
    """Return sizes, durations and warnings of one instance's size collection."""
    metadata = _common(report)
    if report.snapshot is not None:
        largest = sorted(
            report.snapshot.databases, key=lambda item: (-(item.total.bytes or 0), item.name)
        )
        rows = [(cell(item.name), _size(item.total.bytes)) for item in largest[:MOST_DATABASES]]
        metadata["largest databases"] = dg.MetadataValue.md(
            table(("database", "size"), rows, len(rows))
        )
        metadata.update(_sizes(report.snapshot))
    return metadata


def aggregation_metadata(report: AggregationReport) -> dict[str, dg.MetadataValue]:
    """Return how many rows the aggregation of one instance wrote."""
    return {
        **_common(report),
        "rows of databases": dg.MetadataValue.int(report.rows.databases),
        "rows of the instance": dg.MetadataValue.int(report.rows.instances),
        "rows replaced": dg.MetadataValue.int(report.rows.replaced),
    }


def size_materialization(report: SizeReport) -> dg.AssetMaterialization:
    """Return the event by which the UI plots an instance's size over its dates."""
    metadata = _sizes(report.snapshot) if report.snapshot else {}
    return dg.AssetMaterialization(
        asset_key=size_key(report.instance),
        partition=str(report.collected_date),
        description=visible(report.message),
        metadata=metadata,
    )


def aggregation_materialization(item: Aggregation) -> dg.AssetMaterialization:
    """Return the event by which the UI plots an instance's periods of one kind."""
    numbers = {
        "average bytes": item.total.avg_bytes,
        "last bytes": item.total.last_bytes,
        "change bytes": item.total.change_bytes,
        "change percent": item.total.change_percent,
        "databases": item.database_count,
        "days with data": item.data_count,
        "days expected": item.expected_count,
    }
    return dg.AssetMaterialization(
        asset_key=aggregation_key(item.period_type, item.instance),
        partition=item.period_start.isoformat(),
        metadata={name: _plotted(number) for name, number in numbers.items() if number is not None},
    )


def session_metadata(session: Session) -> dict[str, dg.MetadataValue]:
    """Return the counts of a session."""
    return {
        "instances": dg.MetadataValue.int(session.total),
        "completed": dg.MetadataValue.int(session.successful),
        "skipped": dg.MetadataValue.int(session.skipped),
        "status": dg.MetadataValue.text(str(session.status)),
    }


def findings_of_session(deps: SyncDeps, session: Session) -> dict[str, dg.MetadataValue]:
    """Return what the access review of a session's instances found."""
    return findings_metadata(review_session(deps, session))


def largest_of_fleet(
    deps: SyncDeps,
    session: Session,  # noqa: ARG001 - the whole fleet is shown after each
) -> dict[str, dg.MetadataValue]:
    """Return the largest and the fastest growing databases of all instances."""
    metadata: dict[str, dg.MetadataValue] = {}
    for word, by_growth in (("largest", False), ("fastest growing", True)):
        found = top_databases(deps, by_growth=by_growth, limit=MOST_DATABASES)
        rows = [
            (
                cell(item.instance),
                cell(item.database),
                _size(item.total_bytes),
                _size(item.grown_bytes),
                str(item.since or ""),
            )
            for item in found
        ]
        columns = ("instance", "database", "size", "grown by", "since")
        metadata[word] = dg.MetadataValue.md(table(columns, rows, len(rows)))
    return metadata


def findings_metadata(found: SessionReview) -> dict[str, dg.MetadataValue]:
    """Return what the access review of a session's instances found, by severity."""
    counts = found.review.counts
    rows = [
        (str(severity), str(counts[severity]), str(found.changed[severity]))
        for severity in counts
        if counts[severity]
    ]
    by_rule = list(_by_rule(found.review.findings))
    columns = ("severity", "findings", "of accounts that this session changed")
    metadata: dict[str, dg.MetadataValue] = {
        "findings": dg.MetadataValue.md(table(columns, rows, len(rows))),
        "findings by rule": dg.MetadataValue.md(
            table(("rule, the worst first", "accounts", "instances"), by_rule, len(by_rule))
        ),
        "findings accepted": dg.MetadataValue.int(len(found.review.suppressed)),
        "findings new since the sync before": dg.MetadataValue.int(found.came),
        "findings resolved since the sync before": dg.MetadataValue.int(found.went),
    }
    if found.review.notes:
        notes = bullets(found.review.notes, ", see sync-pipeline findings")
        metadata["findings: notes"] = dg.MetadataValue.md(notes)
    return metadata


def _by_rule(findings: Iterable[Finding]) -> Iterator[tuple[str, str, str]]:
    """Yield how many accounts and instances each rule finds; they come worst first."""
    accounts: dict[str, set[tuple[str, str]]] = {}
    for item in findings:
        accounts.setdefault(item.rule, set()).add((item.instance, item.account))
    for rule, found in accounts.items():
        instances = {instance for instance, _ in found}
        named = sum(bool(account) for _, account in found)
        yield cell(rule), str(named), str(len(instances))


def _common(report: InstanceReport) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "instance": dg.MetadataValue.text(report.instance),
        "outcome": dg.MetadataValue.text(
            visible_start(f"{report.status}: {report.message}", MOST_IN_MESSAGE)
        ),
    }
    if report.timings:
        metadata["durations"] = dg.MetadataValue.md(durations_table(report.timings))
    if report.warnings:
        metadata["warnings"] = dg.MetadataValue.md(bullets(report.warnings, RECORD))
    return metadata


def _sizes(snapshot: SizeSnapshot) -> dict[str, dg.MetadataValue]:
    metadata = {
        f"{name} bytes": _plotted(item.bytes)
        for name, item in snapshot.measures().items()
        if item.bytes is not None
    }
    metadata["databases"] = _plotted(len(snapshot.databases))
    metadata["databases not read"] = _plotted(len(snapshot.unread))
    return metadata


def _plotted(number: float) -> dg.MetadataValue:
    """Return a number that the UI plots; its integers end at 2^31."""
    return dg.MetadataValue.float(float(number))


def _size(count: int | None) -> str:
    return "" if count is None else filesize.decimal(count)


def _changes(report: AccountSyncReport) -> str:
    if report.is_baseline:
        found = sum(bool(change.lines) for change in report.changes)
        return f"First sync: {found} accounts found, see the change log."
    return changes_table(report.changes)


def changes_table(changes: Sequence[AccountChange]) -> str:
    """Return the changes as a Markdown table, the first ones where there are many.

    Those with nothing worth telling are in the change log alone.
    """
    changes = [change for change in changes if change.lines]
    if not changes:
        return "No change."
    rows = (
        (cell(change.account), str(change.change_type), _lines(change.lines)) for change in changes
    )
    return table(("account", "change", "what"), rows, len(changes), ", see the change log")


def durations_table(timings: Mapping[str, float]) -> str:
    """Return the seconds of each phase as a Markdown table."""
    rows = (
        (cell(name.removesuffix("_seconds").replace("_", " ")), f"{seconds:.3f}")
        for name, seconds in timings.items()
    )
    return table(("phase", "seconds"), rows, len(timings))


def _lines(lines: Sequence[str]) -> str:
    shown = [cell(shortened(line, MOST_IN_LINE)) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"… and {len(lines) - MOST_LINES} more")
    return "<br>".join(shown)
