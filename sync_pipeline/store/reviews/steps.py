"""What a review says of findings that were there before: how bad each was, and what is counted.

Nothing is written, and little read, where no finding came, went or is of another severity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.finding_life import Seen, Spell, read_steps, seen_after, steps_text
from sync_pipeline.model.review import FindingKey
from sync_pipeline.store.database import among, insert_new
from sync_pipeline.store.schema import instance_finding_totals as totals
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instance_reviews as reviews

_Total = tuple[str, Severity, str]
"""A rule, a severity, and what is counted."""
_STEPS = (
    update(findings)
    .where(findings.c.id == bindparam("of_id"))
    .values(
        severity=bindparam("to_severity"),
        steps=bindparam("to_steps"),
        changed_at=bindparam("at"),
    )
)
_BEGAN = select(reviews.c.began_at).where(reviews.c.instance_id == bindparam("of_id"))
_TOTAL = {
    name: update(totals)
    .where(
        totals.c.instance_id == bindparam("of_id"),
        totals.c.rule == bindparam("of_rule"),
        totals.c.rank == bindparam("of_rank"),
    )
    .values({name: totals.c[name] + bindparam("more")})
    for name in ("opened", "worsened", "resolved")
}


def seen_now(
    connection: Connection,
    instance_id: int,
    before: Mapping[FindingKey, Spell],
    keys: Sequence[FindingKey],
    now: Sequence[Finding],
    moment: datetime,
) -> list[Seen]:
    """Return what is known of each finding as of a review at a moment."""
    new = [key for key in keys if key not in before]
    earlier = earlier_spells(connection, instance_id, new)
    return [
        seen_after(before.get(key), earlier.get(key[:3]), item.severity, moment)
        for key, item in zip(keys, now, strict=True)
    ]


def earlier_spells(
    connection: Connection, instance_id: int, keys: Sequence[FindingKey]
) -> dict[tuple[str, str, str], Spell]:
    """Return the last spell of findings of an instance that were there and went."""
    if not keys:
        return {}
    query = select(
        *(findings.c.rule, findings.c.account_name, findings.c.about, findings.c.severity),
        *(findings.c.first_seen_at, findings.c.steps),
    ).where(
        findings.c.instance_id == instance_id,
        findings.c.resolved_at.is_not(None),
        among(connection, findings.c.account_name, sorted({key[1] for key in keys})),
    )
    rows = connection.execute(query.order_by(findings.c.resolved_at, findings.c.id))
    return {
        (row.rule, row.account_name, row.about): Spell(
            Severity(row.severity), Seen(row.first_seen_at, read_steps(row.steps))
        )
        for row in rows
    }


def write_severities(
    connection: Connection, changed: Iterable[tuple[int, Finding, Seen]], moment: datetime
) -> None:
    """Write how bad findings (ids) are now, and were before."""
    rows = [
        {
            "of_id": number,
            "to_severity": str(item.severity),
            "to_steps": steps_text(seen.steps),
            "at": moment,
        }
        for number, item, seen in changed
    ]
    if rows:
        connection.execute(_STEPS, rows)


def write_totals(
    connection: Connection,
    instance_id: int,
    came: Iterable[Finding],
    worsened: Iterable[Finding],
    went: Iterable[tuple[str, Severity]],
    moment: datetime,
) -> None:
    """Count what came, got worse and went, unless it is the first look at an instance."""
    found: Counter[_Total] = Counter()
    found.update((item.rule, item.severity, "opened") for item in came)
    found.update((item.rule, item.severity, "worsened") for item in worsened)
    found.update((rule, severity, "resolved") for rule, severity in went)
    if not found:
        return
    began_at = connection.scalar(_BEGAN, {"of_id": instance_id})
    for (rule, severity, name), more in sorted(found.items()):
        if name == "opened" and (began_at is None or moment <= began_at):
            continue
        key = {"instance_id": instance_id, "rule": rule, "rank": severity.rank}
        insert_new(connection, totals, {**key, "opened": 0, "worsened": 0, "resolved": 0})
        of = {"of_id": instance_id, "of_rule": rule, "of_rank": severity.rank, "more": more}
        connection.execute(_TOTAL[name], of)
