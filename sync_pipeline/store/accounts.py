"""Accounts as the store keeps them: read, found, and written with each sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import bindparam, select

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import (
    Baseline,
    KnownAccount,
    KnownAccounts,
    LoggedChange,
    Reconciliation,
)
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.event import Event
from sync_pipeline.model.inventory import AccountFilter, AccountView, ChangeFilter
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.reads import Reads
from sync_pipeline.model.review import NewReview, SameReview
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.session import RecordClaim, RecordOutcome
from sync_pipeline.model.snapshot import SectionReport, SectionState, SectionStatus
from sync_pipeline.model.use import NewUse
from sync_pipeline.store import change_log
from sync_pipeline.store.account_rows import (
    age_gone_sections,
    write_inventory,
    write_permissions,
    write_sections,
)
from sync_pipeline.store.account_views import (
    OnDamage,
    counted,
    is_shown,
    one_view,
    rows_of,
    view_of,
    viewed,
    views,
)
from sync_pipeline.store.change_retention import require_kept
from sync_pipeline.store.classes import write_class_counts
from sync_pipeline.store.database import Database, among
from sync_pipeline.store.events.rows import write_events
from sync_pipeline.store.holders import write_holders
from sync_pipeline.store.reads import (
    CONFIRMED,
    confirmation,
    forget_world,
    seen,
    settle,
    write_reads,
)
from sync_pipeline.store.registry import note_connection
from sync_pipeline.store.reviews.rows import are_accounts, marked_accounts, written_review
from sync_pipeline.store.schema import instance_accounts as accounts
from sync_pipeline.store.schema import instance_reads, instances
from sync_pipeline.store.schema import instance_sections as sections
from sync_pipeline.store.server_facts import write_facts
from sync_pipeline.store.sessions.ends import RecordEnds
from sync_pipeline.store.use.use import write_use
from sync_pipeline.store.world_repair import write_world_again
from sync_pipeline.store.world_rows import (
    StoredWorld,
    next_world,
    require_as_known,
    stored_world,
    write_world,
)

# Made once: making a statement costs more than asking.
_SECTIONS = (
    select(sections, *CONFIRMED)
    .outerjoin(instance_reads, instance_reads.c.instance_id == sections.c.instance_id)
    .where(sections.c.instance_id == bindparam("of_id"))
    # The order of the key: else that in which rows were written may show, as on PostgreSQL.
    .order_by(sections.c.section, sections.c.database)
)


class AccountStore:
    """The tables of accounts."""

    def __init__(self, database: Database, ends: RecordEnds) -> None:
        self._database = database
        self._ends = ends

    def known(self, instance_id: int) -> list[KnownAccount]:
        """Return every account ever seen on an instance, with its last state.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
        return list(self.all_known(instance_id).accounts)

    def all_known(self, instance_id: int) -> KnownAccounts:
        """Return the same, with what tells it from what another sync writes.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
        stored = self.world(instance_id)
        return KnownAccounts(stored.known(), stored.digest)

    def put_again(self, instance_id: int, found: Mapping[str, KnownAccount], now: datetime) -> None:
        """Write what the accounts of an instance are, in the place of what is damaged.

        Raises:
            StoreDamaged: these are not the accounts that the store lists; nothing is written.
        """
        with self._database.write() as connection:
            write_world_again(connection, instance_id, found, now)
            forget_world(connection, instance_id)

    def world(self, instance_id: int) -> StoredWorld:
        """Return the same accounts still packed, for who reads a part of them."""
        with self._database.read_once() as connection:
            return stored_world(connection, instance_id)

    def mark(self, instance_id: int) -> str:
        """Return what tells what the last sync of an instance wrote from what another one does."""
        with self._database.read_once() as connection:
            return marked_accounts(connection, instance_id)

    def sections(self, instance_id: int) -> list[SectionState]:
        """Return how the last sync read each section of an instance."""
        with self._database.read_once() as connection:
            return [
                SectionState(
                    SectionKey(SectionName(row.section), row.database),
                    SectionReport(SectionStatus(row.status), row.reason),
                    seen(row, row.checked_at) or row.checked_at,
                    seen(row, row.last_read_at) or row.last_read_at,
                )
                for row in connection.execute(_SECTIONS, {"of_id": instance_id})
            ]

    def apply(
        self,
        instance_id: int,
        result: Reconciliation,
        claim: RecordClaim,
        outcome: RecordOutcome,
        observed_at: datetime,
        server_version: str,
        now: datetime,
        counts: DayCounts | None = None,
        reads: Reads | None = None,
        known: KnownAccounts | None = None,
        review: NewReview | SameReview | None = None,
        platform: Platform | None = None,
        facts: Sequence[ServerFact] = (),
        events: Sequence[Event] = (),
        use: NewUse | None = None,
    ) -> None:
        """Write a whole sync of one instance, with its record, in one transaction.

        `counts` replace those of their day; without, the day's counts stay as they are. By
        `reads` the next sync sees whether anything changed; without, it can't. `known` is what
        the result was compared with; without, that is not looked at. A `review` is of the
        accounts as they are then; without, who asks for findings makes it. `facts` are what the
        server is set to, as far as that was read. `events` are those that the review does not
        tell itself, and `use` is what was seen of who uses the accounts.

        Raises:
            LeaseHeld: the accounts are others than `known` by now; nothing is written.
            ResultLimit: the accounts are more than can be kept; nothing is written.
            StaleClaim: a newer attempt or the end of the run was faster; nothing is written.
            StoreDamaged: what is stored is not what was written; nothing is written.
            StoreUnavailable: nothing is written.
        """
        # Before the transaction: on SQLite every other writer waits for its end.
        with self._database.read_once() as connection:
            world = next_world(connection, instance_id, result, observed_at)
        with self._ends.writing(claim, outcome, now) as connection:
            if known is not None:
                require_as_known(connection, instance_id, known.digest)
            if review is not None and not are_accounts(connection, instance_id, review.accounts):
                review = None
            confirmed = confirmation(connection, instance_id)
            write_inventory(connection, instance_id, result, observed_at)
            write_permissions(connection, instance_id, result, claim.session_id, observed_at)
            write_world(connection, instance_id, world, result, observed_at)
            change_log.write(connection, instance_id, result, claim.session_id, observed_at)
            write_sections(connection, instance_id, result, observed_at)
            write_facts(connection, instance_id, facts, observed_at)
            settle(connection, instance_id, confirmed, observed_at)
            age_gone_sections(connection, instance_id, observed_at)
            write_reads(connection, instance_id, reads, observed_at)
            write_holders(connection, instance_id, reads)
            written_review(connection, instance_id, review)
            write_events(connection, events)
            if use is not None and use.is_told:
                # It was made before who uses the accounts was known; what it tells is true.
                written_review(connection, instance_id, None)
            if counts is not None:
                write_class_counts(connection, instance_id, counts, observed_at)
            write_use(connection, instance_id, use)
            note_connection(connection, instance_id, server_version, now, platform, observed_at)

    def find(self, wanted: AccountFilter, on_damage: OnDamage | None = None) -> list[AccountView]:
        """Return accounts in order of instance and name.

        `on_damage` is told of each instance whose accounts can't be read, which are left out then.

        Raises:
            StoreDamaged: what is stored is not what was written (without `on_damage`).
        """
        return list(self.each(wanted, on_damage))

    def each(
        self, wanted: AccountFilter, on_damage: OnDamage | None = None
    ) -> Iterator[AccountView]:
        """Yield the same, one after the other, of which none is kept."""
        with self._database.read() as connection:
            found = viewed(connection, rows_of(connection, wanted), on_damage)
            people = (item for item in found if is_shown(wanted, item))
            yield from islice(people, wanted.limit)

    def counted(
        self, wanted: AccountFilter, on_damage: OnDamage | None = None
    ) -> Iterator[tuple[AccountView, int]]:
        """Yield the same with no grants, and beside each how many it has."""
        with self._database.read() as connection:
            found = counted(connection, rows_of(connection, wanted), on_damage)
            people = (item for item in found if is_shown(wanted, item[0]))
            yield from islice(people, wanted.limit)

    def get(
        self,
        instance: str,
        account: str,
        known: Callable[[], Mapping[str, AccountState]] | None = None,
    ) -> AccountView | None:
        """Return one account by its exact name, active or not.

        `known` returns states of the instance's accounts, for who reads them anyway: it is asked
        where there is such an account. One that is not among them is read by itself.

        Raises:
            StoreDamaged: what is stored is not what was written.
        """
        with self._database.read() as connection:
            rows = connection.execute(one_view(), {"on": instance, "named": account}).all()
            if known is None or not rows:
                return next(viewed(connection, rows), None)
        state = known().get(account)
        return self.get(instance, account) if state is None else view_of(rows[0], state)

    def changes(self, wanted: ChangeFilter) -> list[LoggedChange]:
        """Return entries of the change log, newest first unless asked otherwise."""
        return change_log.entries(self._database, wanted)

    def changed_since(self, moment: datetime, instance_ids: Sequence[int]) -> frozenset[int]:
        """Return those of some instances on which accounts changed later than a moment."""
        return change_log.changed_since(self._database, moment, instance_ids)

    def since(
        self, moment: datetime, instance_ids: Sequence[int] | None = None
    ) -> tuple[list[AccountView], list[LoggedChange]]:
        """Return every account as it is now, and what changed later than a moment, newest first.

        Both in one consistent view, of these instances or of all.

        Raises:
            ConfigurationError: changes since then were pruned.
            StoreDamaged: what is stored is not what was written.
        """
        query = views().order_by(instances.c.name, accounts.c.account_name)
        with self._database.read() as connection:
            require_kept(connection, moment)
            if instance_ids is not None:
                query = query.where(among(connection, instances.c.id, instance_ids))
            later = change_log.later_than(connection, moment, instance_ids)
            return list(viewed(connection, connection.execute(query).all())), later

    def baselines(self, wanted: ChangeFilter) -> list[Baseline]:
        """Return what the first sync of each instance found, newest first."""
        return change_log.baselines(self._database, wanted)
