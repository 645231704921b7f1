"""Sending to several channels at once, so that none waits for, or fails with, another."""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync_pipeline.errors import DeliveryError, SyncError
from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.channel import Channel, not_sent

_LOG = logging.getLogger(__name__)
SECONDS_TO_DELIVER = 30.0
"""For all channels together: a server that dribbles may not hold up the daemon."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an alert on one channel; no error: it was sent."""

    channel: str
    error: SyncError | None = None

    @property
    def is_refused(self) -> bool:
        """Return whether it is certain that nobody has it."""
        return isinstance(self.error, DeliveryError) and self.error.is_refused

    @property
    def wait_seconds(self) -> float:
        """Return how long the server wants to be left alone."""
        return self.error.wait_seconds if isinstance(self.error, DeliveryError) else 0


def deliver(
    alerts: Sequence[tuple[Channel, Alert]], seconds: float = SECONDS_TO_DELIVER
) -> tuple[Delivery, ...]:
    """Send each channel its alert, all at once, and say in their order what became of them.

    A channel that is not done in time counts as failed, although it may still succeed.
    """
    done = dict(as_delivered(alerts, seconds))
    return tuple(done[place] for place in range(len(alerts)))


def as_delivered(
    alerts: Sequence[tuple[Channel, Alert]], seconds: float = SECONDS_TO_DELIVER
) -> Iterator[tuple[int, Delivery]]:
    """Send each channel its alert, and yield what became of it as soon as that is known.

    With its place among the alerts. One that is not done in time comes last, as a failure.
    """
    answers: queue.SimpleQueue[tuple[int, Delivery]] = queue.SimpleQueue()
    deadline = time.monotonic() + seconds
    for place, (channel, alert) in enumerate(alerts):
        # A daemon thread: one that hangs must not keep the process from ending.
        threading.Thread(target=_send, args=(place, channel, alert, answers), daemon=True).start()
    missing = set(range(len(alerts)))
    while missing:
        try:
            place, found = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        missing.discard(place)
        yield place, found
    for place in sorted(missing):
        name = alerts[place][0].name
        yield place, Delivery(name, not_sent(name, f"it took longer than {seconds:g} seconds"))


def _send(
    place: int,
    channel: Channel,
    alert: Alert,
    answers: queue.SimpleQueue[tuple[int, Delivery]],
) -> None:
    name = channel.name
    found = Delivery(name)
    try:
        channel.send(alert)
    except SyncError as error:
        found = Delivery(name, error)
    except Exception as error:  # noqa: BLE001 - one channel's defect must not lose the others
        # Where it happened, without the exception's text: that may quote anything.
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s: unexpected %s\n%s", name, type(error).__name__, where)
        found = Delivery(name, not_sent(name, f"an unexpected {type(error).__name__}"))
    answers.put((place, found))
