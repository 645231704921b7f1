"""What every way to reach people has in common."""

from __future__ import annotations

from typing import Protocol

from sync_pipeline.certificates import ADVICE, malformed
from sync_pipeline.errors import DeliveryError
from sync_pipeline.model.alert import Alert

SECONDS_TO_ANSWER = 10.0
"""How long a server may take for each answer."""


class Channel(Protocol):
    """One way to reach people. `name` is the word under which the store knows it."""

    @property
    def name(self) -> str:
        """Return the channel's name."""

    def send(self, alert: Alert) -> None:
        """Send an alert.

        Raises:
            DeliveryError: it was not sent, or nobody knows whether it was.
        """


def not_sent(channel: str, what: str) -> DeliveryError:
    """Return the error of a channel that could not send; `what` must hold no secret."""
    return DeliveryError(
        f"The alert was not sent to {channel}: {what}.",
        hint="It is tried again at the next check; try the channel: sync-pipeline alerts test.",
    )


def cause_of(error: BaseException) -> str:
    """Return why a server could not be used: a kind of error, or a certificate's fault.

    Never the error's text, which may quote a secret.
    """
    fault = malformed(error)
    return f"{fault}. {ADVICE}" if fault else type(error).__name__
