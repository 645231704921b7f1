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

from sync_pipeline.engines import troubles
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.postgresql.names import grant_connect
from sync_pipeline.engines.postgresql.wire.interruptions import interrupted, not_logged_in
from sync_pipeline.engines.troubles import HINTS, SERVERS_LOG, Peer, Trouble, one_line
from sync_pipeline.engines.wire.passwords import (
    PLAIN_TEXT,
    Form,
    on_a_network_of_ones_own,
    withheld,
)
from sync_pipeline.errors import (
    ConfigurationError,
    ConnectError,
    ConnectReason,
    Phase,
    QueryError,
    SyncError,
)
from sync_pipeline.model.instance import TlsMode

PRODUCT = "PostgreSQL"
# What libpq puts before the cause, for every address that it tried.
_PREFIX = re.compile(r"connection to server at .*?, port \d+ failed: ?")
# libpq writes two spaces between a server's severity and its message, in any language.
_FROM_SERVER = re.compile(r"[^\s:]+:  (?P<message>.*)", re.DOTALL)

_HBA = (
    r"^no pg_hba\.conf entry|^pg_hba\.conf rejects|^connection requires a valid client certificate"
    # Methods of a line that compare no secret (src/backend/libpq/auth.c, auth_failed).
    r"|^(Ident|Peer|GSSAPI|SSPI|certificate|\"trust\") authentication failed"
)
_WRONG_LOGIN = r"authentication failed for user"
_REJECTED = rf"{_HBA}|{_WRONG_LOGIN}|^role \".*\" (does not exist|is not permitted)"
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
_NETWORK = (
    (r"^failed to resolve host", ConnectReason.DNS),
    (r"certificate|SSL|private key", ConnectReason.TLS),
    (r"timeout|timed out", ConnectReason.TIMEOUT),
    (r"refused", ConnectReason.REFUSED),
)
_CREDENTIAL = troubles.correct_credential("pg_hba.conf")
_REFUSED = Trouble(
    ConnectError, "{where} refused the connection: {text}.", reason=ConnectReason.REFUSED
)
_NO_LONGER = Trouble(QueryError, "Database {database} could not be opened any more: {text}.")
"""It was there when the databases were listed."""
_REFUSALS = (
    (
        _TOO_MANY,
        Trouble(
            ConnectError,
            "{where} takes no more connections: {text}.",
            reason=ConnectReason.TOO_MANY,
        ),
        "Raise max_connections or the role's connection limit.",
    ),
    (
        _BLOCKED,
        Trouble(
            ConnectError,
            "{where} did not let the login end: {text}.",
            reason=ConnectReason.TIMEOUT,
        ),
        "Look for locks on its catalog (pg_locks).",
    ),
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
    def peer(self) -> Peer:
        """Return the server."""
        return Peer.of(PRODUCT, self.target.instance, self.target.username)


def connect_error(error: Exception, attempt: Attempt) -> SyncError:
    """Map what psycopg raised while a connection was opened."""
    if isinstance(error, UnicodeError):
        return attempt.peer.error(troubles.NOT_ENCODABLE)
    text = _PREFIX.split(str(error))[-1].strip()
    answer = _FROM_SERVER.fullmatch(text)
    if answer is not None:
        return _refusal(one_line(answer["message"]), attempt)
    return _network_error(one_line(text), attempt)


def may_be_counted(error: Exception) -> bool:
    """Return whether a server may have counted a login as one with a wrong password.

    That is whatever it answers in another language, too.
    """
    said = _answer(error)
    return bool(said) and not re.search(rf"{_HBA}|{_TOO_MANY}|{_BLOCKED}|{_BUSY}", said)


def could_do_without_tls(error: Exception) -> bool:
    """Return whether a server that did not let us in over TLS may do so without, as libpq has it.

    It has no TLS, it failed at it, or a line of pg_hba.conf admits others alone.
    """
    said = _answer(error)
    if said:
        return re.search(_HBA, said) is not None
    text = str(error)
    return "SSL" in text and re.search(_NOT_POSTGRESQL, text) is None


def _answer(error: Exception) -> str:
    """Return what the server itself said, without its severity; empty: it was libpq."""
    found = _FROM_SERVER.fullmatch(_PREFIX.split(str(error))[-1].strip())
    return found["message"] if found else ""


def _refusal(text: str, attempt: Attempt) -> SyncError:
    """Map an answer of the server."""
    other = not_logged_in(text, attempt.peer.endpoint, attempt.instance, is_own=attempt.is_own)
    return other or _no_login(text, attempt)


def _no_login(text: str, attempt: Attempt) -> SyncError:
    if re.search(_NO_CONNECT, text) or (re.search(_HBA, text) and not attempt.is_own):
        return _kept_out(text, attempt)
    if re.search(_WRONG_LOGIN, text) and not re.search(_HBA, text):
        return attempt.peer.error(troubles.WRONG_SECRET, text, _CREDENTIAL)
    if re.search(_REJECTED, text):
        return attempt.peer.error(troubles.REJECTED, text, _CREDENTIAL)
    if re.search(_NO_DATABASE, text) or re.search(_READ_ONLY, text):
        return _no_database(text, attempt)
    is_busy = re.search(_BUSY, text) is not None
    for pattern, trouble, hint in _REFUSALS:
        if re.search(pattern, text):
            return attempt.peer.error(trouble, text, hint)
    hint = "Wait until the server is up." if is_busy else SERVERS_LOG
    return attempt.peer.error(_REFUSED, text, hint, retryable=is_busy)


def _kept_out(text: str, attempt: Attempt) -> SyncError:
    name = attempt.database
    by_hba = f"a line for database {name} in pg_hba.conf"
    grant = grant_connect(name, attempt.target.username)
    return attempt.peer.kept_out(name, text, by_hba if re.search(_HBA, text) else grant)


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
        return attempt.peer.error(_NO_LONGER, text, database=attempt.database)
    return attempt.peer.error(troubles.NO_DATABASE, text)


def _network_error(text: str, attempt: Attempt) -> SyncError:
    """Map what libpq itself found."""
    for pattern, form in _WITHHELD:
        if re.search(pattern, text):
            where = attempt.peer.where
            return withheld(where, form, attempt.target, is_encrypted=_is_encrypted(attempt))
    if re.search(_NOT_POSTGRESQL, text):
        return attempt.peer.error(troubles.OTHER_PRODUCT, f": {text}")
    found = (reason for pattern, reason in _NETWORK if re.search(pattern, text))
    reason = next(found, ConnectReason.UNREACHABLE)
    return attempt.peer.unreachable(reason, text, _network_hint(text, HINTS[reason], attempt))


def _is_encrypted(attempt: Attempt) -> bool | None:
    """Return whether the attempt had TLS; None: libpq does not say whether it fell back."""
    mode = attempt.target.instance.tls.mode
    return None if mode is TlsMode.PREFER else mode is not TlsMode.DISABLE


def _network_hint(text: str, hint: str, attempt: Attempt) -> str:
    if not re.search(_WITHOUT_TLS, text):
        return hint
    alone = on_a_network_of_ones_own(attempt.target.instance)
    return f"{hint} Turn TLS on in the server. {alone}"


def query_error(error: Exception, instance: str) -> SyncError:
    """Map what was raised while a catalog query ran; what is not psycopg's is a value's."""
    text = one_line(str(error))
    if not isinstance(error, psycopg.Error):
        said = f"what can't be read ({type(error).__name__}: {text})"
        return Peer(PRODUCT, instance).error(troubles.FAILED, said)
    state = error.sqlstate or ""
    return interrupted(state, text, instance) or _by_state(error, state, text, instance)


def _by_state(error: psycopg.Error, state: str, text: str, instance: str) -> SyncError:
    peer = Peer(PRODUCT, instance)
    if state == "42501":
        return peer.error(troubles.DENIED, text)
    if state in ("57014", "55P03"):
        return peer.error(troubles.SLOW, text)
    if _is_lost(error, state):
        return peer.error(troubles.LOST, text)
    return peer.error(
        troubles.FAILED,
        f"{state or 'no SQLSTATE'}: {text}",
        _NOT_UTF8 if state == "22021" else None,
        # Conflicts (a standby's recovery, for one) and want of resources pass.
        retryable=isinstance(error, psycopg.OperationalError),
    )


def _is_lost(error: psycopg.Error, state: str) -> bool:
    """Return whether the connection is gone; libpq finds that out without a SQLSTATE."""
    if state:
        return state.startswith(("08", "57P"))
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
