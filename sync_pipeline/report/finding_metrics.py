"""The metrics of findings in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sync_pipeline.model.finding import Severity
from sync_pipeline.model.metrics import FindingMetrics

_PREFIX = "sync_pipeline_findings"
_LABELS = ("rule", "severity")
_Numbers = Mapping[tuple[str, Severity], int]


def finding_families(found: FindingMetrics | None, now: datetime) -> Iterator[Metric]:
    """Yield the metrics of findings; None: the findings file is not valid, and that is one."""
    evaluated = "1 where findings are counted; 0: the findings file is not valid."
    yield GaugeMetricFamily(f"{_PREFIX}_evaluated", evaluated, value=found is not None)
    if found is None:
        return
    yield _gauges("open", "Open findings of active instances, without accepted ones.", found.open)
    yield _gauges(
        "accepted", "Findings of active instances that somebody accepted.", found.accepted
    )
    oldest = GaugeMetricFamily(
        f"{_PREFIX}_oldest_age_seconds",
        "Time since the oldest of the findings that are open was first seen, by severity.",
        labels=("severity",),
    )
    for severity, moment in found.oldest.items():
        oldest.add_metric((severity,), max(0.0, (now - moment).total_seconds()))
    yield oldest
    yield _counters(
        "opened",
        "Findings that opened, by the severity they had then; first reviews are not counted.",
        found.opened,
    )
    yield _counters(
        "worsened", "Findings that worsened, by the severity that they got.", found.worsened
    )
    yield _counters(
        "resolved",
        "Findings that were resolved, by the severity that they had last.",
        found.resolved,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_uncounted_instances",
        "Active instances whose findings were not yet counted by the rules in force.",
        value=found.uncounted,
    )


def _gauges(name: str, text: str, numbers: _Numbers) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=_LABELS)
    for (rule, severity), number in sorted(numbers.items()):
        family.add_metric((rule, severity), number)
    return family


def _counters(name: str, text: str, numbers: _Numbers) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=_LABELS)
    for (rule, severity), number in sorted(numbers.items()):
        family.add_metric((rule, severity), number)
    return family
