"""Lists that are documented as HTTP: pages of JSON from one host, to which alone the token goes.

The makers' own packages log in, which is what is hard and secret about it. Their packages for each
service (azure-mgmt-sql, -postgresqlflexibleservers, -mysqlflexibleservers, -subscription;
google-api-python-client) would be five more for five lists, and bound neither bytes nor time.
"""

from __future__ import annotations

import json
import logging
import re
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from sync_pipeline.fleet.discovery.listing import Limits, Time, Unlisted

_TIMES = (5.0, 20.0)
"""Seconds to connect, and between two parts of an answer."""
_TRIES = 3
_LONGEST_WAIT = 30.0
_CHUNK = 65_536
_AGAIN = frozenset({429, 500, 502, 503, 504})
_OK = 200
_PORTS = {"https": 443, "http": 80}
_NOWHERE = logging.NullHandler()
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""RFC 9110, 5.5: what else a field may have, no token has (RFC 6750, 2.1)."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class Refused(Unlisted):
    """The service answered with an error. `code` is its own word for it, where it has one."""

    def __init__(self, reason: str, status: int, code: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Rest:
    """One service. `token` gives what is valid now; `sleep` waits so many seconds."""

    service: str
    base: str
    token: Callable[[], str] = field(repr=False)
    limits: Limits
    time: Time
    sleep: Callable[[float], None] = clock.sleep
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def page(self, address: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return one page: of a path, or of the address that the page before names.

        Raises:
            Refused: the service refuses it, also when asked again.
            Unlisted: it is of another host, no object of JSON, too large, too late, or not there.
        """
        url = address if "://" in address else f"{self.base}{address}"
        if _server(url) != _server(self.base):
            raise Unlisted(f"{self.service} names a next page on another host")
        for _ in range(_TRIES - 1):
            self.time.require()
            try:
                return self._asked(url, parameters)
            except Refused as error:
                wait = self._wait(error)
                if wait is None:
                    raise
                self.sleep(wait)
        self.time.require()
        return self._asked(url, parameters)

    def _wait(self, error: Refused) -> float | None:
        """Return how long to wait before it is asked again; None: that is of no use."""
        wanted = error.wait if isinstance(error, _Slowed) else None
        if wanted is None or wanted > min(_LONGEST_WAIT, self.time.left):
            return None
        return wanted

    def _asked(self, url: str, parameters: Mapping[str, str] | None) -> dict[str, Any]:
        try:
            with self.session.get(
                url,
                params=parameters,
                # Not by a header: a .netrc of this user would take its place.
                auth=self._with_token,
                timeout=_TIMES,
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = self._body(answer)
                if answer.status_code != _OK:
                    raise self._refusal(answer, body)
        except (requests.RequestException, HTTPError) as error:
            raise Unlisted(f"{self.service} did not answer ({type(error).__name__})") from None
        found = _object(body)
        # An answer of who stands between may say 200 and hold an error: it lists nothing.
        if found is None or "error" in found:
            raise Unlisted(f"{self.service} answered with no object of JSON that is a list")
        return found

    def _with_token(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token()}"
        return request

    def _body(self, answer: requests.Response) -> bytes:
        parts: list[bytes] = []
        left = self.limits.bytes_of_page
        # What has come, each time: to wait for a whole part would be to wait as often as a service
        # that dribbles wants.
        while part := answer.raw.read1(_CHUNK, decode_content=True):
            left -= len(part)
            if left < 0:
                raise Unlisted(
                    f"{self.service} sent a page of more than {self.limits.bytes_of_page} bytes"
                )
            self.time.require()
            parts.append(part)
        return b"".join(parts)

    def _refusal(self, answer: requests.Response, body: bytes) -> Refused:
        """Return why there is no page. Never in the service's sentences, which may quote a lot."""
        status, code = answer.status_code, _code(body)
        said = f"{status}, {code}" if code else str(status)
        reason = f"{self.service} refused it ({said})"
        if status not in _AGAIN:
            return Refused(reason, status, code)
        after = answer.headers.get("Retry-After", "")
        return _Slowed(
            reason, status, code, float(after) if re.fullmatch(r"\d{1,6}", after) else 1.0
        )


class _Slowed(Refused):
    """The service would answer later, in so many seconds."""

    def __init__(self, reason: str, status: int, code: str, wait: float) -> None:
        super().__init__(reason, status, code)
        self.wait = wait


def _server(url: str) -> tuple[str, str | None, int | None, str | None]:
    """Return whom an address is of: services write their own with `:443`, too."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), parts.username
    except ValueError:
        return "", None, None, None


def muted(*packages: str) -> None:
    """Keep what makers' packages log from the terminal, where nobody set up a log of them.

    Python prints a warning that no handler takes, and theirs have the words of a service, and
    paths. What came of it is said in a sentence of ours.
    """
    for package in packages:
        logging.getLogger(package).addHandler(_NOWHERE)


def once_refused(service: str, token: Callable[[], str]) -> Callable[[], str]:
    """Return what gives tokens; where none is given, it is not asked again for each list.

    It raises `Unlisted` without the words of the maker's package, which may quote what was sent,
    and for a token that can be in no header: http.client's error would quote it.
    """
    refusals: list[str] = []

    def current() -> str:
        if refusals:
            raise Unlisted(refusals[0])
        try:
            found = token()
        except Exception as error:  # noqa: BLE001 - of three packages, and plugins of theirs
            kind = type(error).__name__
        else:
            if _TOKEN.fullmatch(found):
                return found
            kind = "it can be in no header"
        refusals.append(f"{service} gave no token ({kind})")
        raise Unlisted(refusals[0])

    return current


def objects(page: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a page's list; none where it has none.

    Raises:
        Unlisted: what is there is no list of objects.
    """
    found = page.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Unlisted(f"its {key!r} is no list of objects")
    return found


def following(page: Mapping[str, Any], key: str) -> str:
    """Return what leads to the next page; empty: this is the last.

    Raises:
        Unlisted: it is no text, so that nobody knows whether there is one.
    """
    found = page.get(key)
    if found is not None and not isinstance(found, str):
        raise Unlisted(f"its {key!r} is no text")
    return found or ""


def text_of(item: Mapping[str, Any], *keys: str) -> str:
    """Return a text that is within objects; empty where there is none."""
    found: object = item
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def texts_of(item: Mapping[str, Any], *keys: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of texts of an object that is within objects: tags, labels."""
    found: object = item
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return ()
    return tuple((key, value) for key, value in found.items() if isinstance(value, str))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _code(body: bytes) -> str:
    """Return the service's word for an error: Azure's `code`, Google's `status`."""
    error = (_object(body) or {}).get("error")
    if not isinstance(error, dict):
        return ""
    words = (error.get("status"), error.get("code"))
    return next((word for word in words if isinstance(word, str) and _CODE.fullmatch(word)), "")
