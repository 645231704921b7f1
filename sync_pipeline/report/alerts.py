"""The texts of alerts: of any number of instances, in one message of bounded length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sync_pipeline.model.alert import Alert
from sync_pipeline.model.freshness import News, Overdue
from sync_pipeline.model.text import shortened
from sync_pipeline.visible import visible

MOST_NAMES = 20
LONGEST_NAME = 100
SEE = "See: sync-pipeline alerts list, and sync-pipeline sessions list."


def freshness_alert(news: News, now: datetime) -> Alert:
    """Return one alert for everything that a channel does not know yet."""
    counts = [
        f"{len(items)} {word}"
        for items, word in ((news.overdue, "overdue"), (news.recovered, "up to date again"))
        if items
    ]
    sections = [
        *_section("Overdue: no successful sync in time", news.overdue, now),
        *_section("Up to date again", news.recovered, now),
        SEE,
    ]
    payload = {
        "event": "freshness",
        "sent_at": now.isoformat(),
        "overdue_count": len(news.overdue),
        "overdue": [_plain(item) for item in news.overdue[:MOST_NAMES]],
        "recovered_count": len(news.recovered),
        "recovered": [_plain(item) for item in news.recovered[:MOST_NAMES]],
    }
    return Alert(f"sync_pipeline: {', '.join(counts)}", "\n".join(sections), payload)


def trial_alert(now: datetime) -> Alert:
    """Return an alert that says that alerts arrive."""
    text = "This is a test: alerts of sync_pipeline reach this channel. Nothing is wrong."
    return Alert("sync_pipeline: test", text, {"event": "test", "sent_at": now.isoformat()})


def ago(moment: datetime, now: datetime) -> str:
    """Return for how long something has been so, in whole words: `3 h 20 min`."""
    minutes = max(now - moment, timedelta()) // timedelta(minutes=1)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _section(title: str, items: Sequence[Overdue], now: datetime) -> list[str]:
    if not items:
        return []
    lines = [f"{title} ({len(items)}):"]
    lines += [f"- {_line(item, now)}" for item in items[:MOST_NAMES]]
    if len(items) > MOST_NAMES:
        lines.append(f"… and {len(items) - MOST_NAMES} more")
    return [*lines, ""]


def _line(item: Overdue, now: datetime) -> str:
    watched = item.watched
    last = watched.last_success_at
    if last is None:
        when = f"never synced, registered {ago(watched.created_at, now)} ago"
    else:
        when = f"last synced {last:%Y-%m-%d %H:%M}Z, {ago(last, now)} ago"
    return f"{_name(item)} ({watched.category}): {when}"


def _name(item: Overdue) -> str:
    return shortened(visible(" ".join(item.watched.instance.split())), LONGEST_NAME)


def _plain(item: Overdue) -> dict[str, Any]:
    watched = item.watched
    return {
        "instance": _name(item),
        "category": str(watched.category),
        "last_success_at": _time(watched.last_success_at),
        "stale_since": _time(item.stale_since),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
