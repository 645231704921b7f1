"""A process that was forked with all imported, and waits to be one of the processes of `up`."""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import util
from pathlib import Path
from subprocess import TimeoutExpired
from time import monotonic, sleep
from typing import NoReturn

ROOM = "-" * 1500
"""An argument that leaves room for the command lines of those that are forked."""
MOST_BYTES = 2**18
_ARGUMENTS = slice(45, 47)
"""Where proc_pid_stat(5) has arg_start and arg_end, after the name of the program."""


class Forked:
    """A process of `main`, as `subprocess.Popen` would have it; a child of this one."""

    def __init__(self, main: Callable[[], int]) -> None:
        self.returncode: int | None = None
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._orders, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
        self.pid = os.fork()
        if self.pid == 0:
            self._orders.close()
            _wait_and_be(theirs, main)
        theirs.close()

    def start(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        umask: int,
        descriptors: Sequence[int],
    ) -> None:
        """Let it begin; a descriptor has its number there too."""
        order = [list(command), str(directory), dict(environment), umask, list(descriptors)]
        socket.send_fds(self._orders, [json.dumps(order).encode()], list(descriptors))
        self._orders.close()

    def poll(self) -> int | None:
        """Return its status once it has ended."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        ends_at = monotonic() + (float("inf") if timeout is None else timeout)
        while (status := self.poll()) is None:
            if monotonic() > ends_at:
                raise TimeoutExpired("a forked process", timeout or 0)
            sleep(0.01)
        return status

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _wait_and_be(orders: socket.socket, main: Callable[[], int]) -> NoReturn:
    """Wait for the order to begin; without one, the process that could give it has ended."""
    status = 1
    try:
        text, received, _, _ = socket.recv_fds(orders, MOST_BYTES, 1)
        if not text:
            os._exit(0)
        status = _be(json.loads(text), received, main)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - this process is nobody's block
        traceback.print_exc()
    # Not what else is to be done at the end of a process: the one of which it was forked does it.
    util._exit_function()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _be(order: list[object], received: Sequence[int], main: Callable[[], int]) -> int:
    command, directory, environment, umask, descriptors = order
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    assert isinstance(descriptors, list)
    for has, wanted in zip(received, descriptors, strict=True):
        if has != wanted:
            os.dup2(has, wanted)
            os.close(has)
    os.setsid()
    os.umask(int(str(umask)))
    os.chdir(str(directory))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(environment)
    _show(command)
    sys.argv = ["", *command[3:]]
    logging.getLogger().handlers.clear()
    logging.getLogger("sync_pipeline").setLevel(logging.NOTSET)
    gc.freeze()
    return main()


def _show(command: Sequence[str]) -> None:
    """Have the system show this command line: tests find processes by it."""
    stat = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
    start, end = map(int, stat[_ARGUMENTS])
    text = "\0".join(command).encode()
    if len(text) >= end - start:
        raise ValueError("no room for the command line")
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
