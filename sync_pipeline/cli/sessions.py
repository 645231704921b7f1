"""`sync-pipeline sessions`: what every sync did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.categories import CATEGORIES, counter_words
from sync_pipeline.cli.context import (
    MOST_ROWS,
    dependencies,
    say,
    show_json,
    show_notes,
    show_table,
    show_text,
    shown_time,
)
from sync_pipeline.cli.imported import notes_of, refuse_filters, show_session, show_sessions
from sync_pipeline.cli.options import ImportedOption, with_options
from sync_pipeline.cli.output import Cell, Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.imported import ImportedFilter
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.session import (
    InstanceRecord,
    RecordAttempt,
    Session,
    SessionFilter,
    SessionRun,
    SessionStatus,
    SyncCategory,
)

if TYPE_CHECKING:
    from sync_pipeline.store.store import Store

app = typer.Typer(help="Sync sessions and their records.", no_args_is_help=True)

LATEST = "latest"
MOST_RECORDS = 100
"""A run of more instances ends with its failures, not with a row for each instance."""

RUN_COLUMNS = ("shard", "run", "status", "started", "ended", "message")
ATTEMPT_COLUMNS = ("instance", "attempt", "status", "run", "started", "ended", "message")


def _completed(incomplete: str) -> list[str]:
    return [name for name in CATEGORIES if name.startswith(incomplete)]


def _category(name: str) -> SyncCategory:
    if name not in CATEGORIES:
        known = ", ".join(map(repr, CATEGORIES))
        raise typer.BadParameter(f"{name!r} is not one of {known}.")
    return SyncCategory(name)


CategoryOption = Annotated[
    SyncCategory | None,
    typer.Option(
        parser=_category,
        metavar=f"<{'|'.join(CATEGORIES)}>",
        autocompletion=_completed,
        help="Only syncs of this category.",
    ),
]


def resolve_session(store: Store, session_id: str) -> Session:
    """Return the session of an id, of a prefix of one, or of the word `latest`.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    if session_id == LATEST:
        newest = store.sessions.list(SessionFilter(limit=1))
        if not newest:
            raise ConfigurationError(
                "There is no session yet, so none is 'latest'.",
                hint="Begin with: sync-pipeline run account-sync.",
            )
        return newest[0]
    found = store.sessions.get(session_id)
    if found is None:
        raise ConfigurationError(
            f"No single session is called {session_id!r}.",
            hint="See: sync-pipeline sessions list.",
        )
    return found


@app.command("list")
@with_options
def list_(
    selection: Selection,
    output: Output,
    status: Annotated[SessionStatus | None, typer.Option(help="Only these.")] = None,
    category: CategoryOption = None,
    limit: Annotated[int, typer.Option(help="At most.", min=1, max=MOST_ROWS)] = 20,
    imported: ImportedOption = False,
) -> None:
    """List sessions, newest first.

    Of a selection: those that have one of its instances. Their numbers are of all that they have.
    """
    from sync_pipeline.workflows.selecting import ever

    with dependencies() as deps:
        past = ever(deps.store, selection)
        if imported:
            refuse_filters({"--status": status, "--category": category})
            of_another = ImportedFilter(instances=past.ids, limit=limit)
            listed = deps.store.imported.sessions(of_another)
            show_sessions(listed, output, past.nothing("No session was imported."))
            return
        notes = notes_of(deps.store)
        wanted = SessionFilter(category, status, past.names, limit)
        found = deps.store.sessions.list(wanted)
    if output.is_json:
        show_json([asdict(item) for item in found])
        return
    rows = [
        (
            item.session_id,
            item.category,
            item.sync_type,
            item.status,
            time_cell(item.started_at),
            _seconds(item),
            f"{item.successful}/{item.total}",
            item.failed,
            item.created_by,
        )
        for item in found
    ]
    columns = (
        "session",
        "category",
        "type",
        "status",
        "started",
        "seconds",
        "done",
        "failed",
        "by",
    )
    nothing = "There is no session yet: sync-pipeline run account-sync."
    output.show(columns, rows, past.nothing(nothing), notes)


