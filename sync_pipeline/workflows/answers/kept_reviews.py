"""Reviews as they are kept; what holds no more is made anew, one instance after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync_pipeline.access.findings.case import Case, Remedy
from sync_pipeline.access.findings.fleet import Uneven, evened
from sync_pipeline.access.findings.review import RULES, examine
from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.event import EventOrigin
from sync_pipeline.model.finding import Examined, Finding
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.review import (
    Compared,
    KeptReview,
    NewReview,
    RemedyKey,
    ReviewMarks,
    Telling,
    Undone,
    more_key,
)
from sync_pipeline.workflows.answers.access import LoadedInstance, load_each
from sync_pipeline.workflows.answers.finding_rules import Counting
from sync_pipeline.workflows.answers.reviewing import Reviewer, listing_of
from sync_pipeline.workflows.answers.telling import Teller
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.progress import Progress

_AT_ONCE = 200
"""Instances whose reviews are looked at together."""
_REVIEWING = "Reviewing accounts of which no review is kept"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What is found on one instance by itself; what is compared of its accounts stays packed.

    `turn` is that of what is kept of it; None: nothing is. `is_compared`: with all other
    instances, once at least.
    """

    instance: Instance
    examined: Examined
    namesakes: Compared
    turn: int | None = None
    is_compared: bool = False


