"""Sending to several channels at once, so that none waits for, or fails with, another."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from sync_pipeline.errors import SyncError
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


@dataclass(slots=True)
class _Sending:
    channel: Channel
    alert: Alert
    thread: threading.Thread = field(init=False)
    result: Delivery | None = None

    def __post_init__(self) -> None:
        # A daemon thread: one that hangs must not keep the process from ending.
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _send(self) -> None:
        name = self.channel.name
        try:
            self.channel.send(self.alert)
        except SyncError as error:
            self.result = Delivery(name, error)
        except Exception as error:  # noqa: BLE001 - one channel's defect must not lose the others
            # Where it happened, without the exception's text: that may quote anything.
            where = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("%s: unexpected %s\n%s", name, type(error).__name__, where)
            self.result = Delivery(name, not_sent(name, f"an unexpected {type(error).__name__}"))
        else:
            self.result = Delivery(name)


def deliver(
    alerts: Sequence[tuple[Channel, Alert]], seconds: float = SECONDS_TO_DELIVER
) -> tuple[Delivery, ...]:
    """Send each channel its alert, all at once, and say in their order what became of them.

    A channel that is not done in time counts as failed, although it may still succeed.
    """
    deadline = time.monotonic() + seconds
    sendings = [_Sending(channel, alert) for channel, alert in alerts]
    for sending in sendings:
        sending.thread.join(max(0.0, deadline - time.monotonic()))
    return tuple(
        sending.result
        or Delivery(
            sending.channel.name,
            not_sent(sending.channel.name, f"it took longer than {seconds:g} seconds"),
        )
        for sending in sendings
    )
