"""What is written of a review, in the transaction of a sync or in one of its own."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from sync_pipeline.model.event import Event
from sync_pipeline.model.finding import Examined, Finding, Severity
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.finding_life import Seen, Spell, read_steps, steps_text
from sync_pipeline.model.review import (
    FindingChanges,
    FindingKey,
    NewReview,
    ReviewMarks,
    SameReview,
    about_of,
    by_key,
    keys_of,
)
from sync_pipeline.store.database import among, among_named, insert_new, insert_rows
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.reviews.acceptances import acceptance_turn
from sync_pipeline.store.reviews.packing import (
    ReviewDamaged,
    pack_findings,
    pack_namesakes,
    pack_texts,
    read_findings,
)
from sync_pipeline.store.reviews.steps import seen_now, write_severities, write_totals
from sync_pipeline.store.schema import instance_finding_counts as counts
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instance_reads as reads
from sync_pipeline.store.schema import instance_reviews as reviews
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.schema import instances
from sync_pipeline.store.topics import Topic, note
from sync_pipeline.store.world_rows import accounts_mark

_OF_INSTANCE = reviews.c.instance_id == bindparam("of_id")
_WORLD = (
    select(instances.c.id, worlds.c.digest, reads.c.written_at)
    .select_from(instances)
    .outerjoin(worlds, worlds.c.instance_id == instances.c.id)
    .outerjoin(reads, reads.c.instance_id == instances.c.id)
    .where(instances.c.id == bindparam("of_id"))
)
_LOCKED = (
    select(worlds.c.instance_id).where(worlds.c.instance_id == bindparam("of_id")).with_for_update()
)
_STATE = select(reviews.c.turn, reviews.c.began_at, reviews.c.basis, reviews.c.world).where(
    _OF_INSTANCE
)
_MOST_UNPACKED = 250
"""Findings that changed at once, of which the evidence of before is told: it is packed with all."""
_FOUND = select(reviews.c.findings).where(_OF_INSTANCE)
_FORGET = (
    update(reviews)
    .where(_OF_INSTANCE)
    .values(
        turn=reviews.c.turn + 1,
        basis="",
        notes=None,
        providers=None,
        findings=None,
        namesakes=None,
        remedies=None,
    )
)
_OPEN = (
    findings.c.id,
    findings.c.instance_id,
    findings.c.rule,
    findings.c.account_name,
    findings.c.about,
    findings.c.severity,
    findings.c.first_seen_at,
    findings.c.steps,
)


@dataclass(frozen=True, slots=True)
class Open(Spell):
    """A finding that is there as of the review before."""

    id: int


def written_review(
    connection: Connection, instance_id: int, new: NewReview | SameReview | None
) -> None:
    """Write the review of an instance's accounts after them; None: what is kept holds no more."""
    _add(connection, instance_id)
    if isinstance(new, NewReview):
        put_review(connection, instance_id, new)
    elif new is None or not _is_confirmed(connection, instance_id, new):
        connection.execute(_FORGET, {"of_id": instance_id})
        write_counts(connection, instance_id, None)
        note(connection, Topic.FINDINGS, [instance_id])


def _is_confirmed(connection: Connection, instance_id: int, same: SameReview) -> bool:
    """Let what is kept be of the accounts that are in the store; False: it is another one."""
    values = {
        "turn": same.turn + 1,
        "world": marked_accounts(connection, instance_id),
        "reviewed_at": same.moment,
        "remedies": None,
    }
    chosen = update(reviews).where(_OF_INSTANCE, reviews.c.turn == same.turn)
    return connection.execute(chosen.values(values), {"of_id": instance_id}).rowcount == 1


def marked_accounts(connection: Connection, instance_id: int) -> str:
    """Return the mark of an instance's accounts as they are in the store."""
    row = connection.execute(_WORLD, {"of_id": instance_id}).one()
    return accounts_mark(row.digest, row.written_at)


def are_accounts(connection: Connection, instance_id: int, mark: str) -> bool:
    """Return whether the accounts in the store have this mark; nobody changes them after."""
    connection.execute(_LOCKED, {"of_id": instance_id})
    return marked_accounts(connection, instance_id) == mark


def kept_turn(connection: Connection, instance_id: int) -> int:
    """Return the turn of an instance's review, of which nobody else writes before the end."""
    _add(connection, instance_id)
    found = connection.execute(_STATE.with_for_update(), {"of_id": instance_id}).one()
    return int(found.turn)


