"""What runs the steps of a run: threads, processes, or one step after the other."""

from __future__ import annotations

import dagster as dg

from sync_pipeline.orchestration.step_values import values_in_files, values_in_memory
from sync_pipeline.orchestration.threaded_executor import threaded_executor
from sync_pipeline.settings import Settings, StepExecutor


def executor_of(settings: Settings) -> dg.ExecutorDefinition:
    """Return the executor that the settings choose; no op knows which one runs it."""
    if settings.executor is StepExecutor.IN_PROCESS:
        return dg.in_process_executor
    limit = {"max_concurrent": settings.effective_step_concurrency}
    if settings.executor is StepExecutor.THREADED:
        return threaded_executor.configured(limit)
    # Forked from a server that has everything imported: about 0.3 s of CPU a step, against
    # 3 s with a fresh interpreter.
    preload = {"preload_modules": ["sync_pipeline.definitions"]}
    return dg.multiprocess_executor.configured({**limit, "start_method": {"forkserver": preload}})


def step_values_of(settings: Settings) -> dg.IOManagerDefinition:
    """Return where steps leave what they hand over: files where processes do the work."""
    if settings.executor is StepExecutor.MULTIPROCESS:
        return values_in_files
    return values_in_memory
