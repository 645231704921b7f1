"""The job `account_sync`.

Executor: one process an instance, forked from a server that has everything imported.
A step costs about 0.3 s of CPU that way, against 3 s with a fresh interpreter, and a
step that hangs in a driver can be killed by itself, which threads can't be. That is
right for tens to a few hundred instances.
"""

from __future__ import annotations

import dagster as dg

from sync_pipeline.orchestration.failures import NO_RUN_RETRY_TAGS
from sync_pipeline.orchestration.hooks import confirm_outcome, record_failure
from sync_pipeline.orchestration.ops import (
    finish_session,
    open_session,
    select_instances,
    sync_instance,
)
from sync_pipeline.orchestration.runs import ACCOUNT_SYNC
from sync_pipeline.settings import Settings


def build_account_sync(settings: Settings) -> dg.JobDefinition:
    """Return the job with the limits that the settings give it."""

    @dg.job(
        name=ACCOUNT_SYNC,
        description=(
            "Read the accounts and grants of every selected instance and record what "
            "changed. Everything empty in the launchpad: all active instances."
        ),
        tags={"dagster/max_runtime": str(settings.max_runtime_seconds), **NO_RUN_RETRY_TAGS},
        executor_def=dg.multiprocess_executor.configured(
            {
                "max_concurrent": settings.step_concurrency,
                "start_method": {"forkserver": {"preload_modules": ["sync_pipeline.definitions"]}},
            }
        ),
        hooks={confirm_outcome, record_failure},
    )
    def account_sync() -> None:
        finish_session(open_session(select_instances()).map(sync_instance).collect())

    return account_sync
