"""Runs the fix of each finding of a world, and its undo, and says what did not hold.

What must hold: after the fix the finding is gone, or the finding said what is left; nobody but
the account lost or gained anything; after the undo the world is what it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.base import Engine
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.causes import Cause, causes_of
from sync_pipeline.model.finding import Finding, FindingRules
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.privilege import Grant, Membership
from sync_pipeline.model.server_fact import ServerFacts
from sync_pipeline.model.snapshot import Snapshot

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TODAY = date(2026, 11, 29)
Key = tuple[str, str, str]
"""Rule, account, and where it has several of one rule, which: the database of the evidence."""


BESIDE = ("It is then a", "It has then a", "all accounts lose it", "give to others ends with it")
"""What is said of a fix that ends its finding and does more, or leaves another one."""


@dataclass
class FixBench:
    """A server whose administrator runs what is proposed.

    `passing` are attributes that a statement changes beside what it is for (when a password was
    changed). `says` returns what the server itself says of the rights of each account.
    """

    engine: Engine
    run: Callable[[str], None]
    snapshot: Callable[[], Snapshot]
    says: Callable[[], Mapping[str, Any]]
    is_ours: Callable[[str], bool]
    databases: Databases | None = None
    monitor: str = ""
    passing: frozenset[str] = frozenset()
    others: tuple[Case, ...] = ()
    faults: list[str] = field(default_factory=list)

    def case(self) -> Case:
        found = self.snapshot()
        accounts = {state.name: state.canonical() for state in found.accounts}
        version = found.server.version
        world = AccessWorld(
            *("db", self.engine.name, version, accounts, found.sections, NOW),
            server=ServerFacts(found.server_facts),
        )
        judged = Judged(world, self.engine.access_rules(world))
        return Case(judged, self.databases, dict.fromkeys(accounts, NOW), self.monitor)

    def findings(self, case: Case, *names: str) -> dict[Key, Finding]:
        """Return what is found of our accounts, by these rules alone or by all."""
        rules = [rule for rule in RULES if not names or rule.id in names]
        found = review([case, *self.others], FindingRules(), TODAY, rules).findings
        return {
            key_of(item): item
            for item in found
            if item.instance == "db" and self.is_ours(item.account)
        }

    def states(self, case: Case) -> dict[str, AccountState]:
        return {name: self.bare(state) for name, state in case.judged.world.accounts.items()}

    def bare(self, state: AccountState) -> AccountState:
        """Return a state without what a statement changes by the way."""
        kept = tuple(item for item in state.attributes if item[0] not in self.passing)
        return replace(state, attributes=kept)


def unfinished(found: Mapping[Key, Finding]) -> set[tuple[str, str]]:
    """Return the rule and account of what no fix ends, which each had to say."""
    return {
        (item.rule, item.account)
        for item in found.values()
        if item.left and not any(words in item.left for words in BESIDE)
    }


def key_of(item: Finding) -> Key:
    return item.rule, item.account, item.evidence if item.rule == "gone-database" else ""


def each_finding(bench: FixBench, rules: Iterable[str] = ()) -> dict[Key, Finding]:
    """Run each fix and each undo; return what was found at first.

    For the time that it takes, several accounts are mended at once: those that are not, or that
    have nothing to do with it, are who must not lose or gain anything. All that did not hold is
    said at once.
    """
    before, said = bench.case(), bench.says()
    found = bench.findings(before, *rules)
    faults = [fault for item in found.values() for fault in wording(item)]
    for batch in batches(before, found.values()):
        is_whole = not any("--" in item.undo for item in batch)
        try:
            there_and_back(bench, before, said, batch)
        except AssertionError as fault:
            faults.append(str(fault))
            is_whole = False
        if not is_whole:
            before, said = bench.case(), bench.says()
    assert not faults, "\n".join([f"{len(faults)} faults", *faults])
    return found


def each_cause(bench: FixBench) -> list[Cause]:
    """Run the one fix of causes that have several findings, and its undo; return these causes.

    For the time that it takes, it is the largest of each rule and way: at a role or at accounts.
    """
    before, said = bench.case(), bench.says()
    causes = causes_of(bench.findings(before).values())
    causes.sort(key=lambda item: len(item.findings))
    largest = {(item.worst.rule, bool(item.role)): item for item in causes if item.remedy().fix}
    several = [item for item in largest.values() if len(item.findings) > 1]
    for cause in several:
        ending = cause.remedy()
        where = f"{cause.worst.rule} of {cause.accounts}: {ending}"
        run_all(bench, ending.fix, where)
        after = bench.case()
        still = bench.findings(after, cause.worst.rule)
        left = [item for item in cause.findings if key_of(item) in still]
        assert len(left) < len(cause.findings), f"{where}: all are still there"
        for item in left:
            is_role = item.account == cause.role and f"{item.account} keeps it." in ending.left
            is_later = "Sync and ask again after it" in ending.left and "GRANT " in item.fix
            is_said = bool(item.left) and not any(words in item.left for words in BESIDE)
            assert is_role or is_later or is_said, f"{where}: still there: {item}"
        others_are_the_same(bench, before, after, said, cause.findings, where)
        run_all(bench, ending.undo, where)
        is_whole = "--" not in ending.undo
        assert_same(bench, before, bench.case(), where, () if is_whole else cause.accounts)
        if not is_whole:
            before, said = bench.case(), bench.says()
    return several


def batches(case: Case, found: Iterable[Finding]) -> Iterable[list[Finding]]:
    """Return findings that are mended at once: of one rule, every other account, roles apart.

    A fix that gives somebody anew what goes with it brings that one's finding back: these
    two are mended one after the other.
    """
    groups: dict[tuple[str, bool, int], list[Finding]] = defaultdict(list)
    accounts = case.judged.world.accounts
    for number, item in enumerate(sorted(found, key=lambda item: (item.rule, item.account))):
        is_role = not accounts[item.account].can_login
        if item.fix:
            groups[item.rule, is_role, number % 2].append(item)
    for group in groups.values():
        yield from _apart(group)


def _apart(group: Sequence[Finding]) -> Sequence[list[Finding]]:
    """Split findings so that in none of the parts one gives to the account of another."""
    parts: list[list[Finding]] = []
    for item in group:
        for part in parts:
            if not any(_gives_to(item, other) or _gives_to(other, item) for other in part):
                part.append(item)
                break
        else:
            parts.append([item])
    return parts


def _gives_to(item: Finding, other: Finding) -> bool:
    name = other.account.split("@")[0]
    given = (line for line in item.fix.split("\n") if not line.startswith("REVOKE"))
    return item is not other and any("GRANT" in line and name in line for line in given)


def wording(item: Finding) -> Iterator[str]:
    """Yield what is wrong with the words of a finding."""
    where = f"{item.rule} of {item.account}: {item.fix!r}"
    plain = [line for line in item.fix.split("\n") if not line.startswith("--")]
    if len(set(plain)) != len(plain):
        yield f"{where}: twice"
    if not item.fix and not item.left:
        yield f"{where}: neither a fix nor a word about it"
    if item.fix and not item.undo:
        yield f"{where}: no undo"
    if bool(item.fix) != bool(item.breaks):
        yield f"{where}: breaks {item.breaks!r}"


def there_and_back(
    bench: FixBench, before: Case, said: Mapping[str, Any], batch: Sequence[Finding]
) -> None:
    for item in batch:
        run_all(bench, item.fix, f"{item.rule} of {item.account}: {item.fix!r}")
    after = bench.case()
    still = bench.findings(after, batch[0].rule)
    for item in batch:
        if not item.left or any(words in item.left for words in BESIDE):
            there = still.get(key_of(item))
            assert there is None, f"still there: {item}\n  {there}"
    where = "\n  ".join(f"{item.account}: {item.fix!r}; undo {item.undo!r}" for item in batch)
    others_are_the_same(bench, before, after, said, batch, where)
    for item in reversed(batch):
        run_all(bench, item.undo, f"{item.rule} of {item.account}: undo {item.undo!r}")
    assert_same(bench, before, bench.case(), where, {i.account for i in batch if "--" in i.undo})


def run_all(bench: FixBench, text: str, where: str) -> None:
    for line in text.split("\n"):
        if line and not line.startswith("--"):
            try:
                bench.run(line)
            except Exception as error:
                raise AssertionError(f"{where}: refused: {line!r}: {error}") from error


def assert_same(
    bench: FixBench, before: Case, after: Case, where: str, but: Collection[str]
) -> None:
    """Compare the world with what it was; of what an undo only comments on, nothing is asked."""
    one, other = bench.states(before), bench.states(after)
    assert one.keys() - but == other.keys() - but, f"{where}: other accounts"
    for name, state in one.items():
        if name in but:
            continue
        assert other[name] == state, f"{where}: {name} is not what it was:\n{state}\n{other[name]}"


def others_are_the_same(
    bench: FixBench,
    before: Case,
    after: Case,
    said: Mapping[str, Any],
    batch: Sequence[Finding],
    where: str,
) -> None:
    """Compare everybody else: by the snapshot, by our rules, and by what the server says.

    Whoever has the account as a role loses what the role loses.
    """
    mended = {item.account for item in batch}
    with_it = mended | {name for account in mended for name in members(before, account)}
    is_of_all = any("all accounts lose it" in item.left for item in batch)
    if is_of_all or any(before.is_everyone(account) for account in mended):
        with_it = set(before.judged.world.accounts)
    now = bench.says()
    for name, state in before.judged.world.accounts.items():
        if name in with_it:
            continue
        assert rights(after.judged.world.accounts[name]) == rights(state), f"{where}: {name}"
        assert now.get(name) == said.get(name), f"{where}: {name} by the server"


def rights(state: AccountState) -> tuple[set[Grant], set[Membership], bool, bool]:
    """Return what an account holds, whoever gave it; with the option where one did."""
    if state.is_superuser:
        # What is plain for a superuser is written down once somebody else was granted it.
        return set(), set(), state.can_login, True
    grants = {replace(grant, grantor="") for grant in state.grants}
    with_option = {replace(grant, grantable=False) for grant in grants if grant.grantable}
    return (
        grants - with_option,
        {replace(item, grantor="") for item in state.memberships},
        state.can_login,
        state.is_superuser,
    )


def members(case: Case, role: str) -> set[str]:
    """Return who has a role, through others too."""
    accounts = case.judged.world.accounts
    found: set[str] = set()
    waiting = [role]
    while waiting:
        here = waiting.pop()
        for name, state in accounts.items():
            if name not in found and any(item.role == here for item in state.memberships):
                found.add(name)
                waiting.append(name)
    return found
