"""Telling people of events: what waits is taken, made into messages, sent, and noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sync_pipeline.model.route import Alerting, Arrived, OutboxLine, Outgoing, Route
from sync_pipeline.notify.channel import Channel
from sync_pipeline.notify.channels import channel_of
from sync_pipeline.notify.delivery import Delivery, as_delivered, deliver
from sync_pipeline.notify.matching import routes_for
from sync_pipeline.notify.timing import due_at, times_of
from sync_pipeline.report.alerts import news_alert, trial_alert
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""Before a channel that failed is tried again; the wait doubles with each failure."""
PAUSE = timedelta(seconds=90)
"""After which a message is sent again of which nothing was noted: longer than sending takes."""
MOST_TAKEN = 100
"""Times that events are taken in one look: the next one goes on."""


def channels_of(deps: SyncDeps, alerting: Alerting) -> dict[str, Channel]:
    """Return the channel of each route, by the route's name."""
    resolve = deps.vault.resolve
    return {item.name: channel_of(item, deps.settings, resolve) for item in alerting.routes}


def tell_news(
    deps: SyncDeps, alerting: Alerting, channels: Mapping[str, Channel]
) -> tuple[Delivery, ...]:
    """Take what happened, and send each route what it has to tell now.

    Returns:
        What became of each message that was sent, by the order of the routes; none: there was
        nothing to tell.

    Raises:
        StoreUnavailable: what was sent is sent again at a later look, unless it was noted.
    """
    routes = {item.name: item for item in alerting.routes}
    names = list(routes)
    outbox, now = deps.store.outbox, deps.clock()
    zone = ZoneInfo(deps.settings.time_zone)
    oldest = timedelta(hours=deps.settings.alert_oldest_hours)
    times = [times_of(item, now, zone) for item in alerting.routes]
    outbox.keep_times(times, now, oldest=oldest)
    quiet = {item.name for item in times if item.tells_from > now}
    if outbox.is_idle(names, now, quiet):
        return ()
    decide = decide_by(alerting, deps.settings, latest=now)
    # What was overdue before a route was there is as new to it as if it had happened now.
    outbox.introduce(names, decide_by(alerting, deps.settings, since=now))
    for _ in range(MOST_TAKEN):
        if not outbox.take(decide, now):
            break
    awake = [name for name in names if name not in quiet]
    messages = outbox.claim(awake, now, oldest=oldest, pause=PAUSE)
    done = dict(_send(deps, routes, channels, messages))
    return tuple(done[place] for place in sorted(done))


def try_channels(deps: SyncDeps, channels: Iterable[Channel]) -> tuple[Delivery, ...]:
    """Send every channel a test, and say what became of it."""
    alert = trial_alert(deps.clock())
    return deliver([(channel, alert) for channel in channels])


def decide_by(
    alerting: Alerting,
    settings: Settings,
    *,
    since: datetime | None = None,
    latest: datetime | None = None,
) -> Callable[[Sequence[Arrived]], Iterator[OutboxLine]]:
    """Return what says whom to tell of events, and when.

    They are told as if they had happened at `since`; None: when they did, and at `latest` where
    they say a later time. The clock that noticed them was wrong then.
    """
    zone = ZoneInfo(settings.time_zone)

    def decide(found: Sequence[Arrived]) -> Iterator[OutboxLine]:
        for item in found:
            moment = since or item.stored.event.occurred_at
            if latest is not None:
                moment = min(moment, latest)
            for route in routes_for(alerting, item):
                yield OutboxLine(route.name, item.stored.id, due_at(route, moment, zone))

    return decide


def wait_after(failures: int, asked_seconds: float = 0) -> timedelta:
    """Return how long a channel is left alone after so many failures in a row."""
    doubled = FIRST_WAIT * (1 << min(max(failures - 1, 0), 10))
    return max(min(doubled, LONGEST_WAIT), timedelta(seconds=asked_seconds))


def _send(
    deps: SyncDeps,
    routes: Mapping[str, Route],
    channels: Mapping[str, Channel],
    messages: Sequence[Outgoing],
) -> Iterator[tuple[int, Delivery]]:
    alerts = [
        (channels[item.route], news_alert(item, routes[item.route].most_lines)) for item in messages
    ]
    for place, found in as_delivered(alerts):
        # At once: what is not noted when this process ends is sent again.
        _note(deps, messages[place], found)
        yield place, found


def _note(deps: SyncDeps, message: Outgoing, found: Delivery) -> None:
    outbox, now = deps.store.outbox, deps.clock()
    if found.error is None:
        outbox.note_sent(message, now)
        return
    outbox.note_failed(
        message,
        now,
        str(found.error),
        is_refused=found.is_refused,
        wait=lambda failures: wait_after(failures, found.wait_seconds),
    )
