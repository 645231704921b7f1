"""The errors of python-oracledb become the taxonomy: by code first, message text last."""

from __future__ import annotations

import re
from dataclasses import dataclass

import oracledb

from sync_pipeline.certificates import ADVICE, malformed
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.names import identifier
from sync_pipeline.engines.oracle.wire.codes import (
    BY_CAUSE,
    DENIED,
    MAY_NOT_LOG_IN,
    MOUNTED,
    NEEDS_CLIENT,
    NOT_OPEN,
    OF_LISTENER,
    OF_SERVER,
    OF_TRIGGER,
    REFUSALS,
    REJECTED,
    RETRYABLE,
    SETTING,
    TIMED_OUT,
    TRIGGER_FAILED,
    UNSUPPORTED,
    USE_CLIENT,
    WARNINGS,
    Refusal,
)
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

_CODE = re.compile(r"\b(ORA|DPY|DPI|TNS)-(\d{4,5})\b")
# A wrapper that says nothing but that the cause follows.
_WRAPPER = re.compile(r"DPY-6005: cannot connect to database(?: \(CONNECTION_ID=[^)]*\))?\.?")
_LENGTH = len("ORA-20000")
_NOISE = re.compile(r"\(?CONNECTION_ID=[^)\s]*\)?|Help: https?://\S+")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was tried."""

    target: Target
    service: str

    @property
    def instance(self) -> str:
        """Return the instance's name."""
        return self.target.instance.name

    @property
    def where(self) -> str:
        """Return who was asked: host, port and service."""
        instance = self.target.instance
        return f"Oracle at {instance.host}:{instance.port}/{self.service}"


def connect_error(error: BaseException, attempt: Attempt) -> SyncError:
    """Map what was raised while a connection was opened."""
    if isinstance(error, SyncError):
        return error
    # What can't be decoded came from the server.
    if isinstance(error, UnicodeError) and not isinstance(error, UnicodeDecodeError):
        return ConfigurationError(
            f"The host name {attempt.target.instance.host!r} or the credential can't be encoded.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint="Correct the instance's host name or its credential.",
        )
    codes, text = codes_of(error), sentence(error)
    fault = malformed(error)
    if fault:
        return _refused(Refusal(ConnectReason.TLS, ADVICE), fault, attempt)
    if any(map(is_of_trigger, codes)):
        return AuthenticationError(
            f"A logon trigger of {attempt.where} rejected the account "
            f"{attempt.target.username!r}: {text}.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint=OF_TRIGGER,
        )
    for code in codes:
        found = _by_code(code, text, attempt)
        if found is not None:
            return found
    refusal = _by_cause(error) or _by_speaker(codes)
    return _refused(refusal, text, attempt) if refusal else not_oracle(attempt, text)


def not_oracle(attempt: Attempt, text: str = "what it says is not framed as packets") -> SyncError:
    """Return the error of a port behind which something else answers."""
    instance = attempt.target.instance
    return UnsupportedServer(
        f"What listens at {instance.host}:{instance.port} does not speak Oracle's protocol: "
        f"{text}.",
        instance=attempt.instance,
        phase=Phase.CONNECT,
        hint="Correct the instance's engine or port.",
    )


def _by_code(code: str, text: str, attempt: Attempt) -> SyncError | None:
    username = attempt.target.username
    if code in REJECTED:
        return AuthenticationError(
            f"{attempt.where} rejected the account {username!r}: {text}.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint=REJECTED[code],
        )
    if code == MAY_NOT_LOG_IN:
        missing = f"GRANT CREATE SESSION TO {identifier(username)};"
        return PrivilegeError(
            f"The account {username!r} may not log in to {attempt.where}: {text}.",
            missing=missing,
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint=it_needs(missing),
        )
    if code in NEEDS_CLIENT:
        return ConfigurationError(
            f"{attempt.where} asks for what only Oracle's client libraries can do, such as native "
            f"network encryption: {text}.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint=USE_CLIENT,
        )
    if code in UNSUPPORTED:
        return UnsupportedServer(
            f"{attempt.where} can't be used: {text}.",
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint=UNSUPPORTED[code],
        )
    return _refused(REFUSALS[code], text, attempt) if code in REFUSALS else None


def _refused(refusal: Refusal, text: str, attempt: Attempt) -> SyncError:
    return ConnectError(
        f"{attempt.where} could not be reached ({refusal.reason}): {text}.",
        reason=refusal.reason,
        instance=attempt.instance,
        hint=refusal.hint,
    )


