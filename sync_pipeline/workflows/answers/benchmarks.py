"""The controls of a benchmark, answered by the review of the instances of its engine."""

from __future__ import annotations

from collections.abc import Sequence

from sync_pipeline.access.benchmarks.results import results_of
from sync_pipeline.access.findings.review import RULES
from sync_pipeline.model.benchmark import Benchmark, ControlResult
from sync_pipeline.model.instance import Instance
from sync_pipeline.workflows.answers.finding_rules import file_rules
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.dependencies import SyncDeps


def benchmark_results(
    deps: SyncDeps, instances: Sequence[Instance], benchmark: Benchmark
) -> tuple[list[ControlResult], int]:
    """Return what the review says of each control, and of how many instances that is.

    Raises:
        ConfigurationError: the findings file is not valid.
    """
    own = [item for item in instances if item.engine is benchmark.engine]
    found = review_of(deps, own)
    read = deps.store.access.sections([item.id for item in own])
    sections = {item.name: read.get(item.id, {}) for item in own}
    disabled = file_rules(deps.settings).disabled
    return results_of(benchmark, found, RULES, disabled, sections), len(own)
