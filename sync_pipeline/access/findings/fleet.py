"""The rule that looks at the fleet as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.access.findings.case import Case, Remedy, listed
from sync_pipeline.access.findings.mending import REFUSED, Mending, take_all
from sync_pipeline.access.findings.powerless import break_ways
from sync_pipeline.access.findings.rule import Rule, rule
from sync_pipeline.model.access import Hold, Power, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SecurableKind


@dataclass(frozen=True, slots=True)
class _Namesake:
    """One account of a name that several instances have, and its rights as texts."""

    case: Case
    state: AccountState
    rights: Mapping[str, Sequence[Hold]]


@rule(
    "uneven-rights",
    title="Same name, different rights",
    severity=Severity.LOW,
    rationale="An account of one name is taken for one person or program. Where it may do more "
    "on one server, that is a leftover or a mistake more often than a need. Compared are "
    "powers, roles and server privileges of the same engine.",
    sources=(
        "NIST SP 800-53 AC-6, least privilege: review of user privileges",
        "CIS Controls 5.1 and 6.8, account inventory and role-based access",
    ),
)
def uneven(rule: Rule, cases: Sequence[Case]) -> Iterator[Finding]:
    """Yield the namesakes on several instances that may not do the same."""
    namesakes: dict[tuple[str, str], list[_Namesake]] = defaultdict(list)
    for case in cases:
        for state in case.states():
            if state.database or case.is_expected(state.name) or case.is_everyone(state.name):
                continue
            key = (case.judged.world.engine, state.name)
            powers = case.powers(state.name)
            namesakes[key].append(_Namesake(case, state, _rights(state, powers)))
    for _, group in sorted(namesakes.items()):
        yield from _unevenness(rule, group)


def _unevenness(rule: Rule, group: Sequence[_Namesake]) -> Iterator[Finding]:
    """Yield a finding for each namesake that may do more than all of them may."""
    common = set(group[0].rights).intersection(*(item.rights for item in group))
    for item in group:
        more = [text for text in item.rights if text not in common]
        if not more:
            continue
        less = [other.case.judged.name for other in group if not set(more) <= other.rights.keys()]
        yield item.case.finding(
            rule.id,
            rule.severity,
            item.state.name,
            f"Here it has {listed(more)}; not so on {listed(less)}.",
            remedy=_evened(item, set(more)),
        )


def _evened(item: _Namesake, more: set[str]) -> Remedy:
    """Return what takes away what the account has here and not everywhere."""
    mending = Mending(item.case, item.state.name)

    def rights(powers: Sequence[Power] = ()) -> dict[str, Sequence[Hold]]:
        state = mending.state(item.state.name) or item.state
        return {text: by for text, by in _rights(state, powers).items() if text in more}

    take_all(lambda: [hold for by in rights().values() for hold in by], mending.take)
    for kind in PowerKind:
        if kind in more:
            break_ways(mending, kind)
    left = rights(mending.rules.powers(item.state.name))
    return mending.remedy(f"It keeps {listed(list(left))}: {REFUSED}." if left else "")


def _rights(state: AccountState, powers: Sequence[Power]) -> dict[str, Sequence[Hold]]:
    """Return the rights that mean the same on each server: powers, roles, server privileges."""
    rights: dict[str, list[Hold]] = {str(power.kind): [] for power in powers}
    on_server = [item for item in state.grants if item.securable.kind is SecurableKind.SERVER]
    denied = {item.privilege for item in on_server if item.deny}
    for role in state.memberships:
        rights.setdefault(f"role {role.role}", []).append(Hold(state.name, membership=role))
    for grant in on_server:
        if grant.privilege not in denied:
            text = f"{grant.privilege} on the server"
            rights.setdefault(text, []).append(Hold(state.name, grant))
    return dict(rights)
