"""How an engine decides what an account may do, and the graph walk that engines share. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, Protocol, TypeVar, cast, runtime_checkable

from sync_pipeline.model.access import (
    AccountFacts,
    Decision,
    Effect,
    EffectivePrivilege,
    Hold,
    Power,
    ServerRule,
)
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.inventory import Listing
from sync_pipeline.model.privilege import Grant, Membership, Securable


class Takes(Protocol):
    """The statements of an engine that take access away. Nothing here runs them."""

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant (or a deny) away."""
        ...

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statements that take only the grant or admin option away."""
        ...

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away."""
        ...

    def disable(self, account: str) -> str:
        """Return the statement that keeps an account from logging in; empty: it can't anyway."""
        ...

    def drop(self, account: str) -> str:
        """Return the statements that remove an account; empty for everyone."""
        ...

    def expire(self, account: str) -> str:
        """Return the statement that gives an account's password an end; empty: there is none."""
        ...


class AccessRules(Takes, Protocol):
    """The rules of one engine over the accounts of one instance. No I/O.

    Built once a world; every method takes names of accounts of that world. An account
    that the world does not have holds nothing.
    """

    def decide(self, account: str, privilege: str, securable: Securable) -> Decision:
        """Return whether the account has the privilege, by which paths, and what denies it."""
        ...

    def everything(self, account: str) -> Sequence[EffectivePrivilege]:
        """Return all that the account has on what the snapshot knows, denies applied.

        One entry a privilege and securable, by its best path. A superuser has one entry:
        `EVERYTHING` on the server.
        """
        ...

    def securables(self, text: str) -> Sequence[Securable]:
        """Return what a person means by `[KIND:]PATH`, all kinds that fit, most likely first.

        Raises:
            ConfigurationError: the text can't be read, or names nothing that is known here.
        """
        ...

    def powers(self, account: str) -> Sequence[Power]:
        """Return the powers that the account has, or can get through any chain."""
        ...

    def facts(self, account: str) -> AccountFacts:
        """Return what a review asks of the account."""
        ...

    def is_everyone(self, account: str) -> bool:
        """Return whether the account stands for all others: PUBLIC, guest."""
        ...

    def is_write(self, privilege: str) -> bool:
        """Return whether a privilege changes data, objects or accounts."""
        ...


@dataclass(frozen=True, slots=True)
class HashPlace:
    """Where an engine shows password hashes, and the privilege that reads them there.

    `name` is what people call it. `is_own` marks a privilege that says what it opens, so that
    whoever granted it meant that.
    """

    privilege: str
    securable: Securable
    name: str
    is_own: bool = False


@runtime_checkable
class ShowsHashes(Protocol):
    """The rules of an engine that keeps password hashes where accounts may read them."""

    def hash_places(self) -> Sequence[HashPlace]:
        """Return all such places of the world."""
        ...


def hash_places(rules: AccessRules) -> Sequence[HashPlace]:
    """Return where the server of some rules shows password hashes."""
    return rules.hash_places() if isinstance(rules, ShowsHashes) else ()


@runtime_checkable
class KnowsDangers(Protocol):
    """The rules of an engine that know which privileges on the server are dangerous."""

    def dangers(self, account: str) -> Sequence[Power]:
        """Return those that an account has by itself or through any role, each by its best path.

        They are of the kind DANGEROUS. What makes a superuser, an administrator or a grant admin
        is not among them: that is one of the `powers`.
        """
        ...


def dangers(rules: AccessRules, account: str) -> Sequence[Power]:
    """Return the dangerous privileges of an account; none where the engine tells of none."""
    return rules.dangers(account) if isinstance(rules, KnowsDangers) else ()


@dataclass(frozen=True, slots=True)
class LoginRule:
    """A line by which a server lets clients in, that is reached, in words of no engine.

    `place` is where it stands, `text` what it says. `is_local`: it is for clients of the server's
    own host. `is_wide`: for nearly any address, `is_of_all`: for all accounts and databases.
    `is_by_tls`: over an encrypted connection alone. `weakness` says, as the end of a sentence, how
    its method fails; empty: it does not.
    """

    place: str
    text: str
    is_local: bool
    is_wide: bool
    is_of_all: bool
    is_by_tls: bool
    is_without_password: bool
    weakness: str
    lets_superusers: bool


