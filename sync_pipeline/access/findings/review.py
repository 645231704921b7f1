"""All rules over some instances, with what is switched off or accepted taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain

from sync_pipeline.access.findings.accepted import Accepting
from sync_pipeline.access.findings.case import Case, listed
from sync_pipeline.access.findings.dangers import dangerous
from sync_pipeline.access.findings.definers import definer_routine
from sync_pipeline.access.findings.everybody import guest, machine_group, package, public
from sync_pipeline.access.findings.exposure import (
    anonymous,
    any_host,
    everyone_writes,
    open_database,
)
from sync_pipeline.access.findings.fleet import namesakes, uneven
from sync_pipeline.access.findings.grants import gone_database, grant_option, orphaned
from sync_pipeline.access.findings.hashes import hash_reader
from sync_pipeline.access.findings.known import (
    contained,
    default_password,
    external,
    first,
    guessed,
)
from sync_pipeline.access.findings.logins import (
    file_error,
    from_anywhere,
    superuser_from_elsewhere,
    weak_method,
    without_password,
    without_tls,
)
from sync_pipeline.access.findings.passwords import (
    expired,
    inactive,
    never_used,
    no_expiry,
    no_rules,
    old,
    unused,
    weak,
    weak_storage,
)
from sync_pipeline.access.findings.powers import administrator, grant_admin, superuser
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.access.findings.settings import chaining, link, mixed, option, trustworthy
from sync_pipeline.access.findings.transport import tls_not_required
from sync_pipeline.access.judged import NEVER_SYNCED, Judged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.causes import KEEPERS
from sync_pipeline.model.finding import Examined, Finding, FindingRules, Review
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import OF_SERVER
from sync_pipeline.model.text import first_names

RULES: tuple[Rule, ...] = (
    superuser,
    administrator,
    grant_admin,
    dangerous,
    hash_reader,
    weak,
    anonymous,
    open_database,
    any_host,
    tls_not_required,
    without_password,
    weak_method,
    from_anywhere,
    without_tls,
    superuser_from_elsewhere,
    file_error,
    everyone_writes,
    definer_routine,
    default_password,
    first,
    guest,
    machine_group,
    public,
    package,
    trustworthy,
    chaining,
    option,
    external,
    link,
    grant_option,
    orphaned,
    expired,
    no_rules,
    no_expiry,
    weak_storage,
    old,
    guessed,
    contained,
    mixed,
    never_used,
    inactive,
    unused,
    gone_database,
    uneven,
)


def review(
    cases: Sequence[Case], chosen: FindingRules, today: date, rules: Sequence[Rule] = RULES
) -> Review:
    """Return the findings of these instances, worst first.

    A suppression holds until the end of its last day; `today` is in the fleet's time zone.
    """
    wanted = [rule for rule in rules if rule.id not in chosen.disabled]
    items = [examine(case, wanted) for case in cases]
    providers = {item.instance: frozenset(item.of_provider) for item in items}
    more = (
        finding
        for finding in chain.from_iterable(rule.findings(cases) for rule in wanted if rule.of_fleet)
        if finding.account not in providers[finding.instance]
    )
    return gathered(items, chosen, today, more)


def examine(case: Case, rules: Sequence[Rule] = RULES) -> Examined:
    """Return what these rules find on one instance, and what others are compared with it by."""
    own = [rule for rule in rules if not rule.of_fleet]
    states = [state for state in case.states() if case.is_left_to_provider(state.name)]
    of_provider = [state.name for state in sorted(states, key=_of_server_first)]
    providers = frozenset(of_provider)
    found = (finding for rule in own for finding in rule.findings([case]))
    compared = namesakes(case) if len(own) < len(rules) else ()
    judged, turns = case.judged, case.judged.world.turns
    return Examined(
        instance=judged.name,
        engine=judged.world.engine,
        findings=tuple(item for item in found if item.account not in providers),
        namesakes=tuple(item for item in compared if item.account not in providers),
        of_provider=tuple(of_provider),
        platform=judged.world.platform,
        notes=(*judged.gaps(), *judged.unknown(), *_not_looked_for(judged, own)),
        is_unlisted=judged.is_synced and case.databases is None,
        valid_from=turns.last,
        valid_until=turns.next,
        listed_at=case.listed_at,
    )


def _of_server_first(state: AccountState) -> tuple[bool, str]:
    return (bool(state.database), state.name)


def _not_looked_for(judged: Judged, rules: Iterable[Rule]) -> Iterator[str]:
    """Yield which rules saw nothing of what the server is set to; one text for all instances."""
    unread = {
        key.name
        for key, report in judged.world.sections.items()
        if key.name in OF_SERVER and not (report.is_known or report.is_meant)
    }
    names: dict[str, list[str]] = {}
    for name in sorted(unread):
        blind = ", ".join(rule.id for rule in rules if name in rule.reads)
        if blind:
            names.setdefault(blind, []).append(name)
    for blind, sections in names.items():
        yield (
            f"Where {' or '.join(sections)} was not read, nothing of it is known by {blind}: "
            "sync-pipeline instances test says which grant is missing."
        )


def gathered(
    items: Sequence[Examined], chosen: FindingRules, today: date, more: Iterable[Finding]
) -> Review:
    """Return the findings of instances that were examined, and `more` of them together.

    Rules that are switched off are left out, and what was accepted is apart.
    """
    accepting = Accepting.by(chosen.in_force(today))
    kept: list[Finding] = []
    suppressed: list[Finding] = []
    unasked: list[Finding] = []
    for finding in chain(chain.from_iterable(item.findings for item in items), more):
        if finding.rule not in chosen.disabled:
            judged = accepting.judged(finding)
            is_accepted = judged.acceptance is not None and not judged.is_worse
            (suppressed if is_accepted else kept).append(judged)
        elif finding.rule in KEEPERS:
            unasked.append(finding)
    return Review(
        findings=tuple(sorted(kept, key=_order)),
        suppressed=tuple(sorted(suppressed, key=_order)),
        notes=tuple(dict.fromkeys((*worse_notes(kept), *notes_of(items, chosen, today)))),
        unasked=tuple(unasked),
    )


def worse_notes(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what is told though it was accepted, because it got worse since; few are named."""
    worse = [item for item in findings if item.is_worse]
    for item in worse[:_MOST_WORSE]:
        before = item.worsened
        of = f"of {item.account} " if item.account else ""
        yield (
            f"{item.rule} {of}on {item.instance} was accepted and is told again: it was "
            f"{before.severity if before else 'less bad'} then, and is {item.severity}."
        )
    if len(worse) > _MOST_WORSE:
        yield f"So are {len(worse) - _MOST_WORSE} more findings that got worse."


