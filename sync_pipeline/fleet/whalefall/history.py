"""Sessions, task runs, accounts and the change log of a WhaleFall store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline.fleet.whalefall.connection import WhaleFall
from sync_pipeline.fleet.whalefall.names import name_here
from sync_pipeline.fleet.whalefall.steps import NOT_TAKEN_INSTANCE, Scope, Step, bad_name
from sync_pipeline.fleet.whalefall.texts import (
    LARGEST,
    LONGEST_JSON,
    LOWEST,
    TOO_LONG,
    aware,
    clean,
    json_words,
    moment,
    parsed,
    words,
)
from sync_pipeline.model.imported import (
    ImportedAccount,
    ImportedChange,
    ImportedRecord,
    ImportedRow,
    ImportedSession,
    Tally,
)
from sync_pipeline.model.text import shortened

AT_ONCE = 1000
LARGE_AT_ONCE = 200
"""Of rows with JSON, each part of which may have `LONGEST_JSON` characters."""
SESSION, RUN = "sync session", "task run"
MOST_LINES = 200
LONGEST_LINE = 2000
SESSIONS_TOO_OLD = "older than sessions are kept here: SYNC_PIPELINE_SESSION_RETENTION_DAYS"
CHANGES_TOO_OLD = "older than changes are kept here: SYNC_PIPELINE_CHANGE_RETENTION_DAYS"
NO_START = "nothing says when it began"
IN_FUTURE = "it is of a day to come"
NO_JSON = "its details are no JSON that can be read: taken as text"
_WORDS = {"GRANT": "granted", "REVOKE": "revoked", "ALTER": "changed"}


@dataclass(frozen=True, slots=True)
class _Session:
    id: int
    session_id: str
    category: str
    trigger: str
    task: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    total: int
    successful: int
    failed: int
    created_by: str
    error: str


@dataclass(frozen=True, slots=True)
class _Record:
    id: int
    session_id: str
    instance_id: int | None
    name: str
    category: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    synced: int
    created: int
    updated: int
    deleted: int
    error: str
    details: str | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Account:
    id: int
    instance_id: int
    username: str
    owner: str
    is_active: bool
    created_at: datetime | None
    deleted_at: datetime | None
    last_sync_time: datetime | None
    last_change_time: datetime | None
    snapshot: str | None
    facts: str | None
    type_specific: str | None


@dataclass(frozen=True, slots=True)
class _Change:
    id: int
    instance_id: int
    username: str
    owner: str
    change_type: str
    change_time: datetime | None
    session_id: str
    status: str
    message: str
    privilege_diff: str | None
    other_diff: str | None


def _count(column: str, name: str) -> str:
    is_number = f"{column} BETWEEN 0 AND {LARGEST}"
    return f"CASE WHEN {is_number} THEN {column}::bigint ELSE 0 END AS {name}"


_FROM_ID = "WHERE id > %(after)s ORDER BY id LIMIT %(most)s"
_FEW_FROM_ID = f"WHERE id > %(after)s ORDER BY id LIMIT least(%(most)s, {LARGE_AT_ONCE})"

_SESSIONS = f"""
    SELECT id::bigint AS id, {words("session_id")}, {words("sync_category", "category")},
        {words("sync_type", "trigger")}, '' AS task, {words("status")}, {moment("started_at")},
        {moment("completed_at")}, {_count("total_instances", "total")},
        {_count("successful_instances", "successful")}, {_count("failed_instances", "failed")},
        {words("created_by")}, '' AS error
    FROM public.sync_sessions {_FROM_ID}
"""  # noqa: S608 - names of ours

_RUNS = f"""
    SELECT id::bigint AS id, {words("run_id", "session_id")}, {words("task_category", "category")},
        {words("trigger_source", "trigger")}, {words("task_key", "task")}, {words("status")},
        {moment("started_at")}, {moment("completed_at")}, {_count("progress_total", "total")},
        {_count("progress_completed", "successful")}, {_count("progress_failed", "failed")},
        {words("created_by")}, {words("error_message", "error")}
    FROM public.task_runs {_FROM_ID}
