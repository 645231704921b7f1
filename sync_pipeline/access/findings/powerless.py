"""How an account loses a power: each way to it is broken, until none is left. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from sync_pipeline.access.findings.case import Case, Remedy
from sync_pipeline.access.findings.mending import REFUSED, Mending, memberships_in
from sync_pipeline.model.access import Hold, Power, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SecurableKind

_MOST_STEPS = 400
_MOST_NAMED = 3
_SEE = "see what is found of the one that stands for them"
_OF_ALL = f"all accounts have it: {_SEE}"
_BY_HAND = "no statement about one grant or role ends it"
_Key = tuple[str, str]


def without_power(case: Case, account: str, kind: PowerKind) -> Remedy:
    """Return what ends all ways in which an account has a power of a kind.

    A way ends at the first role of its path that could be left, or at what is held at its end.
    Failing all, the account is closed. What everybody has is taken from nobody where the account
    has the power beside that.
    """
    beside = case.apart.powers(account, kind) if case.apart else ()
    mending = Mending(case, account, is_apart=bool(beside))
    left = break_ways(mending, kind, beside or case.powers(account, kind))
    remedy = _remedy(mending, kind, left)
    as_all = _as_all(mending, kind) if beside else ""
    return replace(remedy, left=f"{remedy.left} {as_all}".strip())


def break_ways(
    mending: Mending, kind: PowerKind, powers: Sequence[Power] | None = None
) -> Sequence[tuple[Power, str]]:
    """Take what breaks all ways to a power, and return those that stay, and why.

    After each step other ways may be there, and are asked for where it may have changed what is
    looked at next: for each step that would cost as many steps as there are, squared.
    """
    found = _own(mending, kind, mending.powers(kind) if powers is None else powers)
    stuck: dict[_Key, str] = {}
    since = _Since(len(mending.taken))
    for _ in range(_MOST_STEPS):
        since.note(mending.taken)
        power = next((p for p in found if _key(p) not in stuck and not since.ends(p)), None)
        if since.is_any and (power is None or not since.leaves(power)):
            found, since = _own(mending, kind, mending.powers(kind)), _Since(len(mending.taken))
            continue
        # What all accounts have is taken from them only where that ends it.
        of_all = power is None and set(stuck.values()) == {_OF_ALL}
        power = found[0] if of_all and found else power
        if power is None:
            break
        why = break_way(mending, power, of_all=of_all)
        if why:
            stuck[_key(power)] = why
    if since.is_any:
        found = _own(mending, kind, mending.powers(kind))
    return [(power, stuck.get(_key(power), _BY_HAND)) for power in found]


class _Since:
    """What was taken since powers were asked for: each is asked for again only where it counts."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._left: set[tuple[str, str]] = set()
        self._touched: set[str] = set()

    @property
    def is_any(self) -> bool:
        """Return whether anything was taken."""
        return bool(self._left or self._touched)

    def note(self, taken: Sequence[Hold]) -> None:
        """Note what was taken by now: who left which role, and who lost something else."""
        for hold in taken[self._count :]:
            if hold.membership is not None:
                self._left.add((hold.account, hold.membership.role))
            else:
                self._touched.add(hold.account)
        self._count = len(taken)

    def ends(self, power: Power) -> bool:
        """Return whether a way leads through a role that was left; there may be another way."""
        steps = pairwise(power.path)
        return any((here.account, there.account) in self._left for here, there in steps)

    def leaves(self, power: Power) -> bool:
        """Return whether a way is certain to be there still: its roles, and the one grant it needs.

        What is made of several grants may have lost one that is not on its way.
        """
        is_of_one = len(power.by) == 1 and power.by[0].grant is not None and not power.fix
        return is_of_one and power.path[-1].account not in self._touched


def _own(mending: Mending, kind: PowerKind, powers: Sequence[Power]) -> Sequence[Power]:
    """Return what can be changed; a dangerous privilege of all accounts is a finding of theirs."""
    found = _changeable(powers)
    if kind is not PowerKind.DANGEROUS or mending.is_everyone(mending.account):
        return found
    return [power for power in found if not mending.is_everyone(power.path[-1].account)]


