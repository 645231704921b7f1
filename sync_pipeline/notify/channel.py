"""What every way to reach people has in common."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Protocol

from sync_pipeline.certificates import ADVICE, malformed
from sync_pipeline.errors import DeliveryError
from sync_pipeline.model.alert import Alert

SECONDS_TO_ANSWER = 10.0
"""How long a server may take for each answer."""
_BEFORE_SENDING = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
"""Errors that come before anything of a message is sent."""


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


@dataclass(frozen=True, slots=True)
class Unusable:
    """A channel that can't be used, such as one whose secret is not there: it says so."""

    name: str
    reason: str

    def send(self, alert: Alert) -> None:  # noqa: ARG002 - of the protocol
        """Refuse; see `Channel.send`."""
        raise not_sent(self.name, self.reason, is_refused=True)


def not_sent(
    channel: str, what: str, *, is_refused: bool = False, wait_seconds: float = 0
) -> DeliveryError:
    """Return the error of a channel that could not send; `what` must hold no secret.

    `is_refused`: it is certain that nobody has the alert. The server wants to be left alone for
    `wait_seconds`.
    """
    return DeliveryError(
        f"The alert was not sent to {channel}: {what}.",
        hint="It is tried again later; try the channel: sync-pipeline alerts test.",
        is_refused=is_refused,
        wait_seconds=wait_seconds,
    )


def is_before_sending(error: BaseException) -> bool:
    """Return whether an error says that nothing of a message was sent."""
    return isinstance(error, _BEFORE_SENDING)


def cause_of(error: BaseException) -> str:
    """Return why a server could not be used: a kind of error, or a certificate's fault.

    Never the error's text, which may quote a secret.
    """
    fault = malformed(error)
    return f"{fault}. {ADVICE}" if fault else type(error).__name__
