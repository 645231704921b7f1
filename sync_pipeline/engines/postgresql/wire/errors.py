"""psycopg's errors become the taxonomy: SQLSTATE first, message text last.

SQLSTATE values: PostgreSQL manual, appendix A. While a connection is opened libpq hands
over no SQLSTATE, so those messages are told apart by their text: first by who speaks
(the server, or libpq itself), then by what is said. A server that answers in another
language than English is therefore not understood; such an answer is never retried,
because it may be a rejected password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.postgresql.names import grant_connect
from sync_pipeline.engines.postgresql.wire.interruptions import interrupted, not_logged_in
from sync_pipeline.engines.wire.passwords import PLAIN_TEXT, Form, edit_command, withheld
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
from sync_pipeline.model.instance import TlsMode

# What libpq puts before the cause, for every address that it tried.
_PREFIX = re.compile(r"connection to server at .*?, port \d+ failed: ?")
# libpq writes two spaces between a server's severity and its message, in any language.
_FROM_SERVER = re.compile(r"[^\s:]+:  (?P<message>.*)", re.DOTALL)

_HBA = r"^no pg_hba\.conf entry|^pg_hba\.conf rejects"
_REJECTED = (
    rf"{_HBA}|authentication failed for user|^role \".*\" (does not exist|is not permitted)"
    r"|requires a valid client certificate"
)
_NO_DATABASE = r"^database \".*\" (does not exist|is not currently accepting)|invalid database"
_NO_CONNECT = r"^permission denied for database"
_TOO_MANY = r"too many (clients|connections)|^remaining connection slots"
_BLOCKED = r"^canceling (statement|authentication) due to"
_BUSY = (
    r"starting up|shutting down|in recovery mode|not yet accepting connections"
    r"|^terminating connection"
)
_READ_ONLY = r"^cannot .* (in|inside) a read-only transaction|read-write mode"
_NOT_POSTGRESQL = (
    r"invalid response to SSL negotiation|^expected authentication request|wrong version number"
)
# What libpq says of a method that `require_auth` leaves out.
_WITHHELD: tuple[tuple[str, Form], ...] = (
    (r"requirement .* failed: server requested a cleartext password", PLAIN_TEXT),
    (
        r"requirement .* failed: server requested a hashed password",
        Form("as an MD5 hash, which can be handed on", is_sent_without_tls=True),
    ),
)
_WITHOUT_TLS = r"^server does not support SSL"
_NETWORK: tuple[tuple[str, ConnectReason, str], ...] = (
    (r"^failed to resolve host", ConnectReason.DNS, "Check the host name of the instance."),
    (
        r"certificate|SSL|private key",
        ConnectReason.TLS,
        "Check the instance's TLS mode and its CA file.",
    ),
    (
        r"timeout|timed out",
        ConnectReason.TIMEOUT,
        "Check the network, or raise the instance's connect timeout.",
    ),
    (r"refused", ConnectReason.REFUSED, "Check that the server runs and its port is right."),
)
_NOT_UTF8 = (
    "A name was written in another encoding than the database states (SQL_ASCII takes any "
    "bytes); rename it."
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was tried; `is_own` marks the database the instance itself names."""

    target: Target
    database: str
    is_own: bool

    @property
    def instance(self) -> str:
        """Return the instance's name."""
        return self.target.instance.name

    @property
    def where(self) -> str:
        """Return the host and the port."""
        return f"{self.target.instance.host}:{self.target.instance.port}"


def connect_error(error: Exception, attempt: Attempt) -> SyncError:
    """Map what psycopg raised while a connection was opened."""
    if isinstance(error, UnicodeError):
        return ConfigurationError(
            f"The host name {attempt.target.instance.host!r} or the credential can't be encoded.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint="Correct the instance's host name or its credential.",
        )
    text = _PREFIX.split(str(error))[-1].strip()
    answer = _FROM_SERVER.fullmatch(text)
    if answer is not None:
        return _refusal(_sentence(answer["message"]), attempt)
    return _network_error(_sentence(text), attempt)


def _refusal(text: str, attempt: Attempt) -> SyncError:
    """Map an answer of the server."""
    other = not_logged_in(text, attempt.where, attempt.instance, is_own=attempt.is_own)
    return other or _no_login(text, attempt)


def _no_login(text: str, attempt: Attempt) -> SyncError:
    if re.search(_NO_CONNECT, text) or (re.search(_HBA, text) and not attempt.is_own):
        return _kept_out(text, attempt)
    if re.search(_REJECTED, text):
        return AuthenticationError(
            f"PostgreSQL at {attempt.where} rejected the account "
            f"{attempt.target.username!r}: {text}.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint="Correct the credential (sync-pipeline credentials rotate) or pg_hba.conf.",
        )
    if re.search(_NO_DATABASE, text) or re.search(_READ_ONLY, text):
        return _no_database(text, attempt)
    if re.search(_TOO_MANY, text):
        return ConnectError(
            f"PostgreSQL at {attempt.where} takes no more connections: {text}.",
            reason=ConnectReason.TOO_MANY,
            instance=attempt.instance,
            hint="Raise max_connections or the role's connection limit.",
        )
    if re.search(_BLOCKED, text):
        return ConnectError(
            f"PostgreSQL at {attempt.where} did not let the login end: {text}.",
            reason=ConnectReason.TIMEOUT,
            instance=attempt.instance,
            hint="Look for locks on its catalog (pg_locks).",
        )
    is_busy = re.search(_BUSY, text) is not None
    return ConnectError(
        f"PostgreSQL at {attempt.where} refused the connection: {text}.",
        reason=ConnectReason.REFUSED,
        instance=attempt.instance,
        hint="Wait until the server is up." if is_busy else "Check the server's log.",
        retryable=is_busy,
    )


