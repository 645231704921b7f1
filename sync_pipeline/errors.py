"""The error taxonomy: what can go wrong while a fleet is synced, said in one sentence.

Every error carries the instance, the phase, whether a retry can help, and a hint that
says what to do next. Secrets never enter an error: the engine modules build messages
from vendor codes and from names, never from connection strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, TypedDict, Unpack

from sync_pipeline.visible import visible


class Phase(StrEnum):
    """The step of one instance's sync in which an error happened."""

    CONFIGURE = "configure"
    LEASE = "lease"
    CONNECT = "connect"
    COLLECT = "collect"
    RECONCILE = "reconcile"
    STORE = "store"


class ConnectReason(StrEnum):
    """Why a connection could not be opened."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    UNREACHABLE = "unreachable"
    TOO_MANY = "too_many_connections"
    LOST = "lost"


class Fields(TypedDict, total=False):
    """What every error takes beside its message."""

    instance: str | None
    phase: Phase | None
    hint: str | None
    retryable: bool | None
    details: Sequence[str]


class SyncError(Exception):
    """Base of every error that this system reports to people.

    `kind` is the stable word stored in `sync_instance_records.error_kind`;
    `retryable` says whether the same attempt, repeated later, can succeed; `details` are
    lines that follow the sentence.
    """

    kind: ClassVar[str] = "sync"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        instance: str | None = None,
        phase: Phase | None = None,
        hint: str | None = None,
        retryable: bool | None = None,
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.instance = instance
        self.phase = phase
        self.hint = hint
        self.retryable = self.default_retryable if retryable is None else retryable

    def at(self, instance: str, phase: Phase) -> SyncError:
        """Fill in the instance and the phase where the raiser did not know them."""
        self.instance = self.instance or instance
        self.phase = self.phase or phase
        return self

    def __str__(self) -> str:
        """Return one sentence: instance, what failed, what to do next.

        Messages of servers and names are part of it, so nothing in it acts on a terminal.
        """
        where = f"{self.instance}: " if self.instance else ""
        hint = f" {self.hint}" if self.hint else ""
        lines = (f"{where}{self.message}{hint}", *self.details)
        return "\n".join(visible(line) for line in lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every field when an error crosses a process."""
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(error_type: type[SyncError], fields: dict[str, object]) -> SyncError:
    error = error_type.__new__(error_type)
    Exception.__init__(error, fields["message"])
    error.__dict__.update(fields)
    return error


class ConfigurationError(SyncError):
    """A setting, a registry entry or an argument is wrong; nothing was attempted."""

    kind = "configuration"


class ConnectError(SyncError):
    """The server could not be reached: refused, timeout, DNS, TLS."""

    kind = "connect"
    default_retryable = True

    def __init__(
        self,
        message: str,
        *,
        reason: ConnectReason,
        instance: str | None = None,
        phase: Phase | None = Phase.CONNECT,
        hint: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        if retryable is None:
            retryable = reason is not ConnectReason.TLS
        super().__init__(message, instance=instance, phase=phase, hint=hint, retryable=retryable)
        self.reason = reason


class AuthenticationError(SyncError):
    """The server rejected the credential. Never retried: retries lock accounts.

    `is_secret_wrong`: it compared the secret, and may count how often it was a wrong one.
    """

    kind = "authentication"

    def __init__(
        self, message: str, *, is_secret_wrong: bool = False, **fields: Unpack[Fields]
    ) -> None:
        super().__init__(message, **fields)
        self.is_secret_wrong = is_secret_wrong


class KnownRejection(AuthenticationError):
    """The server rejected the same login not long ago, so that it was not sent again."""

    kind = "known_rejection"


class PrivilegeError(SyncError):
    """The monitoring account lacks a privilege; `missing` is the grant it needs.

    `denied_to` are those to whom it is denied, which no grant beats.
    """

    kind = "privilege"

    def __init__(
        self,
        message: str,
        *,
        missing: str | None = None,
        denied_to: Sequence[str] = (),
        **fields: Unpack[Fields],
    ) -> None:
        super().__init__(message, **fields)
        self.missing = missing
        self.denied_to = tuple(denied_to)


class QueryTimeout(SyncError):
    """A statement, or the whole instance, took longer than its limit."""

    kind = "query_timeout"
    default_retryable = True


class RunDeadline(QueryTimeout):
    """The time of the whole run was up before this instance was done."""

    kind = "deadline"
    default_retryable = False


class ServerLimit(SyncError):
    """A limit of the server, the role or the database ended what we did; it was reached."""

    kind = "server_limit"


class ConnectionLimit(SyncError):
    """The limits on connections left none for this instance in time."""

    kind = "connection_limit"
    default_retryable = True


class QueryError(SyncError):
    """The server answered a catalog query with an error."""

    kind = "query"


class ResultLimit(SyncError):
    """The server sent more than is read of it; the connection is closed with that."""

    kind = "result_limit"


class MemoryExhausted(SyncError):
    """The process had no memory left for this instance."""

    kind = "memory"


class UnsupportedServer(SyncError):
    """Another product or an unsupported version listens on the port."""

    kind = "unsupported_server"


class SuspiciousSnapshot(SyncError):
    """A snapshot would deactivate more accounts than the guard allows."""

    kind = "suspicious_snapshot"


class LeaseHeld(SyncError):
    """Another run is syncing this instance now."""

    kind = "lease_held"


class StoreUnavailable(SyncError):
    """The store did not answer; the work is safe to repeat."""

    kind = "store_unavailable"
    default_retryable = True


class StoreDamaged(SyncError):
    """The store holds something that is not what was written there."""

    kind = "store_damaged"


class StaleClaim(SyncError):
    """A newer attempt, or the end of the run, took this record from a late worker."""

    kind = "stale_claim"


class DeliveryError(SyncError):
    """An alert did not reach one of its channels; it is sent again.

    `is_refused`: it is certain that nobody has it; otherwise its answer may be lost. For
    `wait_seconds` the server does not want to be asked again.
    """

    kind = "delivery"
    default_retryable = True

    def __init__(
        self,
        message: str,
        *,
        is_refused: bool = False,
        wait_seconds: float = 0,
        **fields: Unpack[Fields],
    ) -> None:
        super().__init__(message, **fields)
        self.is_refused = is_refused
        self.wait_seconds = wait_seconds
