"""The rule that looks at the fleet as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.access.findings.case import Case, listed
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SecurableKind


@dataclass(frozen=True, slots=True)
class _Namesake:
    """One account of a name that several instances have. Rights: text → statement against it."""

    case: Case
    state: AccountState
    rights: Mapping[str, str]


def _uneven(rule: Rule, cases: Sequence[Case]) -> Iterator[Finding]:
    namesakes: dict[tuple[str, str], list[_Namesake]] = defaultdict(list)
    for case in cases:
        for state in case.states():
            if state.database or case.is_expected(state.name) or case.is_everyone(state.name):
                continue
            key = (case.judged.world.engine, state.name)
            namesakes[key].append(_Namesake(case, state, _rights(case, state)))
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
        fixes = (item.rights[text] for text in more)
        yield item.case.finding(
            rule.id,
            rule.severity,
            item.state.name,
            f"Here it has {listed(more)}; not so on {listed(less)}.",
            fix="\n".join(fix for fix in fixes if fix),
        )


def _rights(case: Case, state: AccountState) -> dict[str, str]:
    """Return the rights that mean the same on each server: powers, roles, server privileges."""
    rules = case.judged.rules
    on_server = [item for item in state.grants if item.securable.kind is SecurableKind.SERVER]
    denied = {item.privilege for item in on_server if item.deny}
    return {
        **{str(power.kind): "" for power in case.powers(state.name)},
        **{f"role {item.role}": rules.revoke_role(state.name, item) for item in state.memberships},
        **{
            f"{privilege} on the server": "\n".join(
                rules.revoke(state.name, grant)
                for grant in on_server
                if grant.privilege == privilege
            )
            for privilege in dict.fromkeys(grant.privilege for grant in on_server)
            if privilege not in denied
        },
    }


UNEVEN = Rule(
    id="uneven-rights",
    title="Same name, different rights",
    severity=Severity.LOW,
    rationale="An account of one name is taken for one person or program. Where it may do more "
    "on one server, that is a leftover or a mistake more often than a need. Compared are "
    "powers, roles and server privileges of the same engine.",
    sources=(
        "NIST SP 800-53 AC-6, least privilege: review of user privileges",
        "CIS Controls 5.1 and 6.8, account inventory and role-based access",
    ),
    check=_uneven,
)
