"""Alerts as HTTP requests: a generic webhook, and one that Slack and its likes take.

The URL of a webhook is a secret: whoever knows it may post. Nothing but its host is ever
shown.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sync_pipeline.certificates import client_context
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


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the failure that it is: following it would lose the body."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


def _post(channel: str, url: str, payload: Mapping[str, Any], *, is_relaxed: bool) -> None:
    host = urlsplit(url).hostname
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https alone
        url,
        json.dumps(payload, ensure_ascii=False).encode(),
        {"content-type": "application/json; charset=utf-8", "user-agent": "sync_pipeline"},
    )
    try:
        https = urllib.request.HTTPSHandler(context=client_context(is_relaxed=is_relaxed))
        opener = urllib.request.build_opener(_NoRedirect, https)
        with opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Without the error's text, which may quote the URL.
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        cause = reason if isinstance(reason, BaseException) else error
        raise not_sent(channel, f"{host} could not be reached ({cause_of(cause)})") from None
    if not FEWEST <= status <= MOST:
        raise not_sent(channel, f"{host} answered with the HTTP status {status}")
