"""Testing an instance: is it reachable, and may the account read what a sync needs?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sync_pipeline.collect.understanding import identified
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import Phase, SyncError
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.accounts import collect_with
from sync_pipeline.workflows.syncing.encryption import tls_advice
from sync_pipeline.workflows.syncing.recorded import one_instance
from sync_pipeline.workflows.syncing.sizes import measure_with
from sync_pipeline.workflows.syncing.target import Source, reading


@dataclass(frozen=True, slots=True)
class Probe:
    """What testing an instance showed. `latency_seconds` is one round trip.

    `unread` says, by section, which grant is missing or what else went wrong; `unmeasured`
    says it of sizes. `notes` leave nothing unread: what can be made better, what is left
    unknown by choice, and what the account may do beyond its task.
    """

    instance: str
    version: str | None = None
    platform: str | None = None
    tls: str | None = None
    latency_seconds: float | None = None
    accounts: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)
    unmeasured: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def is_ready(self) -> bool:
        """Return whether the syncs of this instance would read everything."""
        return self.error is None and not self.unread and not self.unmeasured


def probe_instance(deps: SyncDeps, instance: Instance) -> Probe:
    """Connect, identify, and run every query of both syncs; write nothing of it.

    It keeps to the limits on connections, as the syncs do. Whatever goes wrong with one
    instance is in its own probe.
    """
    try:
        with one_instance(instance):
            return _probed(deps, instance)
    except SyncError as error:
        return Probe(instance.name, error=str(error.at(instance.name, Phase.CONNECT)))


def _probed(deps: SyncDeps, instance: Instance) -> Probe:
    connections = ENGINES[instance.engine].size_connections
    with (
        deps.memory.share() as usage,
        reading(deps, instance, usage, connections=connections) as server,
    ):
        latency, snapshot, sizes = server.read(_read)
        server.logins.forget()
    identity = snapshot.server
    deps.store.registry.note_connection(
        instance.id, identity.version, deps.clock(), identity.platform
    )
    return Probe(
        instance=instance.name,
        version=identity.version,
        platform=identity.platform,
        tls=identity.tls,
        latency_seconds=latency,
        accounts=len(snapshot.accounts),
        unmeasured=sizes.warnings,
        notes=(
            *tls_advice(instance, identity),
            *identity.notes,
            *sizes.notes,
            *_unreviewed(snapshot),
        ),
        unread={
            str(key): report.reason
            for key, report in snapshot.unread.items()
            if not report.is_meant and key.database not in snapshot.providers
        },
    )


def _unreviewed(snapshot: Snapshot) -> Iterator[str]:
    """Yield what rules of findings lack, once for all databases."""
    found: dict[SectionName, list[str]] = {}
    for key, report in snapshot.unreviewed.items():
        if not report.is_meant:
            found.setdefault(key.name, []).append(report.reason)
    for name, reasons in found.items():
        more = f" So it is in {len(reasons)} databases." if len(reasons) > 1 else ""
        yield f"{name} was not read, which only rules of findings need: {reasons[0]}{more}"


def _read(deps: SyncDeps, source: Source) -> tuple[float, Snapshot, SizeSnapshot]:
    with source.open() as connection:
        identified(source.engine, connection)
        started = time.monotonic()
        identified(source.engine, connection)
        latency = time.monotonic() - started
    snapshot = collect_with(deps, source)
    # The sizes are a sync of their own.
    with deps.memory.share() as usage:
        again = replace(source, target=replace(source.target, usage=usage))
        return latency, snapshot, measure_with(deps, again)