"""  # noqa: S608 - names of ours

_RECORDS = f"""
    SELECT id::bigint AS id, {words("session_id")}, instance_id, {words("instance_name", "name")},
        {words("sync_category", "category")}, {words("status")}, {moment("started_at")},
        {moment("completed_at")}, {_count("items_synced", "synced")},
        {_count("items_created", "created")}, {_count("items_updated", "updated")},
        {_count("items_deleted", "deleted")}, {words("error_message", "error")},
        {json_words("sync_details", "details")}, {moment("created_at")}
    FROM public.sync_instance_records {_FEW_FROM_ID}
"""  # noqa: S608 - names of ours

_ITEMS = f"""
    SELECT id::bigint AS id, {words("run_id", "session_id")}, instance_id,
        left(coalesce(item_name, item_key, ''), 1000) AS name, {words("item_type", "category")},
        {words("status")}, {moment("started_at")}, {moment("completed_at")}, 0 AS synced,
        0 AS created, 0 AS updated, 0 AS deleted, {words("error_message", "error")},
        CASE WHEN length(coalesce(details_json::text, '')) + length(coalesce(metrics_json::text,
        '')) > {LONGEST_JSON} THEN NULL ELSE '{{"metrics": ' || coalesce(metrics_json::text, 'null')
        || ', "details": ' || coalesce(details_json::text, 'null') || '}}' END AS details,
        {moment("created_at")}
    FROM public.task_run_items {_FEW_FROM_ID}
"""  # noqa: S608 - names of ours


def _accounts(columns: frozenset[str]) -> str:
    return f"""
        SELECT a.id::bigint AS id, coalesce(a.instance_id, 0) AS instance_id,
            {words("a.username")}, {_owner("a", columns)}, coalesce(a.is_active, false) AS
            is_active, {moment("a.created_at")}, {moment("a.deleted_at")},
            {moment("p.last_sync_time")}, {moment("p.last_change_time")},
            {json_words("p.permission_snapshot", "snapshot")},
            {json_words("p.permission_facts", "facts")}, {json_words("p.type_specific")}
        FROM public.instance_accounts AS a LEFT JOIN LATERAL (
            SELECT * FROM public.account_permission AS x WHERE x.instance_account_id = a.id
            ORDER BY x.id DESC LIMIT 1) AS p ON true
        WHERE a.id > %(after)s ORDER BY a.id LIMIT least(%(most)s, {LARGE_AT_ONCE})
    """  # noqa: S608 - names of ours


def _changes(columns: frozenset[str]) -> str:
    return f"""
        SELECT l.id::bigint AS id, coalesce(l.instance_id, 0) AS instance_id,
            {words("l.username")}, {_owner("l", columns)}, {words("l.change_type")},
            {moment("l.change_time")}, {words("l.session_id")}, {words("l.status")},
            {words("l.message")}, {json_words("l.privilege_diff")}, {json_words("l.other_diff")}
        FROM public.account_change_log AS l
        WHERE l.id > %(after)s ORDER BY l.id LIMIT least(%(most)s, {LARGE_AT_ONCE})
    """  # noqa: S608 - names of ours


def _owner(table: str, columns: frozenset[str]) -> str:
    """Return SQL for whose an account is, where it is not the instance's: since 20260519090000."""
    if not {"owner_type", "owner_id"} <= columns:
        return "'' AS owner"
    return (
        f"CASE WHEN coalesce({table}.owner_type, 'instance') <> 'instance' THEN "
        f"{table}.owner_type || ' ' || coalesce({table}.owner_id::text, '') ELSE '' END AS owner"
    )


def _by_id(
    store: WhaleFall,
    kind: type[Any],
    query: str,
    place: tuple[str | int, ...],
    made: Callable[[Any, Tally], ImportedRow | None],
) -> Iterator[Step]:
    after = int(place[0]) if place else LOWEST
    while found := store.rows(kind, query, {"after": after, "most": AT_ONCE}):
        tally = Tally()
        rows = [item for row in found if (item := made(row, tally)) is not None]
        after = found[-1].id
        yield Step(rows, (after,), tally)


