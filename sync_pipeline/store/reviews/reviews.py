"""Reviews as they are kept: read of many instances, and written of one by who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    delete,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from sync_pipeline.model.finding import Examined, Finding, Namesake, Severity
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.finding_life import Seen, read_steps
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.review import (
    Compared,
    FindingKey,
    KeptReview,
    KnownFinding,
    ListedDatabases,
    NewReview,
    RemedyKey,
    ReviewBasis,
    ReviewMarks,
    Undone,
    about_of,
    keys_of,
)
from sync_pipeline.store.access import databases_of
from sync_pipeline.store.database import Database, among, among_named
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.reviews.packing import (
    PackedNamesakes,
    ReviewDamaged,
    pack_namesakes,
    pack_remedies,
    read_findings,
    read_remedies,
    read_texts,
)
from sync_pipeline.store.reviews.rows import (
    are_accounts,
    kept_turn,
    open_findings,
    put_review,
    write_changes,
    write_counts,
)
from sync_pipeline.store.reviews.steps import seen_now
from sync_pipeline.store.schema import instance_finding_marks as marks
from sync_pipeline.store.schema import instance_findings as findings
from sync_pipeline.store.schema import instance_reads as reads
from sync_pipeline.store.schema import instance_reviews as reviews
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.schema import instances
from sync_pipeline.store.sizes.schema import instance_databases as databases
from sync_pipeline.store.topics import Topic, note
from sync_pipeline.store.world_rows import accounts_mark

AT_ONCE = 200
"""Instances whose reviews, still packed, are fetched together."""
PATIENCE_SECONDS = 0.5
"""How long who asks waits for others that write; then what was found is not kept."""
MOST_REMEDIES = 500
"""Of one instance, that are kept for its namesakes; the oldest go first."""
_MARKED = (instances.c.id, worlds.c.digest, reads.c.written_at)
_CHECKED = (
    *(reviews.c.turn, reviews.c.basis, reviews.c.world, reviews.c.databases, reviews.c.listing),
    *(reviews.c.listed_at, reviews.c.valid_from, reviews.c.valid_until, reviews.c.is_unlisted),
    *(reviews.c.notes, reviews.c.providers, reviews.c.namesakes, reviews.c.compared_at),
)


_KNOWN = (
    *(findings.c.instance_id, findings.c.rule, findings.c.account_name, findings.c.about),
    *(findings.c.severity, findings.c.steps),
)
_MADE_OF = select(reviews.c.basis, reviews.c.world, reviews.c.is_unlisted).where(
    reviews.c.instance_id == bindparam("of_id")
)
_Written = tuple[int, str, EngineName, int]
"""An instance, by its id, name and engine, and the write of what is kept of it."""
_MOST_KEPT = 20_000
"""Findings that stay unpacked, of whatever instances: some 500 bytes each."""


def _weight(found: Examined | None) -> int:
    return 1 if found is None else 1 + len(found.findings)


class ReviewStore:
    """The tables of reviews and of findings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._examined: Kept[_Written, Examined | None] = Kept(_MOST_KEPT, _weight)

    def listed(self, instance_id: int) -> ListedDatabases:
        """Return the databases of an instance and the rows that say so, in one view."""
        with self._database.read() as connection:
            found = databases_of(connection, [instance_id]).get(instance_id)
            query = _listed(connection.dialect.name)
            row = connection.execute(query, {"of_ids": [instance_id]}).first()
        return ListedDatabases(found, _rows(row))

    def listed_of(self, instance_ids: Sequence[int]) -> dict[int, ListedDatabases]:
        """Return the same of several instances: of few at once, their names are many."""
        with self._database.read() as connection:
            found = databases_of(connection, instance_ids)
            query = _listed(connection.dialect.name)
            rows = connection.execute(query, {"of_ids": list(instance_ids)})
            said = {row.instance_id: _rows(row) for row in rows}
        return {item: ListedDatabases(found.get(item), said.get(item, "")) for item in instance_ids}

    def made_of(self, instance_id: int) -> ReviewBasis:
        """Return what the kept review of an instance was made of."""
        with self._database.read_once() as connection:
            row = connection.execute(_MADE_OF, {"of_id": instance_id}).first()
        if row is None:
            return ReviewBasis()
        return ReviewBasis(row.basis, row.world or "", bool(row.is_unlisted))

    def each(
        self, instance_ids: Sequence[int], *, with_findings: bool = True
    ) -> Iterator[KeptReview]:
        """Yield what is kept of instances, in their order, some at a time."""
        for begin in range(0, len(instance_ids), AT_ONCE):
            some = instance_ids[begin : begin + AT_ONCE]
            with self._database.read_once() as connection:
                query = _kept(connection.dialect.name, with_findings)
                rows = connection.execute(query, {"of_ids": list(some)})
                found = {row.id: _review(row) for row in rows}
            yield from (found.get(item, KeptReview(item)) for item in some)

    def unpacked(
        self,
        kept: KeptReview,
        instance: str,
        engine: EngineName,
        shared: Callable[[str], str] = str,
    ) -> tuple[Examined, Compared] | None:
        """Return what is kept, and apart what is compared of accounts; None: it is damaged.

        `shared` returns one text for all that are equal.
        """
        try:
            examined = Examined(
                instance,
                engine,
                read_findings(kept.findings, instance, engine, shared),
                notes=read_texts(kept.notes),
                of_provider=read_texts(kept.providers),
                is_unlisted=kept.is_unlisted,
            )
            return examined, PackedNamesakes.of(kept.namesakes)
        except ReviewDamaged:
            return None

    def examined(self, chosen: Sequence[Instance]) -> dict[int, tuple[int, Examined]]:
        """Return what was found on instances by their ids, each alone; not what is damaged.

        Beside each is the turn in which it was written. Each of these is unpacked once: pages ask
        for the same instances again and again.
        """
        if not chosen:
            return {}
        query = select(reviews.c.instance_id, reviews.c.turn)
        with self._database.read_once() as connection:
            is_chosen = among(connection, reviews.c.instance_id, [item.id for item in chosen])
            rows = connection.execute(query.where(is_chosen))
            turns = {row.instance_id: row.turn for row in rows}
        keys = [(item.id, item.name, item.engine, turns.get(item.id, 0)) for item in chosen]
        found = self._examined.all_of(keys, self._unpack)
        return {key[0]: (key[3], one) for key, one in found.items() if one is not None}

    def _unpack(self, keys: Sequence[_Written]) -> dict[_Written, Examined | None]:
        known = {key[0]: key for key in keys}
        made: dict[_Written, Examined | None] = {}
        for kept in self.each(list(known)):
            number, name, engine, _ = known[kept.instance_id]
            unpacked = self.unpacked(kept, name, engine)
            # As it is now: it may have been written again in between.
            made[number, name, engine, kept.turn] = unpacked[0] if unpacked else None
        return made

    def packed(self, namesakes: Sequence[Namesake]) -> Compared:
        """Return what is compared of accounts, packed as it is kept."""
        return PackedNamesakes.of(pack_namesakes(namesakes))

    def keep(self, instance_id: int, turn: int, new: NewReview) -> int | None:
        """Keep what who asks has found out; return the turn of it.

        None: it is not kept, because a sync or somebody else was faster.

        Raises:
            StoreUnavailable: nothing can be written now, or not by this process.
        """
        with self._writing() as connection:
            # In the order in which a sync takes these rows.
            if not are_accounts(connection, instance_id, new.accounts):
                return None
            if kept_turn(connection, instance_id) != turn:
                return None
            put_review(connection, instance_id, new)
            return turn + 1

    def keep_listings(self, listings: Mapping[int, tuple[int, str]]) -> None:
        """Note that the databases of instances are the same, by turn and by other rows.

        Raises:
            StoreUnavailable: nothing can be written now, or not by this process.
        """
        with self._writing() as connection:
            for instance_id, (turn, rows) in listings.items():
                own = reviews.c.instance_id == instance_id, reviews.c.turn == turn
                connection.execute(update(reviews).where(*own).values(databases=rows))

    def keep_counts(self, found: Sequence[tuple[KeptReview, CountedFindings]]) -> None:
        """Keep the numbers of findings beside the reviews that they are of, while these stand.

        Raises:
            StoreUnavailable: nothing can be written now, or not by this process.
        """
        written: list[int] = []
        with self._writing() as connection:
            for kept, counted in found:
                if kept_turn(connection, kept.instance_id) == kept.turn:
                    validity = kept.valid_from, kept.valid_until
                    write_counts(connection, kept.instance_id, counted, *validity)
                    written.append(kept.instance_id)
            note(connection, Topic.FINDINGS, written)

    def remedies(
        self, instance_ids: Sequence[int]
    ) -> Iterator[tuple[int, Mapping[RemedyKey, Undone]]]:
        """Yield what ends findings of namesakes, as far as it is kept."""
        for begin in range(0, len(instance_ids), AT_ONCE):
            some = instance_ids[begin : begin + AT_ONCE]
            with self._database.read_once() as connection:
                query = select(reviews.c.instance_id, reviews.c.remedies).where(
                    among(connection, reviews.c.instance_id, some), reviews.c.remedies.is_not(None)
                )
                rows = connection.execute(query).all()
            for row in rows:
                try:
                    yield row.instance_id, read_remedies(bytes(row.remedies))
                except ReviewDamaged:
                    continue

    def keep_remedies(self, instance_id: int, turn: int, found: Mapping[RemedyKey, Undone]) -> None:
        """Keep what ends findings of namesakes beside a review of this turn, if it is there.

        Raises:
            StoreUnavailable: nothing can be written now, or not by this process.
        """
        newest = dict(list(found.items())[-MOST_REMEDIES:])
        own = reviews.c.instance_id == instance_id, reviews.c.turn == turn
        with self._writing() as connection:
            values = {"remedies": pack_remedies(newest)}
            connection.execute(update(reviews).where(*own).values(values))

    def seen(
        self, instance_ids: Sequence[int], *, of_fleet: bool
    ) -> dict[int, dict[FindingKey, Seen]]:
        """Return since when findings of instances are there, by what tells them apart."""
        found = {}
        for begin in range(0, len(instance_ids), AT_ONCE):
            some = instance_ids[begin : begin + AT_ONCE]
            with self._database.read_once() as connection:
                for item, own in open_findings(connection, some, of_fleet=of_fleet).items():
                    found[item] = {key: one.seen for key, one in own.items()}
        return found

    def seen_then(self, instance_id: int, now: Sequence[Finding], moment: datetime) -> list[Seen]:
        """Return what would be known of findings if they were written as of a moment."""
        with self._database.read() as connection:
            before = open_findings(connection, [instance_id], of_fleet=False).get(instance_id, {})
            return seen_now(connection, instance_id, before, keys_of(now), now, moment)

    def keep_of_fleet(self, now: Mapping[int, Sequence[Finding]], moment: datetime) -> None:
        """Keep what all instances together say: their ids, and what was found of each.

        What an instance is found to have when it is compared first, it has had since its first
        review.

        Raises:
            StoreUnavailable: nothing can be written now, or not by this process.
        """
        with self._writing() as connection:
            before = open_findings(connection, list(now), of_fleet=True)
            began, new = _first_reviews(connection, list(now))
            for item, own in now.items():
                known = before.get(item, {})
                if own or known:
                    since = new.get(item, moment)
                    write_changes(
                        *(connection, item, known, own, since, began.get(item)), of_fleet=True
                    )
            if new:
                chosen = among(connection, reviews.c.instance_id, list(new))
                connection.execute(update(reviews).where(chosen).values(compared_at=moment))

    def open(self, instance_ids: Sequence[int]) -> Iterator[KnownFinding]:
        """Yield the findings of single instances that are kept."""
        for begin in range(0, len(instance_ids), AT_ONCE):
            some = instance_ids[begin : begin + AT_ONCE]
            with self._database.read_once() as connection:
                query = select(*_KNOWN).where(
                    among(connection, findings.c.instance_id, some),
                    findings.c.resolved_at.is_(None),
                    findings.c.of_fleet.is_(False),
                )
                rows = connection.execute(query).all()
            yield from map(_known, rows)

    def changes_since(
        self, instance_ids: Sequence[int], moment: datetime
    ) -> list[tuple[KnownFinding, bool]]:
        """Return what came and went since a moment, and whether it came.

        What a first review found, did not come.
        """
        is_there = findings.c.resolved_at.is_(None)
        is_new = and_(
            is_there,
            findings.c.first_seen_at >= moment,
            findings.c.first_seen_at > reviews.c.began_at,
        )
        query = select(*_KNOWN, is_there.label("came")).join(
            reviews, reviews.c.instance_id == findings.c.instance_id
        )
        with self._database.read_once() as connection:
            own = among(connection, findings.c.instance_id, instance_ids)
            rows = connection.execute(
                query.where(own, or_(is_new, findings.c.resolved_at >= moment))
            ).all()
        return [(_known(row), bool(row.came)) for row in rows]

    def prune(self, before: datetime, limit: int) -> int:
        """Delete findings that were resolved before a moment; return how many, at most `limit`."""
        oldest = select(findings.c.id).where(findings.c.resolved_at < before).limit(limit)
        with self._database.write() as connection:
            return connection.execute(delete(findings).where(findings.c.id.in_(oldest))).rowcount

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Write what could be found out again: whatever refuses it, says that it can't be now."""
        try:
            with self._database.write_soon(PATIENCE_SECONDS) as connection:
                yield connection
        except DBAPIError as error:
            raise self._database.unavailable(error.orig) from None


