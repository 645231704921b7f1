"""What runs the steps of a run, and what is said on the console while it does.

Neither is for the one who launches a run to choose: an executor's options could make the
run import modules. Of the console it is only how much it says.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from sync_pipeline.orchestration.config import NO_CONFIG
from sync_pipeline.orchestration.runtime.continuing import continuing
from sync_pipeline.orchestration.runtime.step_values import values_in_files, values_in_memory
from sync_pipeline.orchestration.runtime.threaded_executor import threaded_executor
from sync_pipeline.settings import Settings, StepExecutor

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def executor_of(settings: Settings) -> dg.ExecutorDefinition:
    """Return the executor that the settings choose; no op knows which one runs it."""
    if settings.executor is StepExecutor.IN_PROCESS:
        return one_after_the_other()
    limit = {"max_concurrent": settings.effective_step_concurrency}
    if settings.executor is StepExecutor.THREADED:
        return _fixed(threaded_executor, limit)
    # Forked from a server that has everything imported: about 0.3 s of CPU a step, against
    # 3 s with a fresh interpreter.
    preload = {"preload_modules": ["sync_pipeline.definitions"]}
    return _fixed(dg.multiprocess_executor, {**limit, "start_method": {"forkserver": preload}})


def one_after_the_other() -> dg.ExecutorDefinition:
    """Return the executor that does one step after the other, in the run's process."""
    return _fixed(dg.in_process_executor, {})


def console() -> dg.LoggerDefinition:
    """Return the log on the console; a run may choose how much it says."""
    levels = dg.Enum("ConsoleLevel", [dg.EnumValue(level) for level in LOG_LEVELS])
    schema = {"log_level": dg.Field(levels, default_value="INFO", description="The least level.")}
    return dg.colored_console_logger.configured(
        lambda config: {"name": "dagster", **config},
        config_schema=schema,
        description="The log on the console.",
    )


def step_values_of(settings: Settings) -> dg.IOManagerDefinition:
    """Return where steps leave what they hand over: files where processes do the work."""
    if settings.executor is StepExecutor.MULTIPROCESS:
        return values_in_files
    return values_in_memory


def _fixed(executor: dg.ExecutorDefinition, options: dict[str, Any]) -> dg.ExecutorDefinition:
    """Return an executor with these options, of which a run can change none."""
    whole = continuing(executor)
    return whole.configured(lambda _: options, name=executor.name, config_schema=NO_CONFIG)
