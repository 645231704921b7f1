"""Dagster's code server as `up` has it, which forks the processes of runs.

Dagster starts a new interpreter for each run, which imports for two seconds. Here a process that
has imported everything is forked, as the executor of processes does with steps.
"""

from __future__ import annotations

import multiprocessing

from dagster._cli import main


def fork_runs() -> None:
    """Let each process that this one starts be forked from one that has imported ours."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["sync_pipeline.definitions"])
    multiprocessing.get_context = lambda method=None: forking  # type: ignore[assignment]


if __name__ == "__main__":
    fork_runs()
    main()