@runtime_checkable
class HasLoginRules(Protocol):
    """The rules of an engine that lets clients in by lines of its own, beside its accounts."""

    def login_rules(self) -> Sequence[LoginRule]:
        """Return the lines that let somebody in; none where they were not read."""
        ...


def login_rules(rules: AccessRules) -> Sequence[LoginRule]:
    """Return the lines by which a server lets clients in."""
    return rules.login_rules() if isinstance(rules, HasLoginRules) else ()


@dataclass(frozen=True, slots=True)
class DefinerRoutine:
    """A routine that runs with its owner's rights, and how that can be misused.

    `why` is a sentence about them, and `how` what they do with its rights. `part` tells what is of
    another kind from routines, and what `is_code` does more than show data. `fix` ends that and
    `undo` takes it back; `breaks` is a sentence on what does not work any more after it.
    """

    name: str
    database: str
    owner: str
    is_for_everyone: bool
    why: str
    fix: str = ""
    undo: str = ""
    breaks: str = ""
    how: str = "run with its rights"
    part: str = ""
    is_code: bool = True


@runtime_checkable
class KnowsDefiners(Protocol):
    """The rules of an engine that know which routines run with somebody else's rights."""

    def definer_routines(self) -> Sequence[DefinerRoutine]:
        """Return those that can be misused; none where they were not read."""
        ...


def definer_routines(rules: AccessRules) -> Sequence[DefinerRoutine]:
    """Return the routines that run with their owner's rights and can be misused."""
    return rules.definer_routines() if isinstance(rules, KnowsDefiners) else ()


@dataclass(frozen=True, slots=True)
class ServerFix:
    """The statements that change a setting of a server and take that back; or what else does."""

    fix: str = ""
    undo: str = ""
    left: str = ""


@runtime_checkable
class SetsServer(Protocol):
    """The rules of an engine whose settings are changed by statements."""

    def set_server(self, name: str, value: str, before: str) -> ServerFix:
        """Return what gives a setting of the server another value than it had before."""
        ...


_PLAIN = re.compile(r"[\w.,:-]*", re.ASCII)
"""A value that needs no quoting: one of a server may be anything."""


def set_server(rules: AccessRules, name: str, value: str, before: str) -> ServerFix:
    """Return what gives a setting of a server another value; on a service it has a place there."""
    if isinstance(rules, SetsServer) and _PLAIN.fullmatch(before):
        return rules.set_server(name, value, before)
    return ServerFix(left=f"Set {name} to {value} in the server's configuration.")


def by_service(service: str, name: str, value: str) -> ServerFix:
    """Return what people do where the provider keeps the settings of its servers."""
    return ServerFix(left=f"Set {name} to {value} in the settings of {service}.")


@runtime_checkable
class LeavesOut(Protocol):
    """The rules of an engine whose server has others that are not taken in."""

    def not_modelled(self) -> Sequence[ServerRule]:
        """Return the rules of the server that no answer takes in."""
        ...


@runtime_checkable
class FindsConcerned(Protocol):
    """The rules of an engine that find from the grants on whom a question concerns."""

    def concerned(self, privilege: str, securable: Securable) -> Collection[str] | None:
        """Return accounts without which `decide` says no, with nothing denied or unknown.

        None: it may say more of any. Names that the world does not have may be among them.
        """
        ...


def concerned(rules: AccessRules, privilege: str, securable: Securable) -> Collection[str] | None:
    """Return of which accounts a question has to be asked; None: of all."""
    if not isinstance(rules, FindsConcerned):
        return None
    return rules.concerned(privilege, securable)


@runtime_checkable
class KnowsPlaces(Protocol):
    """The rules of an engine that read names of things which need not exist."""

    def missing(self, securable: Securable, listing: Listing) -> str:
        """Return what an object would lie in and is known not to be there: `database shop`.

        Empty: it is there, or may be.
        """
        ...

    def is_servers_own(self, securable: Securable) -> bool:
        """Return whether an object lies in what every server of the engine has."""
        ...


def missing(rules: AccessRules, securable: Securable, listing: Listing) -> str:
    """Return what an object would lie in and is known not to be there; empty: it may be."""
    return rules.missing(securable, listing) if isinstance(rules, KnowsPlaces) else ""


