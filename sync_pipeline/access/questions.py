"""Who can do something, what one account can do, and how two accounts differ. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_pipeline.access.answers import (
    Absence,
    AccessComparison,
    AccessDifference,
    AccountAccess,
    Alike,
    AttributeDifference,
    Existence,
    Holder,
    Verdict,
    WhoCan,
)
from sync_pipeline.access.existence import existence, lacking_database
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.own import is_own
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import Decision, EffectivePrivilege, Power, ServerRule
from sync_pipeline.model.account import AccountState, AttributeValue
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.looked import Lacking, Span
from sync_pipeline.model.privilege import SectionName, Securable

Item = tuple[str, Securable]


@dataclass(frozen=True, slots=True)
class _Side:
    """How one account has a privilege; `is_covered`: not by name, by deciding."""

    entry: EffectivePrivilege | None
    unknown: tuple[Gap, ...] = ()
    is_covered: bool = False


class Search:
    """Who has a privilege on what `[KIND:]PATH` names, found in one world after the other.

    Holders are told as they are found, and no world is kept, so that a fleet of any size takes the
    memory of its largest instance. What is not known is told when all were looked at.
    """

    def __init__(
        self,
        worlds: Iterable[Judged | Lacking],
        privilege: str,
        text: str,
        note: Callable[[Judged, Lacking], None] = lambda _, __: None,
    ) -> None:
        """Look through worlds, and instances of which it is known that the named is not there.

        `note` is told of each world that turns out to be such a one.
        """
        self._note = note
        self.privilege = privilege.strip().upper()
        self._worlds = worlds
        self._text = text
        self._gaps: dict[str, None] = {}
        self._alike: dict[str, list[str]] = {}
        self._beside: dict[ServerRule, None] = {}
        self._absent: dict[str, list[str]] = {}
        self._listed_at: dict[str, datetime] = {}
        self._unsure: dict[str, None] = {}
        self._is_found = False

    def holders(self) -> Iterator[Holder]:
        """Yield every account that has the privilege, by name in each world.

        Also those that a deny keeps from it, and those of which it is not known. Where the text
        names several things, each is answered. An instance on which it is known not to be has none.

        Raises:
            ConfigurationError: the text can't be read, or names nothing on any instance.
        """
        refusal: ConfigurationError | None = None
        is_named = False
        for judged in self._worlds:
            if isinstance(judged, Lacking):
                is_named = True
                self._leave_out(judged)
                continue
            try:
                named = judged.rules.securables(self._text)
            except ConfigurationError as error:
                refusal = refusal or error
                self._refused(judged)
                continue
            is_named = True
            yield from self._on(judged, named)
        if refusal and not is_named:
            first = next(iter(self._gaps), "")
            hint = f"Not everything is known: {first}" if first else refusal.hint
            raise ConfigurationError(refusal.message, hint=hint)

    def answer(self, holders: Iterable[Holder] = ()) -> WhoCan:
        """Return the answer with these holders, when all were found."""
        return WhoCan(
            self.privilege,
            self._text,
            tuple(holders),
            tuple(self._gaps),
            tuple(self._beside),
            tuple(
                Absence(missing, tuple(names), self._listed_at.get(missing))
                for missing, names in self._absent.items()
            ),
            tuple(self._unsure),
            self._is_found,
            tuple((text, tuple(names)) for text, names in self._alike.items()),
        )

    def _on(self, judged: Judged, named: Sequence[Securable]) -> Iterator[Holder]:
        """Yield the holders of what is, or may be, on an instance."""
        found = [(securable, *existence(judged, securable)) for securable in named]
        there = [(securable, is_there) for securable, is_there, missing in found if not missing]
        if not there:
            listed, turns = judged.listing.databases, judged.world.turns
            lacking = Lacking(
                judged.name,
                found[0][2] if found else "",
                listed.observed_at if listed else None,
                Span(turns.last, turns.next),
            )
            self._note(judged, lacking)
            self._leave_out(lacking)
            return
        self._tell_always(judged)
        self._beside.update(dict.fromkeys(judged.not_modelled(self.privilege)))
        if any(is_there is Existence.YES for _, is_there in there):
            self._is_found = True
        else:
            self._unsure[judged.name] = None
        for securable, is_there in there:
            yield from self._of(judged, securable, is_there)

    def _of(self, judged: Judged, securable: Securable, is_there: Existence) -> Iterator[Holder]:
        unknown: dict[Gap, None] = {}
        for holder in _holders(judged, self.privilege, securable, is_there):
            if holder.decision.unknown:
                unknown.update(dict.fromkeys(_undecided(judged, holder)))
            yield holder
        self._tell(judged, judged.sentences(unknown))

    def _refused(self, judged: Judged) -> None:
        """Note an instance on which the text names nothing, and what could change that."""
        missing = lacking_database(judged, self._text)
        if not missing:
            self._tell_always(judged)
            self._tell(judged, (*judged.gaps(), *judged.unknown()))
        if judged.is_synced:
            self._absent.setdefault(missing, []).append(judged.name)

    def _leave_out(self, found: Lacking) -> None:
        self._absent.setdefault(found.missing, []).append(found.instance)
        if found.listed_at is not None:
            at = self._listed_at.get(found.missing, found.listed_at)
            self._listed_at[found.missing] = min(at, found.listed_at)

    def _tell_always(self, judged: Judged) -> None:
        """Tell what could change any answer about an instance."""
        self._tell(judged, judged.gaps(SectionName.ACCOUNTS))
        self._tell(judged, judged.sentences(judged.everywhere))

    def _tell(self, judged: Judged, gaps: Iterable[str]) -> None:
        for text in gaps:
            if text not in self._gaps:
                self._gaps[text] = None
                self._alike.setdefault(text.removeprefix(judged.name), []).append(judged.name)


def who_can(worlds: Iterable[Judged], privilege: str, text: str) -> WhoCan:
    """Return what `Search` finds, all of it.

    Raises:
        ConfigurationError: the text can't be read, or names nothing on any instance.
    """
    search = Search(worlds, privilege, text)
    return search.answer(list(search.holders()))


def _holders(
    judged: Judged, privilege: str, securable: Securable, is_there: Existence
) -> Iterator[Holder]:
    everywhere, rules = judged.everywhere, judged.rules
    for state in judged.concerned(privilege, securable):
        decision = _apart(rules.decide(state.name, privilege, securable), everywhere)
        verdict = _verdict(decision)
        if verdict is not None:
            yield Holder(
                judged.name,
                state,
                decision,
                verdict,
                rules.is_everyone(state.name),
                is_own(judged.world.engine, state),
                is_there,
                judged.facts(state.name).is_anonymous,
            )


def _apart(decision: Decision, everywhere: Sequence[Gap]) -> Decision:
    """Return a decision without what could change any answer: that is said once."""
    if not everywhere:
        return decision
    own = tuple(item for item in decision.unknown if item not in everywhere)
    return replace(decision, unknown=own)


def _verdict(decision: Decision) -> Verdict | None:
    if decision.is_allowed_at_login:
        return Verdict.AT_LOGIN
    if decision.is_allowed:
        return Verdict.AFTER_SET_ROLE
    if decision.denied:
        return Verdict.DENIED
    return Verdict.UNKNOWN if decision.unknown else None


_UNCERTAIN = (Verdict.UNKNOWN, Verdict.AT_LOGIN)
"""Where what was not read counts: it may give a privilege, or hold a deny of one that is held."""


def _undecided(judged: Judged, holder: Holder) -> Iterator[Gap]:
    """Yield what could make the account a holder, or none."""
    for item in holder.decision.unknown:
        if holder.verdict in _UNCERTAIN or judged.is_doubt(item):
            yield item


def access_of(judged: Judged, account: str) -> AccountAccess:
    """Return all that one account may do.

    Raises:
        ConfigurationError: the instance has no such active account.
    """
    state = judged.world.accounts.get(account)
    if state is None:
        raise ConfigurationError(
            f"The instance {judged.name!r} has no active account {account!r}.",
            hint=f"See: sync-pipeline accounts list --instance {judged.name}.",
        )
    facts = judged.facts(account)
    return AccountAccess(
        instance=judged.name,
        state=state,
        facts=facts,
        powers=judged.powers(account),
        privileges=tuple(sorted(judged.rules.everything(account), key=_order)),
        gaps=(*judged.gaps(), *judged.unknown(account), *judged.sentences(facts.unknown)),
        denied=tuple(_denied(judged, account)),
        not_modelled=judged.not_modelled(),
    )


def _denied(judged: Judged, account: str) -> Iterable[str]:
    """Return the denies of the world that bind an account, as its engine says them."""
    denies = dict.fromkeys(
        (grant.privilege, grant.securable)
        for state in judged.states()
        for grant in state.grants
        if grant.deny and grant.recognised
    )
    return dict.fromkeys(
        text for word, on in denies for text in judged.rules.decide(account, word, on).denied
    )


def compare(one: Judged, account: str, other: Judged, other_account: str) -> AccessComparison:
    """Return how two accounts differ; they may live on different instances.

    What one account has by name and the other by a greater right (a superuser, a covering
    privilege) is no difference.

    Raises:
        ConfigurationError: an instance has no such active account.
    """
    first, second = access_of(one, account), access_of(other, other_account)
    held, held_by_other = _by_item(first.privileges), _by_item(second.privileges)
    items = sorted({*held, *held_by_other}, key=lambda item: (item[1], item[0]))
    pairs = (
        (item, _side(one, account, item, held), _side(other, other_account, item, held_by_other))
        for item in items
    )
    differences = tuple(
        AccessDifference(
            *item, mine.entry, theirs.entry, tuple(dict.fromkeys((*mine.unknown, *theirs.unknown)))
        )
        for item, mine, theirs in pairs
        if not _is_alike(mine, theirs)
    )
    properties = _attributes(first.state), _attributes(second.state)
    names = sorted(properties[0].keys() | properties[1].keys())
    attributes = tuple(
        AttributeDifference(name, *sides)
        for name in names
        if _is_other(*(sides := [side.get(name) for side in properties]))
    )
    roles = [set(one.with_roles(account)) - {account}]
    roles.append(set(other.with_roles(other_account)) - {other_account})
    return AccessComparison(
        first,
        second,
        differences,
        tuple(_without(first.powers, second.powers)),
        tuple(_without(second.powers, first.powers)),
        tuple(dict.fromkeys((*one.everywhere, *other.everywhere))),
        attributes,
        tuple(sorted(roles[0] - roles[1])),
        tuple(sorted(roles[1] - roles[0])),
        Alike(
            len(items) - len(differences),
            len(names) - len(attributes),
            len(roles[0] & roles[1]),
        ),
    )


def _attributes(state: AccountState) -> dict[str, AttributeValue]:
    """Return what an account is, by name: its attributes, and what every account has."""
    return {
        "kind": str(state.kind),
        "can log in": state.can_login,
        "superuser": state.is_superuser,
        "locked": state.is_locked,
        **dict(state.attributes),
        **{f"setting {item.name} {item.database}".strip(): item.value for item in state.settings},
    }


def _is_other(first: AttributeValue, second: AttributeValue) -> bool:
    """Return whether two values differ: 1 == True in Python, but they are different facts."""
    return type(first) is not type(second) or first != second


def _by_item(privileges: Iterable[EffectivePrivilege]) -> dict[Item, EffectivePrivilege]:
    return {(entry.privilege, entry.securable): entry for entry in privileges}


def _side(judged: Judged, account: str, item: Item, held: dict[Item, EffectivePrivilege]) -> _Side:
    if item in held:
        return _Side(held[item])
    decision = judged.rules.decide(account, *item)
    return _Side(decision.held[0] if decision.held else None, decision.unknown, is_covered=True)


def _is_alike(mine: _Side, theirs: _Side) -> bool:
    """Return whether two sides have a privilege alike; a greater right has it as well."""
    if mine.entry is None or theirs.entry is None:
        return mine.entry is theirs.entry
    if mine.entry.availability is not theirs.entry.availability:
        return False
    if mine.is_covered or theirs.is_covered:
        return True
    return (mine.entry.grantable, mine.entry.lacking) == (
        theirs.entry.grantable,
        theirs.entry.lacking,
    )


def _without(powers: Iterable[Power], others: Iterable[Power]) -> Iterator[Power]:
    """Yield the powers whose kind and availability the others do not have, once each."""
    seen = {(power.kind, power.availability) for power in others}
    for power in powers:
        if (power.kind, power.availability) not in seen:
            seen.add((power.kind, power.availability))
            yield power


def _order(entry: EffectivePrivilege) -> tuple[Securable, str]:
    return entry.securable, entry.privilege
