"""The order in which runs leave the queue, decided by Dagster's own daemon on our dagster.yaml.

Nothing here is timed: what counts is which run leaves first, and which are at work at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)

from sync_pipeline.definitions import defs, location
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.processes.launch import LOCATION
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, SHARD_TAG
from sync_pipeline.orchestration.runs.runs import ASSET_JOB, BACKFILL_TAG
from workbench.running.system import environment_of, in_environment

PLACES, OF_BACKFILLS = 6, 2
PARTITIONS = 10
RANGE = {"period": "day", "first": "2026-01-01", "last": "2026-02-01"}
CONFIG = {"ops": {"select_instances": {"config": RANGE}}}


class Queue:
    """Runs that wait, and those that the daemon has let go."""

    def __init__(self, instance: DagsterInstance) -> None:
        self.instance = instance
        self.at_work: list[DagsterRun] = []
        self._daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)

    def add(self, job: str, **tags: str) -> str:
        """Queue a run with the tags of its job, as every way of launching does."""
        known = defs.resolve_job_def(job) if job != ASSET_JOB else ASSETS
        run = self.instance.create_run_for_job(
            known,
            run_config=CONFIG if job == "backfill_sizes" else None,
            tags={**known.tags, **tags},
            status=DagsterRunStatus.QUEUED,
            remote_job_origin=RemoteJobOrigin(REPOSITORY, job),
        )
        return run.run_id

    def let_go(self) -> list[str]:
        """Let the daemon look once, and return what has begun by it, in that order."""
        # Its decision, without the launch: that would need a code server.
        chosen = self._daemon._get_runs_to_dequeue(
            self.instance, self.instance.get_concurrency_config(), None
        )
        for run in chosen:
            begun = DagsterEvent(DagsterEventType.RUN_START.value, run.job_name)
            self.instance.report_dagster_event(begun, run.run_id)
        self.at_work += chosen
        return [run.run_id for run in chosen]

    def end(self, run: DagsterRun) -> None:
        """Let a run end."""
        self.at_work.remove(run)
        self.instance.report_run_canceled(run)

    def kinds_at_work(self) -> Counter[str]:
        """Return how many runs of each job are at work."""
        return Counter(run.job_name for run in self.at_work)


REPOSITORY = RemoteRepositoryOrigin(
    GrpcServerCodeLocationOrigin("localhost", socket="none", location_name=LOCATION),
    "__repository__",
)
ASSETS = location().get_repository_def().get_job(ASSET_JOB)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with in_environment(environment_of(tmp_path)), open_instance() as instance:
        yield Queue(instance)


def test_what_is_launched_waits_two_seconds_for_a_look(queue: Queue) -> None:
    """Dagster's own five are what somebody who launches a run in the UI would wait for."""
    coordinator = queue.instance.run_coordinator
    assert isinstance(coordinator, QueuedRunCoordinator)
    assert coordinator.dequeue_interval_seconds == 2
    limits = queue.instance.get_concurrency_config().run_queue_config
    assert limits is not None
    assert limits.max_concurrent_runs == PLACES


def test_a_backfill_leaves_places_for_a_sync(queue: Queue) -> None:
    """More partitions wait than there are places; a sync, however launched, begins at once."""
    for _ in range(PARTITIONS):
        queue.add("aggregate_day", **{BACKFILL_TAG: "filling"})
    assert len(queue.let_go()) == OF_BACKFILLS
    assert queue.let_go() == []
    scheduled = queue.add("account_sync", **{"dagster/schedule_name": "account_sync_schedule"})
    manual = queue.add("account_sync")
    assert queue.let_go() == [scheduled, manual]
    shards = {SESSION_TAG: "x", SHARD_TAG: "1/9"}
    for _ in range(PLACES):
        queue.add("capacity_sync", **shards)
    assert len(queue.let_go()) == PLACES - OF_BACKFILLS - 2


@pytest.mark.parametrize("job", ["aggregate_day", ASSET_JOB])
def test_several_backfills_share_one_limit(queue: Queue, job: str) -> None:
    for number in range(4):
        queue.add(job, **{BACKFILL_TAG: f"number{number % 2}"})
    assert len(queue.let_go()) == OF_BACKFILLS
    queue.end(queue.at_work[0])
    assert len(queue.let_go()) == 1
    assert queue.kinds_at_work() == {job: OF_BACKFILLS}


def test_shards_and_backfills_together_leave_a_place(queue: Queue) -> None:
    for _ in range(4):
        queue.add("aggregate_month", **{BACKFILL_TAG: "filling"})
        queue.add("account_sync", **{SESSION_TAG: "x", SHARD_TAG: "1/9"})
    assert len(queue.let_go()) < PLACES
    manual = queue.add("account_sync")
    assert queue.let_go() == [manual]


def test_the_next_free_place_is_the_syncs(queue: Queue) -> None:
    """Every place is taken and everything waits, the syncs behind all others."""
    busy = [queue.add("maintain_sizes") for _ in range(PLACES)]
    assert sorted(queue.let_go()) == sorted(busy)
    waiting = [
        queue.add("aggregate_day", **{BACKFILL_TAG: "filling"}),
        queue.add("backfill_sizes"),
        queue.add(ASSET_JOB),
        queue.add("aggregate_sizes"),
        queue.add("capacity_sync"),
        queue.add("account_sync"),
    ]
    begun: list[str] = []
    while queue.at_work and len(begun) < len(waiting):
        queue.end(queue.at_work[0])
        begun += queue.let_go()
    backfill, by_hand, asset, daily, sizes, accounts = waiting
    assert begun[:4] == [sizes, accounts, daily, asset]
    assert set(begun[4:]) == {backfill, by_hand}
