"""A driver's session in a process of its own, so that it can crash or hang alone.

`connect_in_child` gives a `Connection` for any function that opens one. The process has no
secret in its arguments or environment, limits of memory and processor time, and ends with
this process. It is no sandbox: it is the same user.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import sync_pipeline
from sync_pipeline.engines.base import Target
from sync_pipeline.engines.wire.child_wire import (
    Malformed,
    Message,
    error_of,
    packed,
    receive,
    table_of,
)
from sync_pipeline.engines.wire.limits import MEBIBYTE, ReadLimits
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import (
    ConnectError,
    ConnectReason,
    MemoryExhausted,
    Phase,
    QueryError,
    QueryTimeout,
    SyncError,
)

START_SECONDS = 30.0
"""How long a process may take to begin on a machine that is busy."""
STATEMENT_MARGIN_SECONDS = 6.0
"""How much longer than a statement's limit its answer may take: the driver's own margin first."""
CONNECT_MARGIN_SECONDS = 1.0
CLOSE_SECONDS = 5.0
ABORT_SECONDS = 0.3
CPU_MARGIN_SECONDS = 30.0
BASE_BYTES = 256 * MEBIBYTE
BYTES_A_BYTE = 8
"""What one byte of an answer may take in memory: a driver's objects, and the rows as text."""

_RUN = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from sync_pipeline.engines.wire.child_main import main; main()"
)
_NAMES = frozenset(
    {
        "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TEMP",
        "TMP", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
    }
)  # fmt: skip
_PREFIXES = ("DYLD_", "LC_", "LD_", "NLS_", "ORA_", "ORACLE_", "PYTHON", "TNS_")


def memory_bytes(limits: ReadLimits) -> int:
    """Return how much memory a driver's process may have."""
    return BASE_BYTES + BYTES_A_BYTE * limits.stretch_bytes


