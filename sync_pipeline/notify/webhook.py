"""Alerts as HTTP requests: a generic webhook, and one that Slack and its likes take.

The URL of a webhook is a secret: whoever knows it may post. Nothing but its host is ever
shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.channel import (
    SECONDS_TO_ANSWER,
    cause_of,
    is_before_sending,
    not_sent,
)
from sync_pipeline.notify.plain import fitting, without_links, without_mentions

FEWEST, MOST = 200, 299
LONGEST_WAIT = 86_400.0
"""Seconds: no server may silence us for longer."""
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SERVER_FAULT = 500
_MOST_OF_TEXT, _MOST_OF_BLOCK, _MOST_BLOCKS = 39_000, 3000, 50


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts the alert's payload as JSON, with its subject and text."""

    url: str = field(repr=False)
    name: str = "webhook"
    is_relaxed: bool = False

    def send(self, alert: Alert) -> None:
        """Post the alert; see `Channel.send`."""
        payload = {**alert.payload, "subject": alert.subject, "text": alert.text}
        post_json(self.name, self.url, payload, is_relaxed=self.is_relaxed)


@dataclass(frozen=True, slots=True)
class SlackWebhook:
    """Posts `{"text": …}`, as Slack, Mattermost and others take it.

    In it nobody is mentioned, and no link is called otherwise than it is.

    Slack itself gets the same as blocks, too: in one of plain text nothing is markup
    (docs.slack.dev, "Formatting message text"). Others may refuse what they don't know.
    """

    url: str = field(repr=False)
    name: str = "slack"
    is_relaxed: bool = False

    def send(self, alert: Alert) -> None:
        """Post the alert; see `Channel.send`."""
        payload = slack_payload(alert, has_blocks=is_slack(self.url))
        post_json(self.name, self.url, payload, is_relaxed=self.is_relaxed)


def is_slack(url: str) -> bool:
    """Return whether a webhook is one of Slack itself."""
    host = urlsplit(url).hostname or ""
    return host.endswith((".slack.com", ".slack-gov.com"))


def slack_payload(alert: Alert, *, has_blocks: bool) -> dict[str, Any]:
    """Return what is posted; where there are blocks, the text is for notifications alone."""
    whole = fitting(f"*{alert.subject}*\n{alert.text}", _MOST_OF_TEXT)
    # Mattermost takes Markdown from it.
    text = without_links(without_mentions(whole))
    # Otherwise the name of an instance could mention a whole channel.
    payload: dict[str, Any] = {"text": "".join(_ESCAPES.get(char, char) for char in text)}
    if has_blocks:
        payload["blocks"] = list(_blocks(f"{alert.subject}\n{alert.text}"))
    return payload


def post_json(
    channel: str,
    url: str,
    payload: Mapping[str, Any],
    *,
    is_relaxed: bool,
    most_bytes: int = 0,
) -> bytes:
    """Post JSON, and return so much of the body of an answer that says that it was taken.

    Raises:
        DeliveryError: it was not, or nobody knows.
    """
    # Not before there is something to send: it is a tenth of what a short command costs.
    from sync_pipeline.notify.posting import post  # noqa: PLC0415

    host = urlsplit(url).hostname
    # A name may have half of a pair, which UTF-8 has no bytes for.
    body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
    try:
        answer = post(
            url, body, seconds=SECONDS_TO_ANSWER, is_relaxed=is_relaxed, most_bytes=most_bytes
        )
    except (OSError, ValueError) as error:
        # Without the error's text, which may quote the URL.
        what = f"{host} could not be reached ({cause_of(error)})"
        is_refused = is_before_sending(error) or isinstance(error, UnicodeError)
        raise not_sent(channel, what, is_refused=is_refused) from None
    # A redirect is the failure that it is: following it would lose the body.
    if not FEWEST <= answer.status <= MOST:
        raise not_sent(
            channel,
            f"{host} answered with the HTTP status {answer.status}",
            is_refused=answer.status < _SERVER_FAULT,
            wait_seconds=wait_of(answer.retry_after),
        )
    return answer.body


def wait_of(header: str) -> float:
    """Return the seconds that a `Retry-After` asks for (RFC 9110, 10.2.3); 0: none that counts."""
    text = header.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment - datetime.now(UTC if moment.tzinfo else None)).total_seconds()
    except (ValueError, OverflowError):
        return 0
    return min(max(seconds, 0), LONGEST_WAIT)


def _blocks(text: str) -> Iterator[dict[str, Any]]:
    """Yield blocks of plain text that have whole lines."""
    parts = [""]
    for line in text.split("\n"):
        whole = line[: _MOST_OF_BLOCK - 1]
        if len(parts[-1]) + len(whole) + 1 > _MOST_OF_BLOCK:
            parts.append("")
        parts[-1] += f"{whole}\n"
    for part in parts[:_MOST_BLOCKS]:
        if part.strip():
            plain = {"type": "plain_text", "text": part.rstrip("\n"), "emoji": False}
            yield {"type": "section", "text": plain}