def put_review(connection: Connection, instance_id: int, new: NewReview) -> None:
    """Write the review of the accounts that are in the store, and what came and went.

    What instances together say is left as it is. What is told of it is written as well.
    """
    state = connection.execute(_STATE.with_for_update(), {"of_id": instance_id}).one()
    before = open_findings(connection, [instance_id], of_fleet=False).get(instance_id, {})
    known = write_changes(
        *(connection, instance_id, before, new.examined.findings, new.moment, state.began_at)
    )
    seen = [
        replace(item, first_seen=one.first_seen, steps=one.steps)
        for item, one in zip(new.examined.findings, known, strict=True)
    ]
    write_events(connection, _told(connection, instance_id, state, before, new, seen))
    values = {
        "turn": state.turn + 1,
        "world": marked_accounts(connection, instance_id),
        "began_at": state.began_at or new.moment,
        "reviewed_at": new.moment,
        "remedies": None,
        **_of_marks(new.marks),
        **_of_examined(new.examined, list(seen)),
    }
    connection.execute(update(reviews).where(_OF_INSTANCE).values(values), {"of_id": instance_id})
    validity = new.examined.valid_from, new.examined.valid_until
    write_counts(connection, instance_id, new.counted, *validity)
    note(connection, Topic.FINDINGS, [instance_id])


def _told(
    connection: Connection,
    instance_id: int,
    state: Row[Any],
    before: Mapping[FindingKey, Open],
    new: NewReview,
    seen: Sequence[Finding],
) -> Sequence[Event]:
    """Return what the review tells, before it is written; `seen` are its findings as they are kept.

    Where the one that is kept was made with something else, or of other accounts than those of
    before, what is another may be so because of that.
    """
    if new.telling is None:
        return ()
    now = by_key(seen)
    if new.telling.before is not None:
        again = by_key(new.telling.before)
        known = {key: _as_seen(item, before.get(key)) for key, item in again.items()}
        return new.telling.events(FindingChanges.between(known, now))
    if state.basis != new.marks.basis or state.world != new.accounts:
        return ()
    then = {
        key: _as_stored(key, item, new.examined)
        for key, item in before.items()
        if key not in now or item.severity is not now[key].severity
    }
    if 0 < len(then) <= _MOST_UNPACKED:
        blob = connection.execute(_FOUND, {"of_id": instance_id}).scalar_one()
        then.update(_as_found(blob, then, new.examined))
        then = {key: _as_seen(item, before[key]) for key, item in then.items()}
    others = {key: item for key, item in now.items() if key in then or key not in before}
    return new.telling.events(FindingChanges.between(then, others))


def _as_seen(item: Finding, kept: Open | None) -> Finding:
    """Return a finding with since when it is there, and how bad it was, where that is kept."""
    if kept is None:
        return item
    return replace(item, first_seen=kept.seen.first_seen, steps=kept.seen.steps)


def _as_stored(key: FindingKey, item: Open, examined: Examined) -> Finding:
    rule, account, about, _ = key
    return Finding(
        *(examined.instance, examined.engine, account, rule, item.severity, ""),
        about=about_of(about),
        first_seen=item.seen.first_seen,
        steps=item.seen.steps,
    )


def _as_found(
    blob: object, there: Container[FindingKey], examined: Examined
) -> dict[FindingKey, Finding]:
    """Return those findings as the review of before found them; nothing where that is damaged."""
    packed = None if blob is None else bytes(blob)  # type: ignore[call-overload]
    try:
        items = read_findings(packed, examined.instance, examined.engine)
    except ReviewDamaged:
        return {}
    return {key: item for key, item in by_key(items).items() if key in there}


