"""What a run of a large fleet leaves in Dagster, and what reading it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import RunConfig

from sync_pipeline.definitions import defs
from sync_pipeline.model.session import RecordStatus, SessionStatus, SyncCategory
from sync_pipeline.orchestration.categories.registry import CATEGORY_JOBS
from sync_pipeline.orchestration.config import SyncConfig
from sync_pipeline.orchestration.instance import open_instance
from sync_pipeline.orchestration.metadata import session_metadata
from sync_pipeline.orchestration.resources import open_dependencies
from sync_pipeline.orchestration.runs.runs import FAILED_INSTANCES_TAG, close_session_of
from sync_pipeline.store.reviews.reviews import AT_ONCE
from sync_pipeline.workflows.sessions import LONGEST_SUMMARY
from workbench.benches.store_bench import START, StoreBench
from workbench.benches.watch_bench import WatchBench
from workbench.running.system import Fleet, environment_of, in_environment
from workbench.servers.statements import counted

FLEET = 700


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with in_environment(environment_of(tmp_path)):
        fleet = Fleet(tmp_path)
        yield fleet
        fleet.store.close()


def names(count: int) -> list[str]:
    return [f"instance-with-a-long-name-{'x' * 150}-{number:05}" for number in range(count)]


def test_hundreds_of_failures_are_one_short_message(fleet: Fleet) -> None:
    bench = StoreBench(fleet.store)
    with open_instance() as instance:
        config = RunConfig(ops={"select_instances": SyncConfig(instances=["nobody"])})
        run_id = (
            defs.resolve_job_def("account_sync")
            .execute_in_process(run_config=config, instance=instance, raise_on_error=False)
            .run_id
        )
        # As a run does that dies when it has opened its session.
        bench.open(bench.fleet(*names(FLEET)), run_id)
        run = instance.get_run_by_id(run_id)
        assert run is not None
        with open_dependencies() as deps:
            session = close_session_of(instance, run, deps)
        assert (session.status, session.failed) == (SessionStatus.FAILED, FLEET)
        found = instance.get_run_by_id(run_id)
        assert found is not None
        tag = found.tags[FAILED_INSTANCES_TAG]
        messages = [
            entry.dagster_event.message or ""
            for entry in instance.all_logs(run_id)
            if entry.dagster_event and entry.dagster_event.is_engine_event
        ]
    (summary,) = [text for text in messages if text.startswith(f"Session {run_id} is failed")]
    assert tag.startswith(names(1)[0])
    assert tag.endswith(f" and {FLEET - 5} more")
    assert len(summary) < LONGEST_SUMMARY + 500
    more = FLEET - summary.count(": failed: ")
    last = f"… and {more} more: sync-pipeline sessions show {run_id} --failed"
    assert summary.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("category", "most"),
    [(SyncCategory.ACCOUNT, 7 + 3 * -(-FLEET // AT_ONCE)), (SyncCategory.CAPACITY, 2)],
)
def test_the_last_step_reads_hundreds_of_a_large_session_at_once(
    fleet: Fleet, category: SyncCategory, most: int
) -> None:
    """What is found on each instance is kept, and is asked for as of many; of sizes nothing is."""
    bench = WatchBench(fleet.store, fleet.home, START)
    chosen = bench.fleet(*names(FLEET))
    session = bench.session([(item, RecordStatus.FAILED) for item in chosen], category)
    CATEGORY_JOBS[category].shown(bench.deps, session)  # what is found on each is kept then
    with counted(fleet.store) as sent:
        shown = CATEGORY_JOBS[category].shown(bench.deps, session)
        metadata = {**session_metadata(session), **shown}
    assert len(sent) <= most
    records = [text for text in sent if "sync_instance_records" in text]
    assert len(records) <= (category is SyncCategory.ACCOUNT)
    assert sum(len(str(item.value)) for item in metadata.values()) < 10_000
