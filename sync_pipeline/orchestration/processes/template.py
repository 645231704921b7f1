"""A process that has everything imported, of which the processes of runs are forked.

A fresh interpreter imports for two seconds of CPU before a run can begin; a fork has what its
template has. The template is Python's own fork server (`multiprocessing.forkserver`). Python
would start that as a fresh interpreter too; here it is forked off the process that asks it, the
code server, before that has any thread or connection. See ADR 0039.
"""

from __future__ import annotations

import errno
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, popen_forkserver, reduction
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, NoReturn

from sync_pipeline.parents import end_with_parent
from sync_pipeline.settings import Settings, StepExecutor

_LOG = logging.getLogger("sync_pipeline")
_TO_ALL = (signal.SIGTERM, signal.SIGHUP)
"""What a service manager may send to every process: a run ends by it, and its template later."""


_FORK, _RECEIVE = os.fork, reduction.recvfds
_NOBODY_TOLD = 255
"""What Python's fork server takes for the status of a process where it can't be asked any more."""
SECONDS_TO_TRY_AGAIN = 0.2


class _Started(popen_forkserver.Popen):
    """How the code server knows a process of a run."""

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return its exit status; of one that ended with its template, how that was."""
        if super().poll(flag) == _NOBODY_TOLD:
            self.returncode = -signal.SIGKILL
        return self.returncode


class RunProcess(ForkServerProcess):
    """A process of a run. It ends with its template, which would have told of its end.

    Without it the code server takes the run for dead, and Dagster says so.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> _Started:  # noqa: N802 - Python's name
        return _Started(process_obj)

    def run(self) -> None:
        """Do what the process is for."""
        end_with_parent(os.getppid())
        for number in _TO_ALL:
            signal.signal(number, signal.SIG_DFL)
        os.fork = _FORK
        gc.enable()
        with _steps():
            super().run()


@contextmanager
def _steps() -> Iterator[None]:
    """Fork a template for the steps of a run, where each is a process of its own."""
    if Settings.load().executor is not StepExecutor.MULTIPROCESS:
        yield
        return
    server: Any = forkserver._forkserver  # noqa: SLF001 - where this process was asked for
    address = Path(server._forkserver_address).with_name(f"{os.getpid()}.sock")  # noqa: SLF001
    fork_template(address, [])
    try:
        yield
    finally:
        address.unlink(missing_ok=True)


class RunContext(ForkServerContext):
    """Makes processes of runs."""

    Process = RunProcess


def has_threads() -> bool:
    """Return whether this process can't be forked, because it has threads, and say so."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        _LOG.warning("Runs start slowly: this process has %d threads before it begins.", threads)
    return threads > 1


def fork_when_it_can() -> int:
    """Fork; wait where the machine has no room for another process now.

    The fork server would end by the error, and with it all the runs that go on.
    """
    while True:
        try:
            return _FORK()
        except OSError as error:
            _LOG.warning("The process of a run can't be made yet: %s", error.strerror)
            time.sleep(SECONDS_TO_TRY_AGAIN)


def _asked(sock: socket.socket, size: int) -> list[int]:
    """Return what a request hands over. One that ended before is given up, and no more than it."""
    try:
        return list(_RECEIVE(sock, size))
    except (EOFError, RuntimeError):
        raise ConnectionAbortedError(errno.ECONNABORTED, "nothing was asked for") from None


def fork_template(address: Path, modules: Sequence[str]) -> BaseContext:
    """Fork a template of this process, and return what makes processes of it.

    It listens at `address`, in a directory that no other user may enter, and ends when this
    process and all that were made of it have ended. One that was killed is replaced by a fresh
    interpreter that imports `modules`.

    A process that has threads already, by something that was put into its interpreter, can't be
    forked: then each process of a run is a fresh interpreter.
    """
    if has_threads():
        return multiprocessing.get_context("spawn")
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address))
    address.chmod(0o600)
    listener.listen()
    alive_read, alive_write = os.pipe()
    gc.freeze()  # what is collected is written to, and what is written to is not shared
    process = os.fork()
    if process == 0:
        os.close(alive_write)
        _serve(listener.detach(), alive_read)
    listener.close()
    os.close(alive_read)
    server: Any = forkserver._forkserver  # noqa: SLF001 - Python has no other way to one of ours
    server._forkserver_address = str(address)  # noqa: SLF001
    server._forkserver_alive_fd = alive_write  # noqa: SLF001
    server._forkserver_pid = process  # noqa: SLF001
    server.set_forkserver_preload(list(modules))
    return RunContext()


def _serve(listener: int, alive: int) -> NoReturn:
    """Fork at each request until nobody is left who could make one."""
    try:
        os.fork = fork_when_it_can
        reduction.recvfds = _asked
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what its children have
        for number in _TO_ALL:
            signal.signal(number, signal.SIG_IGN)
        forkserver.main(listener, alive, [])
    except SystemExit:
        pass
    except BaseException:  # noqa: BLE001 - this process is nobody's block
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
