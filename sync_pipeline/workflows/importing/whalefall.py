"""The import of a WhaleFall store: one walk through it, in steps that can be gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SEALED
from sync_pipeline.fleet.whalefall.connection import WhaleFall
from sync_pipeline.fleet.whalefall.history import (
    account_steps,
    change_steps,
    record_steps,
    session_steps,
)
from sync_pipeline.fleet.whalefall.passwords import Passwords
from sync_pipeline.fleet.whalefall.registry import (
    NO_CREDENTIAL,
    UNSET,
    ReadRegistry,
    credentials_of,
    instances_of,
    read_registry,
)
from sync_pipeline.fleet.whalefall.sizes import (
    database_steps,
    period_steps,
    size_steps,
    total_steps,
)
from sync_pipeline.fleet.whalefall.steps import TIME_ZONE, Scope, Step
from sync_pipeline.fleet.whalefall.tables import table_steps
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.imported import (
    ImportedRegistry,
    ImportedRow,
    ImportedSums,
    ImportKind,
    ImportMark,
    ImportPass,
    Tally,
)
from sync_pipeline.model.instance import TlsMode
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.secret import Secret
from sync_pipeline.workflows import credentials as changes
from sync_pipeline.workflows.dates import date_of
from sync_pipeline.workflows.dependencies import SyncDeps

PLANNED = "planned"
_LEFT_OUT = "Tables that are not taken at all are told by the import itself, and by its --plan."
OF_ANOTHER = (
    "the credential of its name here has another user or password: it stays, and new instances get "
    f"{NO_CREDENTIAL!r}"
)
_OPTIONAL = {
    ImportKind.RUNS: "task_runs",
    ImportKind.ITEMS: "task_runs",
    ImportKind.TABLE_SIZES: "database_table_size_stats",
}
"""Kinds whose table an older store lacks."""
_Place = tuple[str | int, ...]
_Steps = Callable[[WhaleFall, Scope, _Place], Iterator[Step]]
_READ: Mapping[ImportKind, _Steps] = {
    ImportKind.DATABASES: database_steps,
    ImportKind.DATABASE_SIZES: size_steps,
    ImportKind.INSTANCE_SIZES: total_steps,
    ImportKind.TABLE_SIZES: table_steps,
    ImportKind.DATABASE_PERIODS: partial(period_steps, of_databases=True),
    ImportKind.INSTANCE_PERIODS: partial(period_steps, of_databases=False),
    ImportKind.SESSIONS: partial(session_steps, of_runs=False),
    ImportKind.RECORDS: partial(record_steps, of_runs=False),
    ImportKind.RUNS: partial(session_steps, of_runs=True),
    ImportKind.ITEMS: partial(record_steps, of_runs=True),
    ImportKind.ACCOUNTS: account_steps,
    ImportKind.CHANGES: change_steps,
}


@dataclass(frozen=True, slots=True)
class WhaleFallSource:
    """Where a WhaleFall store is, and how it is taken over.

    Without a `key` no secret is. `source` is the name of the store here, `tls` is what its
    instances get. `is_plan`: nothing is written.
    """

    url: Secret
    key: Secret | None
    source: str
    tls: TlsMode
    statement_seconds: float
    is_plan: bool = False


@dataclass(frozen=True, slots=True)
class LeftThere:
    """A table that is not taken, why, and about how many rows it has."""

    table: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of each kind of row; `left_there` are tables that are not taken at all."""

    source: str
    marks: Mapping[ImportKind, ImportMark]
    is_plan: bool = False
    left_there: tuple[LeftThere, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Walk:
    """One walk: what it reads from, and how far it has come."""

    deps: SyncDeps
    wanted: WhaleFallSource
    store: WhaleFall
    own: ImportPass
    marks: dict[ImportKind, ImportMark]
    planned_ids: dict[int, int] = field(default_factory=dict)
    engines: dict[int, str] = field(default_factory=dict)

    def mark(self, kind: ImportKind) -> ImportMark:
        return self.marks.get(kind, ImportMark(kind))

    def put(self, mark: ImportMark, step: Step, *, is_done: bool = False) -> ImportMark:
        """Write a step, or count it."""
        tally = Tally()
        tally.add(mark.tally)
        tally.add(step.tally)
        after = ImportMark(mark.kind, step.place, is_done, tally)
        if self.wanted.is_plan:
            tally.new += sum(map(_rows_in, step.rows))
            done = after
        else:
            done = self.deps.store.imports.put(
                self.own.source, mark, after, step.rows, self.own.started_at
            )
        self.marks[mark.kind] = done
        return done

    def end(self, mark: ImportMark) -> None:
        self.put(mark, Step((), mark.place), is_done=True)
        if self.deps.tell is not None:
            tally = self.marks[mark.kind].tally
            self.deps.tell(f"{mark.kind}: {tally.seen} rows looked at, {tally.new} new.")


def import_whalefall(deps: SyncDeps, wanted: WhaleFallSource) -> ImportReport:
    """Take over a WhaleFall store, or go on where an import of it was cut off.

    Raises:
        ConfigurationError: its address, its tables or its key are not right.
        StoreUnavailable: it, or ours, stopped to answer; the next import goes on.
    """
    passwords = None if wanted.key is None else Passwords(wanted.key)
    with WhaleFall.open(wanted.url, wanted.statement_seconds) as store:
        found = read_registry(store)
        if passwords is not None:
            passwords.require_any(found.passwords)
        fingerprints = {row.id: row.created_at for row in found.instances}
        deps.store.imports.require_same(wanted.source, fingerprints)
        walk = _begin(deps, wanted, store)
        _take_registry(walk, found, passwords)
        scope = _scope(walk)
        for kind in ImportKind:
            if kind in _READ and not walk.mark(kind).is_done:
                _take(walk, kind, scope)
            elif kind is ImportKind.SUMS and not walk.mark(kind).is_done:
                _sum_up(walk)
            elif kind is ImportKind.COMPUTED and not walk.mark(kind).is_done:
                _compute(walk)
        left = tuple(LeftThere(*item) for item in store.left_there())
    if not wanted.is_plan:
        deps.store.imports.finish(wanted.source, deps.clock())
    return ImportReport(wanted.source, walk.marks, wanted.is_plan, left, _notes(deps, wanted))


def _begin(deps: SyncDeps, wanted: WhaleFallSource, store: WhaleFall) -> _Walk:
    if wanted.is_plan:
        return _Walk(deps, wanted, store, ImportPass(wanted.source, 0, deps.clock()), {})
    own = deps.store.imports.begin(wanted.source, deps.clock())
    return _Walk(deps, wanted, store, own, deps.store.imports.marks(wanted.source))


def _take_registry(walk: _Walk, found: ReadRegistry, passwords: Passwords | None) -> None:
    """Take credentials and instances: few, so that each kind is one step."""
    tally = Tally()
    credentials = credentials_of(found, partial(_sealed, walk, passwords), tally)
    others = _of_others(walk, found, credentials, passwords)
    for number in others:
        tally.note(OF_ANOTHER, credentials[number].name)
    if others:
        credentials.setdefault(0, StoredCredential(NO_CREDENTIAL, "", UNSET))
    mark = walk.mark(ImportKind.CREDENTIALS)
    if not mark.is_done:
        step = Step([ImportedRegistry(tuple(credentials.values()), ())], (), tally)
        walk.put(mark, step, is_done=True)
    tally = Tally()
    own = {number: item for number, item in credentials.items() if number not in others}
    instances = instances_of(found, own, walk.wanted.tls, tally)
    mark = walk.mark(ImportKind.INSTANCES)
    if not mark.is_done:
        walk.put(mark, Step([ImportedRegistry((), tuple(instances))], (), tally), is_done=True)
    walk.engines = {item.source_id: str(item.instance.engine) for item in instances}
    if walk.wanted.is_plan:
        walk.planned_ids = {item.source_id: -item.source_id for item in instances}


def _of_others(
    walk: _Walk,
    found: ReadRegistry,
    credentials: Mapping[int, StoredCredential],
    passwords: Passwords | None,
) -> set[int]:
    """Return the credentials (numbers there) whose name is here that of another user or password.

    Taken for that one, it would give its password to servers that don't know it, and lock accounts.
    """
    here = {item.name: item for item in walk.deps.store.registry.credentials()}
    stored = {row.id: row.password for row in found.credentials}
    others = set()
    for number, item in credentials.items():
        kept = here.get(item.name)
        if kept is None or number not in stored:
            continue
        plain = None if passwords is None else passwords.decrypted(stored[number])
        if kept.username != item.username or not _may_be(walk.deps, kept, plain):
            others.add(number)
    return others


def _may_be(deps: SyncDeps, kept: StoredCredential, plain: Secret | None) -> bool:
    """Return whether a password may be that of a credential; one that is kept elsewhere may be."""
    if plain is None or not kept.secret.startswith(SEALED):
        return True
    try:
        return deps.vault.resolve(kept.secret) == plain
    except ConfigurationError:
        return False


def _sealed(walk: _Walk, passwords: Passwords | None, stored: str) -> str | None:
    """Return a password there as our vault seals it; of a plan, only that it can be."""
    plain = None if passwords is None else passwords.decrypted(stored)
    if plain is None:
        return None
    return PLANNED if walk.wanted.is_plan else changes.seal(walk.deps, plain)


def _scope(walk: _Walk) -> Scope:
    """Return what is taken, by the moment at which the pass began, however often it was cut off."""
    deps, began = walk.deps, walk.own.started_at
    settings = deps.settings
    today = date_of(began, settings)
    oldest = today - timedelta(days=settings.size_retention_days)
    kept = deps.store.imports.instance_ids(walk.wanted.source)
    # By that of here, names are written as syncs of ours write them; there it may be gone.
    here = {item.id: str(item.engine) for item in deps.store.registry.ever()}
    engines = {number: here[own] for number, own in kept.items() if own in here}
    return Scope(
        {**walk.planned_ids, **kept},
        {**walk.engines, **engines},
        today,
        max(Period.of(PeriodType.MONTH, oldest).start, deps.store.aggregations.horizon()),
        began - timedelta(days=settings.session_retention_days),
        began - timedelta(days=settings.change_retention_days),
    )


def _take(walk: _Walk, kind: ImportKind, scope: Scope) -> None:
    mark = walk.mark(kind)
    if _OPTIONAL.get(kind) in (None, *walk.store.tables):
        with walk.store.reading():
            for step in _READ[kind](walk.store, scope, mark.place):
                if kind in _PARTITIONED and not walk.wanted.is_plan:
                    walk.deps.store.sizes.prepare(_days_of(step))
                mark = walk.put(mark, step)
    walk.end(mark)


_PARTITIONED = (ImportKind.DATABASE_SIZES, ImportKind.INSTANCE_SIZES, ImportKind.TABLE_SIZES)


def _days_of(step: Step) -> set[date]:
    return {row.collected_date for row in step.rows if hasattr(row, "collected_date")}


def _sum_up(walk: _Walk) -> None:
    """Sum up the days that only databases have, an instance after the other."""
    mark = walk.mark(ImportKind.SUMS)
    after = int(mark.place[0]) if mark.place else 0
    found = [] if walk.wanted.is_plan else walk.deps.store.imports.with_sizes(walk.own.source)
    for instance_id in found:
        if instance_id > after:
            mark = walk.put(mark, Step([ImportedSums(instance_id)], (instance_id,)))
    walk.end(mark)


def _compute(walk: _Walk) -> None:
    """Compute the periods of the days that were taken, an instance after the other."""
    mark = walk.mark(ImportKind.COMPUTED)
    deps = walk.deps
    days = [] if walk.wanted.is_plan else deps.store.imports.days(walk.own.source)
    horizon = deps.store.aggregations.horizon()
    after = int(mark.place[0]) if mark.place else 0
    now = walk.own.started_at
    for instance_id, first, last in days:
        if instance_id <= after:
            continue
        requests = [
            AggregationRequest(
                *((instance_id,), periods, date_of(now, deps.settings)),
                *(deps.settings.trend_percent, now),
            )
            for kind in PeriodType
            if (periods := _computable(kind, first, last, horizon)) is not None
        ]
        rows = deps.store.aggregations.compute(requests)
        tally = Tally(new=rows.written)
        mark = walk.put(mark, Step((), (instance_id,), tally))
    walk.end(mark)


def _computable(kind: PeriodType, first: date, last: date, horizon: date) -> PeriodRange | None:
    """Return the periods between two days of which no day was pruned, nor of the one before."""
    period, end = Period.of(kind, first), Period.of(kind, last)
    while period.previous.start < horizon:
        period = period.next
    return PeriodRange(period, end) if period.start <= end.start else None


def _rows_in(row: ImportedRow) -> int:
    if isinstance(row, ImportedRegistry):
        return len(row.credentials) + len(row.instances)
    return 1


def _notes(deps: SyncDeps, wanted: WhaleFallSource) -> tuple[str, ...]:
    notes = [f"Its instances get TLS mode {wanted.tls}: WhaleFall keeps none."]
    if deps.settings.time_zone != TIME_ZONE:
        notes.append(
            f"Its days are those of {TIME_ZONE}, and days here are those of "
            f"{deps.settings.time_zone}."
        )
    if wanted.key is None:
        notes.append("Without --key no secret was taken: see `credentials list` for unset ones.")
    return tuple(notes)


def last_report(deps: SyncDeps, source: str) -> tuple[ImportPass, ImportReport]:
    """Return the report of the last import of a source, be it cut off.

    Raises:
        ConfigurationError: there is none.
    """
    for own in deps.store.imports.passes():
        if own.source == source:
            marks = deps.store.imports.marks(source)
            return own, ImportReport(source, marks, notes=(_LEFT_OUT,))
    raise ConfigurationError(
        f"Nothing was imported from {source!r}.", hint="See: sync-pipeline import whalefall --help."
    )
