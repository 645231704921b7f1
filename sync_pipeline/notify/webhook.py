"""Alerts as HTTP requests: a generic webhook, and one that Slack and its likes take.

The URL of a webhook is a secret: whoever knows it may post. Nothing but its host is ever
shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.channel import SECONDS_TO_ANSWER, cause_of, not_sent

FEWEST, MOST = 200, 299
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts the alert's payload as JSON, with its subject and text."""

    url: str = field(repr=False)
    name: str = "webhook"
    is_relaxed: bool = False

    def send(self, alert: Alert) -> None:
        """Post the alert; see `Channel.send`."""
        payload = {**alert.payload, "subject": alert.subject, "text": alert.text}
        _post(self.name, self.url, payload, is_relaxed=self.is_relaxed)


@dataclass(frozen=True, slots=True)
class SlackWebhook:
    """Posts `{"text": …}`, as Slack, Mattermost and others take it."""

    url: str = field(repr=False)
    name: str = "slack"
    is_relaxed: bool = False

    def send(self, alert: Alert) -> None:
        """Post the alert; see `Channel.send`."""
        text = f"*{alert.subject}*\n{alert.text}"
        # Otherwise the name of an instance could mention a whole channel.
        payload = {"text": "".join(_ESCAPES.get(char, char) for char in text)}
        _post(self.name, self.url, payload, is_relaxed=self.is_relaxed)


def _post(channel: str, url: str, payload: Mapping[str, Any], *, is_relaxed: bool) -> None:
    # Not before there is something to send: it is a tenth of what a short command costs.
    from sync_pipeline.notify.posting import post  # noqa: PLC0415

    host = urlsplit(url).hostname
    body = json.dumps(payload, ensure_ascii=False).encode()
    try:
        status = post(url, body, seconds=SECONDS_TO_ANSWER, is_relaxed=is_relaxed)
    except (OSError, ValueError) as error:
        # Without the error's text, which may quote the URL.
        raise not_sent(channel, f"{host} could not be reached ({cause_of(error)})") from None
    # A redirect is the failure that it is: following it would lose the body.
    if not FEWEST <= status <= MOST:
        raise not_sent(channel, f"{host} answered with the HTTP status {status}")