@app.command()
@with_options
def show(
    selection: Selection,
    output: Output,
    session_id: Annotated[str, typer.Argument(help="An id, its beginning, or `latest`.")],
    failed: Annotated[
        bool, typer.Option("--failed", help="Only instances that failed or were cancelled.")
    ] = False,
) -> None:
    """Show a session and the record of every instance, or of those that did not go well.

    Instances can be selected; the session's own numbers are of all that it has.
    Where an instance was tried more than once, the attempts before are shown too.
    """
    from sync_pipeline.workflows.selecting import ever

    with dependencies() as deps:
        if show_session(deps.store, session_id, output):
            return
        session = resolve_session(deps.store, session_id)
        past = ever(deps.store, selection)
        read = deps.store.session_reads.failed_records if failed else deps.store.sessions.records
        kept = read(session.session_id)
        records = [item for item in kept if past.ids is None or item.instance_id in past.ids]
        runs = deps.store.sessions.runs(session.session_id)
        shown_ids = {item.instance_id for item in records}
        attempts = [
            item
            for item in deps.store.session_reads.attempts(session.session_id)
            if item.instance_id in shown_ids
        ]
    gone = (session.failed + session.cancelled if failed else session.total) - len(kept)
    if gone > 0:
        note = f"{gone} of its records are not kept any more: SYNC_PIPELINE_SESSION_RETENTION_DAYS."
        show_notes((note,), apart=not output.is_table)
    if output.is_json:
        shown = {
            "session": asdict(session),
            "runs": [asdict(item) for item in runs],
            "records": [asdict(item) for item in records],
            "attempts": [asdict(item) for item in attempts],
        }
        show_json(shown)
        return
    columns = _record_columns(session)
    nothing = "Every instance went well." if failed else "It has no instance."
    nothing = "It has no record any more." if gone > 0 else nothing
    nothing = past.nothing("It has no such instance.") if kept and not records else nothing
    if output.is_csv:
        output.show(columns, [_row(item) for item in records], nothing)
        return
    say(
        f"Session {session.session_id} ({session.sync_type}, by {session.created_by or 'unknown'}) "
        f"is {session.status}: {session.successful} of {session.total} completed, "
        f"{session.failed} failed, {session.skipped} skipped, {session.cancelled} cancelled."
    )
    say(f"Started {shown_time(session.started_at)}, ended {shown_time(session.completed_at)}.")
    if session.repeats:
        say(f"It repeats session {session.repeats}, which it leaves as it was.")
    if session.error:
        say(session.error)
    if len(runs) > 1 or session.shards > 1:
        show_table(RUN_COLUMNS, [_run_row(session, item) for item in runs], "It has no run.")
    output.show(columns, [_row(item) for item in records], nothing)
    if attempts:
        say("Attempts before:")
        show_table(ATTEMPT_COLUMNS, [_attempt_row(item) for item in attempts], "")


def show_records(store: Store, session: Session, output: Output) -> None:
    """Show the record of every instance of a session in CSV."""
    records = store.sessions.records(session.session_id)
    output.show(_record_columns(session), [_row(item) for item in records], "")


def _record_columns(session: Session) -> tuple[str, ...]:
    return ("instance", "status", *counter_words(session.category), "seconds", "message")


def show_outcome(store: Store, session: Session) -> None:
    """Show the records of a session that has just ended, and its summary.

    Of a large session the failures alone, the first ones where there are many.
    """
    from sync_pipeline.workflows.sessions import failure_summary

    if session.total > MOST_RECORDS:
        failures = store.session_reads.failures(session.session_id, MOST_RECORDS)
        summary = failure_summary(session.session_id, failures)
        show_text(f"{summary or 'Every instance went well.'}\n")
    else:
        _show_records(session, store.sessions.records(session.session_id))
    say(
        f"Session {session.session_id} is {session.status}: {session.successful} of "
        f"{session.total} completed, {session.failed} failed, {session.skipped} skipped, "
        f"{session.cancelled} cancelled."
    )


def _show_records(session: Session, records: Sequence[InstanceRecord]) -> None:
    rows = [(record.instance_name, record.status, *_counters(record)) for record in records]
    columns = ("instance", "status", *counter_words(session.category))
    show_table(columns, rows, session.error or "There was nothing to sync.")
    for record in records:
        if record.error_message:
            say(f"{record.status}: {record.error_message}")
        for warning in record.details.get("warnings") or []:
            say(f"{record.instance_name}: {warning}")


def _run_row(session: Session, run: SessionRun) -> tuple[object, ...]:
    return (
        f"{run.shard}/{session.shards}",
        run.run_id or "never launched",
        run.status,
        shown_time(run.started_at),
        shown_time(run.ended_at),
        run.error,
    )


def _attempt_row(attempt: RecordAttempt) -> tuple[object, ...]:
    return (
        attempt.instance_name,
        attempt.attempt or "not begun",
        attempt.status,
        attempt.run_id or "never launched",
        shown_time(attempt.started_at),
        shown_time(attempt.ended_at),
        attempt.error_message,
    )


def _counters(record: InstanceRecord) -> tuple[int, ...]:
    return astuple(record.counters)[: len(counter_words(record.category))]


def _row(record: InstanceRecord) -> tuple[object, ...]:
    warnings = record.details.get("warnings") or []
    first = ("first sync",) if record.details.get("is_baseline") else ()
    message = record.error_message or "; ".join(str(item) for item in (*first, *warnings))
    return (
        record.instance_name,
        record.status,
        *_counters(record),
        _seconds(record),
        message,
    )


def _seconds(item: Session | InstanceRecord) -> Cell | None:
    if item.started_at is None or item.completed_at is None:
        return None
    seconds = (item.completed_at - item.started_at).total_seconds()
    return Cell(seconds, f"{seconds:.1f}")
