"""The process that listens: it hands each connection to one that answers, and keeps those.

It has no thread and no connection to the store, so that another one can be forked off it at any
time. It counts connections for all; the rest of the limits are on the board that all share.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from sync_pipeline.parents import end_with_parent
from sync_pipeline.web.punctual import TOO_MANY
from sync_pipeline.web.shares import Clients
from sync_pipeline.web.workers.board import Board
from sync_pipeline.web.workers.worker import PLACE

_LOG = logging.getLogger("sync_pipeline")
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_STOP = 8.0
"""What is being answered has 5 of these."""
SHORTEST_WAIT, LONGEST_WAIT, SECONDS_OF_A_GOOD_START = 0.5, 30.0, 60.0
MOST_AT_A_TIME, MOST_REFUSED = 32, 64
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    b"content-length: 45\r\n\r\nThe console has too many connections. Wait.  "
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_WAKING = (*_SIGNALS, signal.SIGCHLD)


class Lifeline(Protocol):
    """The line to whoever keeps this process."""

    def fileno(self) -> int:
        """Return its descriptor."""

    def hear(self) -> None:
        """Hear what was said; end this process where the line is broken."""


@dataclass(slots=True)
class Worker:
    """One of the processes; `pid` None: it is started again at `due`."""

    number: int
    pid: int | None = None
    line: socket.socket | None = None
    started_at: float = 0.0
    due: float = 0.0
    wait: float = SHORTEST_WAIT
    beat: int = 0
    silent: int = 0

    def close(self) -> None:
        """Leave its line."""
        if self.line is not None:
            self.line.close()
        self.pid, self.line = None, None


@dataclass(slots=True)
class Keeping:
    """What is to be kept: `answer` is done in each process, with its number and its line.

    One that is silent for so many seconds is killed. A client may have `most` connections.
    """

    listener: socket.socket
    board: Board
    processes: int
    answer: Callable[[int, socket.socket], None]
    clients: Clients
    most: int
    silence_seconds: float
    lifeline: Lifeline | None = None
    workers: list[Worker] = field(init=False)
    _is_ending: bool = False
    _refused: deque[socket.socket] = field(default_factory=deque)
    _looked_at: float = 0.0
    _last: int = 0

    def __post_init__(self) -> None:
        self.workers = [Worker(number + 1) for number in range(self.processes)]

    def run(self) -> None:
        """Keep them until SIGINT or SIGTERM."""
        self.listener.settimeout(0)
        with self._signals() as waking:
            try:
                while not self._is_ending:
                    self._reap()
                    self._start_due()
                    if time.monotonic() - self._looked_at >= SECONDS_BETWEEN_LOOKS:
                        self._look()
                    self._wait(waking)
            finally:
                self._end()

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """Yield what can be read when there was a signal; put back at last what was before."""
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        before = {number: signal.signal(number, self._note) for number in _WAKING}
        woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reading)
            os.close(writing)

    def _note(self, number: int, _frame: object) -> None:
        if number in _SIGNALS:
            self._is_ending = True

    def _wait(self, waking: int) -> None:
        """Wait for a connection, a signal, or the next look."""
        poll = select.poll()
        poll.register(waking, select.POLLIN)
        if self.lifeline is not None:
            poll.register(self.lifeline.fileno(), select.POLLIN)
        is_ready = any(self._ready())
        if is_ready:
            poll.register(self.listener, select.POLLIN)
        # One that was just started is ready in a moment: who waits for it should wait no longer.
        ready = dict(poll.poll((SECONDS_BETWEEN_LOOKS if is_ready else 0.02) * 1000))
        if waking in ready:
            with suppress(BlockingIOError):
                os.read(waking, 4096)
        if self.lifeline is not None and self.lifeline.fileno() in ready:
            self.lifeline.hear()
        if self.listener.fileno() in ready:
            self._accept()

    def _ready(self) -> Iterator[tuple[int, socket.socket]]:
        """Yield the number and the line of each process that takes connections."""
        for item in self.workers:
            if item.line is not None and self.board.beats.of(item.number):
                yield item.number, item.line

    def _accept(self) -> None:
        for _ in range(MOST_AT_A_TIME):
            try:
                connection, address = self.listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # Who came has gone, or there are no descriptors: those are not there at once.
                time.sleep(0.01)
                return
            self._place(connection, str(address[0]) if address else "")

    def _place(self, connection: socket.socket, address: str) -> None:
        slots = self.board.connections
        client, place = self.clients.of_connection(address), slots.free()
        if place is None:
            self._refuse(connection, _FULL)
        elif len(slots.of(client)) >= self.most:
            self._refuse(connection, TOO_MANY)
        elif self._hand_over(connection, place, client):
            connection.close()
        else:
            self._refuse(connection, _FULL)

    def _hand_over(self, connection: socket.socket, place: int, client: str) -> bool:
        """Give a connection to the process that has the fewest; return whether one took it."""
        slots = self.board.connections
        # Of those that have as many, the next one in turn.
        ready = sorted(
            self._ready(), key=lambda item: (len(slots.owned(item[0])), item[0] <= self._last)
        )
        for number, line in ready:
            slots.put(place, number, client)
            try:
                socket.send_fds(line, [PLACE.pack(place)], [connection.fileno()])
            except OSError:
                # It takes no more, or has ended.
                slots.leave(place)
            else:
                self._last = number
                return True
        return False

    def _refuse(self, connection: socket.socket, sentence: bytes) -> None:
        """Say why not. It is closed a while later: what was sent and not read would undo that."""
        connection.settimeout(0)
        with suppress(OSError):
            connection.send(sentence)
            connection.shutdown(socket.SHUT_WR)
        self._refused.append(connection)
        while len(self._refused) > MOST_REFUSED:
            self._refused.popleft().close()

    def _look(self) -> None:
        """Kill who gives no sign of life. Looks count, and not time: we may have been stopped."""
        self._looked_at = time.monotonic()
        while self._refused:
            self._refused.popleft().close()
        for worker in self.workers:
            if worker.pid is None:
                continue
            beat = self.board.beats.of(worker.number)
            worker.silent = worker.silent + 1 if beat == worker.beat else 0
            worker.beat = beat
            if worker.silent * SECONDS_BETWEEN_LOOKS >= self.silence_seconds:
                _LOG.warning("A process of the console gives no sign of life; it is replaced.")
                os.kill(worker.pid, signal.SIGKILL)
                worker.silent = 0

    def _reap(self) -> None:
        for worker in self.workers:
            if worker.pid is None:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                continue
            worker.close()
            self.board.clear(worker.number)
            if self._is_ending:
                continue
            now = time.monotonic()
            if now - worker.started_at > SECONDS_OF_A_GOOD_START:
                worker.wait = SHORTEST_WAIT
            _LOG.warning(
                "A process of the console ended with status %s; starting it again in %.1f seconds.",
                os.waitstatus_to_exitcode(status),
                worker.wait,
            )
            worker.due = now + worker.wait
            worker.wait = min(worker.wait * 2, LONGEST_WAIT)

    def _start_due(self) -> None:
        for worker in self.workers:
            if worker.pid is None and time.monotonic() >= worker.due:
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.settimeout(0)
        keeper = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            mine.close()
            theirs.close()
            _LOG.warning("The console could not start a process: %s", error.strerror)
            worker.due = time.monotonic() + LONGEST_WAIT
            return
        if not pid:
            mine.close()
            self._answer(worker.number, theirs, keeper)
        theirs.close()
        worker.pid, worker.line = pid, mine
        worker.started_at, worker.silent, worker.beat = time.monotonic(), 0, 0

    def _answer(self, number: int, line: socket.socket, keeper: int) -> NoReturn:
        """Be one of the processes; nothing of the keeper is done in it, not even at its end."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for waking in _WAKING:
                signal.signal(waking, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            end_with_parent(keeper)
            self.listener.close()
            for other in self.workers:
                other.close()
            if self.lifeline is not None:
                os.close(self.lifeline.fileno())
            self.answer(number, line)
            status = 0
        except BaseException as error:  # noqa: BLE001 - told, and this process ends
            _LOG.error("A process of the console failed: %s", error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _end(self) -> None:
        """End all: those that answer have a while, unless there is another signal."""
        self.listener.close()
        self._is_ending = False
        self._tell(signal.SIGTERM)
        end = time.monotonic() + SECONDS_TO_STOP
        while time.monotonic() < end and not self._is_ending and self._are_left():
            time.sleep(0.02)
        self._is_ending = True
        self._tell(signal.SIGKILL)
        while self._are_left():
            time.sleep(0.01)

    def _are_left(self) -> bool:
        for worker in self.workers:
            if worker.pid is not None and os.waitpid(worker.pid, os.WNOHANG)[0]:
                worker.close()
        return any(item.pid is not None for item in self.workers)

    def _tell(self, number: int) -> None:
        for worker in self.workers:
            if worker.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, number)
