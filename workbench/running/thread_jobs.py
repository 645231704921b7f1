"""Jobs that show what the threaded executor does to steps that are slow, stuck or many.

Annotations are not postponed here: Dagster reads them as types.
"""

import gc
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from sync_pipeline.orchestration.runtime.threaded_executor import DEADLINE_TAG, threaded_executor

MODULE = "workbench.running.thread_jobs"
DEADLINE_SECONDS = 0.5


def stuck_job(directory: str) -> dg.JobDefinition:
    """Return a job of three steps: one is stuck until `released` is in the directory."""
    released, hooked, late = (Path(directory, name) for name in ("released", "hooked", "late"))

    @dg.failure_hook
    def note(context: dg.HookContext) -> None:
        hooked.write_text(f"{context.step_key}: {context.op_exception}")

    @dg.op(out=dg.DynamicOut(int))
    def numbers() -> Iterator[dg.DynamicOutput[int]]:
        for number in range(3):
            yield dg.DynamicOutput(number, mapping_key=f"k{number}")

    @dg.op(tags={DEADLINE_TAG: str(DEADLINE_SECONDS)})
    def work(context: dg.OpExecutionContext, number: int) -> int:
        while number == 1 and not released.exists():
            time.sleep(0.02)
        if number == 1:
            context.log.info("said too late")
            late.touch()
        return number

    @dg.job(
        executor_def=threaded_executor.configured({"max_concurrent": 1}),
        resource_defs={"io_manager": dg.mem_io_manager},
        hooks={note},
    )
    def stuck() -> None:
        numbers().map(work)

    return stuck


def threshold_job(directory: str) -> dg.JobDefinition:
    """Return a job of one step, which writes how often garbage is looked for meanwhile."""

    @dg.op(out=dg.Out(dg.Nothing))
    def note() -> None:
        Path(directory, "threshold").write_text(str(gc.get_threshold()[0]))

    @dg.job(executor_def=threaded_executor)
    def threshold() -> None:
        note()

    return threshold


def many_job(count: int, threads: int) -> dg.JobDefinition:
    """Return a job of as many steps, each with two lines of log."""

    @dg.op(out=dg.DynamicOut(int))
    def numbers() -> Iterator[dg.DynamicOutput[int]]:
        for number in range(count):
            yield dg.DynamicOutput(number, mapping_key=f"k{number}")

    @dg.op(out=dg.Out(dg.Nothing))
    def work(context: dg.OpExecutionContext, number: int) -> None:
        context.log.info("begins")
        context.log.info("ends")

    @dg.job(
        executor_def=threaded_executor.configured({"max_concurrent": threads}),
        resource_defs={"io_manager": dg.mem_io_manager},
    )
    def many() -> None:
        numbers().map(work)

    return many


def pool_job(directory: str) -> dg.JobDefinition:
    """Return a job whose steps wait for one pool; each notes when it began and ended."""
    times = Path(directory, "times")

    @dg.op(out=dg.DynamicOut(int))
    def numbers() -> Iterator[dg.DynamicOutput[int]]:
        for number in range(4):
            yield dg.DynamicOutput(number, mapping_key=f"k{number}")

    @dg.op(pool="narrow")
    def work(number: int) -> int:
        with times.open("a") as file:
            file.write("+")
        time.sleep(0.05)
        with times.open("a") as file:
            file.write("-")
        return number

    @dg.job(
        executor_def=threaded_executor.configured({"max_concurrent": 4}),
        resource_defs={"io_manager": dg.mem_io_manager},
    )
    def pooled() -> None:
        numbers().map(work)

    return pooled