def notes_of(items: Iterable[Examined], chosen: FindingRules, today: date) -> Iterator[str]:
    """Yield what a review of instances does not know or did not look at."""
    yield from _expired(chosen, today)
    for name in chosen.disabled:
        yield f"The rule {name} is switched off."
    yield from _of_providers(items)
    is_looked_for = gone_database.id not in chosen.disabled
    instances: dict[str, list[str]] = {}
    unsynced: list[str] = []
    for examined in items:
        start = f"{examined.instance}: "
        for note in examined.notes:
            if note.startswith(start):
                instances.setdefault(note.removeprefix(start), []).append(examined.instance)
            elif note == f"{examined.instance} {NEVER_SYNCED}":
                unsynced.append(examined.instance)
            else:
                yield note
        if examined.is_unlisted and is_looked_for:
            instances.setdefault(_UNLISTED, []).append(examined.instance)
    yield from _unsynced(unsynced)
    for text, names in instances.items():
        yield f"{first_names(names[:_MOST_NAMED], len(names))}: {text}"


def _expired(chosen: FindingRules, today: date) -> Iterator[str]:
    """Yield which acceptances are over: all of the file's, and the last ones of commands."""
    expired = [item for item in chosen.suppressions if item.until < today]
    of_file = [item for item in expired if not item.number]
    given = sorted((item for item in expired if item.number), key=lambda item: item.until)
    for item in of_file:
        yield (
            f"The suppression of {item.rule} for {item.account} on {item.instance} expired "
            f"on {item.until} and hides nothing any more ({item.reason})."
        )
    for item in reversed(given[-_MOST_EXPIRED:]):
        yield (
            f"Acceptance {item.number} of {item.rule} for {item.account} on {item.instance}, "
            f"which {item.given_by} gave, expired on {item.until} and hides nothing any more "
            f"({item.reason})."
        )
    if len(given) > _MOST_EXPIRED:
        more = len(given) - _MOST_EXPIRED
        yield f"So did {more} more acceptances: sync-pipeline findings accepted."


def _unsynced(names: Sequence[str]) -> Iterator[str]:
    """Yield one sentence for all of them."""
    told = first_names(names[:_MOST_NAMED], len(names))
    if len(names) > 1:
        yield f"{told} were never synced: nothing is known of them."
    elif names:
        yield f"{told} {NEVER_SYNCED}"


_MOST_NAMED = 3
_MOST_EXPIRED = _MOST_WORSE = 5
_UNLISTED = (
    f"{gone_database.id} was not looked for, because its databases were never listed "
    "(sync-pipeline run capacity-sync)."
)


def _of_providers(items: Iterable[Examined]) -> Iterator[str]:
    """Yield one sentence for each platform, however many instances it has."""
    found: dict[Platform, dict[str, None]] = {}
    instances: Counter[Platform] = Counter()
    for item in items:
        if item.of_provider:
            found.setdefault(item.platform, {}).update(dict.fromkeys(item.of_provider))
            instances[item.platform] += 1
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
