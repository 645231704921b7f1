"""What was read of one instance's accounts, before accounts are made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.collect.names import keepable, spelled_warning
from sync_pipeline.collect.understanding import understood
from sync_pipeline.collect.unknown import unknown_warnings
from sync_pipeline.engines.base import (
    AccountRows,
    DatabaseEntry,
    Engine,
    HiddenDatabases,
    KnowsMoreOfSome,
)
from sync_pipeline.engines.wire.rows import DIGEST_BYTES, PackedRows
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.snapshot import (
    SectionReport,
    SectionStatus,
    ServerIdentity,
    Snapshot,
    noted,
)
from sync_pipeline.model.use import UseSample


@dataclass(slots=True)
class AccountReading:
    """The rows of one instance's catalogs, and how complete they are.

    `origins` are, by query, the databases from which rows of it came. `entries` are the
    databases that the server lists, and `hidden` says where it lists some only; `excluded` are
    those that the settings leave out. Two readings
    by the same code whose `facts` and rows are the same give the same snapshot: the `use` of the
    accounts, a sample or why there is none, is no part of it.
    """

    engine: Engine
    server: ServerIdentity
    username: str
    observed_at: datetime
    entries: tuple[DatabaseEntry, ...] = ()
    hidden: HiddenDatabases | None = None
    excluded: frozenset[str] = frozenset()
    origins: dict[str, frozenset[str]] = field(default_factory=dict)
    rows: AccountRows = field(default_factory=AccountRows)
    sections: dict[SectionKey, SectionReport] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    server_facts: list[ServerFact] = field(default_factory=list)
    use: UseSample | str | None = None
    _digest_of_all: str = field(default="", init=False, repr=False, compare=False)

    def report(
        self, names: Iterable[SectionName], database: str, status: SectionStatus, reason: str = ""
    ) -> None:
        """Record how the sections ended; an earlier failure is never painted over."""
        for name in names:
            key = SectionKey(name, database)
            known = self.sections.get(key)
            if known is None or known.is_known:
                self.sections[key] = SectionReport(status, reason)

    @property
    def unread(self) -> Mapping[SectionKey, SectionReport]:
        """Return the sections of accounts and grants that are on the server and were not read."""
        return {
            key: report
            for key, report in self.sections.items()
            if not report.is_known and key.name not in OF_SERVER
        }

    @property
    def noted(self) -> Mapping[SectionKey, SectionReport]:
        """Return the sections that were read, and beside which the catalog keeps more."""
        return noted(self.sections)

    @property
    def facts(self) -> tuple[object, ...]:
        """Return all but the rows that the snapshot is made of; equal ones are shown equally."""
        return (
            self.engine.name,
            self.username,
            self.server,
            sorted(map(repr, self.entries)),
            str(self.hidden),
            sorted((str(key), repr(report)) for key, report in self.sections.items()),
            self.warnings,
        )

    @property
    def in_order(self) -> str:
        """Return a digest (hex) of all rows in the order in which they came."""
        return self._digest(lambda rows: rows.in_order)

    @property
    def digest(self) -> str:
        """Return a digest (hex) of all rows in whatever order they came.

        It is made once: no row is taken in any more where it is asked for.
        """
        if not self._digest_of_all:
            self._digest_of_all = self._digest(lambda rows: rows.digest)
        return self._digest_of_all

    def snapshot(self) -> Snapshot:
        """Make accounts of the rows.

        Raises:
            QueryError: the rows of the queries together can't be understood.
        """
        found = self._accounts()
        accounts = keepable(found)
        newer = (*unknown_warnings(self.engine, self.server, found), *spelled_warning(found))
        return Snapshot(
            server=self.server,
            observed_at=self.observed_at,
            accounts=accounts,
            sections=self.sections,
            databases=frozenset(entry.name for entry in self.entries),
            hides_databases=self.hidden is not None,
            providers=frozenset(entry.name for entry in self.entries if entry.is_providers),
            warnings=(*self.warnings, *newer),
            timings=self.timings,
            server_facts=tuple(sorted(self.server_facts)),
            known_of=self._known_of(),
            sources=self.engine.sources,
        )

    def _accounts(self) -> tuple[AccountState, ...]:
        with understood("the queries of its accounts"):
            found = self.engine.accounts(self.rows, self.server)
            return tuple(
                account.canonical() for account in found if account.database not in self.excluded
            )

    def _known_of(self) -> Mapping[str, frozenset[SectionName]]:
        known: object = self.engine
        if not isinstance(known, KnowsMoreOfSome):
            return {}
        with understood("the queries of its accounts"):
            return known.known_of(self.rows, self.server)

    def _digest(self, of_rows: Callable[[PackedRows], bytes]) -> str:
        found = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for name, database, rows in self.rows.items():
            key = f"{name}@{database}".encode("utf-8", "surrogatepass")
            found.update(b"%d:" % len(key) + key + of_rows(rows))
        return found.hexdigest()
