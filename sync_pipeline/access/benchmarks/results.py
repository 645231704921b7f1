"""What a review says of the controls of a benchmark. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.benchmark import Benchmark, Control, ControlResult, ControlStatus
from sync_pipeline.model.finding import Finding, Review, Severity
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.model.text import first_names

_MOST_NAMED = 3
Sections = Mapping[SectionKey, SectionReport]


def results_of(
    benchmark: Benchmark,
    review: Review,
    rules: Collection[Rule],
    disabled: Collection[str],
    sections: Mapping[str, Sections],
) -> list[ControlResult]:
    """Return what a review of instances says of each control.

    `sections` are those of each instance (by its name) of the benchmark's engine, as they were
    read last; none: it was never synced. A finding that is no more than a note breaks nothing.
    """
    by_id = {rule.id: rule for rule in rules}
    queries = ENGINES[benchmark.engine].account_queries
    has = frozenset(name for query in queries for name in query.fills)
    return [
        _result(control, review, [by_id[name] for name in control.rules], disabled, sections, has)
        for control in benchmark.controls
    ]


def _result(
    control: Control,
    review: Review,
    rules: Sequence[Rule],
    disabled: Collection[str],
    sections: Mapping[str, Sections],
    has: Collection[SectionName],
) -> ControlResult:
    why = control.not_checked or _not_looked_for(rules, disabled, sections)
    if why:
        return ControlResult(control, ControlStatus.NOT_CHECKED, reason=why)
    found = _counted(control, review.findings, sections)
    accepted = _counted(control, review.suppressed, sections)
    unknown = " ".join(_unknown(rules, sections, has))
    if found:
        return ControlResult(control, ControlStatus.FAIL, found, accepted, unknown)
    status = ControlStatus.UNKNOWN if unknown else ControlStatus.PASS
    return ControlResult(control, status, found, accepted, unknown or control.limits)


def _not_looked_for(
    rules: Sequence[Rule], disabled: Collection[str], sections: Mapping[str, Sections]
) -> str:
    off = [rule.id for rule in rules if rule.id in disabled]
    if off:
        return f"Switched off: {', '.join(off)}."
    return "" if sections else "No instance of this engine was chosen."


def _counted(
    control: Control, findings: Sequence[Finding], sections: Mapping[str, Sections]
) -> int:
    return sum(
        item.instance in sections
        and item.severity is not Severity.INFO
        and any(_is_meant(check, item) for check in control.checks)
        for item in findings
    )


def _is_meant(check: str, finding: Finding) -> bool:
    whose, _, word = check.partition(":")
    rule, _, account = whose.partition("@")
    if account and not f".{finding.account}".endswith(f".{account}"):
        return False
    return finding.rule == rule and (not word or word in finding.about.split(", "))


def _unknown(
    rules: Sequence[Rule], sections: Mapping[str, Sections], has: Collection[SectionName]
) -> Iterator[str]:
    """Yield what was not read of what the rules look at, instances of one reason together."""
    found: dict[str, list[str]] = {}
    for instance, own in sections.items():
        for why in _reasons(rules, own, has):
            found.setdefault(why, []).append(instance)
    for why, names in found.items():
        yield f"On {first_names(names[:_MOST_NAMED], len(names))}: {why}"


def _reasons(
    rules: Sequence[Rule], sections: Sections, has: Collection[SectionName]
) -> Iterator[str]:
    """Yield why what the rules look at is not known; what the engine never reads is nothing."""
    if not sections:
        yield "it was never synced."
        return
    wanted = {name for rule in rules for name in (rule.reads or _of_grants(sections))}
    for name in sorted(wanted.intersection(has)):
        yield from _unread(name, sections)


def _of_grants(sections: Sections) -> Iterator[SectionName]:
    """Yield the sections of accounts and what they were granted."""
    return (key.name for key in sections if key.name not in OF_SERVER)


def _unread(name: SectionName, sections: Sections) -> Iterator[str]:
    """Yield why a section is not known, in the server or in the first database of several."""
    own = {key: report for key, report in sections.items() if key.name is name}
    is_any_read = any(report.status is SectionStatus.READ for report in own.values())
    if name in OF_SERVER and not is_any_read:
        yield _told(name, own) if own else f"{name} was never read."
        return
    unread = {key: item for key, item in own.items() if not (item.is_known or item.is_meant)}
    if unread:
        yield _told(name, unread)


def _told(name: SectionName, unread: Sections) -> str:
    key, report = next(iter(sorted(unread.items())))
    if report.status is SectionStatus.NOT_APPLICABLE:
        return f"this version does not show {name}."
    more = f" So are {len(unread) - 1} databases more." if len(unread) > 1 else ""
    return f"{Gap.of_section(key, report).told}{more}"
