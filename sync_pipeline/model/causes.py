"""Findings by what they come from: one line, and one fix, for each cause. Pure.

A cause is of one instance. Its findings are those of one rule whose `cause` is the same: the
members of a role that have a power by it alone, and the role; a user on each of its hosts; what
the server or a database is. What is `implied` by a finding that is no less bad, and shown, belongs
to the cause of that one (ADR 0050).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.grouping import By
from sync_pipeline.model.statements import joined
from sync_pipeline.model.text import first_names

ITSELF = "(the instance itself)"
NO_TAG = "(no tag)"
KEEPERS = ("superuser", "service-administrator")
"""Rules of powers of which somebody has to be left."""
SHUT = "Nobody can log in with it."
"""How what was seen ends of one that administers nothing, though it stays what it is."""
_HARMLESS = ("no-password-expiry", "no-password-rules", "grant-option", "gone-database")
"""Rules whose fixes take no power, and close nothing."""
_ACTIVE = (Severity.CRITICAL, Severity.HIGH)
_ENDED = ("It is then a", "It has then a")
"""How what is left begins of a fix that ends its finding."""
_GIVES = re.compile(
    r"""^(SET ROLE "(?:[^"]|"")*"; |USE \[(?:[^\]]|\]\])*\]; )?"""
    r"""(GRANT |ALTER (SERVER )?ROLE \[.*\] ADD )""",
    re.MULTILINE,
)
"""A statement by which somebody gets something, as each engine writes it."""
_MOST_SENTENCES = 3
_MOST_ACCOUNTS = 3
_Key = tuple[str, str]
_Of = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends a cause, what takes that back, what is left all the same, and what breaks."""

    fix: str = ""
    undo: str = ""
    left: str = ""
    breaks: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Findings that come from one thing on one instance, the worst first.

    `folded` says the same of the same accounts, and no worse. `is_last`: all who administer the
    instance are among the accounts.
    """

    findings: tuple[Finding, ...]
    folded: tuple[Finding, ...] = ()
    is_last: bool = False

    @property
    def worst(self) -> Finding:
        """Return the finding by which the cause is called."""
        return self.findings[0]

    @property
    def severity(self) -> Severity:
        """Return how bad the worst of it is."""
        return self.worst.severity

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return the accounts, each once; none where it is said of the instance itself."""
        return tuple(dict.fromkeys(item.account for item in self.findings if item.account))

    @property
    def since(self) -> datetime | None:
        """Return when the first of it was seen first (UTC)."""
        return min((item.first_seen for item in self.findings if item.first_seen), default=None)

    @property
    def role(self) -> str:
        """Return the role through which all but itself have it; empty: there is none."""
        ends = {item.path[-1].account for item in self.findings if item.path}
        is_far = any(len(item.path) > 1 for item in self.findings)
        return ends.pop() if is_far and len(ends) == 1 else ""

    @property
    def evidence(self) -> str:
        """Return what was seen of the worst one, and of how many others it differs."""
        texts = dict.fromkeys(item.evidence for item in self.findings)
        more = len(texts) - 1
        return f"{self.worst.evidence}{f' ({more} more alike.)' if more else ''}"

    @property
    def named(self) -> str:
        """Return the first of the accounts, and how many more there are."""
        return _few(self.accounts)

    def remedy(self) -> Ending:
        """Return what ends all of it: at the role of several accounts, or at each account.

        A role that nobody logs in with is meant to have it: where one account has it by the role,
        that one leaves. Where nobody else would administer the instance, each is asked for.
        """
        role = self.role
        own = next((item for item in self.findings if role and item.account == role), None)
        if own is None:
            return _together(self.findings, is_last=self.is_last)
        members = [item for item in self.findings if item is not own]
        is_meant = own.severity is Severity.INFO
        ends = own.fix and (not own.left or own.left.startswith(_ENDED)) and not self.is_last
        if ends and (len(members) > 1 or not is_meant):
            return Ending(own.fix, own.undo, own.left, own.breaks)
        if is_meant and any(item.fix for item in members):
            return _together(members, f"{own.account} keeps it.", is_last=self.is_last)
        return _together(self.findings, is_last=self.is_last)


Named = tuple[str, Cause]
"""The name of a group, and what of a cause stands in it."""


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Causes under one name: a rule, an instance, a tag or an account."""

    name: str
    causes: Sequence[Cause]

    @property
    def order(self) -> tuple[int, int, str]:
        """Return the place of the group: the worst first, of these the one with more of it."""
        worst = min(item.severity.rank for item in self.causes)
        count = sum(item.severity.rank == worst for item in self.causes)
        return worst, -count, self.name

    @property
    def instances(self) -> tuple[str, ...]:
        """Return the instances, each once."""
        return tuple(dict.fromkeys(item.worst.instance for item in self.causes))

    @property
    def accounts(self) -> frozenset[tuple[str, str]]:
        """Return the accounts, each with its instance."""
        return frozenset(
            (item.worst.instance, one) for item in self.causes for one in item.accounts
        )

    @property
    def counts(self) -> str:
        """Return how many causes there are of each severity, for people."""
        counts = counts_of_causes(self.causes)
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def grouped(causes: Iterable[Cause], under: Callable[[Cause], Iterable[Named]]) -> list[CauseGroup]:
    """Return groups, worst first; `under` names those of a cause, and what of it stands there."""
    found: dict[str, list[Cause]] = defaultdict(list)
    for cause in causes:
        for name, part in under(cause):
            found[name].append(part)
    groups = (CauseGroup(name, items) for name, items in found.items())
    return sorted(groups, key=lambda group: group.order)