def _first_reviews(
    connection: Connection, instance_ids: Sequence[int]
) -> tuple[dict[int, datetime], dict[int, datetime]]:
    """Return the first reviews of instances, and of those that were never compared with others."""
    query = select(reviews.c.instance_id, reviews.c.began_at, reviews.c.compared_at).where(
        among(connection, reviews.c.instance_id, instance_ids), reviews.c.began_at.is_not(None)
    )
    rows = connection.execute(query).all()
    return (
        {row.instance_id: row.began_at for row in rows},
        {row.instance_id: row.began_at for row in rows if row.compared_at is None},
    )


def _listings(backend: str) -> Subquery:
    """Return, by instance, what changes with each listing of its databases."""
    of_active = case((databases.c.is_active.is_(True), databases.c.id), else_=0)
    return (
        select(
            databases.c.instance_id,
            func.count().label("rows"),
            func.sum(of_active).label("active"),
            func.max(databases.c.last_seen_at).label("seen_at"),
        )
        .where(among_named(backend, databases.c.instance_id, "of_ids"))
        .group_by(databases.c.instance_id)
        .subquery()
    )


@cache
def _listed(backend: str) -> Select[Any]:
    """Return the statement of listings alone, made once for each backend."""
    return select(_listings(backend))


@cache
def _kept(backend: str, with_findings: bool) -> Select[Any]:  # noqa: FBT001 - two of each
    """Return the statement that finds what is kept, made once for each of its forms."""
    listings = _listings(backend)
    blob = reviews.c.findings if with_findings else null()
    return (
        select(
            instances.c.id,
            worlds.c.digest,
            reads.c.written_at,
            *_CHECKED,
            blob.label("found"),
            marks.c.basis.label("counted_by"),
            marks.c.accepted_by.label("counted_with"),
            listings,
        )
        .select_from(instances)
        .outerjoin(worlds, worlds.c.instance_id == instances.c.id)
        .outerjoin(reads, reads.c.instance_id == instances.c.id)
        .outerjoin(reviews, reviews.c.instance_id == instances.c.id)
        .outerjoin(marks, marks.c.instance_id == instances.c.id)
        .outerjoin(listings, listings.c.instance_id == instances.c.id)
        .where(among_named(backend, instances.c.id, "of_ids"))
    )