def session_steps(
    store: WhaleFall, scope: Scope, place: tuple[str | int, ...], *, of_runs: bool
) -> Iterator[Step]:
    """Yield the sync sessions, or the task runs."""

    def made(row: _Session, tally: Tally) -> ImportedSession | None:
        reason = _bad_start(row.started_at, scope)
        session_id = clean(row.session_id)
        if not session_id or len(session_id) > 64:  # noqa: PLR2004 - that of the column
            reason = "its id is missing or too long"
        if reason:
            tally.leave(reason, session_id)
            return None
        _note_zone(row.started_at, session_id, tally)
        return ImportedSession(
            RUN if of_runs else SESSION,
            session_id,
            clean(row.category),
            clean(row.trigger),
            clean(row.task),
            clean(row.status),
            aware(row.started_at),
            aware(row.completed_at),
            row.total,
            row.successful,
            row.failed,
            f"user {clean(row.created_by)}" if row.created_by else "",
            clean(row.error),
        )

    return _by_id(store, _Session, _RUNS if of_runs else _SESSIONS, place, made)


def record_steps(
    store: WhaleFall, scope: Scope, place: tuple[str | int, ...], *, of_runs: bool
) -> Iterator[Step]:
    """Yield the records of sync sessions, or the items of task runs.

    One of an instance that was not taken is taken with its name.
    """

    def made(row: _Record, tally: Tally) -> ImportedRecord | None:
        began = row.started_at or row.created_at
        reason = _bad_start(began, scope)
        if reason:
            tally.leave(reason, clean(row.name))
            return None
        instance_id = scope.instance_ids.get(row.instance_id or 0)
        if row.instance_id is not None and instance_id is None:
            tally.note(f"{NOT_TAKEN_INSTANCE}: its name is kept", clean(row.name))
        return ImportedRecord(
            RUN if of_runs else SESSION,
            row.id,
            clean(row.session_id)[:64],
            instance_id,
            clean(row.name),
            clean(row.category),
            clean(row.status),
            aware(began),
            aware(row.completed_at),
            row.synced,
            row.created,
            row.updated,
            row.deleted,
            clean(row.error),
            _json_text(row.details, tally, clean(row.name)),
        )

    return _by_id(store, _Record, _ITEMS if of_runs else _RECORDS, place, made)


def account_steps(store: WhaleFall, scope: Scope, place: tuple[str | int, ...]) -> Iterator[Step]:
    """Yield the accounts as they were last known."""

    def made(row: _Account, tally: Tally) -> ImportedAccount | None:
        name = name_here(scope.engines.get(row.instance_id, ""), clean(row.username))
        instance_id = scope.instance_ids.get(row.instance_id)
        if instance_id is None or bad_name(name):
            tally.leave(NOT_TAKEN_INSTANCE if instance_id is None else bad_name(name), name)
            return None
        parts = {
            **({"username": there} if (there := clean(row.username)) != name else {}),
            "snapshot": _value(row.snapshot, tally, name),
            "facts": _value(row.facts, tally, name),
            "type_specific": _value(row.type_specific, tally, name),
        }
        if row.snapshot is None:
            tally.note("nothing is kept there of what it may do", name)
        facts = parts["facts"]
        found = facts.get("capabilities") if isinstance(facts, dict) else None
        capabilities = found if isinstance(found, list) else []
        return ImportedAccount(
            *(row.id, instance_id, name, clean(row.owner), row.is_active),
            aware(row.created_at),
            aware(row.deleted_at),
            aware(row.last_sync_time),
            aware(row.last_change_time),
            "SUPERUSER" in capabilities,
            "LOCKED" in capabilities,
            _text_of(parts),
        )

    query = _accounts(store.tables["instance_accounts"])
    return _by_id(store, _Account, query, place, made)


