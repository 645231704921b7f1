"""Runs in processes of their own, forked from a server that has everything imported."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess

from dagster._grpc.impl import core_execute_run
from dagster._utils.interrupts import capture_interrupts

from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.processes.code_server import OF_RUNS
from workbench.fleet.worker import account_sync

FIRST, LAST = "workbench.running.garbage_off", "workbench.running.garbage_on"
"""The server imports, and its processes find what it imported, as those of the product."""


def carry_out(run_id: str) -> None:
    """Carry a run out, as the process that a launcher starts does."""
    with capture_interrupts(), open_instance() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        for _ in core_execute_run(account_sync(), run, instance, inject_env_vars=False):
            pass


@contextmanager
def run_processes() -> Iterator[ForkServerContext]:
    """Start the server; its environment is that of this moment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([FIRST, *OF_RUNS, __name__, LAST])
    yield context
    server = multiprocessing.forkserver._forkserver  # type: ignore[attr-defined]
    server._stop()


def started(context: ForkServerContext, run_id: str) -> ForkServerProcess:
    process = context.Process(target=carry_out, args=(run_id,), daemon=True)
    process.start()
    return process
