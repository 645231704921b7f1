"""One run of the account sync, in the process that a launcher would start for it.

    python -m workbench.fleet.worker RESULT.json --tags '{}' --config '{}'

The code server of `sync-pipeline up` starts a process that imports the definitions and
then drains `core_execute_run`; so does this one, without the server.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, DagsterRun
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._grpc.impl import core_execute_run
from dagster._utils.interrupts import capture_interrupts

from sync_pipeline.categories import ACCOUNT
from sync_pipeline.orchestration.runs.lineage import part_of
from sync_pipeline.settings import project_root


def account_sync() -> ReconstructableJob:
    """Return the job as the code location has it."""
    repository = ReconstructableRepository.for_module(
        "sync_pipeline.definitions", "location", working_directory=str(project_root())
    )
    return repository.get_reconstructable_job(ACCOUNT.job)


def create_run(
    instance: DagsterInstance,
    job: ReconstructableJob,
    config: dict[str, Any],
    tags: dict[str, str],
) -> DagsterRun:
    """Create a run with a configuration of its selection, and tags beside the job's own."""
    definition = job.get_definition()
    return instance.create_run_for_job(
        job_def=definition,
        run_config={"ops": {"select_instances": {"config": config}}},
        tags={**definition.run_tags, **tags},
        job_code_origin=job.get_python_origin(),
    )


def main() -> int:
    """Create the run and carry it out; write what became of it to a file."""
    parser = argparse.ArgumentParser(prog="workbench.fleet.worker", description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--config", default="{}", help="the selection, as the launchpad has it")
    parser.add_argument("--tags", default="{}", help="more tags of the run")
    options = parser.parse_args()
    with capture_interrupts(), DagsterInstance.get() as instance:
        job = account_sync()
        run = create_run(instance, job, json.loads(options.config), json.loads(options.tags))
        for _ in core_execute_run(job, run, instance, inject_env_vars=False):
            pass
        ended = instance.get_run_by_id(run.run_id)
        session_id = part_of(run, instance).session_id
    status = ended.status.value if ended else "deleted"
    found = {"session_id": session_id, "run_id": run.run_id, "status": status}
    options.result.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
