"""What a session and its driver's process say to each other: JSON, each message with its length.

Nothing of it can run code when it is read (a pickle can), because a server that breaks the
driver's memory may write these messages.
"""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLimit,
    ConnectReason,
    Phase,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    ResultLimit,
    SyncError,
    UnsupportedServer,
)

Message = dict[str, Any]
LENGTH_BYTES = 4
MOST_DIGITS = 150_000
"""PostgreSQL has the longest numbers: 131,072 digits and 16,383 after the point."""

_CHUNK_BYTES = 2**16
_LONGEST_TEXT = 16_384
_CELLS = frozenset(
    {str, int, float, bool, bytes, Decimal, datetime, date, timedelta, list, type(None)}
)
_ERRORS: dict[str, type[SyncError]] = {
    kind.kind: kind
    for kind in (
        SyncError, AuthenticationError, ConfigurationError, ConnectionLimit, PrivilegeError,
        QueryError, QueryTimeout, ResultLimit, UnsupportedServer,
    )
}  # fmt: skip


class Malformed(Exception):
    """A message is not one of this protocol."""


def packed(message: Message) -> bytes:
    """Return a message as it is sent.

    Raises:
        TypeError: a value has a type that no row has.
    """
    body = json.dumps(message, default=_tagged, separators=(",", ":")).encode()
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def receive(link: socket.socket, most_bytes: int, ends_at: float | None = None) -> Message:
    """Wait for a message until `ends_at` (`time.monotonic`).

    Raises:
        TimeoutError: it did not come in time.
        EOFError: the other side has ended.
        Malformed: it is none, or longer than `most_bytes`.
    """
    length = int.from_bytes(_read(link, LENGTH_BYTES, ends_at), "big")
    if length > most_bytes:
        raise Malformed
    body = _read(link, length, ends_at)
    try:
        message = json.loads(body, object_hook=_untagged)
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError):
        raise Malformed from None
    if not isinstance(message, dict):
        raise Malformed
    return message


def _read(link: socket.socket, count: int, ends_at: float | None) -> bytearray:
    found = bytearray()
    while len(found) < count:
        if ends_at is not None:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise TimeoutError
            link.settimeout(left)
        try:
            chunk = link.recv(min(_CHUNK_BYTES, count - len(found)))
        except TimeoutError:
            raise
        except OSError:
            raise EOFError from None
        if not chunk:
            raise EOFError
        found += chunk
    return found


def rows_of(message: Message) -> list[dict[str, Any]]:
    """Return the rows of a message by column name.

    Raises:
        Malformed: as `table_of` does.
    """
    names, rows = table_of(message)
    return [dict(zip(names, row, strict=True)) for row in rows]


def table_of(message: Message) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns of a message, and its rows.

    Raises:
        Malformed: it holds none, or values of other types than rows have.
    """
    names, rows = message.get("columns"), message.get("rows")
    if not isinstance(names, list) or not isinstance(rows, list):
        raise Malformed
    if not all(isinstance(name, str) for name in names):
        raise Malformed
    for row in rows:
        if not isinstance(row, list) or len(row) != len(names) or not set(map(type, row)) <= _CELLS:
            raise Malformed
    return names, list(map(tuple, rows))


def told(error: SyncError) -> Message:
    """Return an error as a message."""
    return {
        "error": error.kind,
        "message": error.message[:_LONGEST_TEXT],
        "hint": (error.hint or "")[:_LONGEST_TEXT],
        "phase": error.phase,
        "retryable": error.retryable,
        "reason": getattr(error, "reason", None),
        "missing": getattr(error, "missing", None),
        "is_secret_wrong": getattr(error, "is_secret_wrong", False),
    }


def error_of(message: Message, instance: str) -> SyncError:
    """Return the error that a message tells, of the kinds that connections raise.

    Raises:
        Malformed: it tells none of them.
    """
    try:
        text, phase = str(message["message"])[:_LONGEST_TEXT], message["phase"]
        error: SyncError
        if message["error"] == ConnectError.kind:
            error = ConnectError(text, reason=ConnectReason(message["reason"]))
        else:
            error = _ERRORS[message["error"]](text)
        error.phase = Phase(phase) if phase else None
    except (KeyError, ValueError, TypeError):
        raise Malformed from None
    error.instance = instance
    error.hint = str(message.get("hint") or "")[:_LONGEST_TEXT] or None
    error.retryable = message.get("retryable") is True
    if isinstance(error, PrivilegeError) and message.get("missing"):
        error.missing = str(message["missing"])[:_LONGEST_TEXT]
    if isinstance(error, AuthenticationError):
        error.is_secret_wrong = message.get("is_secret_wrong") is True
    return error


def _tagged(value: object) -> Message:
    """Return what JSON has no word for as an object of one tag."""
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, timedelta):
        return {"$interval": [value.days, value.seconds, value.microseconds]}
    raise TypeError(f"no row has a value of the type {type(value).__name__}")


def _decimal(text: str) -> Decimal:
    """Return a number; one with a vast exponent would take all memory where it is made whole."""
    found = Decimal(text)
    if found.is_finite() and abs(found.adjusted()) > MOST_DIGITS:
        raise ValueError
    return found


_TAGS: dict[str, Callable[[Any], object]] = {
    "$decimal": _decimal,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$interval": lambda parts: timedelta(parts[0], parts[1], parts[2]),
}


def _untagged(found: Message) -> object:
    if len(found) == 1:
        ((tag, value),) = found.items()
        if tag in _TAGS:
            return _TAGS[tag](value)
    return found
