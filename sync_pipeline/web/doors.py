"""Who comes in: by a token, by the cookie of a login, or by what a trusted proxy says.

Without any token in the store and any setting, whoever reaches loopback may see everything, as in
Dagster's UI. From the first token on, or where the console is reached by another name or address,
nobody comes in without.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from threading import Lock
from typing import Protocol

from sync_pipeline.callers import Headers, Refusal
from sync_pipeline.model.viewer import EVERY_TAG, Reach, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.shares import Clients
from sync_pipeline.workflows.console.tokens import viewer_of_cookie, viewer_of_token

COOKIE = "sync_pipeline_console"
EVERYBODY = "*"
MOST_FAILURES, FAILURE_SECONDS = 20, 60.0
MOST_ADDRESSES = 1000
LONGEST_NAME = 255
MOST_GROUPS = 1000
_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-user", "x-real-ip")
ON_THIS_MACHINE = Viewer("this machine")


def too_many_wrong() -> Refusal:
    """Return that no more wrong tokens of an address are tried."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS, "Too many wrong tokens came from this address. Wait a minute."
    )


class Wrong(Protocol):
    """Counts wrong tokens: those of this process, or of all of one console."""

    def require_few(self, address: str) -> None:
        """Refuse an address that was wrong too often."""

    def note(self, address: str) -> None:
        """Count a wrong token."""


@dataclass(slots=True)
class Failures:
    """How often each address came with a wrong token lately: few of them are tried."""

    clock: Callable[[], float] = time.monotonic
    _of: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def require_few(self, address: str) -> None:
        """Refuse an address that was wrong too often.

        Raises:
            Refusal: it was.
        """
        with self._lock:
            if len(self._recent(address)) >= MOST_FAILURES:
                raise too_many_wrong()

    def note(self, address: str) -> None:
        """Count a wrong token."""
        with self._lock:
            self._of[address] = [*self._recent(address), self.clock()][-MOST_FAILURES:]
            self._of.move_to_end(address)
            while len(self._of) > MOST_ADDRESSES:
                self._of.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = self.clock() - FAILURE_SECONDS
        return [moment for moment in self._of.get(address, ()) if moment > since]


@dataclass(frozen=True, slots=True)
class Doors:
    """Finds out who a request is of. `is_private`: only this machine reaches the console."""

    store: Store
    settings: Settings
    clock: Callable[[], datetime]
    is_private: bool
    failures: Wrong = field(default_factory=Failures)

    def viewer(self, address: str, headers: Headers) -> Viewer | None:
        """Return who a request is of; None: nobody who may come in.

        Raises:
            Refusal: a header is given twice, or what is given is wrong too often.
        """
        signed_on = self._signed_on(address, headers)
        if signed_on is not None:
            return signed_on
        authorization = headers.only("authorization")
        if authorization is not None:
            return self._bearer(address, authorization)
        cookie = _cookie(headers.only("cookie") or "")
        found = viewer_of_cookie(self.store, cookie, self.clock()) if cookie else None
        if found is None and self.is_open() and not _is_forwarded(headers):
            return ON_THIS_MACHINE
        return found

    def is_open(self) -> bool:
        """Return whether nobody has to say who they are."""
        return self.is_private and not self.store.tokens.is_any()

    def by_token(self, address: str, token: str) -> Viewer | None:
        """Return who comes with a token; None: it is wrong.

        Raises:
            Refusal: it is wrong, and too many were before.
        """
        found = viewer_of_token(self.store, token, self.clock())
        if found is None:
            # Of those alone that are wrong: else whoever shares an address with others, as behind
            # a proxy, could keep them out. Nobody finds 256 bits by trying.
            self.failures.require_few(address)
            self.failures.note(address)
        return found

    def is_of_proxy(self, address: str) -> bool:
        """Return whether a request comes from a proxy that is trusted."""
        return Clients(self.settings.console_proxies).is_proxy(address)

    def _bearer(self, address: str, authorization: str) -> Viewer | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.by_token(address, token.strip())

    def _signed_on(self, address: str, headers: Headers) -> Viewer | None:
        if not self.settings.console_proxies or not self.is_of_proxy(address):
            return None
        user = _text(headers.only(self.settings.console_user_header.lower()))
        if not user:
            return None
        groups = _text(headers.only(self.settings.console_groups_header.lower()))
        reach = self._reach([item.strip() for item in groups.split(",")[:MOST_GROUPS]])
        if reach is None:
            raise Refusal(HTTPStatus.FORBIDDEN, "None of your groups may see anything here.")
        return Viewer(user[:LONGEST_NAME], reach=reach)

    def _reach(self, groups: list[str]) -> Reach | None:
        """Return what some groups may see together; None: nothing."""
        known = (text.partition(":") for text in self.settings.console_groups)
        tags = {tag.strip() for group, _, tag in known if group.strip() in (EVERYBODY, *groups)}
        if EVERY_TAG in tags:
            return Reach()
        return Reach(tuple(sorted(tags))) if tags else None


def _is_forwarded(headers: Headers) -> bool:
    """Return whether a proxy on this machine says that somebody sent it a request."""
    return any(headers.only(name) is not None for name in _OF_PROXIES)


def _text(header: str | None) -> str:
    """Return the text of a header, which proxies write in UTF-8."""
    return (header or "").encode("latin-1").decode("utf-8", "replace").strip()


def _cookie(header: str) -> str:
    """Return the cookie of the console; empty where there is none, or several."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    found = [value for name, _, value in pairs if name == COOKIE]
    return found[0] if len(found) == 1 else ""
