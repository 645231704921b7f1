"""The controls of a benchmark, as `sync-pipeline findings --benchmark` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sync_pipeline.cli.context import dependencies, say, show_json
from sync_pipeline.cli.output import Output

if TYPE_CHECKING:
    from sync_pipeline.model.benchmark import Benchmark, ControlResult
    from sync_pipeline.model.instance import Selection

COLUMNS = ("control", "status", "findings", "accepted", "title", "reason", "rules")


def show_benchmark(selection: Selection, output: Output, name: str) -> None:
    """Show each control of a benchmark: pass, fail, unknown, or not checked and why.

    Raises:
        ConfigurationError: there is no such benchmark, or the findings file is not valid.
    """
    from sync_pipeline.access.benchmarks.registry import benchmark_named
    from sync_pipeline.workflows.answers.benchmarks import benchmark_results
    from sync_pipeline.workflows.selecting import active

    chosen = benchmark_named(name)
    with dependencies() as deps:
        results, instances = benchmark_results(deps, active(deps.store, selection), chosen)
    if output.is_json:
        show_json(_json(chosen, results, instances))
        return
    rows = [
        (
            item.control.number,
            item.status,
            item.findings,
            item.accepted,
            item.control.title,
            item.reason,
            ", ".join(item.control.rules),
        )
        for item in results
    ]
    output.show(COLUMNS, rows, "")
    if not output.is_csv:
        _summary(chosen, results, instances)


def _summary(chosen: Benchmark, results: Sequence[ControlResult], instances: int) -> None:
    from sync_pipeline.model.benchmark import status_counts

    counts = ", ".join(f"{count} {name}" for name, count in status_counts(results).items())
    say(f"{chosen.title}: {counts}; {instances} instances.")


def _json(chosen: Benchmark, results: Sequence[ControlResult], instances: int) -> dict[str, object]:
    from sync_pipeline.model.benchmark import status_counts

    return {
        "benchmark": chosen.id,
        "title": chosen.title,
        "engine": chosen.engine,
        "instances": instances,
        "counts": status_counts(results),
        "controls": [
            {
                "number": item.control.number,
                "title": item.control.title,
                "status": item.status,
                "findings": item.findings,
                "accepted": item.accepted,
                "reason": item.reason,
                "checks": list(item.control.checks),
            }
            for item in results
        ],
    }