def by_rule(cause: Cause) -> tuple[Named]:
    """Return that a cause stands under its rule."""
    return ((cause.worst.rule, cause),)


def under(by: By, tags: Mapping[str, Sequence[str]]) -> Callable[[Cause], Iterable[Named]]:
    """Return what names the groups of a cause, with what of it stands there.

    `tags` are those of each instance.
    """
    groups: Mapping[By, Callable[[Cause], Iterable[Named]]] = {
        By.RULE: by_rule,
        By.INSTANCE: lambda cause: ((cause.worst.instance, cause),),
        By.TAG: lambda cause: ((tag, cause) for tag in tags.get(cause.worst.instance) or (NO_TAG,)),
        By.ACCOUNT: lambda cause: (
            (account or ITSELF, _of_account(cause, account)) for account in cause.accounts or ("",)
        ),
    }
    return groups[by]


def _of_account(cause: Cause, account: str) -> Cause:
    """Return what a cause says of one account."""
    return replace(
        cause,
        findings=tuple(item for item in cause.findings if item.account == account),
        folded=tuple(item for item in cause.folded if item.account == account),
    )


def causes_of(findings: Iterable[Finding], accepted: Sequence[Finding] = ()) -> list[Cause]:
    """Return the causes of findings, the worst first.

    Who was `accepted` as an administrator is one who is left, and so is of whom nobody asked.
    """
    all_of = list(findings)
    known = _known(all_of)
    own: dict[_Key, list[Finding]] = defaultdict(list)
    folded: dict[_Key, list[Finding]] = defaultdict(list)
    for item in all_of:
        by = _implying(item, known)
        (own if by is item else folded)[_key(by)].append(item)
    keepers = _keepers([*all_of, *accepted])
    causes = [
        Cause(
            tuple(sorted(items, key=_worst_first)),
            tuple(folded.get(key, ())),
            _is_last(items, keepers),
        )
        for key, items in own.items()
    ]
    return sorted(causes, key=lambda cause: (*_worst_first(cause.worst), cause.worst.instance))


