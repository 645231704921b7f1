"""The errors of python-oracledb become the taxonomy: by code first, message text last."""

from __future__ import annotations

import re
from dataclasses import dataclass

import oracledb

from sync_pipeline.certificates import ADVICE, malformed
from sync_pipeline.engines import troubles
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
    WRONG_SECRET,
)
from sync_pipeline.engines.troubles import Peer, Refusal, Trouble, one_line
from sync_pipeline.errors import (
    ConfigurationError,
    ConnectError,
    ConnectReason,
    Phase,
    PrivilegeError,
    SyncError,
    UnsupportedServer,
)
from sync_pipeline.model.gap import it_needs

PRODUCT = "Oracle"
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
    def peer(self) -> Peer:
        """Return who was asked: host, port and service."""
        target = self.target
        return Peer.of(PRODUCT, target.instance, target.username, f"/{self.service}")


def connect_error(error: BaseException, attempt: Attempt) -> SyncError:
    """Map what was raised while a connection was opened."""
    if isinstance(error, SyncError):
        return error
    # What can't be decoded came from the server.
    if isinstance(error, UnicodeError) and not isinstance(error, UnicodeDecodeError):
        return attempt.peer.error(troubles.NOT_ENCODABLE)
    codes, text = codes_of(error), sentence(error)
    fault = malformed(error)
    if fault:
        return attempt.peer.unreachable(ConnectReason.TLS, fault, ADVICE)
    if any(map(is_of_trigger, codes)):
        return attempt.peer.error(troubles.REJECTED_BY_TRIGGER, text, OF_TRIGGER)
    coded = filter(None, (_by_code(code, text, attempt) for code in codes))
    return next(coded, None) or _unknown(error, codes, text, attempt)


def _unknown(
    error: BaseException, codes: tuple[str, ...], text: str, attempt: Attempt
) -> SyncError:
    refusal = _by_cause(error) or _by_speaker(codes)
    if refusal is None:
        return not_oracle(attempt, text)
    return attempt.peer.unreachable(refusal.reason, text, refusal.hint)


def not_oracle(attempt: Attempt, text: str = "what it says is not framed as packets") -> SyncError:
    """Return the error of a port behind which something else answers."""
    return attempt.peer.error(troubles.NOT_SPOKEN, text)


def _by_code(code: str, text: str, attempt: Attempt) -> SyncError | None:
    peer = attempt.peer
    if code in REJECTED:
        trouble = troubles.WRONG_SECRET if code == WRONG_SECRET else troubles.REJECTED
        return peer.error(trouble, text, REJECTED[code])
    if code == MAY_NOT_LOG_IN:
        missing = f"GRANT CREATE SESSION TO {identifier(peer.username)};"
        return PrivilegeError(
            f"The account {peer.username!r} may not log in to {peer.where}: {text}.",
            missing=missing,
            instance=attempt.instance,
            phase=Phase.CONNECT,
            hint=it_needs(missing),
        )
    if code in NEEDS_CLIENT:
        return peer.error(_NEEDS_CLIENT, text)
    if code in UNSUPPORTED:
        return peer.error(_UNUSABLE, text, UNSUPPORTED[code])
    refusal = REFUSALS.get(code)
    return peer.unreachable(refusal.reason, text, refusal.hint) if refusal else None


_NEEDS_CLIENT = Trouble(
    ConfigurationError,
    "{where} asks for what only Oracle's client libraries can do, such as native network "
    "encryption: {text}.",
    USE_CLIENT,
)
_UNUSABLE = Trouble(UnsupportedServer, "{where} can't be used: {text}.")


def handshake_timeout(attempt: Attempt) -> SyncError:
    """Return the error of a connection that was not made within the instance's limit."""
    return attempt.peer.unfinished(
        "connection",
        attempt.target.instance.timeouts.connect_seconds,
        "",
        "Check the network, and that an Oracle listener answers at that port (TCP or TCPS, as the "
        "TLS mode says).",
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
    peer = Peer(PRODUCT, instance)
    if not DENIED.isdisjoint(codes):
        return peer.error(troubles.DENIED, text)
    if not TIMED_OUT.isdisjoint(codes):
        return peer.error(troubles.SLOW, text)
    if not NOT_OPEN.isdisjoint(codes):
        return peer.error(_NOT_OPEN, text)
    if _is_lost(error, codes):
        return _lost(text, instance)
    is_passing = not RETRYABLE.isdisjoint(codes)
    return peer.error(troubles.FAILED, f"an error: {text}", retryable=is_passing)


_NOT_OPEN = Trouble(
    ConnectError,
    "Oracle's database is not open: {text}.",
    MOUNTED.hint,
    Phase.COLLECT,
    MOUNTED.reason,
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
    return one_line(text) or type(error).__name__


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
    return Peer(PRODUCT, instance).error(troubles.LOST, text, "Check the server's alert log.")
