"""What Dagster is told of one instance's accounts: only where a sync found something changed.

Half an hour later each sync of a large fleet comes again: an event of each would be half a million
a day of 10,000 instances. Nothing is told of a sync that changed nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import dagster as dg

from sync_pipeline.model.change import Effect
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.finding_count import ALL_RULES, CountedFindings
from sync_pipeline.orchestration.catalogued import FINDINGS, accounts_key
from sync_pipeline.orchestration.metadata import changes_metadata
from sync_pipeline.visible import visible
from sync_pipeline.workflows.syncing.accounts import AccountSyncReport

FAILING = (Severity.CRITICAL, Severity.HIGH)
"""Of which one finding lets the check fail; what is accepted is none."""
INSTANCE_PAGE = "/instance"
"""The page of an instance in the console, which is not imported to sync one."""


def account_events(
    report: AccountSyncReport, console_url: str = ""
) -> Iterator[dg.AssetObservation | dg.AssetCheckEvaluation]:
    """Yield an observation where accounts changed, and the check where findings may be others.

    Both lead to the instance's page of the console, where that has an address.
    """
    found = _findings_metadata(report.findings) if report.findings else {}
    link = _link(report.instance, console_url)
    if any(change.lines for change in report.changes):
        yield dg.AssetObservation(
            asset_key=accounts_key(report.instance),
            description=visible(report.message),
            metadata={**link, **_powers(report), **changes_metadata(report), **found},
        )
    if report.findings is not None:
        numbers = _by_severity(report.findings)
        worst = next((item for item in FAILING if numbers[item]), None)
        yield dg.AssetCheckEvaluation(
            asset_key=accounts_key(report.instance),
            check_name=FINDINGS,
            passed=worst is None,
            severity=(
                dg.AssetCheckSeverity.ERROR
                if worst is Severity.CRITICAL
                else dg.AssetCheckSeverity.WARN
            ),
            description=_told(numbers),
            metadata={**link, **found},
        )


def _link(instance: str, console_url: str) -> dict[str, dg.MetadataValue]:
    if not console_url:
        return {}
    query = urlencode({"name": instance}, errors="replace")
    return {"console": dg.MetadataValue.url(f"{console_url}{INSTANCE_PAGE}?{query}")}


def _powers(report: AccountSyncReport) -> dict[str, dg.MetadataValue]:
    """Return of how many accounts a change gave a power, and took one."""
    counts = {
        "accounts that gained a power": Effect.GIVES_POWER,
        "accounts that lost a power": Effect.TAKES_POWER,
    }
    return {
        name: dg.MetadataValue.int(sum(bool(item.effect & effect) for item in report.changes))
        for name, effect in counts.items()
    }


def _findings_metadata(counted: CountedFindings) -> dict[str, dg.MetadataValue]:
    accepted = sum(item.accepted for item in counted.counts if item.rule == ALL_RULES)
    return {
        **{
            f"findings: {severity}": dg.MetadataValue.int(count)
            for severity, count in _by_severity(counted).items()
        },
        "findings accepted": dg.MetadataValue.int(accepted),
    }


def _by_severity(counted: CountedFindings) -> Mapping[Severity, int]:
    of_rank = {item.rank: item.findings for item in counted.counts if item.rule == ALL_RULES}
    return {severity: of_rank.get(severity.rank, 0) for severity in Severity}


def _told(numbers: Mapping[Severity, int]) -> str:
    found = ", ".join(f"{count} {severity}" for severity, count in numbers.items() if count)
    return f"Findings: {found}." if found else "Nothing is found."
