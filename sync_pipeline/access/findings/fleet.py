"""The rule that looks at the fleet as a whole: by summaries, whatever else instances hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sync_pipeline.access.findings.case import SHOWN, Case, Remedy, listed
from sync_pipeline.access.findings.mending import REFUSED, Mending, take_all
from sync_pipeline.access.findings.powerless import break_ways
from sync_pipeline.access.findings.rule import Rule, rule
from sync_pipeline.model.access import Hold, Power, PowerKind, Step
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Examined, Finding, Namesake, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import SecurableKind


@dataclass(frozen=True, slots=True)
class Uneven:
    """A namesake that may do more than all of its name: where, what, and who may not."""

    place: int
    account: str
    more: tuple[str, ...]
    evidence: str


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
    of_fleet=True,
    no_control="Benchmarks look at one server, and not at several.",
)
def uneven(rule: Rule, cases: Sequence[Case]) -> Iterator[Finding]:
    """Yield the namesakes on several instances that may not do the same."""
    items = [
        Examined(case.judged.name, case.judged.world.engine, namesakes=tuple(namesakes(case)))
        for case in cases
    ]
    for found in unevenness(items):
        yield uneven_finding(
            rule, items, found, evened(cases[found.place], found.account, found.more)
        )


def uneven_finding(rule: Rule, items: Sequence[Examined], found: Uneven, remedy: Remedy) -> Finding:
    """Return what the rule says of one account, with what would end it."""
    item = items[found.place]
    return Finding(
        item.instance,
        item.engine,
        found.account,
        rule.id,
        rule.severity,
        found.evidence,
        (Step(found.account),),
        remedy.fix,
        remedy.undo,
        remedy.left,
    )


def namesakes(case: Case) -> Iterator[Namesake]:
    """Yield the accounts of an instance that are compared with those of other ones."""
    for state in case.states():
        if state.database or case.is_expected(state.name) or case.is_everyone(state.name):
            continue
        yield Namesake(state.name, tuple(_rights(state, case.powers(state.name))))


def evened(case: Case, account: str, more: Sequence[str]) -> Remedy:
    """Return what takes away what the account has here and not everywhere."""
    mending, taken = Mending(case, account), set(more)
    own = case.judged.world.accounts.get(account)
    if own is None:
        return Remedy(left="It went while this was asked: ask again.")

    def rights(powers: Sequence[Power] = ()) -> dict[str, Sequence[Hold]]:
        state = mending.state(account) or own
        return {text: by for text, by in _rights(state, powers).items() if text in taken}

    take_all(lambda: [hold for by in rights().values() for hold in by], mending.take)
    for kind in PowerKind:
        if kind in taken:
            break_ways(mending, kind)
    left = rights(mending.rules.powers(account))
    remedy = mending.remedy(f"It keeps {listed(list(left))}: {REFUSED}." if left else "")
    return case.shown(account, remedy)


def unevenness(items: Sequence[Examined]) -> Iterator[Uneven]:
    """Yield who may do more than its namesakes, by engine and name, in the order of instances."""
    groups: dict[tuple[EngineName, str], list[tuple[int, Namesake]]] = defaultdict(list)
    for place, item in enumerate(items):
        for one in item.namesakes:
            groups[item.engine, one.account].append((place, one))
    for _, group in sorted(groups.items()):
        yield from _of_group(items, group)


def _of_group(items: Sequence[Examined], group: Sequence[tuple[int, Namesake]]) -> Iterator[Uneven]:
    """Yield each namesake that may do more than all of them may.

    Those of equal rights are compared with the others once, however many they are.
    """
    places: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, one in group:
        places[frozenset(one.rights)].append(place)
    common = frozenset.intersection(*places)
    less: dict[frozenset[str], str] = {}
    for place, one in group:
        more = tuple(text for text in one.rights if text not in common)
        if not more:
            continue
        wanted = frozenset(more)
        if wanted not in less:
            less[wanted] = _without(items, wanted, places)
        evidence = f"Here it has {listed(more)}; not so on {less[wanted]}."
        yield Uneven(place, one.account, more, evidence)


def _without(
    items: Sequence[Examined], more: frozenset[str], places: Mapping[frozenset[str], list[int]]
) -> str:
    """Return the instances on which a namesake lacks some of these rights, as `listed` tells."""
    lacking = [found for rights, found in places.items() if not more <= rights]
    first = sorted(place for found in lacking for place in islice(found, SHOWN))[:SHOWN]
    return listed([items[place].instance for place in first], total=sum(map(len, lacking)))


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
