"""The texts of alerts: of any number of events, in one message of bounded length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sync_pipeline.model.alert import Alert
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.route import MOST_LINES, Outgoing
from sync_pipeline.model.text import visible_start
from sync_pipeline.report.folding import Story, fold
from sync_pipeline.report.stories import sentence

LONGEST_NAME = 100
MOST_STEPS = 10
SEE = "See: sync-pipeline alerts list, sync-pipeline alerts replay and sync-pipeline sessions list."


def news_alert(message: Outgoing, most_lines: int = MOST_LINES) -> Alert:
    """Return one alert for everything that a route has to tell at a moment.

    It is the same for the same message, whenever it is made.
    """
    stories = fold(message.events)
    overdue = [item for item in stories if item.last.kind is EventKind.OVERDUE]
    recovered = [item for item in stories if item.last.kind is EventKind.UP_TO_DATE]
    others = [item for item in stories if not _is_freshness(item)]
    others.sort(key=lambda item: item.severity.rank)
    left, sections = most_lines, list[str]()
    for title, items in (
        ("Overdue: no successful sync in time", overdue),
        ("What happened", others),
        ("Up to date again", recovered),
    ):
        sections += _section(title, items, message.made_at, left)
        left = max(0, left - len(items))
    unread = message.total - len(message.events)
    if unread:
        sections += [f"… and {unread} more events", ""]
    if message.late:
        sections += [_late(message), ""]
    payload = _payload(message, overdue, others, recovered, most_lines)
    subject = _subject(message, overdue, others, recovered)
    return Alert(subject, "\n".join([*sections, SEE]), payload, message.key)


def trial_alert(now: datetime) -> Alert:
    """Return an alert that says that alerts arrive."""
    text = "This is a test: alerts of sync_pipeline reach this channel. Nothing is wrong."
    return Alert("sync_pipeline: test", text, {"event": "test", "sent_at": now.isoformat()})


def _is_freshness(story: Story) -> bool:
    return story.last.kind in (EventKind.OVERDUE, EventKind.UP_TO_DATE)


def _subject(
    message: Outgoing,
    overdue: Sequence[Story],
    others: Sequence[Story],
    recovered: Sequence[Story],
) -> str:
    """Return a line of numbers: no name is in it, so that it can be a header."""
    counts = [
        (len(overdue), "overdue"),
        (len(others), f"other {'event' if len(others) == 1 else 'events'}"),
        (len(recovered), "up to date again"),
        (message.total - len(message.events), "more"),
        (message.late, "not told in time"),
    ]
    found = [f"{count} {word}" for count, word in counts if count]
    if others:
        found.append(f"worst is {others[0].severity}")
    return f"sync_pipeline: {', '.join(found)}"


def _section(title: str, items: Sequence[Story], now: datetime, most: int) -> list[str]:
    if not items:
        return []
    lines = [f"{title} ({len(items)}):"]
    lines += [f"- {sentence(item, now)}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"… and {len(items) - most} more")
    return [*lines, ""]


def _late(message: Outgoing) -> str:
    since = message.late_since
    asked = f": sync-pipeline alerts replay --since {since:%Y-%m-%dT%H:%MZ}" if since else ""
    return f"{message.late} older events were not told in time{asked}"


def _payload(
    message: Outgoing,
    overdue: Sequence[Story],
    others: Sequence[Story],
    recovered: Sequence[Story],
    most: int,
) -> dict[str, Any]:
    shown_recovered = recovered[: max(0, most - len(overdue) - len(others))]
    return {
        "event": "freshness" if not others and (overdue or recovered) else "news",
        "message_id": message.key,
        "route": message.route,
        "sent_at": message.made_at.isoformat(),
        "overdue_count": len(overdue),
        "overdue": [_freshness(item) for item in overdue[:most]],
        "recovered_count": len(recovered),
        "recovered": [_freshness(item) for item in shown_recovered],
        "events_count": len(others),
        "events": [_plain(item) for item in others[: max(0, most - len(overdue))]],
        "more_count": message.total - len(message.events),
        "not_told_count": message.late,
    }


def _freshness(story: Story) -> dict[str, Any]:
    last = story.last
    is_overdue = last.kind is EventKind.OVERDUE
    return {
        "instance": visible_start(last.instance, LONGEST_NAME),
        "category": last.subject,
        "last_success_at": (last.before if is_overdue else last.after) or None,
        "stale_since": (last.after or None) if is_overdue else None,
    }


def _plain(story: Story) -> dict[str, Any]:
    last = story.last
    return {
        "kind": str(last.kind),
        "severity": str(story.severity),
        "instance": visible_start(last.instance, LONGEST_NAME),
        "account": visible_start(last.account, LONGEST_NAME),
        "subject": visible_start(last.subject, LONGEST_NAME),
        "before": visible_start(story.first.before, LONGEST_NAME),
        "after": visible_start(last.after, LONGEST_NAME),
        "path": [visible_start(step, LONGEST_NAME) for step in last.path[:MOST_STEPS]],
        "session_id": last.session_id,
        "run_id": last.run_id,
        "occurred_at": last.occurred_at.isoformat(),
        "first_at": story.first.occurred_at.isoformat(),
        "kinds": _kinds(story.events),
        "times": len(story.events),
    }


def _kinds(events: Sequence[Event]) -> list[str]:
    return [str(event.kind) for event in events[:MOST_STEPS]]