def _review(row: Row[Any]) -> KeptReview:
    return KeptReview(
        instance_id=row.id,
        turn=row.turn or 0,
        marks=ReviewMarks(row.basis, row.listing, row.databases) if row.basis else None,
        accounts=row.world or "",
        accounts_now=accounts_mark(row.digest, row.written_at),
        rows_now=_rows(row),
        listed_now=row.seen_at,
        listed_at=row.listed_at,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        is_unlisted=bool(row.is_unlisted),
        is_compared=row.compared_at is not None,
        counted_by=row.counted_by or "",
        counted_with=row.counted_with or "",
        notes=_bytes(row.notes),
        providers=_bytes(row.providers),
        findings=_bytes(row.found),
        namesakes=_bytes(row.namesakes),
    )


def _known(row: Row[Any]) -> KnownFinding:
    return KnownFinding(
        row.instance_id,
        row.rule,
        row.account_name,
        about_of(row.about),
        Severity(row.severity),
        read_steps(row.steps),
    )


def _bytes(blob: object) -> bytes | None:
    return None if blob is None else bytes(blob)  # type: ignore[call-overload]


def _rows(row: Row[Any] | None) -> str:
    if row is None or row.seen_at is None:
        return ""
    return f"{row.rows} {int(row.active)} {row.seen_at.isoformat()}"