def change_steps(store: WhaleFall, scope: Scope, place: tuple[str | int, ...]) -> Iterator[Step]:
    """Yield the entries of the change log."""

    def made(row: _Change, tally: Tally) -> ImportedChange | None:
        there, changed_at = clean(row.username), aware(row.change_time)
        name = name_here(scope.engines.get(row.instance_id, ""), there)
        instance_id = scope.instance_ids.get(row.instance_id)
        if instance_id is None:
            tally.leave(NOT_TAKEN_INSTANCE, name)
        elif bad_name(name):
            tally.leave(bad_name(name), name)
        elif changed_at is None:
            tally.leave("nothing says when it changed", name)
        elif changed_at < scope.changes_from:
            tally.leave(CHANGES_TOO_OLD, name)
        elif changed_at > scope.until:
            tally.leave(IN_FUTURE, name)
        else:
            _note_zone(row.change_time, name, tally)
            parts = {
                **({"username": there} if there != name else {}),
                "message": clean(row.message),
                "status": clean(row.status),
                "owner": clean(row.owner),
                "privilege_diff": _value(row.privilege_diff, tally, name),
                "other_diff": _value(row.other_diff, tally, name),
            }
            return ImportedChange(
                *(row.id, instance_id, name, clean(row.change_type), changed_at),
                clean(row.session_id),
                tuple(lines_of(parts)),
                _text_of(parts),
            )
        return None

    query = _changes(store.tables["account_change_log"])
    return _by_id(store, _Change, query, place, made)


def lines_of(parts: Mapping[str, Any]) -> list[str]:
    """Return what an entry tells, a line for each part of it; at least its message."""
    lines = [
        shortened(clean(line), LONGEST_LINE)
        for name, told in (("privilege_diff", _grant_line), ("other_diff", _other_line))
        for entry in _entries(parts[name])
        if (line := told(entry))
    ]
    more = len(lines) - MOST_LINES
    if more > 0:
        lines = [*lines[:MOST_LINES], f"and {more} more"]
    return lines or [shortened(str(parts["message"]), LONGEST_LINE)]


def _entries(found: Any) -> list[Mapping[str, Any]]:
    """Return the entries of a diff: since 20260115123302 in an object, before that a list."""
    entries = found.get("entries") if isinstance(found, dict) else found
    return [item for item in entries if isinstance(item, dict)] if isinstance(entries, list) else []


def _grant_line(entry: Mapping[str, Any]) -> str:
    found = entry.get("permissions")
    names = ", ".join(map(str, found)) if isinstance(found, list) else str(found or "")
    word = str(entry.get("action") or "")
    on = str(entry.get("object") or entry.get("label") or entry.get("field") or "")
    return f"{_WORDS.get(word, word)} {names} ({on})".strip()


def _other_line(entry: Mapping[str, Any]) -> str:
    if entry.get("description"):
        return str(entry["description"])
    what = entry.get("label") or entry.get("field") or ""
    return f"{what}: {entry.get('before', '')} → {entry.get('after', '')}"


def _bad_start(began: datetime | None, scope: Scope) -> str:
    moment_began = aware(began)
    if moment_began is None:
        return NO_START
    if moment_began > scope.until:
        return IN_FUTURE
    return SESSIONS_TOO_OLD if moment_began < scope.sessions_from else ""


def _note_zone(moment_there: datetime | None, example: str, tally: Tally) -> None:
    if moment_there is not None and moment_there.tzinfo is None:
        tally.note("its moments have no time zone: taken as UTC", example)


def _value(text: str | None, tally: Tally, example: str) -> Any:
    if text == TOO_LONG:
        tally.note(f"a part of it is longer than {LONGEST_JSON} characters: not taken", example)
    try:
        return parsed(text)
    except ValueError:
        tally.note(NO_JSON, example)
        return clean(text)


def _json_text(text: str | None, tally: Tally, example: str) -> str:
    return "" if text is None else _text_of(_value(text, tally, example))


def _text_of(value: Any) -> str:
    """Return JSON text that both stores take: what it escapes, they need not hold."""
    return json.dumps(value, ensure_ascii=True, allow_nan=True)
