"""Bounded, read-only psycopg connections.

libpq collects a whole message, however long, before it says that there is one; the bytes
that arrive are therefore counted by the kernel and looked at from outside (`Guard`). Rows
are taken as they come, in libpq's chunked or single-row mode.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Any

import psycopg
import psycopg.conninfo
import psycopg.generators
from psycopg.rows import dict_row

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.postgresql.text import use
from sync_pipeline.engines.postgresql.wire.errors import (
    PRODUCT,
    could_do_without_tls,
    may_be_counted,
    query_error,
)
from sync_pipeline.engines.postgresql.wire.interruptions import settings_lost
from sync_pipeline.engines.postgresql.wire.missing import LACKING, lacking, names_in
from sync_pipeline.engines.postgresql.wire.reading import Columns, RowCursor
from sync_pipeline.engines.postgresql.wire.session import begin
from sync_pipeline.engines.troubles import Peer
from sync_pipeline.engines.wire.budget import Arriving
from sync_pipeline.engines.wire.calls import Call, CallAborted, CallTimeout
from sync_pipeline.engines.wire.limits import READ_AHEAD_BYTES
from sync_pipeline.engines.wire.links import (
    Breach,
    Guard,
    answering_first,
    breached,
    received,
    resolve,
    shut,
)
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import PrivilegeError, SyncError
from sync_pipeline.model.instance import TlsMode

CLIENT_MARGIN_SECONDS = 5.0
"""How much longer than the server's own limit the client waits for an answer."""

LOGIN_MARGIN_SECONDS = 0.5
_ENCODING = (
    "SELECT pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding "
    "FROM pg_catalog.pg_database AS d WHERE d.datname = %(database)s"
)
_WITHOUT = {"sslmode": str(TlsMode.DISABLE)}
_TOO_LATE = "connection timeout expired"
_EVENTS = {1: select.POLLIN, 2: select.POLLOUT, 3: select.POLLIN | select.POLLOUT}
"""By psycopg's words: 1 waits for reading, 2 for writing."""