def handshake_timeout(attempt: Attempt) -> SyncError:
    """Return the error of a connection that was not made within the instance's limit."""
    seconds = attempt.target.instance.timeouts.connect_seconds
    return ConnectError(
        f"{attempt.where} could not be reached ({ConnectReason.TIMEOUT}): no connection was "
        f"completed within {seconds:g} seconds.",
        reason=ConnectReason.TIMEOUT,
        instance=attempt.instance,
        hint="Check the network, and that an Oracle listener answers at that port (TCP or TCPS, "
        "as the TLS mode says).",
    )


def client_error(error: Exception, instance: str, directory: str) -> SyncError:
    """Map what was raised while Oracle's client libraries were loaded."""
    return ConfigurationError(
        f"Oracle's client libraries in {directory!r} can't be used: {sentence(error)}.",
        instance=instance,
        phase=Phase.CONFIGURE,
        hint=f"Correct {SETTING}, and restart the processes.",
    )


def query_error(error: Exception, instance: str) -> SyncError:
    """Map what was raised while a catalog query ran."""
    codes, text = codes_of(error), sentence(error)
    if any(code in DENIED for code in codes):
        return PrivilegeError(f"Oracle refused a catalog query: {text}.", instance=instance)
    if any(code in TIMED_OUT for code in codes):
        return QueryTimeout(
            f"A catalog query took too long: {text}.",
            instance=instance,
            hint="Look for locks on the catalog, or raise the statement timeout.",
        )
    if any(code in NOT_OPEN for code in codes):
        return ConnectError(
            f"Oracle's database is not open: {text}.",
            reason=MOUNTED.reason,
            instance=instance,
            phase=Phase.COLLECT,
            hint=MOUNTED.hint,
        )
    if _is_lost(error, codes):
        return _lost(text, instance)
    return QueryError(
        f"Oracle answered a catalog query with an error: {text}.",
        instance=instance,
        retryable=any(code in RETRYABLE for code in codes),
    )


def statement_timeout(instance: str, seconds: float) -> SyncError:
    """Return the error of a statement that the client gave up."""
    return QueryTimeout(
        f"A catalog query was not answered within its limit of {seconds:g} seconds.",
        instance=instance,
        hint="Look for locks on the catalog, or raise the statement timeout.",
    )


def aborted(instance: str) -> SyncError:
    """Return the error of a connection that was broken from this side."""
    return _lost("it was closed before the answer came", instance)


def codes_of(error: BaseException) -> tuple[str, ...]:
    """Return the codes that an error names, the innermost first, wrappers left out."""
    text = _WRAPPER.sub("", str(error))
    found = [_code(kind, number) for kind, number in _CODE.findall(text)]
    full = getattr(error.args[0], "full_code", None) if error.args else None
    if full and not found:
        found = [_code(*str(full).split("-", 1))] if full != "DPY-6005" else []
    reasons = [code for code in found if code not in WARNINGS]
    return tuple(dict.fromkeys(reasons or found))


def is_of_trigger(code: str) -> bool:
    """Return whether a trigger failed, by itself or by what people's own code raises.

    Database Error Messages: ORA-20000 to ORA-20999 are left to people (RAISE_APPLICATION_ERROR).
    """
    return code == TRIGGER_FAILED or (code.startswith("ORA-20") and len(code) == _LENGTH)


def sentence(error: BaseException) -> str:
    """Return a message on one line, without wrapper, links and full stop."""
    text = _NOISE.sub("", _WRAPPER.sub("", str(error)))
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def _code(kind: str, number: str) -> str:
    """Return a code in full: listeners and networks say TNS for the same number."""
    return f"ORA-{number:0>5}" if kind in ("ORA", "TNS") else f"{kind}-{number}"


def _by_cause(error: BaseException) -> Refusal | None:
    cause = error.__cause__ or error
    descent = [kind.__name__ for kind in type(cause).__mro__]
    return next((refusal for name, refusal in BY_CAUSE if name in descent), None)


def _by_speaker(codes: tuple[str, ...]) -> Refusal | None:
    """Return what an unknown code means by who said it; None: nobody that is Oracle."""
    if any(code.startswith(("ORA-12", "DPY-6")) for code in codes):
        return OF_LISTENER
    return OF_SERVER if any(code.startswith("ORA-") for code in codes) else None


def _is_lost(error: Exception, codes: tuple[str, ...]) -> bool:
    if any(code in REFUSALS for code in codes):
        return True
    return isinstance(error, oracledb.InterfaceError | OSError)


def _lost(text: str, instance: str) -> SyncError:
    return ConnectError(
        f"The connection to Oracle was lost: {text}.",
        reason=ConnectReason.LOST,
        instance=instance,
        phase=Phase.COLLECT,
        hint="Check the server's alert log.",
    )