def is_servers_own(rules: AccessRules, securable: Securable) -> bool:
    """Return whether an object lies in what every server of the engine has."""
    return isinstance(rules, KnowsPlaces) and rules.is_servers_own(securable)


@runtime_checkable
class ListsDatabases(Protocol):
    """The rules of an engine whose servers list those databases alone that an account may see."""

    def lists_some(self, user: str) -> bool:
        """Return whether a user (a name) is known not to be shown all databases."""
        ...


def lists_some(rules: AccessRules, user: str) -> bool:
    """Return whether a user (a name) is known not to be shown all databases of the server."""
    return isinstance(rules, ListsDatabases) and rules.lists_some(user)


_READS = ("SELECT", "CONNECT")
"""What no ban on writes takes away. EXECUTE may write, and a grant option is used by writing."""


def not_modelled(rules: AccessRules, privilege: str | None = None) -> Sequence[ServerRule]:
    """Return what no answer takes in and could change one about a privilege (None: any)."""
    found = rules.not_modelled() if isinstance(rules, LeavesOut) else ()
    if privilege is None or privilege.strip().upper() not in _READS:
        return found
    return tuple(item for item in found if item.effect is not Effect.WRITE)


@runtime_checkable
class Mends(Protocol):
    """The rules of an engine that know what their statements do, and what takes them back.

    Statements that give are the opposites of those that take: they bring back what the world has.
    """

    def related(self, account: str) -> Collection[str]:
        """Return who else counts for the account's rights, and for statements about them."""
        ...

    def without(self, state: AccountState, hold: Hold) -> AccountState:
        """Return the account of a hold as it is once the statement against it was run."""
        ...

    def shared(self, hold: Hold) -> str:
        """Return why others lose a hold by the same statement; empty: they don't."""
        ...

    def dependents(self, hold: Hold) -> Sequence[Hold]:
        """Return what others were given by the account, and lose when it loses what it gave."""
        ...

    def restore(self, hold: Hold) -> str:
        """Return the statements that give a hold, with its options and by who gave it.

        Without a grantor it is whoever runs them.
        """
        ...

    def enable(self, account: str) -> str:
        """Return the statement that opens an account which `disable` closed."""
        ...

    def create(self, account: str) -> str:
        """Return the statements that make an account again which `drop` removed.

        What a snapshot does not hold, such as a password, is a comment there.
        """
        ...

    def unexpire(self, account: str) -> str:
        """Return the statement that gives a password the end back which it had before `expire`."""
        ...


def passed_on(hold: Hold, given: Callable[[Hold], Iterable[Hold]]) -> tuple[Hold, ...]:
    """Return what others have because of a hold: who was given it, and whom these gave it."""
    found: dict[Hold, None] = {}
    waiting = [hold]
    while waiting:
        for item in given(waiting.pop()):
            if item not in found and item.account != hold.account:
                found[item] = None
                waiting.append(item)
    return tuple(found)


TakesT = TypeVar("TakesT", bound=Takes)


class TakesByRemedies(Generic[TakesT]):
    """Rules whose statements that take access away are apart."""

    _remedies: TakesT

    def revoke(self, account: str, grant: Grant) -> str:
        """Return the statement that takes a grant (or a deny) away."""
        return self._remedies.revoke(account, grant)

    def revoke_option(self, account: str, grant: Grant) -> str:
        """Return the statements that take only the grant or admin option away."""
        return self._remedies.revoke_option(account, grant)

    def revoke_role(self, account: str, membership: Membership) -> str:
        """Return the statement that takes a role away."""
        return self._remedies.revoke_role(account, membership)

    def disable(self, account: str) -> str:
        """Return the statement that keeps an account from logging in; empty: it can't anyway."""
        return self._remedies.disable(account)

    def drop(self, account: str) -> str:
        """Return the statements that remove an account; empty for everyone."""
        return self._remedies.drop(account)

    def expire(self, account: str) -> str:
        """Return the statement that gives an account's password an end; empty: there is none."""
        return self._remedies.expire(account)


class Opposites(Protocol):
    """The statements of an engine that give back what others take; see `Mends`."""

    def dependents(self, hold: Hold) -> Sequence[Hold]:
        """Return what others were given by the account, and lose with it."""
        ...

    def restore(self, hold: Hold) -> str:
        """Return the statements that give a hold."""
        ...

    def enable(self, account: str) -> str:
        """Return the statement that lets an account in again."""
        ...

    def create(self, account: str) -> str:
        """Return what makes an account again."""
        ...

    def unexpire(self, account: str) -> str:
        """Return the statement that gives a password its end back."""
        ...


