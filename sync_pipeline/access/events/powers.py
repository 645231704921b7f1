"""Events of powers that accounts gained and lost, by any chain. Pure.

The rules of findings decide who has which power, and by which path, so that an event, `findings`
and `access` never say different things. Nobody's choice of rules is asked here. As those rules do,
the greatest power of an account is told: a superuser has all others. What everybody has is told of
who stands for them, and what an account has beside that, of the account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sync_pipeline.access.events.context import EventContext
from sync_pipeline.access.findings.dangers import dangerous
from sync_pipeline.access.findings.powers import administrator, grant_admin, superuser
from sync_pipeline.model.access import PowerKind
from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Finding
from sync_pipeline.model.review import FindingChanges

POWER_RULES = (superuser, administrator, grant_admin, dangerous)
"""The rules that decide who has a power."""
_KINDS = (
    PowerKind.SUPERUSER,
    PowerKind.ADMINISTRATOR,
    PowerKind.GRANT_ADMIN,
    PowerKind.DANGEROUS,
)
_POWERS = {rule.id: kind for rule, kind in zip(POWER_RULES, _KINDS, strict=True)}
_ALL_OF_IT = (PowerKind.SUPERUSER, PowerKind.ADMINISTRATOR)
"""Powers beside which no other is found."""
_Found = dict[PowerKind, Finding]
GONE = "the account is gone"


def power_of(item: Finding) -> PowerKind | None:
    """Return the power that a finding says an account has; None: it is of something else."""
    return _POWERS.get(item.rule)


def power_events(changes: FindingChanges, context: EventContext) -> Iterator[Event]:
    """Yield who gained or lost a power, or appeared with one, by account."""
    gained, lost = _by_account(changes.opened), _by_account(changes.resolved)
    for account in sorted({*gained, *lost}):
        own, was = gained.get(account, {}), lost.get(account, {})
        if account in context.appeared:
            yield from _appeared(own, context)
        else:
            yield from _changed(own, was, context)


def _by_account(items: Iterable[Finding]) -> Mapping[str, _Found]:
    found: dict[str, _Found] = defaultdict(dict)
    for item in items:
        kind = power_of(item)
        if kind is not None:
            found[item.account][kind] = item
    return found


def _appeared(gained: _Found, context: EventContext) -> Iterator[Event]:
    found = [gained[kind] for kind in PowerKind if kind in gained]
    if found:
        worst = min(found, key=lambda item: item.severity.rank)
        kinds = ", ".join(kind for kind in PowerKind if kind in gained)
        yield context.origin.event(
            EventKind.ACCOUNT_WITH_POWER,
            worst.severity,
            account=worst.account,
            subject=kinds,
            after=" ".join(item.evidence for item in found),
            path=_path(found[0]),
        )


def _changed(gained: _Found, lost: _Found, context: EventContext) -> Iterator[Event]:
    """Yield the changes of an account that was there.

    Where it had all, or has all, what is less was there, and is there still: that is no news.
    """
    for kind in PowerKind:
        was, item = lost.get(kind), gained.get(kind)
        if item is not None and _is_greater(kind, lost):
            before = _held(was) if was else _others(lost, kind)
            if was is None or _names(item) - _names(was):
                yield _event(EventKind.POWER_GAINED, kind, item, context, before, _held(item))
        if was is not None and _is_greater(kind, gained):
            after = _held(item) if item else _others(gained, kind)
            if item is None or _names(was) - _names(item):
                after = GONE if was.account in context.gone else after
                yield _event(EventKind.POWER_LOST, kind, was, context, _held(was), after)


def _is_greater(kind: PowerKind, others: _Found) -> bool:
    """Return whether a power is above those of all or nothing among others."""
    order = list(PowerKind)
    return all(order.index(kind) < order.index(other) for other in _ALL_OF_IT if other in others)


def _event(
    kind: EventKind,
    power: PowerKind,
    item: Finding,
    context: EventContext,
    before: str,
    after: str,
) -> Event:
    return context.origin.event(
        kind,
        item.severity,
        account=item.account,
        subject=str(power),
        before=before,
        after=after,
        path=_path(item),
    )


def _held(item: Finding) -> str:
    """Return how a power is held; of one whose evidence is lost, its name."""
    return item.evidence or item.about or str(power_of(item))


def _others(found: _Found, kind: PowerKind) -> str:
    """Return the other powers, greater or less, in the place of this one."""
    return ", ".join(other for other in PowerKind if other in found and other is not kind)


def _names(item: Finding) -> frozenset[str]:
    """Return which privileges a finding is about, where there are several."""
    return frozenset(item.about.split(", "))


def _path(item: Finding) -> tuple[str, ...]:
    return tuple(map(str, item.path))
