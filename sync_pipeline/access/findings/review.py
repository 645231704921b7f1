"""All rules over some instances, with what is switched off or accepted taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from sync_pipeline.access.findings.case import Case, listed
from sync_pipeline.access.findings.exposure import anonymous, any_host, everyone_writes
from sync_pipeline.access.findings.fleet import uneven
from sync_pipeline.access.findings.grants import gone_database, grant_option, orphaned
from sync_pipeline.access.findings.hashes import hash_reader
from sync_pipeline.access.findings.passwords import expired, never_used, no_expiry, no_rules, weak
from sync_pipeline.access.findings.powers import administrator, grant_admin, superuser
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.model.finding import Finding, FindingRules, Review, Suppression
from sync_pipeline.model.pattern import like
from sync_pipeline.model.platform import Platform

RULES: tuple[Rule, ...] = (
    superuser,
    administrator,
    grant_admin,
    hash_reader,
    weak,
    anonymous,
    any_host,
    everyone_writes,
    grant_option,
    orphaned,
    expired,
    no_rules,
    no_expiry,
    never_used,
    gone_database,
    uneven,
)


def review(
    cases: Sequence[Case], chosen: FindingRules, today: date, rules: Sequence[Rule] = RULES
) -> Review:
    """Return the findings of these instances, worst first.

    A suppression holds until the end of its last day; `today` is in the fleet's time zone.
    """
    live = [item for item in chosen.suppressions if today <= item.until]
    by_instance = {case.judged.name: case for case in cases}
    kept: list[Finding] = []
    suppressed: list[Finding] = []
    for rule in rules:
        if rule.id in chosen.disabled:
            continue
        for finding in rule.findings(cases):
            if by_instance[finding.instance].is_left_to_provider(finding.account):
                continue
            is_accepted = any(_is_suppressed(finding, item) for item in live)
            (suppressed if is_accepted else kept).append(finding)
    return Review(
        findings=tuple(sorted(kept, key=_order)),
        suppressed=tuple(sorted(suppressed, key=_order)),
        notes=tuple(dict.fromkeys(_notes(cases, chosen, today))),
    )


def _is_suppressed(finding: Finding, suppression: Suppression) -> bool:
    """Return whether a suppression means a finding; whether it has expired is not asked."""
    return (
        like(suppression.rule, finding.rule)
        and like(suppression.instance, finding.instance)
        and like(suppression.account, finding.account)
    )


def _notes(cases: Sequence[Case], chosen: FindingRules, today: date) -> Iterator[str]:
    for item in chosen.suppressions:
        if item.until < today:
            yield (
                f"The suppression of {item.rule} for {item.account} on {item.instance} expired "
                f"on {item.until} and hides nothing any more ({item.reason})."
            )
    for name in chosen.disabled:
        yield f"The rule {name} is switched off."
    yield from _of_providers(cases)
    for case in cases:
        yield from case.judged.gaps()
        yield from case.judged.unknown()
        if (
            case.judged.is_synced
            and case.databases is None
            and gone_database.id not in (chosen.disabled)
        ):
            yield (
                f"{case.judged.name}: {gone_database.id} was not looked for, because its "
                "databases were never listed (sync-pipeline run capacity-sync)."
            )


def _of_providers(cases: Sequence[Case]) -> Iterator[str]:
    """Yield one sentence for each platform, however many instances it has."""
    found: dict[Platform, dict[str, None]] = {}
    instances: Counter[Platform] = Counter()
    for case in cases:
        platform = case.judged.world.platform
        own = [state.name for state in case.states() if case.is_left_to_provider(state.name)]
        if own:
            found.setdefault(platform, {}).update(dict.fromkeys(own))
            instances[platform] += 1
    for platform, names in found.items():
        count = instances[platform]
        service = platform.service if platform.is_managed else "a managed service"
        where = f"{count} instance{'s' if count > 1 else ''} of {service}"
        yield f"The provider's own accounts are not reviewed on {where}: {listed(list(names), 8)}."


def _order(finding: Finding) -> tuple[int, str, str, str, str]:
    return (
        finding.severity.rank,
        finding.instance,
        finding.account,
        finding.rule,
        finding.evidence,
    )