OppositesT = TypeVar("OppositesT", bound=Opposites)


class MendsByOpposites(Generic[OppositesT]):
    """Rules whose statements take from nobody but the account, and whose opposites are apart."""

    _opposites: OppositesT

    def shared(self, hold: Hold) -> str:  # noqa: ARG002
        """Return nothing: no statement takes a hold from others."""
        return ""

    def without(self, state: AccountState, hold: Hold) -> AccountState:
        """Return an account as it is without a hold."""
        return bare(state, hold)

    def dependents(self, hold: Hold) -> Sequence[Hold]:
        """Return what others were given by the account, and lose with it."""
        return self._opposites.dependents(hold)

    def restore(self, hold: Hold) -> str:
        """Return the statements that give back what the statement against a hold took."""
        return self._opposites.restore(hold)

    def enable(self, account: str) -> str:
        """Return the statement that lets an account in again."""
        return self._opposites.enable(account)

    def create(self, account: str) -> str:
        """Return what makes an account again, or is to be known before it can be made."""
        return self._opposites.create(account)

    def unexpire(self, account: str) -> str:
        """Return the statement that gives a password the end or the rules back which it had."""
        return self._opposites.unexpire(account)


@lru_cache(maxsize=32)
def _knows(kind: type) -> bool:
    return issubclass(kind, Mends)


def mends(rules: object) -> Mends | None:
    """Return rules as those that know what their statements do; None: they don't."""
    return cast("Mends", rules) if _knows(type(rules)) else None  # type: ignore[arg-type]


def bare(state: AccountState, hold: Hold) -> AccountState:
    """Return an account without a hold, where a server takes no more and no less than that."""
    if hold.membership is not None:
        kept = tuple(item for item in state.memberships if item != hold.membership)
        return replace(state, memberships=kept)
    if hold.grant is not None:
        less = (replace(hold.grant, grantable=False),) if hold.is_option else ()
        kept_grants = tuple(item for item in state.grants if item != hold.grant)
        return replace(state, grants=(*kept_grants, *less))
    if hold.attribute == "is_superuser":
        return replace(state, is_superuser=False)
    others = tuple(item for item in state.attributes if item[0] != hold.attribute)
    return replace(state, attributes=(*others, (hold.attribute, False)))


def receivers(giver: str, grants: Mapping[str, Iterable[Grant]]) -> set[str]:
    """Return whom an account gave something, and to whom these gave on.

    `grants` are those of each account, under the names by which a grant calls its grantor.
    """
    found = {giver}
    givers = found
    while givers:
        givers = {
            name
            for name, items in grants.items()
            if name not in found and any(item.grantor in givers for item in items)
        }
        found = found | givers
    return found - {giver}


def split_kind(text: str) -> tuple[str, tuple[str, ...]]:
    """Split `[KIND:]a."b.c".d` into the kind (empty where none is given) and its parts.

    A part in double quotes may hold anything; a quote in it is doubled.

    Raises:
        ValueError: a quote is not closed, or a part is empty.
    """
    kind, path = "", text
    head, colon, rest = text.partition(":")
    if colon and head and '"' not in head and "." not in head:
        kind, path = head.strip(), rest
    return kind, tuple(_parts(path)) if path else ()


def _parts(path: str) -> Iterable[str]:
    position = 0
    while True:
        part, position = _part(path, position)
        yield part
        if position == len(path):
            return
        if path[position] != ".":
            raise ValueError(f"{path!r}: a dot is expected at character {position + 1}")
        position += 1


def _part(path: str, position: int) -> tuple[str, int]:
    if path[position : position + 1] == '"':
        end = position + 1
        while True:
            end = path.find('"', end)
            if end < 0:
                raise ValueError(f"{path!r}: a quote is not closed")
            if path[end : end + 2] != '""':
                return path[position + 1 : end].replace('""', '"'), end + 1
            end += 2
    end = path.find(".", position)
    end = len(path) if end < 0 else end
    if end == position:
        raise ValueError(f"{path!r}: a part is empty")
    return path[position:end], end