def break_way(mending: Mending, power: Power, *, of_all: bool) -> str:
    """Take what breaks one way to a power, and return why nothing does; empty: it is done.

    What everybody holds is left unless it is told that it may be taken (`of_all`).
    """
    own = mending.account
    for here, there in pairwise(power.path):
        holds = list(memberships_in(mending.state(here.account), there.account))
        if holds:
            return _leave(mending, own, holds[0])
        if not _is_mapping(mending.state(here.account), mending.state(there.account)):
            break
        own = there.account
    if power.kept:
        return power.kept
    by = power.by or tuple(_by_text(mending, power))
    foreign = [hold.account for hold in by if hold.account not in (mending.account, own)]
    if foreign and not of_all and mending.is_everyone(foreign[0]):
        return _OF_ALL
    if foreign and not of_all:
        return f"{foreign[0]} holds it, and others with it: see what is found of {foreign[0]}"
    if by and mending.take(*by, fix=power.fix, undo=power.undo):
        return ""
    return REFUSED if by else _BY_HAND


def _leave(mending: Mending, own: str, hold: Hold) -> str:
    shared = mending.shared(hold)
    if shared:
        return shared
    if hold.account not in (mending.account, own):
        return f"{hold.account} has the role {hold.membership.role if hold.membership else ''}"
    return "" if mending.take(hold) else REFUSED


def _remedy(mending: Mending, kind: PowerKind, left: Sequence[tuple[Power, str]]) -> Remedy:
    shared = mending.lost_by_all()
    if shared:
        return mending.remedy(shared)
    if not left:
        kinds = tuple(PowerKind)
        # Whoever is no more than a grant admin has the finding of dangerous privileges already.
        lesser_kinds = () if kind is PowerKind.GRANT_ADMIN else kinds[kinds.index(kind) + 1 :]
        after = [item for other in lesser_kinds for item in mending.powers(other)]
        lesser = f"It {_then(after[0].kind)}, a finding of its own." if after else ""
        return mending.remedy(lesser)
    ways = [f"{power.kind} through {power.source} stays: {why}." for power, why in left]
    more = len(ways) - _MOST_NAMED
    said = " ".join(ways[:_MOST_NAMED]) + (f" {more} other ways stay, too." if more > 0 else "")
    is_closed = mending.is_empty and left[0][1] == _BY_HAND and mending.close()
    closed = " Nobody can log in with it then, which is all that can be done." if is_closed else ""
    return mending.remedy(said + closed)


def _as_all(mending: Mending, kind: PowerKind) -> str:
    """Return what an account that has lost its own way has still, as everybody; else empty."""
    kinds = tuple(PowerKind)
    known = kinds[: kinds.index(kind) + 1]
    found = next(
        (one for one in known if not mending.powers(one) and mending.powers_as_all(one)), None
    )
    return f"It {_then(found)}, as all accounts: {_SEE}." if found else ""


def _then(kind: PowerKind) -> str:
    if kind is PowerKind.DANGEROUS:
        return f"has then a {kind}"
    return f"is then an {kind}" if kind is PowerKind.ADMINISTRATOR else f"is then a {kind}"


def _by_text(mending: Mending, power: Power) -> Iterator[Hold]:
    """Yield the grant or the role that a power names as its source."""
    last = power.path[-1].account
    holder = mending.state(last)
    for grant in holder.grants if holder else ():
        on_server = grant.securable.kind is SecurableKind.SERVER
        is_named = on_server and power.source.startswith(f"{grant.privilege} on ")
        if is_named or power.source in (str(grant), grant.privilege):
            yield Hold(last, grant)
            return
    for membership in holder.memberships if holder else ():
        if membership.admin and power.source.endswith(f" {membership.role}"):
            yield Hold(last, membership=membership)
            return


def _changeable(powers: Sequence[Power]) -> Sequence[Power]:
    return [power for power in powers if not power.is_inherent]


def _key(power: Power) -> _Key:
    return power.source, power.path[-1].account


def _is_mapping(here: AccountState | None, there: AccountState | None) -> bool:
    """Return whether a step leads from an account of the server to its user in a database."""
    return bool(here and there and not here.database and there.database)
