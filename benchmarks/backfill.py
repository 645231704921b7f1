"""How long an account sync waits while a backfill from the UI runs.

    python -m benchmarks.backfill [--partitions 60] [--runs-first 3] [--apart] [--to-the-end]

A system as `sync-pipeline up` starts it, with a history of sizes of one instance, is asked
for a backfill of day partitions by the UI's own call: of a range, which is one run, or (`--apart`)
of each second day, which is a run a partition. When so many runs of it have begun, an account sync
is launched without a selection, as from the launchpad, and timed from its launch to its start.
With `--to-the-end` the whole backfill is timed too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sync_pipeline.model.size import Measure
from workbench.benches.store_bench import StoreBench
from workbench.running.system import System, running_system, wait_for
from workbench.strategies.sizes import History, put_history

BACKFILL = """
mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
RUNS = """
query ($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results {
  runId status creationTime startTime endTime } } } }
"""
ASSET = ["fleet_aggregations", "day"]
NEVER = "0 0 1 1 *"
SECONDS = 1800.0


def runs(system: System, **wanted: object) -> list[dict[str, Any]]:
    """Return the runs of a backfill or a job."""
    found: list[dict[str, Any]] = system.graphql(RUNS, filter=wanted)["runsOrError"]["results"]
    return found


def measure(
    system: System, partitions: int, runs_first: int, *, are_apart: bool, to_the_end: bool
) -> list[str]:
    """Return the lines of the report."""
    today = datetime.now(UTC).date()
    step = 2 if are_apart else 1
    first = today - timedelta(days=step * partitions)
    days = [(first + timedelta(days=step * offset)).isoformat() for offset in range(partitions)]
    params = {"assetSelection": [{"path": ASSET}], "partitionNames": days}
    began = time.monotonic()
    answer = system.graphql(BACKFILL, params=params)["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise SystemExit(f"no backfill: {answer}")
    tags = [{"key": "dagster/backfill", "value": answer["backfillId"]}]
    wanted = runs_first if are_apart else 1

    def has_begun() -> bool:
        return sum(bool(run["startTime"]) for run in runs(system, tags=tags)) >= wanted

    wait_for(has_begun, SECONDS, "the begin of the backfill")
    run_id = system.launch()

    def started() -> dict[str, Any] | None:
        (run,) = runs(system, runIds=[run_id])
        return run if run["startTime"] else None

    run = wait_for(started, SECONDS, "the start of the sync")
    waited = run["startTime"] - run["creationTime"]
    found = runs(system, tags=tags)
    ended = sum(bool(item["endTime"]) for item in found)
    lines = [
        f"an account sync began {waited:.1f} s after its launch",
        f"{ended} runs of the backfill had ended then, {len(found) - ended} had not",
    ]
    if not to_the_end:
        return lines

    def is_over() -> bool:
        found = runs(system, tags=tags)
        expected = partitions if are_apart else 1
        return len(found) >= expected and all(item["endTime"] for item in found)

    wait_for(is_over, SECONDS, "the end of the backfill")
    return [*lines, f"{partitions} partitions took {time.monotonic() - began:.0f} s"]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=60)
    parser.add_argument("--runs-first", type=int, default=3)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--to-the-end", action="store_true")
    options = parser.parse_args()
    size = Measure.known(10**9)
    today = datetime.now(UTC).date()
    days = {
        today - timedelta(days=offset): {"app": (size, size, size)}
        for offset in range(2 * options.partitions + 1)
    }
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        crons = ("account_sync", "capacity_sync", "aggregation", "retention")
        settings = {f"{name}_cron": NEVER for name in crons}
        with running_system(home, **settings) as system:
            bench = StoreBench(system.fleet.store, datetime.now(UTC))
            (instance,) = bench.fleet("measured")
            put_history(bench.store, instance.id, History(days, today))
            lines = measure(
                system,
                options.partitions,
                options.runs_first,
                are_apart=options.apart,
                to_the_end=options.to_the_end,
            )
            system.log.write_text("")  # which would be printed
    for line in lines:
        print(line)  # noqa: T201 - the report of a command


if __name__ == "__main__":
    main()
