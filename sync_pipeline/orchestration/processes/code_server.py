"""Dagster's code server, with a template of which the processes of its runs are forked.

It does what `dagster api grpc` does. Dagster's own starts a fresh interpreter for each run.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays

import argparse
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NoReturn

from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import FuturesAwareThreadPoolExecutor
from dagster._grpc.server import DagsterApiServer, DagsterGrpcServer
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.log import configure_loggers

from sync_pipeline.orchestration.processes.template import fork_template, has_threads
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported

_LOG = logging.getLogger("sync_pipeline")
PROGRAM = "grpc"
"""Named in the command line, so that people find the process where they look for it."""
LOCATION = "sync_pipeline"
DEFINITIONS = "sync_pipeline.definitions"
OF_RUNS = (
    DEFINITIONS,
    "dagster._grpc.impl",
    # What else each of them imports only when it is needed, which is always.
    "dagster._core.executor.child_process_executor",
    "dagster._core.executor.multiprocess",
    "dagster._core.instance.factory",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.system_config.composite_descent",
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._utils.test.definitions",
    "multiprocessing.popen_forkserver",
    "multiprocessing.queues",
    "multiprocessing.synchronize",
    "sync_pipeline.orchestration.storage",
    "sync_pipeline.store.registry",
    "sync_pipeline.store.sessions.sessions",
    "sync_pipeline.store.watch.windows",
    "upath.implementations.local",
)
RUNS = "runs.sock"


class CodeServer(DagsterApiServer):
    """Dagster's, which makes the processes of runs by a context of ours.

    It tells the end of a run whose process has ended without a word, whenever that can be stored.
    """

    def __init__(self, runs: BaseContext, **options: Any) -> None:
        self._trouble = ""
        super().__init__(**options)
        self._mp_ctx: BaseContext = runs  # type: ignore[assignment]

    def _check_for_orphaned_runs(self) -> None:
        """Look for such runs; where Dagster's storage fails, they are found by the next look.

        A disk that was full for a moment would otherwise end Dagster's thread that looks: runs
        that ended by it would seem to go on, and this server would not end when it is asked to.
        """
        try:
            super()._check_for_orphaned_runs()
            self._trouble = ""
        except Exception as error:  # noqa: BLE001 - storages have errors of their own
            if self._trouble != type(error).__name__:
                self._trouble = type(error).__name__
                _LOG.warning("The ends of runs can't be told now, and will be: %s", self._trouble)


def load() -> None:
    """Import what a code server and its runs need."""
    for module in OF_RUNS:
        import_module(module)


def serve(address: Path, silence_seconds: int) -> None:
    """Serve at a socket until SIGINT or SIGTERM, or until nobody was heard for some time.

    It is called once all is imported, and while this process has one thread.
    """
    runs = fork_template(address.with_name(RUNS), OF_RUNS)
    keep_what_was_imported()
    setup_interrupt_handlers()
    configure_loggers(log_level="WARNING")
    ended = threading.Event()
    logger = logging.getLogger("dagster.code_server")
    threads = FuturesAwareThreadPoolExecutor()
    service = CodeServer(
        runs,
        server_termination_event=ended,
        logger=logger,
        server_threadpool_executor=threads,
        loadable_target_origin=LoadableTargetOrigin(
            executable_path=sys.executable,
            module_name=DEFINITIONS,
            working_directory=str(Path.cwd()),
        ),
        heartbeat=True,
        heartbeat_timeout=silence_seconds,
        location_name=LOCATION,
    )
    server = DagsterGrpcServer(
        server_termination_event=ended,
        dagster_api_servicer=service,
        logger=logger,
        threadpool_executor=threads,
        socket=str(address),
    )
    try:
        server.serve()  # type: ignore[no-untyped-call]
    except KeyboardInterrupt:
        logger.info("The code server was interrupted.")


def command(address: Path, silence_seconds: int) -> list[str]:
    """Return the command that starts a code server."""
    return [
        *(sys.executable, "-m", "sync_pipeline.orchestration.processes.code_server", PROGRAM),
        *("--socket", str(address), "--silence-seconds", str(silence_seconds)),
    ]


def fork(address: Path, silence_seconds: int, prepare: Callable[[], None]) -> int:
    """Fork a code server off this process, which has loaded, and return its process id.

    `prepare` is called in it: it closes what is not for it. Where this process has threads, the
    code server is a fresh interpreter, which closes that by itself.
    """
    if has_threads():
        return os.posix_spawn(sys.executable, command(address, silence_seconds), os.environ)
    process = os.fork()
    if process == 0:
        _be(address, silence_seconds, prepare)
    return process


def _be(address: Path, silence_seconds: int, prepare: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        prepare()
        serve(address, silence_seconds)
        status = 0
    except BaseException:  # noqa: BLE001 - this process is nobody's block
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


def main() -> int:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(prog="code_server", description=__doc__)
    parser.add_argument("program", choices=[PROGRAM])
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--silence-seconds", type=int, required=True)
    options = parser.parse_args()
    load()
    serve(options.socket, options.silence_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