def _kept_out(text: str, attempt: Attempt) -> SyncError:
    by_hba = re.search(_HBA, text) is not None
    name = attempt.database
    missing = (
        f"a line for database {name} in pg_hba.conf"
        if by_hba
        else grant_connect(name, attempt.target.username)
    )
    return PrivilegeError(
        f"The account {attempt.target.username!r} may not connect to database {name}: {text}.",
        missing=missing,
        instance=attempt.instance,
        phase=Phase.CONNECT,
        hint=it_needs(missing),
    )


def _login_trigger(text: str, attempt: Attempt) -> SyncError:
    """Return the error of a trigger ON login (17 and newer) that can't write as this account."""
    kind = ConfigurationError if attempt.is_own else QueryError
    return kind(
        f"A login trigger of database {attempt.database} writes, which sessions of this system "
        f"never do: {text}.",
        instance=attempt.instance,
        phase=Phase.CONNECT,
        hint="Let the trigger's function return at once where transaction_read_only is on.",
    )


def _no_database(text: str, attempt: Attempt) -> SyncError:
    if re.search(_READ_ONLY, text):
        return _login_trigger(text, attempt)
    if not attempt.is_own:
        # It was there when the databases were listed.
        return QueryError(
            f"Database {attempt.database} could not be opened any more: {text}.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
        )
    return ConfigurationError(
        f"PostgreSQL at {attempt.where} could not open the instance's database: {text}.",
        instance=attempt.instance,
        phase=Phase.CONNECT,
        hint="Correct it with: sync-pipeline instances edit --database.",
    )


def _network_error(text: str, attempt: Attempt) -> SyncError:
    """Map what libpq itself found."""
    for pattern, form in _WITHHELD:
        if re.search(pattern, text):
            where = f"PostgreSQL at {attempt.where}"
            return withheld(where, form, attempt.target, is_encrypted=_is_encrypted(attempt))
    if re.search(_NOT_POSTGRESQL, text):
        return UnsupportedServer(
            f"What listens at {attempt.where} is not PostgreSQL: {text}.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint="Correct the instance's engine or port.",
        )
    reason, hint = next(
        ((reason, hint) for pattern, reason, hint in _NETWORK if re.search(pattern, text)),
        (ConnectReason.UNREACHABLE, "Check the network and the server's log."),
    )
    return ConnectError(
        f"PostgreSQL at {attempt.where} could not be reached ({reason}): {text}.",
        reason=reason,
        instance=attempt.instance,
        hint=_network_hint(text, hint, attempt),
    )


def _is_encrypted(attempt: Attempt) -> bool | None:
    """Return whether the attempt had TLS; None: libpq does not say whether it fell back."""
    mode = attempt.target.instance.tls.mode
    return None if mode is TlsMode.PREFER else mode is not TlsMode.DISABLE


def _network_hint(text: str, hint: str, attempt: Attempt) -> str:
    if not re.search(_WITHOUT_TLS, text):
        return hint
    command = edit_command(attempt.target.instance, TlsMode.DISABLE)
    return f"{hint} Turn TLS on in the server, or on a network that nobody else is on: {command}."


def statement_timeout(instance: str, seconds: float) -> SyncError:
    """Return the error of an answer that did not come, or not to its end, in time."""
    return QueryTimeout(
        f"A catalog query took too long: no whole answer came within {seconds:g} seconds.",
        instance=instance,
        hint="Look for locks on the catalog, or raise the statement timeout.",
    )


def query_error(error: Exception, instance: str) -> SyncError:
    """Map what was raised while a catalog query ran; what is not psycopg's is a value's."""
    text = _sentence(str(error))
    if not isinstance(error, psycopg.Error):
        what = type(error).__name__
        return QueryError(
            f"PostgreSQL answered a catalog query with what can't be read ({what}: {text}).",
            instance=instance,
        )
    state = error.sqlstate or ""
    return interrupted(state, text, instance) or _by_state(error, state, text, instance)


def _by_state(error: psycopg.Error, state: str, text: str, instance: str) -> SyncError:
    if state == "42501":
        return PrivilegeError(f"PostgreSQL refused a catalog query: {text}.", instance=instance)
    if state in ("57014", "55P03"):
        return QueryTimeout(
            f"A catalog query took too long: {text}.",
            instance=instance,
            hint="Look for locks on the catalog, or raise the statement timeout.",
        )
    if _is_lost(error, state):
        return ConnectError(
            f"The connection to PostgreSQL was lost: {text}.",
            reason=ConnectReason.LOST,
            instance=instance,
            phase=Phase.COLLECT,
            hint="Check the server's log.",
        )
    return QueryError(
        f"PostgreSQL answered a catalog query with {state or 'no SQLSTATE'}: {text}.",
        instance=instance,
        hint=_NOT_UTF8 if state == "22021" else None,
        # Conflicts (a standby's recovery, for one) and want of resources pass.
        retryable=isinstance(error, psycopg.OperationalError),
    )


def _is_lost(error: psycopg.Error, state: str) -> bool:
    """Return whether the connection is gone; libpq finds that out without a SQLSTATE."""
    if state:
        return state.startswith(("08", "57P"))
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def _sentence(text: str) -> str:
    """Return a message on one line, without the full stop that the caller adds."""
    return " ".join(text.split()).rstrip(".")