def environment_of_driver(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a driver reads; none of them is a secret."""
    return {
        name: value
        for name, value in environment.items()
        if name in _NAMES or name.startswith(_PREFIXES)
    }


class DriverProcess:
    """One process of a driver; it is always waited for, so that none stays as a zombie."""

    def __init__(self, opener: str) -> None:
        self.is_aborted = False
        self._lock = threading.Lock()
        self.link, theirs = socket.socketpair()
        life, self._life = os.pipe()
        root = str(Path(sync_pipeline.__file__).parent.parent)
        numbers = (theirs.fileno(), life)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-c", _RUN, root, opener, *map(str, numbers)],
                env=environment_of_driver(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=numbers,
            )
        except OSError:
            self.link.close()
            os.close(self._life)
            raise
        finally:
            theirs.close()
            os.close(life)

    def end(self, seconds: float = 0) -> int:
        """Wait so long for the end, then kill; return the status as `subprocess` does."""
        with self._lock:
            try:
                status = self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                status = self._process.wait()
            self.link.close()
            if self._life >= 0:
                os.close(self._life)
                self._life = -1
            return status

    def abort(self) -> None:
        """Let the driver break its session, and end the process soon, from another thread."""
        self.is_aborted = True
        with contextlib.suppress(OSError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ABORT_SECONDS)
        with contextlib.suppress(OSError):
            self._process.kill()


class ChildConnection:
    """A connection whose driver is in a process of its own."""

    def __init__(self, process: DriverProcess, target: Target) -> None:
        self._process = process
        self._target = target
        self._most_bytes = MEBIBYTE + BYTES_A_BYTE * target.limits.stretch_bytes

    def open(self, database: str | None) -> None:
        """Have the process begin, and the session opened.

        Raises:
            SyncError: whatever the opener raises, or what became of the process.
        """
        target = self._target
        ready = self._receive(target.within(START_SECONDS), Phase.CONNECT)
        self._check(ready, Phase.CONNECT)
        seconds = target.connect_seconds
        self._send(self._opening(database), Phase.CONNECT)
        answer = self._receive(seconds + CONNECT_MARGIN_SECONDS, Phase.CONNECT)
        self._check(answer, Phase.CONNECT)

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT and return its rows by column name."""
        return self.read(sql, parameters).dicts()

    def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> PackedRows:
        """Run one SELECT, and keep its rows packed."""
        target = self._target
        ends_at = time.monotonic() + target.within(
            target.statement_seconds + STATEMENT_MARGIN_SECONDS
        )
        self._send({"sql": sql, "parameters": dict(parameters or {})}, Phase.COLLECT)
        found = PackedRows(target.meter)
        try:
            while True:
                answer = self._receive(ends_at - time.monotonic(), Phase.COLLECT)
                if "rows" not in answer:
                    self._check(answer, Phase.COLLECT)
                    return found.end()
                found.add(*self._understood(answer))
        except SyncError as error:
            if error.kind in ("result_limit", "query_timeout"):
                self._process.end()
            raise
        except MemoryError:
            self._process.end()
            raise

    def abort(self) -> None:
        """Break the connection from another thread."""
        self._process.abort()

    def close(self) -> None:
        """Let the driver say goodbye, and end its process."""
        with contextlib.suppress(OSError):
            self._process.link.shutdown(socket.SHUT_WR)
        self._process.end(self._target.within(CLOSE_SECONDS))

    def give_up(self) -> None:
        """End the process."""
        self._process.end()

    def _opening(self, database: str | None) -> Message:
        target, instance = self._target, self._target.instance
        ends_at = target.ends_at
        plain = replace(instance, last_connected_at=None, description=None)
        return {
            "instance": asdict(plain),
            "database": database,
            "username": target.username,
            "password": target.password.reveal(),
            "statement_seconds": target.statement_seconds,
            "options": dict(target.options),
            "limits": asdict(target.limits),
            "seconds_left": None if ends_at is None else ends_at - time.monotonic(),
            "most_bytes": self._most_bytes,
            "memory_bytes": memory_bytes(target.limits),
            "cpu_seconds": instance.timeouts.total_seconds + CPU_MARGIN_SECONDS,
        }

    def _send(self, message: Message, phase: Phase) -> None:
        try:
            self._process.link.settimeout(self._target.within(START_SECONDS))
            self._process.link.sendall(packed(message))
        except OSError:
            raise self._ended(phase) from None

    def _receive(self, seconds: float, phase: Phase) -> Message:
        try:
            return receive(self._process.link, self._most_bytes, time.monotonic() + seconds)
        except TimeoutError:
            if self._process.is_aborted:
                raise self._lost(phase) from None
            self._process.end()
            raise self._late(phase) from None
        except EOFError:
            raise self._ended(phase) from None
        except Malformed:
            raise self._no_answer(phase) from None

    def _check(self, answer: Message, phase: Phase) -> None:
        """Raise the error that an answer tells."""
        if answer in ({"ready": True}, {"done": True}):
            return
        if answer.get("error") == "memory":
            self._process.end()
            raise self._no_memory(phase)
        try:
            error = error_of(answer, self._target.instance.name)
        except Malformed:
            raise self._no_answer(phase) from None
        raise error

    def _understood(self, answer: Message) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            return table_of(answer)
        except Malformed:
            raise self._no_answer(Phase.COLLECT) from None

    @property
    def _where(self) -> str:
        instance = self._target.instance
        return f"{instance.host}:{instance.port}"

    def _ended(self, phase: Phase) -> SyncError:
        """Return the error of a process that is gone, whoever ended it."""
        if self._process.is_aborted:
            return self._lost(phase)
        status = self._process.end(1)
        how = f"status {status}" if status >= 0 else f"signal {-status} ({_signal(-status)})"
        return QueryError(
            f"The driver's process ended with {how} while it read the answer of {self._where}.",
            instance=self._target.instance.name,
            phase=phase,
            hint="Check what listens there, and whether this machine ran out of memory. If both "
            "are sound, report it: this is then a defect of the driver.",
        )

    def _no_answer(self, phase: Phase) -> SyncError:
        self._process.end()
        return QueryError(
            f"The driver's process did not make sense after it read the answer of {self._where}, "
            "and was ended.",
            instance=self._target.instance.name,
            phase=phase,
            hint="Check what listens there.",
        )

    def _no_memory(self, phase: Phase) -> SyncError:
        most = memory_bytes(self._target.limits) // MEBIBYTE
        return MemoryExhausted(
            f"The driver's process reached its limit of {most} MiB of memory while it read the "
            f"answer of {self._where}.",
            instance=self._target.instance.name,
            phase=phase,
            hint="Check what listens there; raise SYNC_PIPELINE_MAX_VALUE_BYTES, by which the "
            "limit is computed, where it is right.",
        )

    def _late(self, phase: Phase) -> SyncError:
        name = self._target.instance.name
        if phase is Phase.CONNECT:
            return ConnectError(
                f"{self._where} could not be reached ({ConnectReason.TIMEOUT}): the driver's "
                "process did not come back in time, and was ended.",
                reason=ConnectReason.TIMEOUT,
                instance=name,
                hint="Check the network and what listens there.",
            )
        return QueryTimeout(
            "A catalog query was not answered within its limit of "
            f"{self._target.statement_seconds:g} seconds; the driver's process was ended.",
            instance=name,
            phase=phase,
            hint="Look for locks on the catalog, or raise the statement timeout.",
        )

    def _lost(self, phase: Phase) -> SyncError:
        return ConnectError(
            f"The connection to {self._where} was lost: it was closed before the answer came.",
            reason=ConnectReason.LOST,
            instance=self._target.instance.name,
            phase=phase,
            hint="Check the server's log.",
        )


def connect_in_child(opener: str, target: Target, database: str | None) -> ChildConnection:
    """Return what `opener` opens (`module:function`, of a target and a database), in a process.

    Raises:
        SyncError: whatever the opener raises, or what became of the process.
    """
    try:
        process = DriverProcess(opener)
    except OSError as error:
        raise ConnectError(
            f"No process could be started for the driver: {error.strerror}.",
            reason=ConnectReason.TOO_MANY,
            instance=target.instance.name,
            hint="Raise this user's limits on processes and open files.",
        ) from None
    connection = ChildConnection(process, target)
    try:
        connection.open(database)
    except BaseException:
        connection.give_up()
        raise
    return connection


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
