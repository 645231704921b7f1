"""One line for each story: every name in it is data, on one line, and of bounded length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.text import visible_start
from sync_pipeline.report.folding import Story

LONGEST_NAME = 100
LONGEST_STATE = 120
MOST_STEPS = 5
"""Steps of a way, and changes to and fro, that a line has."""

_PHRASES = {
    EventKind.POWER_GAINED: "gained {}",
    EventKind.POWER_LOST: "lost {}",
    EventKind.GRANTED_TO_EVERYONE: "everyone was granted {}",
    EventKind.ACCOUNT_WITH_POWER: "is a new account with {}",
    EventKind.FINDING_OPENED: "the finding {} opened",
    EventKind.FINDING_WORSENED: "the finding {} worsened",
    EventKind.FINDING_RESOLVED: "the finding {} was resolved",
    EventKind.SYNC_REFUSED: "a sync was refused as suspicious: {}",
    EventKind.SIZE_ANOMALY: "{} has an unusual size",
    EventKind.LIMIT_NEAR: "{} is near its limit",
    EventKind.DATABASE_GONE: "the database {} is gone",
    EventKind.DATABASE_BACK: "the database {} is back",
    EventKind.OVERDUE: "{} is overdue",
    EventKind.UP_TO_DATE: "{} is up to date again",
}
_AGAIN = {
    EventKind.POWER_GAINED: "gained",
    EventKind.POWER_LOST: "lost",
    EventKind.GRANTED_TO_EVERYONE: "granted",
    EventKind.ACCOUNT_WITH_POWER: "came back with it",
    EventKind.FINDING_OPENED: "opened",
    EventKind.FINDING_WORSENED: "worsened",
    EventKind.FINDING_RESOLVED: "resolved",
    EventKind.SYNC_REFUSED: "refused",
    EventKind.SIZE_ANOMALY: "unusual",
    EventKind.LIMIT_NEAR: "near it",
    EventKind.DATABASE_GONE: "gone",
    EventKind.DATABASE_BACK: "back",
    EventKind.OVERDUE: "overdue",
    EventKind.UP_TO_DATE: "up to date",
}


def sentence(story: Story, now: datetime) -> str:
    """Return one line, as of `now`."""
    if story.last.kind in (EventKind.OVERDUE, EventKind.UP_TO_DATE):
        return _freshness(story, now)
    first, last = story.first, story.last
    where = _name(last.instance)
    who = f", {_name(last.account)}" if last.account else ""
    what = _PHRASES[first.kind].format(_name(first.subject) or "something")
    then = _then(story.events)
    states = _states(first.before, last.after)
    # Evidence ends with the way, where it is short enough to be shown whole.
    way = "" if last.path and " → ".join(last.path) in states else _way(last.path)
    return f"[{story.severity}] {where}{who}: {what}{then}{states}{way}, {_when(first, last)}"


def ago(moment: datetime, now: datetime) -> str:
    """Return for how long something has been so, in whole words: `3 h 20 min`."""
    minutes = max(now - moment, timedelta()) // timedelta(minutes=1)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _then(events: Sequence[Event]) -> str:
    """Return what followed the first event: what came and went is told as it was."""
    runs = [(kind, len(list(same))) for kind, same in groupby(event.kind for event in events)]
    words = [f" ({runs[0][1]} times)" if runs[0][1] > 1 else ""]
    for kind, count in runs[1 : 1 + MOST_STEPS]:
        words.append(f", then {_AGAIN[kind]}{f' ({count} times)' if count > 1 else ''}")
    if len(runs) > 1 + MOST_STEPS:
        words.append(f", … {len(events)} changes in all, {_AGAIN[events[-1].kind]} at last")
    return "".join(words)


def _states(before: str, after: str) -> str:
    was, now = (visible_start(text, LONGEST_STATE) for text in (before, after))
    if was and now:
        return f" ({was} → {now})"
    if was:
        return f" (was: {was})"
    return f" ({now})" if now else ""


def _way(path: Sequence[str]) -> str:
    if not path:
        return ""
    steps = [visible_start(step, LONGEST_STATE) for step in path[:MOST_STEPS]]
    more = f" and {len(path) - MOST_STEPS} more" if len(path) > MOST_STEPS else ""
    return f" by {' > '.join(steps)}{more}"


def _when(first: Event, last: Event) -> str:
    begun = f"{first.occurred_at:%Y-%m-%d %H:%M}Z"
    if last.occurred_at - first.occurred_at < timedelta(minutes=1):
        return begun
    return f"{begun} to {last.occurred_at:%Y-%m-%d %H:%M}Z"


def _freshness(story: Story, now: datetime) -> str:
    last = story.last
    is_overdue = last.kind is EventKind.OVERDUE
    success = _moment(last.before if is_overdue else last.after)
    name = f"{_name(last.instance)} ({_name(last.subject)})"
    if success is not None:
        found = f"{name}: last synced {success:%Y-%m-%d %H:%M}Z, {ago(success, now)} ago"
    else:
        since = _moment(last.after) if is_overdue else None
        found = f"{name}: never synced" + (f", overdue for {ago(since, now)}" if since else "")
    times = sum(event.kind is EventKind.OVERDUE for event in story.events)
    if len(story.events) == 1:
        return found
    begun = f"{story.first.occurred_at:%Y-%m-%d %H:%M}Z"
    return f"{found}; overdue {'once' if times == 1 else f'{times} times'} since {begun}"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _name(text: str) -> str:
    return visible_start(text, LONGEST_NAME)