def write_counts(
    connection: Connection,
    instance_id: int,
    counted: CountedFindings | None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> None:
    """Write the numbers of an instance's findings over those of before; None: there are none.

    Nor are there if something else was accepted since they were counted. Who calls this notes it
    (`topics.note`), after all of them that a transaction writes.
    """
    for table in (marks, counts):
        connection.execute(delete(table).where(table.c.instance_id == instance_id))
    if counted is None or counted.turn != acceptance_turn(connection):
        return
    ends = [item for item in (valid_until, counted.valid_until) if item is not None]
    mark = {
        "instance_id": instance_id,
        "basis": counted.basis,
        "accepted_by": counted.accepted_by,
        "valid_from": valid_from,
        "valid_until": min(ends, default=None),
    }
    insert_rows(connection, marks, [mark])
    rows = [{"instance_id": instance_id, **asdict(item)} for item in counted.counts]
    insert_rows(connection, counts, rows)


def open_findings(
    connection: Connection, instance_ids: Sequence[int], *, of_fleet: bool
) -> dict[int, dict[FindingKey, Open]]:
    """Return the findings of instances that are there as of their last reviews."""
    query = _opened(connection.dialect.name, of_fleet)
    found: dict[int, dict[FindingKey, Open]] = {}
    for row in connection.execute(query, {"of_ids": list(instance_ids)}):
        own = found.setdefault(row.instance_id, {})
        key = (row.rule, row.account_name, row.about, 0)
        while key in own:
            key = (*key[:3], key[3] + 1)
        seen = Seen(row.first_seen_at, read_steps(row.steps))
        own[key] = Open(Severity(row.severity), seen, row.id)
    return found


@cache
def _opened(backend: str, of_fleet: bool) -> Select[Any]:  # noqa: FBT001 - two of each
    """Return the statement that finds them, made once for each of its forms."""
    query = select(*_OPEN).where(
        among_named(backend, findings.c.instance_id, "of_ids"),
        findings.c.resolved_at.is_(None),
        findings.c.of_fleet.is_(of_fleet),
    )
    return query.order_by(findings.c.id)


def write_changes(
    connection: Connection,
    instance_id: int,
    before: Mapping[FindingKey, Open],
    now: Sequence[Finding],
    moment: datetime,
    began_at: datetime | None,
    *,
    of_fleet: bool = False,
) -> list[Seen]:
    """Write which findings came, got worse and went, and return when each was first seen.

    `began_at` is when the first review of the instance was; None: there was none yet.
    """
    keys = keys_of(now)
    seen = seen_now(connection, instance_id, before, keys, now, moment)
    found = list(zip(keys, now, seen, strict=True))
    new = [
        {
            "instance_id": instance_id,
            "rule": item.rule,
            "account_name": item.account,
            "about": key[2],
            "severity": str(item.severity),
            "of_fleet": of_fleet,
            "first_seen_at": moment,
            "is_baseline": began_at is None or moment <= began_at,
            "resolved_at": None,
            "steps": steps_text(one.steps) or None,
        }
        for key, item, one in found
        if key not in before
    ]
    insert_rows(connection, findings, new)
    there = set(keys)
    gone = [(key[0], item) for key, item in before.items() if key not in there]
    _update(connection, [item.id for _, item in gone], {"resolved_at": moment})
    changed = [
        (before[key], item, one)
        for key, item, one in found
        if key in before and before[key].severity is not item.severity
    ]
    write_severities(connection, ((old.id, item, one) for old, item, one in changed), moment)
    write_totals(
        connection,
        instance_id,
        (item for key, item, _ in found if key not in before),
        (item for old, item, _ in changed if item.severity.rank < old.severity.rank),
        ((rule, item.severity) for rule, item in gone),
        moment,
    )
    return seen


def _add(connection: Connection, instance_id: int) -> None:
    row = {
        "instance_id": instance_id,
        "turn": 0,
        "basis": "",
        "databases": "",
        "listing": "",
        "is_unlisted": False,
    }
    insert_new(connection, reviews, row)


def _update(connection: Connection, ids: Sequence[int], values: dict[str, Any]) -> None:
    if ids:
        chosen = update(findings).where(among(connection, findings.c.id, ids))
        connection.execute(chosen.values(values))


def _of_marks(marks: ReviewMarks) -> dict[str, Any]:
    return {"basis": marks.basis, "listing": marks.listing, "databases": marks.rows}


def _of_examined(examined: Examined, seen: Sequence[Finding]) -> dict[str, Any]:
    return {
        "listed_at": examined.listed_at,
        "valid_from": examined.valid_from,
        "valid_until": examined.valid_until,
        "is_unlisted": examined.is_unlisted,
        "notes": pack_texts(examined.notes),
        "providers": pack_texts(examined.of_provider),
        "findings": pack_findings(seen) if seen else None,
        "namesakes": pack_namesakes(examined.namesakes),
    }
