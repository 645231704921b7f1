"""What of an instance is newer than what its engine's rules know. Pure.

A release above the newest one tried may give or take rights in ways that nobody here has
seen, so no answer about it is certain. Compared are as many parts of the version as the
engine's `newest_tried` has, which is what a line of releases is to that engine (PostgreSQL
18, MariaDB 11.8, MySQL 9.7): a later minor release of a line changes no rules, and would
only make noise.

An unknown privilege may stand for any known one, but only on what it was granted on and on
what lies in that; an unknown property of an account counts for that account and for whoever
has it as a role. Each is a doubt of the questions that it could change, and of no others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_pipeline.engines.access.links import reach
from sync_pipeline.model.access import AccessWorld, Decision
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.pattern import like
from sync_pipeline.model.privilege import Grant, SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline.model.text import first_names, shortened

MOST_NAMED = 5
"""How many unknown things a sentence names; the others are counted."""
MOST_CHARACTERS = 80
"""How much of a name a sentence shows: the server made it, and may have made it long."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e]+")


class Known(Protocol):
    """What an engine says of the limits of its own knowledge."""

    product: str
    """The name of the product, as its vendor writes it."""
    newest_tried: tuple[int, ...]
    """The newest line of releases that the rules were tried on, or written for from its
    documentation where no server of the engine can be had (docs/tested.md says which)."""

    def unknown_grants(self, state: AccountState) -> Iterable[Grant]:
        """Yield the grants of an account whose meaning the rules do not know."""
        ...

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield the properties of an account that the rules do not know: `type NEW_LOGIN`."""
        ...

    def also(self, world: AccessWorld) -> Mapping[str, Iterable[str]]:
        """Return the accounts that others also are, beside their roles: a login's users."""
        ...


@runtime_checkable
class KeepsBytes(Protocol):
    """An engine whose names may be no text in the encoding that they should have."""

    def kept_raw(self, state: AccountState) -> Iterable[str]:
        r"""Yield what of an account is no text and is kept as its bytes: `role ren\xe9`."""
        ...


class UnknownNothing:
    """The answers of an engine that marks what it does not know by `Grant.recognised`."""

    def unknown_grants(self, state: AccountState) -> Iterable[Grant]:
        """Yield the grants that were not recognised when they were read."""
        return (grant for grant in state.grants if not grant.recognised)

    def unknown_words(self, state: AccountState) -> Iterable[str]:  # noqa: ARG002
        """Yield nothing: the engine's accounts have no words that could be unknown."""
        return ()

    def also(self, world: AccessWorld) -> Mapping[str, Iterable[str]]:  # noqa: ARG002
        """Return nothing: an account is one account."""
        return {}


@dataclass(frozen=True, slots=True)
class _Strange:
    """An unknown thing of one account; on nothing: of the account itself."""

    gap: Gap
    on: Securable | None = None
    takes: bool = False


class Doubts:
    """The unknown things of one world, and which questions each could change."""

    def __init__(self, world: AccessWorld, known: Known) -> None:
        self._world = world
        self.everywhere = tuple(map(Gap, _everywhere(world, known)))
        """What could change any answer about the instance."""
        self._of: dict[str, tuple[_Strange, ...]] = {}
        for name, state in world.accounts.items():
            words = tuple(known.unknown_words(state))
            grants = tuple(known.unknown_grants(state)) if state.grants else ()
            if words or grants:
                self._of[name] = tuple(_strange(state, words, grants))
        self._everyone = tuple(
            name for name, state in world.accounts.items() if state.kind is AccountKind.PUBLIC
        )
        self._also = known.also(world) if self._of else {}
        self._reached: dict[str, tuple[str, ...]] = {}
        self._gaps = {item.gap for items in self._of.values() for item in items}

    def __bool__(self) -> bool:
        return bool(self.everywhere or self._of)

    @property
    def is_of_accounts(self) -> bool:
        """Return whether some accounts have something unknown of their own."""
        return bool(self._of)

    def __contains__(self, gap: object) -> bool:
        """Return whether a gap is one of these, and no section that was not read."""
        return gap in self._gaps or gap in self.everywhere

    def about(self, decision: Decision) -> tuple[Gap, ...]:
        """Return what could change a decision, what could change any answer first."""
        if decision.account not in self._world.accounts:
            return ()
        return (*self.everywhere, *_first(self._own(decision)))

    def everything_about(self, account: str) -> tuple[Gap, ...]:
        """Return what could change some answer about an account."""
        return (*self.everywhere, *_first(item.gap for item in self._strange_of(account)))

    def all(self) -> tuple[Gap, ...]:
        """Return all that is unknown of the instance."""
        found = (item.gap for items in self._of.values() for item in items)
        return (*self.everywhere, *_first(found))

    def _own(self, decision: Decision) -> Iterator[Gap]:
        for item in self._strange_of(decision.account):
            if item.on is None or (
                _covers(item.on, decision.securable)
                and (item.takes or not decision.is_allowed_at_login)
            ):
                yield item.gap

    def _strange_of(self, account: str) -> Iterator[_Strange]:
        for name in self._accounts(account) if self._of else ():
            yield from self._of.get(name, ())

    def _accounts(self, account: str) -> tuple[str, ...]:
        """Return the account and all whose grants may count for it."""
        if account not in self._reached:
            found = reach(account, self._edges)
            self._reached[account] = tuple(found)
        return self._reached[account]

    def _edges(self, name: str) -> Iterator[tuple[str, str]]:
        state = self._world.accounts.get(name)
        roles = (item.role for item in state.memberships) if state else ()
        for other in (*roles, *self._also.get(name, ()), *self._everyone):
            yield other, ""