def as_told(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings for programs: `implied` where what implies it is among them, and told."""
    known = _known(findings)
    for item in findings:
        is_told = not item.implied or _implying(item, known) is not item
        yield item if is_told else replace(item, implied="")


def at_least(causes: Iterable[Cause], least: Severity | None) -> list[Cause]:
    """Return the causes that are at least so bad (None: all)."""
    return [item for item in causes if least is None or item.severity.rank <= least.rank]


def counts_of_causes(causes: Iterable[Cause]) -> dict[Severity, int]:
    """Return how many causes there are of each severity, zeros too, worst first."""
    counts = dict.fromkeys(Severity, 0)
    for cause in causes:
        counts[cause.severity] += 1
    return counts


def all_of(causes: Iterable[Cause]) -> tuple[Finding, ...]:
    """Return every finding of causes, those that are folded too."""
    return tuple(item for cause in causes for item in (*cause.findings, *cause.folded))


def _few(accounts: Sequence[str]) -> str:
    return first_names(accounts[:_MOST_ACCOUNTS], len(accounts))


def _key(item: Finding) -> _Key:
    # What was kept by a version without causes is its own.
    own = f"{item.rule} {item.account} {item.about} {item.severity} {item.evidence}"
    return item.instance, item.cause or own


def _known(findings: Iterable[Finding]) -> dict[_Of, Finding]:
    known: dict[_Of, Finding] = {}
    for item in findings:
        known.setdefault((item.instance, item.account, item.rule), item)
    return known


def _implying(item: Finding, known: Mapping[_Of, Finding]) -> Finding:
    """Return the finding that says it already, or itself."""
    seen = {item.rule}
    while item.implied:
        by = known.get((item.instance, item.account, item.implied))
        if by is None or by.severity.rank > item.severity.rank or by.rule in seen:
            break
        item = by
        seen.add(item.rule)
    return item


def _worst_first(item: Finding) -> tuple[int, str, str, str]:
    return item.severity.rank, item.rule, item.account, item.about


def _keepers(findings: Iterable[Finding]) -> Mapping[str, set[str]]:
    """Return by instance who administers it, and logs in: also who does for ever."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in findings:
        is_for_ever = item.severity is Severity.INFO and not (item.fix or item.path[1:])
        is_active = item.severity in _ACTIVE or is_for_ever
        if item.rule in KEEPERS and is_active and not item.evidence.endswith(SHUT):
            found[item.instance].add(item.account)
    return found


def _is_last(items: Sequence[Finding], keepers: Mapping[str, set[str]]) -> bool:
    of_instance = keepers.get(items[0].instance)
    if not of_instance or items[0].rule in _HARMLESS:
        return False
    return of_instance <= {item.account for item in items}


def _together(items: Sequence[Finding], more: str = "", *, is_last: bool) -> Ending:
    """Return the fixes of findings as one, each statement once and the undo in the other order.

    Each was found as if it were the only one: so those wait that give others anew what goes with
    an account, and one administrator is left.
    """
    fixes = [item for item in items if item.fix]
    waiting = [item for item in fixes if len(fixes) > 1 and _GIVES.search(item.fix)]
    if len(fixes) > 1 and len(waiting) == len(fixes):
        waiting = waiting[1:]
    now = [item for item in fixes if item not in waiting]
    if is_last and len(now) > 1:
        waiting.append(now.pop())
    later = _ask_again([item.account for item in waiting])
    return Ending(
        joined(item.fix for item in now),
        joined(item.undo for item in reversed(now)),
        " ".join(filter(None, (*_lefts(items), later, more))),
        _breaks(now),
    )


def _ask_again(accounts: Sequence[str]) -> str:
    if not accounts:
        return ""
    return f"Sync and ask again after it about {_few(accounts)}: it depends on who is left."


def _lefts(items: Sequence[Finding]) -> Iterator[str]:
    """Yield what is left, with whose it is where it is not said of all."""
    by_text: dict[str, list[str]] = defaultdict(list)
    for item in items:
        if item.left:
            by_text[item.left].append(item.account)
    texts = list(by_text.items())
    for text, accounts in texts[:_MOST_SENTENCES]:
        is_of_all = len(accounts) == len(items)
        yield text if is_of_all else f"{_few(accounts)}: {text}"
    if len(texts) > _MOST_SENTENCES:
        yield f"More is left of {sum(len(of) for _, of in texts[_MOST_SENTENCES:])} others."


def _breaks(items: Iterable[Finding]) -> str:
    """Return what breaks, once of accounts of which it is the same."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in items:
        found[_without_name(item)].append(item.breaks)
    said = [texts[0] + _alike(texts) for texts in found.values()]
    more = len(said) - _MOST_SENTENCES
    rest = [f"{more} more accounts lose something."] if more > 0 else []
    return " ".join([*said[:_MOST_SENTENCES], *rest])


def _without_name(item: Finding) -> str:
    """Return what breaks without whose it is: not what looks like the name, such as a number."""
    if not item.account:
        return item.breaks
    before, name, after = item.breaks.partition(item.account)
    is_whole = name and not (before[-1:].isalnum() or after[:1].isalnum())
    return f"{before}\0{after}" if is_whole else item.breaks


def _alike(texts: Sequence[str]) -> str:
    count = len(set(texts)) - 1
    return f" So it is for {count} more." if count else ""
