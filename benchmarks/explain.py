"""Show which indexes the questions about sizes use, on a filled store.

python -m benchmarks.explain --store postgresql
python -m benchmarks.explain --store sqlite --instances 100
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event

from benchmarks.capacity_bench import QUARTER, Fleet, filled_store
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.size import TopQuestion
from sync_pipeline.store.database import Database
from sync_pipeline.store.sizes.aggregations import AggregationStore
from sync_pipeline.store.sizes.queries import SizeQueries


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Print the plan of each SELECT and INSERT … SELECT that is run in the block."""
    word = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN (COSTS OFF)"

    def show(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith(("SELECT", "INSERT", "WITH")) or "_size_" not in statement:
            return
        sys.stdout.write(f"\n-- {statement.split(maxsplit=1)[0]} of {len(statement)} characters\n")
        cursor.execute(f"{word} {statement}", parameters)
        for row in cursor.fetchall():
            sys.stdout.write(f"{row[-1]}\n")

    event.listen(engine, "before_cursor_execute", show)
    yield
    event.remove(engine, "before_cursor_execute", show)


def main() -> int:
    """Print the plans."""
    parser = argparse.ArgumentParser(prog="benchmarks.explain", description=__doc__)
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--instances", type=int, default=1000)
    options = parser.parse_args()
    last = QUARTER + timedelta(days=91)
    with filled_store(options.store, Fleet(options.instances, 50, 92)) as filled:
        database = Database(filled.url)
        queries, aggregations = SizeQueries(database), AggregationStore(database)
        periods = PeriodRange.between(PeriodType.QUARTER, QUARTER, QUARTER)
        now = datetime(2026, 10, 1, tzinfo=UTC)
        request = AggregationRequest(filled.instance_ids[:1], periods, last, 5.0, now)
        questions = {
            "aggregate one instance": lambda: aggregations.compute([request]),
            "the largest databases": lambda: queries.top(
                TopQuestion(last - timedelta(days=7), last - timedelta(days=30))
            ),
            "a month of one database": lambda: queries.database_points(
                last - timedelta(days=30), last, "instance-00007", "database_7"
            ),
            "a quarter of every instance": lambda: queries.instance_sizes(QUARTER, last),
            "a year of an instance's quarters": lambda: aggregations.find(
                PeriodType.QUARTER, date(2026, 1, 1), date(2027, 1, 1), "instance-00007"
            ),
        }
        for title, ask in questions.items():
            sys.stdout.write(f"\n=== {title}\n")
            with explained(database.engine):
                ask()
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
