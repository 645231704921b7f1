"""What Dagster needs of every category: one line each."""

from __future__ import annotations

from sync_pipeline.orchestration.categories.account.job import ACCOUNT_JOB
from sync_pipeline.orchestration.categories.aggregation.job import AGGREGATION_JOB
from sync_pipeline.orchestration.categories.capacity.job import CAPACITY_JOB
from sync_pipeline.orchestration.categories.job import CategoryJob
from sync_pipeline.orchestration.config import SelectionConfig
from sync_pipeline.orchestration.runs.runs import category_of

CATEGORY_JOBS: dict[str, CategoryJob] = {
    item.row.name: item for item in (ACCOUNT_JOB, CAPACITY_JOB, AGGREGATION_JOB)
}


def category_job(job_name: str) -> CategoryJob:
    """Return what the category of a job's sessions needs.

    Raises:
        KeyError: the job leaves no session.
    """
    return CATEGORY_JOBS[category_of(job_name)]


def config_of(job_name: str, values: object) -> SelectionConfig:
    """Return the configuration of a job's selection from the values that Dagster resolved.

    Raises:
        ConfigurationError: a value is not valid.
    """
    return category_job(job_name).config_of(job_name).read(values)
