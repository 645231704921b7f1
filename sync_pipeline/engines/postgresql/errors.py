"""psycopg's errors become the taxonomy: SQLSTATE first, message text last.

SQLSTATE values: PostgreSQL manual, appendix A. While a connection is opened libpq hands
over no SQLSTATE, so those messages are told apart by their text.
"""

from __future__ import annotations

import re

import psycopg

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
from sync_pipeline.model.instance import Instance

_REASONS: tuple[tuple[str, ConnectReason, str], ...] = (
    (
        r"certificate|SSL error|does not support SSL|sslmode|tls|root\.crt",
        ConnectReason.TLS,
        "Check the instance's TLS mode and its CA file.",
    ),
    (
        r"translate host name|not known|resolve|No address|name resolution",
        ConnectReason.DNS,
        "Check the host name of the instance.",
    ),
    (
        r"timeout|timed out",
        ConnectReason.TIMEOUT,
        "Check the network, or raise the instance's connect timeout.",
    ),
    (r"refused", ConnectReason.REFUSED, "Check that the server runs and its port is right."),
    (
        r"too many (clients|connections)|remaining connection slots",
        ConnectReason.TOO_MANY,
        "Raise max_connections or the role's connection limit.",
    ),
)
_REJECTED = r"authentication failed|no pg_hba\.conf entry|role .* (does not exist|is not permitted)"
_FOREIGN = r"invalid response to SSL negotiation|expected authentication request|protocol version"


def connect_error(error: psycopg.Error, instance: Instance, username: str) -> SyncError:
    """Map what psycopg raised while a connection was opened."""
    text = " ".join(str(error).split())
    where = f"{instance.host}:{instance.port}"
    if re.search(_REJECTED, text):
        return AuthenticationError(
            f"PostgreSQL at {where} rejected the account {username!r}: {_reason(text)}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct the credential (sync-pipeline credentials rotate) or pg_hba.conf.",
        )
    if re.search(r"database .* does not exist", text):
        return ConfigurationError(
            f"PostgreSQL at {where} has no such database: {_reason(text)}.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct it with: sync-pipeline instances edit --database.",
        )
    if "permission denied for database" in text:
        return PrivilegeError(
            f"The account {username!r} may not connect: {_reason(text)}.",
            missing="GRANT CONNECT ON DATABASE",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Grant it CONNECT on the database.",
        )
    if re.search(_FOREIGN, text):
        return UnsupportedServer(
            f"What listens at {where} is not PostgreSQL.",
            instance=instance.name,
            phase=Phase.CONNECT,
            hint="Correct the instance's engine or port.",
        )
    for pattern, reason, hint in _REASONS:
        if re.search(pattern, text, re.IGNORECASE):
            return ConnectError(
                f"PostgreSQL at {where} could not be reached ({reason}): {_reason(text)}.",
                reason=reason,
                instance=instance.name,
                hint=hint,
            )
    return ConnectError(
        f"PostgreSQL at {where} could not be reached: {_reason(text)}.",
        reason=ConnectReason.UNREACHABLE,
        instance=instance.name,
        hint="Check the server's log.",
    )


def query_error(error: psycopg.Error, instance: str) -> SyncError:
    """Map what psycopg raised while a catalog query ran."""
    state = error.sqlstate or ""
    text = _reason(" ".join(str(error).split()))
    if state == "42501":
        return PrivilegeError(f"PostgreSQL refused a catalog query: {text}.", instance=instance)
    if state in ("57014", "55P03"):
        return QueryTimeout(
            f"A catalog query took too long: {text}.",
            instance=instance,
            hint="Look for locks on the catalog, or raise the statement timeout.",
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return ConnectError(
            f"The connection to PostgreSQL was lost: {text}.",
            reason=ConnectReason.LOST,
            instance=instance,
            phase=Phase.COLLECT,
            hint="Check the server's log.",
        )
    return QueryError(
        f"PostgreSQL answered a catalog query with {state}: {text}.", instance=instance
    )


def _reason(text: str) -> str:
    """Return the last part of libpq's message, which says why, without its full stop."""
    return text.rsplit("FATAL: ", maxsplit=1)[-1].strip().rstrip(".")
