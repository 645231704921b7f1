"""Alerts in groups of Feishu (Lark) and DingTalk: bots whose webhooks may ask for a signature.

Both answer 200 to everything: what became of a message is a number in the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlsplit

from sync_pipeline.errors import DeliveryError
from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.channel import not_sent
from sync_pipeline.notify.plain import fitting, without_mentions
from sync_pipeline.notify.webhook import post_json

MOST_OF_ANSWER = 4096
"""Bytes of an answer that are read."""
_MOST_OF_FEISHU = 12_000
"""Bytes of text: a request has 20 KB at most (open.feishu.cn, "Custom bot usage guide")."""
_MOST_OF_DINGTALK = 15_000
_FEISHU_WAITS = {11232: 60.0, 9499: 60.0}
"""Codes of a bot that is too fast: a hundred messages a minute, five a second."""
_DINGTALK_WAITS = {130101: 600.0}
"""More than twenty messages a minute silence a bot for ten (open.dingtalk.com, custom robots)."""


@dataclass(frozen=True, slots=True)
class Feishu:
    """Posts to a custom bot of Feishu or Lark; with a secret it is signed."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    name: str = "feishu"
    is_relaxed: bool = False
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    def send(self, alert: Alert) -> None:
        """Post the alert; see `Channel.send`."""
        text = without_mentions(fitting(alert.text, _MOST_OF_FEISHU))
        lines = [[{"tag": "text", "text": line}] for line in text.split("\n")]
        post = {"en_us": {"title": without_mentions(alert.subject), "content": lines}}
        payload: dict[str, Any] = {"msg_type": "post", "content": {"post": post}}
        if self.secret:
            stamp = str(int(self.clock()))
            payload |= {"timestamp": stamp, "sign": feishu_sign(stamp, self.secret)}
        answer = _posted(self.name, self.url, payload, is_relaxed=self.is_relaxed)
        _require_taken(self.name, self.url, answer, ("code", "StatusCode"), _FEISHU_WAITS)


@dataclass(frozen=True, slots=True)
class DingTalk:
    """Posts to a custom robot of DingTalk; with a secret it is signed."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    name: str = "dingtalk"
    is_relaxed: bool = False
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    def send(self, alert: Alert) -> None:
        """Post the alert; see `Channel.send`."""
        text = fitting(f"{alert.subject}\n{alert.text}", _MOST_OF_DINGTALK)
        payload = {
            "msgtype": "text",
            "text": {"content": without_mentions(text)},
            "at": {"atMobiles": [], "atUserIds": [], "isAtAll": False},
        }
        answer = _posted(self.name, self._signed(), payload, is_relaxed=self.is_relaxed)
        _require_taken(self.name, self.url, answer, ("errcode",), _DINGTALK_WAITS)

    def _signed(self) -> str:
        if not self.secret:
            return self.url
        stamp = str(int(self.clock() * 1000))
        joint = "&" if urlsplit(self.url).query else "?"
        sign = quote_plus(dingtalk_sign(stamp, self.secret))
        return f"{self.url}{joint}timestamp={stamp}&sign={sign}"


def feishu_sign(stamp: str, secret: str) -> str:
    """Return the signature of a moment in seconds: the key has both, what is signed is nothing."""
    return _sign(f"{stamp}\n{secret}", "")


def dingtalk_sign(stamp: str, secret: str) -> str:
    """Return the signature of a moment in milliseconds: the secret signs both."""
    return _sign(secret, f"{stamp}\n{secret}")


def _sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def _posted(channel: str, url: str, payload: Mapping[str, Any], *, is_relaxed: bool) -> bytes:
    return post_json(channel, url, payload, is_relaxed=is_relaxed, most_bytes=MOST_OF_ANSWER)


def _require_taken(
    channel: str, url: str, answer: bytes, keys: tuple[str, ...], waits: Mapping[int, float]
) -> None:
    """Make sure that an answer says that a message was taken."""
    codes = _codes(answer, keys)
    if codes and not any(codes):
        return
    raise _refused(channel, urlsplit(url).hostname, codes, waits)


def _refused(
    channel: str, host: str | None, codes: list[int], waits: Mapping[int, float]
) -> DeliveryError:
    code = next((item for item in codes if item), None)
    if code is None:
        return not_sent(channel, f"{host} did not say that it took it")
    # The number alone: a server may quote anything that it was sent.
    what = f"{host} answered with the code {code}"
    return not_sent(channel, what, is_refused=True, wait_seconds=waits.get(code, 0))


def _codes(answer: bytes, keys: tuple[str, ...]) -> list[int]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    return [found[key] for key in keys if isinstance(found.get(key), int)]
