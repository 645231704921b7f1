"""What a report says in a few numbers: at its top, and in the mail that brings it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_pipeline.model.report import FleetReport


@dataclass(frozen=True, slots=True)
class Fact:
    """A number under the text `summary.NAME`. `is_bad`: somebody should look."""

    name: str
    value: int | str
    is_bytes: bool = False
    is_bad: bool = False


def summary(report: FleetReport) -> Iterator[Fact]:
    """Yield the numbers, the most important first."""
    news, capacity, found = report.administrators, report.capacity, report.findings
    yield Fact("instances", report.instances)
    yield Fact("new_administrators", len(news.new), is_bad=bool(news.new))
    yield Fact("gone_administrators", len(news.gone))
    total = report.changes.total
    yield Fact("changes", total if report.changes.is_whole else f"{total}+")
    yield Fact("opened", found.opened, is_bad=bool(found.opened))
    yield Fact("resolved", found.resolved)
    for severity, count in found.review.counts.items():
        is_bad = bool(count) and severity.rank <= 1
        yield Fact(f"open_{severity}", count, is_bad=is_bad)
    yield Fact("accepted", len(found.review.suppressed))
    yield Fact("overdue", len(report.overdue), is_bad=bool(report.overdue))
    yield Fact("failed_sessions", report.failed_sessions, is_bad=bool(report.failed_sessions))
    if capacity.fleet:
        yield Fact("size", capacity.fleet[-1].total_bytes, is_bytes=True)
        grown = capacity.fleet[-1].total_bytes - capacity.fleet[0].total_bytes
        yield Fact("grown", grown, is_bytes=True)
    yield Fact("measured", len(capacity.newest))
    yield Fact("databases", sum(item.database_count for item in capacity.newest))
    yield Fact("near_limits", len(capacity.near), is_bad=bool(capacity.near))
    days = sum(item.days for item in capacity.gaps)
    yield Fact("gaps", days, is_bad=bool(days))