@dataclass(slots=True)
class Reviews:
    """Asks for reviews of a moment. `disabled` are rules that nobody asks for.

    Where nothing can be kept, because the store may not be written or others write for long, it
    is found out all the same.
    """

    deps: SyncDeps
    disabled: Sequence[str] = ()
    with_findings: bool = True
    may_keep: bool = field(init=False)
    now: datetime = field(init=False)
    _reviewer: Reviewer = field(init=False)
    _counting: Counting = field(init=False)
    _texts: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Look at what every review depends on."""
        self.now = self.deps.clock()
        self.may_keep = not self.deps.store.is_read_only
        self._reviewer = Reviewer.of(self.deps)
        self._counting = Counting.of(self.deps)

    def of(self, instances: Sequence[Instance]) -> Iterator[Reviewed]:
        """Yield the reviews of instances, in their order.

        Of one whose stored accounts are damaged, it is noted that they can't be read, and why.
        """
        progress = Progress(self.deps.tell, _REVIEWING, len(instances))
        for begin in range(0, len(instances), _AT_ONCE):
            some = instances[begin : begin + _AT_ONCE]
            ids = [item.id for item in some]
            kept = list(self.deps.store.reviews.each(ids, with_findings=self.with_findings))
            holding = self._holding(some, kept)
            self._count(some, [item for item in kept if item.instance_id in holding])
            for place, (instance, item) in enumerate(zip(some, kept, strict=True), begin + 1):
                found = self._unpacked(instance, item) if item.instance_id in holding else None
                if found is None:
                    found = self._anew(instance, item)
                    progress.note(place)
                yield found

    def keep(self, write: Callable[[], None]) -> None:
        """Write what could be found out again, if anything can be written."""
        if not self.may_keep:
            return
        try:
            write()
        except StoreUnavailable:
            self.may_keep = False

    def _count(self, instances: Sequence[Instance], holding: Sequence[KeptReview]) -> None:
        """Keep the numbers of what is found by other rules than those of now, or of another day."""
        names = {item.id: item.name for item in instances}
        stale = {
            item.instance_id
            for item in holding
            if item.counted_by != self._counting.basis
            or item.counted_with != self._counting.accepted_by(names[item.instance_id])
        }
        if not (stale and self.may_keep):
            return
        store = self.deps.store.reviews
        named = {item.id: item for item in instances if item.id in stale}
        found: list[tuple[KeptReview, CountedFindings]] = []
        for item in store.each(list(named)):
            own = named[item.instance_id]
            unpacked = store.unpacked(item, own.name, own.engine, self._shared)
            if unpacked is not None:
                found.append((item, self._counting.counted(unpacked[0])))
        self.keep(lambda: store.keep_counts(found))

    def _holding(self, instances: Sequence[Instance], kept: Sequence[KeptReview]) -> set[int]:
        """Return the instances (ids) of which what is kept is what would be found now."""
        found = [
            item
            for instance, item in zip(instances, kept, strict=True)
            if item.marks is not None
            and item.marks.basis == self._reviewer.basis(instance)
            and item.accounts == item.accounts_now
            and item.holds_at(self.now)
        ]
        listed = {item.instance_id for item in found if _rows(item) == item.rows_now}
        moved = [
            item
            for item in found
            if item.instance_id not in listed and item.listed_at in (None, item.listed_now)
        ]
        return listed | self._same_names(moved)

    def _same_names(self, moved: Sequence[KeptReview]) -> set[int]:
        """Return those whose databases were listed again, and have the same names."""
        if not moved:
            return set()
        listings = self.deps.store.reviews.listed_of([item.instance_id for item in moved])
        same = {
            item.instance_id: (item.turn, listings[item.instance_id].rows)
            for item in moved
            if item.marks and item.marks.listing == listing_of(listings[item.instance_id].databases)
        }
        self.keep(lambda: self.deps.store.reviews.keep_listings(same))
        return set(same)

    def _unpacked(self, instance: Instance, kept: KeptReview) -> Reviewed | None:
        """Return what is kept; None: it is damaged."""
        store = self.deps.store.reviews
        found = store.unpacked(kept, instance.name, instance.engine, self._shared)
        if found is None:
            return None
        examined = replace(found[0], platform=instance.runs_on)
        return Reviewed(instance, examined, found[1], kept.turn, kept.is_compared)

    def _shared(self, text: str) -> str:
        return self._texts.setdefault(text, text)

    def _anew(self, instance: Instance, kept: KeptReview) -> Reviewed:
        """Examine an instance, and keep what is found."""
        loaded = self._loaded(instance)
        case, turn = self._case(loaded), None
        try:
            examined = examine(case, RULES)
        except Exception:
            # A rule that fails can be switched off: it has to be as if it were not there then.
            wanted = [rule for rule in RULES if rule.id not in self.disabled]
            if len(wanted) == len(RULES):
                raise
            examined = examine(self._case(self._loaded(instance)), wanted)
        else:
            listing = listing_of(case.databases)
            marks = ReviewMarks(self._reviewer.basis(instance), listing, kept.rows_now)
            if not loaded.stored.is_damaged:
                counted = self._counting.counted(self._known(instance, examined))
                telling = self._telling(instance, kept, examined)
                new = NewReview(examined, kept.accounts_now, marks, self.now, counted, telling)
                turn = self._kept(kept, new)
        packed = self.deps.store.reviews.packed(examined.namesakes)
        is_wanted = self.with_findings or turn is None
        found = self._dated(instance.id, examined.findings) if is_wanted else ()
        examined = replace(examined, findings=found, namesakes=())
        return Reviewed(instance, examined, packed, turn, kept.is_compared)

    def _telling(self, instance: Instance, kept: KeptReview, examined: Examined) -> Telling | None:
        """Return how what only the time or the databases changed is told; None: it is more."""
        is_listed_as_then = kept.is_unlisted == examined.is_unlisted
        if kept.accounts != kept.accounts_now or not is_listed_as_then:
            return None
        teller = Teller(self._counting)
        return Telling(teller.told(EventOrigin(instance.id, instance.name, self.now)))

    def _loaded(self, instance: Instance) -> LoadedInstance:
        (loaded,) = load_each(self.deps, [instance], self.now, with_damaged=True, with_facts=True)
        return loaded

    def _case(self, loaded: LoadedInstance) -> Case:
        stored = loaded.stored
        return self._reviewer.case(
            loaded.instance,
            loaded.judged,
            stored.databases,
            stored.changed_at,
            self.deps.store.use.watched(loaded.instance.id),
        )

    def _kept(self, kept: KeptReview, new: NewReview) -> int | None:
        found: list[int | None] = [None]
        store = self.deps.store.reviews
        self.keep(lambda: found.append(store.keep(kept.instance_id, kept.turn, new)))
        return found[-1]

    def _dated(self, instance_id: int, items: Sequence[Finding]) -> tuple[Finding, ...]:
        """Return findings with when they were first seen: some are, and others are seen now."""
        seen = self.deps.store.reviews.seen_then(instance_id, items, self.now)
        return tuple(
            replace(item, first_seen=one.first_seen, steps=one.steps)
            for item, one in zip(items, seen, strict=True)
        )

    def _known(self, instance: Instance, examined: Examined) -> Examined:
        """Return what was found with how bad it was before, where numbers depend on that."""
        if not self._counting.looks_back(instance.name):
            return examined
        return replace(examined, findings=self._dated(instance.id, examined.findings))

    def remedies(self, items: Sequence[Reviewed], found: Sequence[Uneven]) -> list[Remedy]:
        """Return what takes from namesakes what they may do more, of each that was found."""
        by_place: dict[int, list[Uneven]] = defaultdict(list)
        for one in found:
            by_place[one.place].append(one)
        ids = {items[place].instance.id: place for place in by_place}
        kept = dict(self.deps.store.reviews.remedies(list(ids)))
        said = {
            place: self._remedies_of(items[place], own, kept.get(items[place].instance.id, {}))
            for place, own in by_place.items()
        }
        return [Remedy(*said[one.place][_key(one)]) for one in found]

    def _remedies_of(
        self, item: Reviewed, wanted: Sequence[Uneven], kept: Mapping[RemedyKey, Undone]
    ) -> Mapping[RemedyKey, Undone]:
        """Return what is kept, with what is missing, for which the accounts are read."""
        missing = [one for one in wanted if _key(one) not in kept]
        if not missing:
            return kept
        case = self._case(self._loaded(item.instance))
        more = {_key(one): evened(case, one.account, one.more) for one in missing}
        found = {
            **kept,
            **{key: (one.fix, one.undo, one.left, one.breaks) for key, one in more.items()},
        }
        turn = item.turn
        # What is decided by the time would end a review, and is not known of what is beside it.
        if turn is not None and not case.judged.world.turns.is_any:
            store = self.deps.store.reviews
            self.keep(lambda: store.keep_remedies(item.instance.id, turn, found))
        return found


def with_namesakes(items: Sequence[Reviewed]) -> list[Examined]:
    """Return what was found with what is compared of accounts whose name several instances have.

    Of all others the names alone are looked at.
    """
    once: dict[str, set[int]] = defaultdict(set)
    again: dict[str, set[int]] = defaultdict(set)
    for item in items:
        engine, names = item.instance.engine, set(map(hash, item.namesakes.names))
        again[engine] |= names & once[engine]
        once[engine] |= names

    def compared(item: Reviewed) -> Examined:
        names = again[item.instance.engine]
        found = item.namesakes.read(lambda name: hash(name) in names)
        return replace(item.examined, namesakes=found)

    return list(map(compared, items))


def _key(one: Uneven) -> RemedyKey:
    return one.account, more_key(one.more)


def _rows(kept: KeptReview) -> str:
    return kept.marks.rows if kept.marks else ""
