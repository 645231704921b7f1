"""Aggregating one quarter of a fleet, against one hand-written statement in the same run.

    python -m benchmarks.aggregation --store postgresql
    python -m benchmarks.aggregation --store sqlite --instances 100

The baseline is INSERT … SELECT … GROUP BY over the same rows with the same figures of the
period: average, least, most, first, last, count, for total, data and log, of databases and
of instances. It compares with no previous period and counts no gaps. Ours is run with the
instances of a statement that `--together` says, and once more one by one: that is what a
job with a step for each instance does.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from benchmarks.capacity_bench import QUARTER, FilledStore, Fleet, filled_store
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.period import PeriodRange, PeriodType

FIGURES = """
  CAST(AVG({v}_bytes) AS bigint), MIN({v}_bytes), MAX({v}_bytes),
  {first}, {last}"""
FIRST_LAST = {
    "postgresql": (
        "(ARRAY_AGG({v}_bytes ORDER BY collected_date))[1]",
        "(ARRAY_AGG({v}_bytes ORDER BY collected_date DESC))[1]",
    ),
    # SQLite takes the other columns of the row with the least or the greatest date, but
    # for one of them only: the first value is found by the least date written before it.
    "sqlite": (
        "CAST(SUBSTR(MIN(collected_date || {v}_bytes), 11) AS bigint)",
        "CAST(SUBSTR(MAX(collected_date || {v}_bytes), 11) AS bigint)",
    ),
}
BASELINE = """
INSERT INTO {target} (instance_id, {key} period_type, period_start, period_end, data_count,
  expected_count, calculated_at, {columns})
SELECT instance_id, {key} 'quarter', '2026-07-01', '2026-10-01', COUNT(total_bytes), 92,
  '2026-10-01', {figures}
FROM {source}
WHERE collected_date >= '2026-07-01' AND collected_date < '2026-10-01'
  AND instance_id <= :last
GROUP BY instance_id {group}
"""


def baseline(filled: FilledStore, kind: str, count: int) -> float:
    """Run the hand-written statements over the first `count` instances; return seconds."""
    values, words = ("total", "data", "log"), ("avg", "min", "max", "first", "last")
    columns = ", ".join(f"{value}_{word}_bytes" for value in values for word in words)
    first, last = FIRST_LAST[kind]
    figures = ", ".join(
        FIGURES.format(v=value, first=first.format(v=value), last=last.format(v=value))
        for value in values
    )
    started = time.perf_counter()
    with filled.engine.begin() as connection:
        for level, key in (("database", "database_id,"), ("instance", "")):
            statement = BASELINE.format(
                target=f"{level}_size_aggregations",
                source=f"{level}_size_stats",
                key=key,
                group=", database_id" if key else "",
                columns=columns,
                figures=figures,
            )
            connection.execute(text(statement), {"last": filled.instance_ids[count - 1]})
    return time.perf_counter() - started


def ours(filled: FilledStore, count: int, together: int) -> float:
    """Aggregate the quarter of `count` instances, some in one statement; return seconds."""
    periods = PeriodRange.between(PeriodType.QUARTER, QUARTER, QUARTER)
    now = datetime(2026, 10, 1, 4, tzinfo=UTC)
    started = time.perf_counter()
    today = QUARTER + timedelta(days=92)
    for first in range(0, count, together):
        some = filled.instance_ids[first : min(first + together, count)]
        filled.store.aggregations.compute([AggregationRequest(some, periods, today, 5.0, now)])
    return time.perf_counter() - started


def forget(filled: FilledStore) -> None:
    """Empty the tables of aggregations."""
    with filled.engine.begin() as connection:
        for level in ("database", "instance"):
            connection.execute(text(f"DELETE FROM {level}_size_aggregations"))  # noqa: S608


def main() -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.aggregation", description=__doc__)
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--databases", type=int, default=50)
    parser.add_argument("--together", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    fleet = Fleet(options.instances, options.databases, 92)
    result: dict[str, object] = {"store": options.store, "rows": fleet.rows}
    with filled_store(options.store, fleet) as filled:
        per_row: dict[int, float] = {}
        for count in (fleet.instances // 4, fleet.instances // 2, fleet.instances):
            times: dict[str, list[float]] = {"baseline": [], "together": [], "one by one": []}
            for _ in range(options.rounds):
                forget(filled)
                times["baseline"].append(baseline(filled, options.store, count))
                forget(filled)
                times["together"].append(ours(filled, count, options.together))
                forget(filled)
                times["one by one"].append(ours(filled, count, 1))
            best = {name: min(found) for name, found in times.items()}
            rows = count * fleet.databases * fleet.days
            per_row[rows] = best["together"] / rows
            result[f"instances {count}"] = {
                "rows": rows,
                "seconds": {name: round(found, 2) for name, found in best.items()},
                "ratio": round(best["together"] / best["baseline"], 2),
                "ratio one by one": round(best["one by one"] / best["baseline"], 2),
                "microseconds a row": round(per_row[rows] * 1e6, 2),
            }
        smallest, largest = min(per_row), max(per_row)
        result["cost of a row, largest to smallest"] = round(
            per_row[largest] / per_row[smallest], 2
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result["peak memory MB"] = round(peak / 1e6)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