class PostgreSqlConnection:
    """A psycopg connection whose statements share one repeatable-read, read-only transaction.

    It begins with the first statement, sets the parameters of the session before that, and
    lasts until `rest` or an error. `own` is the instance's own database where this
    connection is to another one: names that all databases share are read by its encoding.
    """

    def __init__(
        self, raw: psycopg.Connection[dict[str, Any]], target: Target, own: str | None = None
    ) -> None:
        self._raw = raw
        # Transactions are begun here, by a message that also says what is in force in them.
        raw.autocommit = True
        self._target = target
        self._instance = target.instance.name
        self._breaker = socket.socket(fileno=os.dup(raw.fileno()))
        self._own = own
        encoding = raw.info.parameter_status("server_encoding") or "UTF8"
        self._texts = use(raw, encoding, encoding)
        self._arriving = Arriving(target.usage)

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT; without parameters a percent sign is only a percent sign."""
        return self.read(sql, parameters).dicts()

    def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> PackedRows:
        """Run one SELECT, and keep its rows packed."""
        seconds = self._target.statement_seconds + CLIENT_MARGIN_SECONDS
        limits = self._target.limits
        guard = Guard(
            self._breaker,
            self._target.within(seconds),
            limits.result_bytes,
            limits.stretch_bytes,
            self._arriving,
        )
        with guard:
            try:
                return self._rows(sql, parameters, guard)
            except (SyncError, MemoryError):
                self._raw.close()
                raise
            except Exception as error:  # noqa: BLE001 - what a server sends may be anything
                raise self._mapped(error, guard, seconds, sql) from None

    def rest(self) -> None:
        """End the transaction: it must not wait while something else is done."""
        if self._is_begun:
            with contextlib.suppress(SyncError):
                self.fetch("COMMIT")

    def abort(self) -> None:
        """Shut the socket, so that a read that waits for the server returns."""
        shut(self._breaker)

    def close(self) -> None:
        """Close without raising."""
        with contextlib.suppress(psycopg.Error):
            self._raw.close()
        self._breaker.close()

    @property
    def _is_begun(self) -> bool:
        return self._raw.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE

    def _rows(self, sql: str, parameters: Mapping[str, object] | None, guard: Guard) -> PackedRows:
        if not self._is_begun:
            self._begin(guard)
        return self._answer(sql, parameters, guard)

    def _begin(self, guard: Guard) -> None:
        """Begin a transaction with our parameters, and learn how shared names are encoded."""
        number = self._raw.info.server_version
        text = begin((number // 10000,), self._target.statement_seconds)
        changed = self._answer(text, None, guard).dicts()
        if changed:
            raise settings_lost(self._instance, changed)
        if self._own is not None:
            found = self._answer(_ENCODING, {"database": self._own}, guard).dicts()
            here = self._raw.info.parameter_status("server_encoding") or "UTF8"
            shared = str(found[0]["encoding"]) if found else "UTF8"
            self._texts = use(self._raw, shared, here)
            self._own = None

    def _answer(
        self, sql: str, parameters: Mapping[str, object] | None, guard: Guard
    ) -> PackedRows:
        found = PackedRows(self._target.meter)

        def take(names: list[str], rows: list[tuple[Any, ...]], texts: Columns) -> None:
            found.add(names, rows, texts)
            guard.progress()

        try:
            RowCursor(self._raw, self._texts).read(sql.encode(), parameters, take)
            return found.end()
        except BaseException:
            found.drop()  # the error holds `take`, which holds them
            raise

    def _mapped(self, error: Exception, guard: Guard, seconds: float, sql: str) -> SyncError:
        limit = breached(guard.breach, self._target.limits, self._instance)
        if limit is not None:
            return limit
        if guard.breach is Breach.TIME:
            return Peer(PRODUCT, self._instance).unanswered(seconds)
        mapped = query_error(error, self._instance)
        with contextlib.suppress(psycopg.Error):
            self._raw.rollback()
        return self._explained(mapped, sql) if isinstance(mapped, PrivilegeError) else mapped

    def _explained(self, refused: PrivilegeError, sql: str) -> SyncError:
        """Return a refusal with the grant that is missing, where the server says that it is."""
        if sql == LACKING:
            return refused
        try:
            found = self.fetch(LACKING, {"names": names_in(sql)})
        except SyncError:
            refused.hint = "Which grant is missing could not be read."
            return refused
        return lacking(refused, found, self._target.username)


def opened(target: Target, parameters: Mapping[str, Any]) -> psycopg.Connection[dict[str, Any]]:
    """Open a session with libpq's parameters, all of it within the limit for connecting.

    psycopg's own limit begins anew with every address, and after the name was resolved. The
    login is made beside, because a server decides how long libpq derives a key from the
    password (RFC 5802, the iteration count): libpq has no limit, and does not come back.

    Raises:
        psycopg.Error: no address let us in, or none in time.
        UnicodeError: a parameter can't be encoded.
        SyncError: ResultLimit, or ConnectionLimit where too many calls were left behind, or a
            login at this server.
    """
    ends_at = time.monotonic() + target.connect_seconds
    failure: psycopg.Error = psycopg.errors.ConnectionTimeout(_TOO_LATE)
    for address, tls in product(_addresses(target), _tls_modes(parameters)):
        if tls == _WITHOUT and not could_do_without_tls(failure):
            continue
        info = psycopg.conninfo.make_conninfo("", **{**parameters, **tls}, **address)
        login = Call(
            partial(_logged_in, info, ends_at, target),
            f"{target.instance.host}:{target.instance.port}",
        )
        try:
            raw = login.result(ends_at - time.monotonic() + LOGIN_MARGIN_SECONDS, _nothing)
            return psycopg.Connection(raw, row_factory=dict_row)
        except (CallTimeout, CallAborted):
            break
        except psycopg.Error as error:
            failure = error
            if may_be_counted(error):
                break  # each further address would count it again
    raise failure


def _tls_modes(parameters: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """Return what is tried at each address, one after the other.

    With `prefer` libpq itself sends a password that was rejected once more without TLS.
    """
    if parameters.get("sslmode") != TlsMode.PREFER:
        return ({},)
    return ({"sslmode": str(TlsMode.REQUIRE)}, _WITHOUT)


def _addresses(target: Target) -> list[dict[str, str]]:
    """Return libpq's parameter for each address; nothing more where the host is a directory."""
    instance = target.instance
    if instance.host.startswith("/"):
        return [{}]
    try:
        found = resolve(instance.host, instance.port, target.connect_seconds)
        if len(found) > 1:
            # libpq tries them one after another: a silent one would use up all the time.
            found = answering_first(found, instance.port, target.connect_seconds / 2)
    except TimeoutError as error:
        raise psycopg.errors.ConnectionTimeout(str(error)) from None
    except OSError as error:
        text = f"failed to resolve host {instance.host!r}: {error}"
        raise psycopg.OperationalError(text) from None
    return [{"hostaddr": address} for address in found]


def _logged_in(info: str, ends_at: float, target: Target) -> psycopg.pq.abc.PGconn:
    """Drive libpq through a login, and count what arrives meanwhile."""
    steps = psycopg.generators.connect(info)
    try:
        link, wanted = next(steps)
        while True:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise psycopg.errors.ConnectionTimeout(_TOO_LATE)
            ready = _ready(link, int(wanted), left)
            _require_little(link, target)
            link, wanted = steps.send(ready)
    except StopIteration as done:
        raw: psycopg.pq.abc.PGconn = done.value
        return raw
    finally:
        steps.close()


def _ready(link: int, wanted: int, seconds: float) -> Any:
    """Wait for a descriptor; return what it is ready for, as psycopg's generators take it."""
    poll = select.poll()
    poll.register(link, _EVENTS[wanted])
    found = poll.poll(seconds * 1000)
    return wanted if found else 0


def _require_little(link: int, target: Target) -> None:
    """Refuse a login for which more comes than a login needs.

    Raises:
        ResultLimit: it is more than a login and a value could be.
    """
    with socket.socket(fileno=os.dup(link)) as duplicate:
        if received(duplicate) > READ_AHEAD_BYTES:
            raise target.limits.too_large_login(target.instance.name, READ_AHEAD_BYTES)


def _nothing() -> None:
    """Do nothing with a login that comes too late: its connection is garbage."""
