"""From the errors of this system to what Dagster does with a step.

An error that a retry can help repeats the step after a wait that doubles and is
spread by chance; any other ends it at once, whatever retry policies are set. Every run
carries the tag that keeps Dagster's run retries away from failed steps.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import dagster as dg

from sync_pipeline.errors import SyncError
from sync_pipeline.model.text import shortened
from sync_pipeline.settings import Settings

LONGEST_WAIT_SECONDS = 120.0
LONGEST_DESCRIPTION = 2_000
NO_RUN_RETRY_TAGS = {"dagster/retry_on_asset_or_op_failure": "false"}


class Attempt(Protocol):
    """An attempt of a step."""

    @property
    def retry_number(self) -> int:
        """Return how many attempts came before."""

    @property
    def log(self) -> dg.DagsterLogManager:
        """Return the run's log."""


def will_retry(context: Attempt, settings: Settings) -> bool:
    """Return whether this attempt is followed by another one if a retry can help."""
    return context.retry_number < settings.retry_limit


@contextmanager
def dagster_failures(context: Attempt) -> Iterator[None]:
    """Turn a SyncError of the block into a retry request or a failure of the step."""
    try:
        yield
    except SyncError as error:
        # Where the settings are what is wrong they can't be loaded here either.
        settings = Settings.load() if error.retryable else None
        if settings is not None and will_retry(context, settings):
            wait = wait_seconds(context.retry_number, settings.retry_base_seconds)
            said = shortened(str(error), LONGEST_DESCRIPTION)
            context.log.warning("%s Trying again in %.1f seconds.", said, wait)
            raise dg.RetryRequested(
                max_retries=settings.retry_limit, seconds_to_wait=wait
            ) from error
        raise failure_of(error) from error


def wait_seconds(attempt: int, base_seconds: float) -> float:
    """Return a wait in seconds, between half of `base * 2 ** attempt` and all of it."""
    longest = longest_wait_seconds(attempt, base_seconds)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing


def longest_wait_seconds(attempt: int, base_seconds: float) -> float:
    """Return the longest that `wait_seconds` can be."""
    return min(base_seconds * 2.0**attempt, LONGEST_WAIT_SECONDS)


def failure_of(error: SyncError) -> dg.Failure:
    """Return the failure that Dagster shows for an error."""
    metadata: dict[str, dg.MetadataValue] = {
        "error kind": dg.MetadataValue.text(error.kind),
        "can a retry help": dg.MetadataValue.bool(error.retryable),
    }
    if error.instance:
        metadata["instance"] = dg.MetadataValue.text(error.instance)
    if error.phase:
        metadata["phase"] = dg.MetadataValue.text(str(error.phase))
    if error.hint:
        metadata["what to do"] = dg.MetadataValue.text(shortened(error.hint, LONGEST_DESCRIPTION))
    description = shortened(str(error), LONGEST_DESCRIPTION)
    return dg.Failure(description=description, metadata=metadata, allow_retries=False)
