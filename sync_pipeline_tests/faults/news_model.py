"""What people should be told of a server between two of its states: a plain model, of its own.

It knows nothing of snapshots, reviews or stores: what an account has is read from the server's
own catalogs by whoever makes a state, and what of it is news is what `docs/events.md` promises.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

SUPERUSER, GRANT_ADMIN, DANGEROUS = "superuser", "grant admin", "dangerous privilege"
POWER_RULES = {
    SUPERUSER: "superuser",
    GRANT_ADMIN: "grant-admin",
    DANGEROUS: "dangerous-privilege",
}
"""The rule of findings for each power, the greatest first."""
CRITICAL, HIGH, MEDIUM, LOW, INFO = range(5)
Told = tuple[str, str, str]
"""A kind of event, whose it is, and its subject."""


@dataclass(frozen=True)
class Held:
    """What one account has.

    `of_power` is how bad each of its powers is, `found` the same of other things that a review
    finds, by their rule.
    """

    is_superuser: bool = False
    gives: bool = False
    dangers: frozenset[str] = frozenset()
    of_power: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)

    @property
    def powers(self) -> dict[str, frozenset[str]]:
        """Return its powers with what each is made of: a superuser has all others."""
        if self.is_superuser:
            return {SUPERUSER: frozenset()}
        own = {GRANT_ADMIN: frozenset[str]()} if self.gives else {}
        return {**own, DANGEROUS: self.dangers} if self.dangers else own

    @property
    def severities(self) -> dict[str, int]:
        """Return how bad each finding is, those of its powers too, by its subject."""
        of_powers = {}
        for power, names in self.powers.items():
            about = f": {', '.join(sorted(names))}" if names else ""
            of_powers[f"{POWER_RULES[power]}{about}"] = self.of_power[power]
        return {**of_powers, **self.found}


@dataclass(frozen=True, order=True)
class Public:
    """One thing that everybody has: on an object of a database, or of the server."""

    account: str
    privilege: str
    kind: str
    database: str
    name: str
    is_by_itself: bool = False
    """Whether everybody has it on each new object."""


@dataclass(frozen=True)
class State:
    """A server at one moment. `objects` are those that there are, of all kinds."""

    accounts: Mapping[str, Held]
    public: frozenset[Public] = frozenset()
    objects: frozenset[str] = frozenset()

    @property
    def superusers(self) -> set[str]:
        return {name for name, held in self.accounts.items() if held.is_superuser}


def made(before: State, now: State) -> Iterator[Told]:
    """Yield what there is to tell of two states."""
    for name in sorted({*before.accounts, *now.accounts}):
        had, has = before.accounts.get(name), now.accounts.get(name)
        yield from ((kind, name, subject) for kind, subject in _powers(had, has))
        yield from ((kind, name, subject) for kind, subject in _findings(had, has))
    yield from _granted(before, now)


def _powers(had: Held | None, has: Held | None) -> Iterator[tuple[str, str]]:
    was, now = (held.powers if held else {} for held in (had, has))
    if had is None:
        if now:
            yield "account_with_power", ", ".join(now)
        return
    for power in POWER_RULES:
        # What is left of a greater power is no news, and neither is what a greater one holds.
        if _has_more(now, was, power) and not _is_within(was, power):
            yield "power_gained", power
        if _has_more(was, now, power) and not _is_within(now, power):
            yield "power_lost", power


_Powers = Mapping[str, frozenset[str]]


def _has_more(one: _Powers, other: _Powers, power: str) -> bool:
    return power in one and (power not in other or bool(one[power] - other[power]))


def _is_within(powers: _Powers, power: str) -> bool:
    return SUPERUSER in powers and power != SUPERUSER


def _findings(had: Held | None, has: Held | None) -> Iterator[tuple[str, str]]:
    was, now = (held.severities if held else {} for held in (had, has))
    of_powers = tuple(POWER_RULES.values())
    for subject in sorted({*was, *now}):
        if subject in was and subject in now:
            if now[subject] < was[subject]:
                yield "finding_worsened", subject
        elif not subject.startswith(of_powers):
            yield "finding_opened" if subject in now else "finding_resolved", subject


def _granted(before: State, now: State) -> Iterator[Told]:
    """Yield what everybody was granted: one thing by its name, several by their number."""
    groups: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for item in sorted(now.public - before.public):
        if item.is_by_itself and item.name not in before.objects:
            continue
        groups[item.account, item.privilege, item.kind, item.database].append(item.name)
    for (account, privilege, kind, database), names in groups.items():
        where = f" of {database}" if database else ""
        many = f"{len(names)} things ({kind}){where}"
        on = f"{kind} {names[0]}".strip() if len(names) == 1 else many
        yield "granted_to_everyone", account, f"{privilege} on {on}"


def databases_told(
    before: Iterable[str], now: Iterable[str], known: Iterable[str]
) -> Iterator[Told]:
    """Yield which databases are gone, or back of those that were ever `known`."""
    was, there = set(before), set(now)
    yield from (("database_gone", "", name) for name in sorted(was - there))
    yield from (("database_back", "", name) for name in sorted((there - was) & set(known)))