def newer_release(known: Known, version: str) -> str:
    """Return which release a server is where the rules were not tried on it; else nothing.

    An empty version is that of an instance that was never read; one without a number could
    be any.
    """
    digits = re.match(r"\D{0,40}?(\d{1,9}(?:\.\d{1,9})*)", version)
    if not version:
        return ""
    if digits:
        numbers = tuple(int(part) for part in digits.group(1).split("."))
        if numbers[: len(known.newest_tried)] <= known.newest_tried:
            return ""
    return f"{known.product} {plain(version)}"


def newest_tried(known: Known) -> str:
    """Return the newest release tried as people write it."""
    return f"{known.product} {'.'.join(map(str, known.newest_tried))}"


def plain(text: str) -> str:
    """Return a name of a server in one short line, without control characters."""
    return shortened(_UNPRINTABLE.sub(" ", text), MOST_CHARACTERS)


def unknown_things(
    accounts: Iterable[AccountState], known: Known
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return the unknown privileges and properties of accounts, and how often each is held."""
    privileges: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for state in accounts:
        privileges.update(_privilege(grant) for grant in known.unknown_grants(state))
        words.update(plain(word) for word in known.unknown_words(state))
    return privileges, words


def named(found: Mapping[str, int]) -> str:
    """Return unknown things by name, the most frequent first, in one bounded line."""
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} ({count} times)" if count > 1 else name for name, count in ranked]
    return first_names(shown[:MOST_NAMED], len(shown), most_in_name=2 * MOST_CHARACTERS)


def _privilege(grant: Grant) -> str:
    return f"{plain(grant.privilege)} on {grant.securable.kind}"


def _everywhere(world: AccessWorld, known: Known) -> Iterator[str]:
    newer = newer_release(known, world.version)
    if newer:
        newest = newest_tried(known)
        yield f"the rules of {newer}, which were not tried (the newest tried: {newest})"
    report = world.sections.get(SectionKey(SectionName.ACCOUNTS))
    if report and report.status is SectionStatus.READ and report.reason:
        yield report.reason


def _strange(
    state: AccountState, words: Iterable[str], grants: Iterable[Grant]
) -> Iterator[_Strange]:
    for word in words:
        yield _Strange(Gap(f"what {plain(word)} of {plain(state.name)} means"))
    for privilege, on, deny in dict.fromkeys((g.privilege, g.securable, g.deny) for g in grants):
        verb = "takes" if deny else "gives"
        what = f"what {plain(privilege)} on {plain(str(on))} {verb}, which {plain(state.name)} has"
        yield _Strange(Gap(what), on, takes=deny)


def _first(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    found = tuple(dict.fromkeys(gaps))
    more = len(found) - MOST_NAMED
    return (*found[:MOST_NAMED], Gap(f"{more} more unknown things")) if more > 0 else found


def _covers(on: Securable, asked: Securable) -> bool:
    """Return whether a privilege on one thing may count for another: itself, or what is in it.

    What has neither a schema nor a known kind may hold anything of its catalog.
    """
    if on.kind is SecurableKind.SERVER or (on.kind is SecurableKind.OBJECT and not on.schema):
        place = on.catalog or on.database
        return not place or place in (asked.catalog, asked.database)
    if on.kind in (SecurableKind.DATABASE, SecurableKind.DATABASE_PATTERN):
        return _is_in(on, asked)
    if on.kind is SecurableKind.SCHEMA:
        return (on.catalog, on.database, on.schema) == (
            asked.catalog,
            asked.database,
            asked.schema,
        )
    same = (on.catalog, on.database, on.schema, on.name) == (
        asked.catalog,
        asked.database,
        asked.schema,
        asked.name,
    )
    return same and on.column in ("", asked.column)


def _is_in(on: Securable, asked: Securable) -> bool:
    """Return whether something is in a database, whose name some catalogs keep as a pattern."""
    names = {asked.catalog, asked.database} - {""}
    is_pattern = on.kind is SecurableKind.DATABASE_PATTERN or "\\" in on.database
    return on.database in names or (is_pattern and any(like(on.database, name) for name in names))
