"""What goes wrong with a server, in the same words whatever its engine: an engine brings codes.

Each kind is a sentence and what to do next. A hint of the engine's own goes before it, where
the engine knows more.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sync_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectReason,
    Phase,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.instance import Instance


def correct_credential(or_what: str = "the account") -> str:
    """Return what to do where an account was rejected."""
    return f"Correct the credential (sync-pipeline credentials rotate) or {or_what}."


CREDENTIAL = correct_credential()
OTHER_ENGINE = "Correct the instance's engine or port."
SERVERS_LOG = "Check the server's log."
_SLOW = "Look for locks on the catalog, or raise the statement timeout."

HINTS: Mapping[ConnectReason, str] = {
    ConnectReason.REFUSED: "Check that the server runs and its port is right.",
    ConnectReason.TIMEOUT: "Check the network, or raise the instance's connect timeout.",
    ConnectReason.DNS: "Check the host name of the instance.",
    ConnectReason.TLS: "Check the instance's TLS mode and its CA file.",
    ConnectReason.UNREACHABLE: "Check the network and the server's log.",
    ConnectReason.TOO_MANY: "Raise the server's limit of connections, or the account's.",
    ConnectReason.LOST: SERVERS_LOG,
}
_BY_CAUSE: tuple[tuple[type[BaseException], ConnectReason], ...] = (
    (ssl.SSLError, ConnectReason.TLS),
    (socket.gaierror, ConnectReason.DNS),
    (UnicodeError, ConnectReason.DNS),
    (TimeoutError, ConnectReason.TIMEOUT),
    (ConnectionRefusedError, ConnectReason.REFUSED),
    (OSError, ConnectReason.UNREACHABLE),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of trouble: the error that it is, its sentence, and what to do next.

    The sentence names parts of a `Peer`, what the server or the driver said (`text`), and what
    else its engine fills in.
    """

    error: type[SyncError]
    sentence: str
    hint: str = ""
    phase: Phase | None = Phase.CONNECT
    reason: ConnectReason | None = None
    is_secret_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no connection was made, and what to do."""

    reason: ConnectReason
    hint: str

    @classmethod
    def plain(cls, reason: ConnectReason) -> Refusal:
        """Return a refusal of which the engine knows no more than why."""
        return cls(reason, HINTS[reason])


REJECTED = Trouble(
    AuthenticationError, "{where} rejected the account {username!r}: {text}.", CREDENTIAL
)
WRONG_SECRET = replace(REJECTED, is_secret_wrong=True)
REJECTED_BY_TRIGGER = Trouble(
    AuthenticationError, "A logon trigger of {where} rejected the account {username!r}: {text}."
)
UNREACHABLE: Mapping[ConnectReason, Trouble] = {
    reason: Trouble(
        ConnectError, "{where} could not be reached ({reason}): {text}.", hint, reason=reason
    )
    for reason, hint in HINTS.items()
}
NOT_SPOKEN = Trouble(
    UnsupportedServer,
    "What listens at {endpoint} does not speak the protocol of {product}: {text}.",
    OTHER_ENGINE,
)
OTHER_PRODUCT = Trouble(
    UnsupportedServer, "What listens at {endpoint} is not {product}{text}.", OTHER_ENGINE
)
NOT_ENCODABLE = Trouble(
    ConfigurationError,
    "The host name {host!r} or the credential can't be encoded.",
    "Correct the instance's host name or its credential.",
)
NO_DATABASE = Trouble(
    ConfigurationError,
    "{where} could not open the instance's database for {username!r}: {text}.",
    "Correct it with: sync-pipeline instances edit --database.",
)
NOT_OPENED = Trouble(QueryError, "Database {database} could not be opened: {text}.")
KEPT_OUT = Trouble(
    PrivilegeError, "The account {username!r} may not connect to database {database}: {text}."
)
DENIED = Trouble(PrivilegeError, "{product} refused a catalog query: {text}.", phase=None)
SLOW = Trouble(QueryTimeout, "A catalog query took too long: {text}.", _SLOW, phase=None)
LOST = Trouble(
    ConnectError,
    "The connection to {product} was lost: {text}.",
    SERVERS_LOG,
    Phase.COLLECT,
    ConnectReason.LOST,
)
FAILED = Trouble(QueryError, "{product} answered a catalog query with {text}.", phase=None)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server as errors name it: its product, where it is, and as whom we came to it.

    `service` is what of it was asked for, where that is a part of its address.
    """

    product: str
    instance: str
    host: str = ""
    endpoint: str = ""
    username: str = ""
    service: str = ""

    @classmethod
    def of(cls, product: str, instance: Instance, username: str = "", service: str = "") -> Peer:
        """Return an instance's server."""
        endpoint = f"{instance.host}:{instance.port}"
        return cls(product, instance.name, instance.host, endpoint, username, service)

    @property
    def where(self) -> str:
        """Return the product and the address."""
        return f"{self.product} at {self.endpoint}{self.service}"

    def error(
        self,
        trouble: Trouble,
        text: str = "",
        hint: str | None = None,
        *,
        retryable: bool | None = None,
        **names: str,
    ) -> SyncError:
        """Return the error of a kind of trouble; `hint` goes before the kind's own."""
        sentence = trouble.sentence.format(
            product=self.product,
            where=self.where,
            host=self.host,
            endpoint=self.endpoint,
            username=self.username,
            reason=trouble.reason,
            text=text,
            **names,
        )
        more: dict[str, Any] = {"reason": trouble.reason} if trouble.reason else {}
        if trouble.is_secret_wrong:
            more["is_secret_wrong"] = True
        return trouble.error(
            sentence,
            instance=self.instance,
            phase=trouble.phase,
            hint=hint or trouble.hint or None,
            retryable=retryable,
            **more,
        )

    def unreachable(
        self,
        reason: ConnectReason,
        text: str,
        hint: str | None = None,
        *,
        retryable: bool | None = None,
    ) -> SyncError:
        """Return the error of a connection that was not made."""
        return self.error(UNREACHABLE[reason], text, hint, retryable=retryable)

    def unfinished(self, what: str, seconds: float, text: str, hint: str = "") -> SyncError:
        """Return the error of a connection that did not come to its end within its limit."""
        return self.unreachable(
            ConnectReason.TIMEOUT,
            f"{text}no {what} was completed within {seconds:g} seconds",
            hint or f"Check that {self.product} listens there and that it is not overloaded.",
        )

    def unanswered(self, seconds: float) -> SyncError:
        """Return the error of an answer that did not come, or not to its end, in time."""
        return self.error(SLOW, f"no whole answer came within {seconds:g} seconds")

    def kept_out(self, database: str, text: str, missing: str) -> SyncError:
        """Return the error of a database that the account may not enter without a grant."""
        error = self.error(KEPT_OUT, text, it_needs(missing), database=database)
        error.missing = missing  # type: ignore[attr-defined]
        return error


def one_line(text: str) -> str:
    """Return a message on one line, without the full stop that its sentence adds."""
    return " ".join(text.split()).rstrip(".")


def reason_of(error: BaseException) -> ConnectReason | None:
    """Return why the system made no connection; None: it was not the system."""
    return next((reason for kind, reason in _BY_CAUSE if isinstance(error, kind)), None)
