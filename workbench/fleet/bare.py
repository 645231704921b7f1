"""The same work without Dagster: what no runner can be better than.

    python -m workbench.fleet.bare collect RESULT.json
    python -m workbench.fleet.bare store RESULT.json [--instance NAME]
    python -m workbench.fleet.bare untold RESULT.json

`collect` reads every instance and throws the snapshot away; `store` does a whole session, with all
that the product writes, and `untold` the same without events. Threads take the instances, as many
at once as SYNC_PIPELINE_STEP_CONCURRENCY says; what can be retried is, in rounds. What the work
took of the CPU, apart from the start of the program, is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from sync_pipeline.connect import Deadline
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import SyncError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import NewSession, SyncCategory, SyncType
from sync_pipeline.orchestration.runtime.garbage import rare_collections
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import collect_with, sync_instance_accounts
from sync_pipeline.workflows.syncing.recorded import InstanceWork
from sync_pipeline.workflows.syncing.target import Source, target_of
from workbench.benches.untold import untold
from workbench.scale.work import told_work

Work = Callable[[Instance, bool], None]


def collecting(deps: SyncDeps) -> Work:
    """Return the work on one instance that writes nothing."""

    def collect(instance: Instance, _will_retry: bool) -> None:
        deadline = Deadline(instance.timeouts.total_seconds)
        engine = ENGINES[instance.engine]
        collect_with(deps, Source(engine, target_of(deps, instance), deadline))

    return collect


def storing(deps: SyncDeps, session_id: str) -> Work:
    """Return the work on one instance as a step of the job does it."""

    def sync(instance: Instance, will_retry: bool) -> None:
        found = deps.store.registry.by_id(instance.id)
        if found is None:
            raise RuntimeError(f"the instance {instance.name} is gone")
        work = InstanceWork(found, session_id, session_id, SyncCategory.ACCOUNT, will_retry)
        sync_instance_accounts(deps, work)

    return sync


def work_through(work: Work, instances: Sequence[Instance], settings: Settings) -> list[str]:
    """Do the work on every instance; return the names of those that failed at last."""
    left = list(instances)
    failed: list[str] = []
    for attempt in range(settings.retry_limit + 1):
        will_retry = attempt < settings.retry_limit
        ended = partial(_ended, work, will_retry)
        with ThreadPoolExecutor(settings.step_concurrency) as pool:
            errors = list(pool.map(ended, left))
        again = []
        for instance, error in zip(left, errors, strict=True):
            if error is not None and error.retryable and will_retry:
                again.append(instance)
            elif error is not None:
                failed.append(instance.name)
        if not again:
            break
        left = again
        time.sleep(settings.retry_base_seconds * 2.0**attempt)
    return failed


def _ended(work: Work, will_retry: bool, instance: Instance) -> SyncError | None:
    try:
        work(instance, will_retry)
    except SyncError as error:
        return error
    return None


def main() -> int:
    """Do what the command line says, and write the session and the failures to a file."""
    parser = argparse.ArgumentParser(prog="workbench.fleet.bare", description=__doc__)
    parser.add_argument("what", choices=("collect", "store", "untold"))
    parser.add_argument("result", type=Path)
    parser.add_argument("--instance", default="", help="only this one")
    options = parser.parse_args()
    settings = Settings.load()
    store = Store.open(settings.effective_store_url)
    deps = SyncDeps(store, SecretVault.open(settings), settings, lambda: datetime.now(UTC))
    instances = [
        item
        for item in store.registry.instances(include_inactive=False)
        if options.instance in ("", item.name)
    ]
    session_id = ""
    if options.what != "collect":
        session_id = str(uuid4())
        new = NewSession(
            session_id, SyncType.MANUAL_TASK, SyncCategory.ACCOUNT, "benchmark", session_id
        )
        store.sessions.open(new, instances, deps.clock())
        work = storing(deps, session_id)
    else:
        work = collecting(deps)
    begun = time.process_time()
    telling = untold() if options.what == "untold" else nullcontext()
    with telling, rare_collections():  # as in a run
        failed = work_through(work, instances, settings)
    sys.stdout.write(f"{told_work(time.process_time() - begun)}\n")
    store.close()
    found = {"session_id": session_id, "failed": len(failed), "tried": len(instances)}
    options.result.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
