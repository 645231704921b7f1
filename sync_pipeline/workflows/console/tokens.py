"""Tokens of the console: made, listed and removed by the command, checked by the console.

A token is 256 random bits, so that a digest of it tells nothing: of a password it would. The cookie
of a browser is derived from the token, and the store has a digest of that too. So neither the
store nor the cookie gives the token, and a login writes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Selection
from sync_pipeline.model.viewer import ConsoleToken, Role, Viewer
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.selecting import registered

BEGINNING = "spc_"
"""By which scanners for secrets know a token."""
TOKEN = re.compile(r"spc_[A-Za-z0-9_-]{43}")
COOKIE = re.compile(r"[0-9a-f]{64}")
_BYTES = 32
_PURPOSE = b"sync_pipeline console cookie"
_SPAN = re.compile(r"([1-9][0-9]{0,3})d")
LONGEST_DAYS = 3660


def add_token(
    store: Store, name: str, role: Role, tags: Sequence[str], lifetime: timedelta, now: datetime
) -> str:
    """Make a token and return it: it is nowhere else, and can't be shown again.

    Without tags it is for all instances.

    Raises:
        ConfigurationError: there is one of this name, or no instance has a tag.
    """
    registered(store, Selection(tags=tuple(tags)))
    token = BEGINNING + secrets.token_urlsafe(_BYTES)
    store.tokens.add(
        ConsoleToken(
            name=name,
            role=role,
            tags=tuple(sorted(set(tags))) or None,
            token_digest=_digest(token),
            cookie_digest=_digest(cookie_of(token)),
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    return token


def lifetime_of(text: str) -> timedelta:
    """Read a time such as `90d`.

    Raises:
        ConfigurationError: it is none, or longer than ten years.
    """
    found = _SPAN.fullmatch(text)
    if found is None or int(found[1]) > LONGEST_DAYS:
        raise ConfigurationError(
            f"{text[:20]!r} is no time after which a token ends.",
            hint=f"Write a number of days, 1d to {LONGEST_DAYS}d.",
        )
    return timedelta(days=int(found[1]))


def cookie_of(token: str) -> str:
    """Return the cookie of a browser that logged in with a token."""
    return hmac.new(token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def viewer_of_token(store: Store, token: str, now: datetime) -> Viewer | None:
    """Return who comes with a token; None: it is wrong, expired or removed."""
    if not TOKEN.fullmatch(token):
        return None
    digest = _digest(token)
    found = store.tokens.by_token(digest)
    return _valid(found, found.token_digest if found else "", digest, now)


def viewer_of_cookie(store: Store, cookie: str, now: datetime) -> Viewer | None:
    """Return who comes with a cookie; None: its token is none, expired or removed."""
    if not COOKIE.fullmatch(cookie):
        return None
    digest = _digest(cookie)
    found = store.tokens.by_cookie(digest)
    return _valid(found, found.cookie_digest if found else "", digest, now)


def _valid(token: ConsoleToken | None, known: str, digest: str, now: datetime) -> Viewer | None:
    if token is None or not hmac.compare_digest(known, digest) or not token.is_valid_at(now):
        return None
    return token.viewer


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
