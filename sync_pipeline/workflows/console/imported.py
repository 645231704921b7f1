"""What another system told before the move, beside what is told here, for one viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync_pipeline.model.change_page import ChangeLine, ChangeQuestion
from sync_pipeline.model.imported import (
    ImportedAccount,
    ImportedChange,
    ImportedCount,
    ImportedLine,
    ImportedRecord,
    ImportedSession,
)
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.page import InstanceQuestion, Page, Place, RecordQuestion, SessionQuestion
from sync_pipeline.model.session import Session
from sync_pipeline.model.viewer import Reach
from sync_pipeline.workflows.console.merging import Listed, merged
from sync_pipeline.workflows.dependencies import SyncDeps

_CHANGE_KEY, _SESSION_KEY = (str, str, str, int), (str, str)
_IMPORTED_SESSION_KEY = (*_SESSION_KEY, int)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ImportedSessionAnswer:
    """An imported session, how its records ended, and a page of them."""

    session: ImportedSession
    kinds: tuple[ImportedCount, ...]
    records: Page[ImportedRecord]


class ImportedAnswers:
    """What was imported, within a reach."""

    def __init__(self, deps: SyncDeps, reach: Reach) -> None:
        self._store = deps.store
        self._pages = deps.store.imported_pages
        self._reach = reach

    @property
    def has_any(self) -> bool:
        """Return whether anything was imported; it is no answer for a viewer."""
        return self._pages.has_any()

    def changes(self, asked: ChangeQuestion, place: Place) -> Page[ChangeLine | ImportedLine]:
        """Return a page of changes, ours and imported ones, newest first, as they are stored."""

        def ours(place: Place) -> Page[ChangeLine]:
            return self._store.change_pages.page(self._reach, asked, place)

        def theirs(place: Place) -> Page[ImportedLine]:
            return self._pages.changes(self._reach, asked, place) if self.has_any else Page()

        return merged(
            Listed(ours, lambda item: item.entry.changed_at, _CHANGE_KEY),
            Listed(theirs, lambda item: item.change.changed_at, _CHANGE_KEY),
            place,
        )

    def sessions(self, asked: SessionQuestion, place: Place) -> Page[Session | ImportedSession]:
        """Return a page of sessions, ours and imported ones."""

        def ours(place: Place) -> Page[Session]:
            return self._store.session_pages.page(self._reach, asked, place)

        def theirs(place: Place) -> Page[ImportedSession]:
            return self._pages.sessions(self._reach, asked, place) if self.has_any else Page()

        return merged(
            Listed(ours, lambda item: item.started_at, _SESSION_KEY),
            Listed(theirs, lambda item: item.started_at or _EARLIEST, _IMPORTED_SESSION_KEY),
            place,
            is_oldest_first=asked.is_oldest_first,
        )

    def session(self, asked: RecordQuestion, place: Place) -> ImportedSessionAnswer | None:
        """Return an imported session with a page of its records; None: the viewer sees none."""
        found = self._pages.session(self._reach, asked.session_id) if self.has_any else None
        if found is None:
            return None
        status = str(asked.status) if asked.status else ""
        records = self._pages.records(self._reach, found, status, place)
        return ImportedSessionAnswer(found, tuple(self._pages.kinds(self._reach, found)), records)

    def of_account(
        self, instance: Instance, account: str, until: datetime | None, limit: int
    ) -> Sequence[ImportedChange]:
        """Return changes of an account of an instance in reach until a moment, newest first."""
        if not self.has_any:
            return ()
        return self._pages.of_account(instance.id, account, until, limit)

    def known(self, instance: Instance, account: str) -> tuple[ImportedAccount, ...]:
        """Return what was last known of an account of an instance in reach."""
        return tuple(self._pages.known(instance.id, account)) if self.has_any else ()

    def accounts(self, of: InstanceQuestion, account: str, place: Place) -> Page[ImportedAccount]:
        """Return a page of accounts as they were last known, by instance and name."""
        if not self.has_any:
            return Page()
        return self._pages.accounts(self._reach, of, account, place)

    @property
    def has_accounts(self) -> bool:
        """Return whether the viewer may see an account that was imported."""
        return self.has_any and self._pages.has_accounts(self._reach)
