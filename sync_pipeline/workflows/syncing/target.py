"""Where and as whom to connect to an instance, with the secret as it is now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sync_pipeline import certificates
from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, Engine, Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.wire import passwords
from sync_pipeline.engines.wire.budget import Usage
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.errors import AuthenticationError, ConfigurationError, Phase, SyncError
from sync_pipeline.files.trust import changeable_by_all
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.pattern import like
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.limits import connections_held, deadline_of, require_time
from sync_pipeline.workflows.syncing.logins import Logins
from sync_pipeline.workflows.syncing.recorded import InstanceWork

T = TypeVar("T")
SnapshotT = TypeVar("SnapshotT", AccountReading, SizeSnapshot)


@dataclass(frozen=True, slots=True)
class Source:
    """What is read: with which engine, where and as whom, and until when."""

    engine: Engine
    target: Target
    deadline: Deadline

    def open(self, database: str | None = None) -> AbstractContextManager[Connection]:
        """Open a bounded connection, to one of the databases or to the first one."""
        return open_connection(self.engine, self.target, self.deadline, database)


@dataclass(frozen=True, slots=True)
class Reading:
    """The reading of an instance within its limits; it waited for its connections so long."""

    deps: SyncDeps
    instance: Instance
    usage: Usage
    deadline: Deadline
    waited_seconds: float
    was_rejected: bool = False

    def read(self, collect: Callable[[SyncDeps, Source], T]) -> T:
        """Read with the stored secret; once more when the secret changed meanwhile.

        Raises:
            SyncError: the reading failed.
        """
        return self.logins.read(lambda target: self._read(target, collect))

    @property
    def logins(self) -> Logins:
        """Return as whom one may log in."""

        def found(rejected: Secret | None) -> Target:
            return target_of(self.deps, self.instance, rejected)

        return Logins(self.deps, self.instance, found, self.was_rejected)

    def _read(self, target: Target, collect: Callable[[SyncDeps, Source], T]) -> T:
        engine = ENGINES[self.instance.engine]
        source = Source(engine, replace(target, usage=self.usage), self.deadline)
        try:
            return collect(self.deps, source)
        except AuthenticationError as error:
            # A password that was changed while we read, from one connection to the next.
            self.usage.let_go(error)
            raise


@contextmanager
def reading(
    deps: SyncDeps,
    instance: Instance,
    usage: Usage,
    *,
    connections: int = 1,
    ends_at: datetime | None = None,
    was_rejected: bool = False,
) -> Iterator[Reading]:
    """Wait for as many connections as the reading holds at once, and bound its time.

    The wait has its own limit, and the instance's time begins after it. What is read counts
    in `usage`. `ends_at` is the deadline of the whole run. `was_rejected`: the last login was.

    Raises:
        SyncError: no connection was free, or the run's time was up.
    """
    started = time.monotonic()
    with connections_held(deps, instance, connections, ends_at):
        require_time(deps, instance, ends_at)
        deadline = deadline_of(deps, instance, ends_at)
        waited = time.monotonic() - started
        yield Reading(deps, instance, usage, deadline, waited, was_rejected)


def snapshot_of(
    deps: SyncDeps,
    work: InstanceWork,
    usage: Usage,
    collect: Callable[[SyncDeps, Source], SnapshotT],
    *,
    connections: int = 1,
) -> SnapshotT:
    """Return what `collect` reads of the instance, with how long it waited to begin.

    Raises:
        SyncError: the reading failed, no connection was free, or the run's time was up.
    """
    with reading(
        deps,
        work.instance,
        usage,
        connections=connections,
        ends_at=work.ends_at,
        was_rejected=work.was_rejected,
    ) as server:
        snapshot = server.read(collect)
    timings = {"wait_seconds": server.waited_seconds, **snapshot.timings}
    return replace(snapshot, timings=timings)


def target_of(deps: SyncDeps, instance: Instance, rejected: Secret | None = None) -> Target:
    """Return where to connect, with the secret as it is now.

    It is asked for again where the server `rejected` the one that it was sent.

    Raises:
        ConfigurationError: the credential is gone, its secret can't be resolved, or every
            user may change a certificate that says whom to trust.
    """
    _require_trusted(instance)
    credential = deps.store.registry.credential(instance.credential)
    if credential is None:
        raise ConfigurationError(
            f"The credential {instance.credential!r} does not exist.",
            instance=instance.name,
            phase=Phase.CONFIGURE,
            hint="Add it with: sync-pipeline credentials add.",
        )
    found = _resolved(deps, instance, credential, rejected)
    username = found.username or credential.username
    if not username:
        raise ConfigurationError(
            f"Nothing says as whom the credential {credential.name!r} logs in.",
            instance=instance.name,
            phase=Phase.CONFIGURE,
            hint="Its secret is of no account: add it again with --username.",
        )
    return Target(
        instance,
        username,
        found.secret,
        instance.timeouts.statement_seconds,
        _options(deps.settings, instance),
        read_limits(deps.settings),
    )


def _resolved(
    deps: SyncDeps, instance: Instance, credential: StoredCredential, rejected: Secret | None
) -> ResolvedSecret:
    login = Login(instance.host, instance.port, credential.username, instance.database or "")
    try:
        return deps.vault.resolve_for(credential.secret, login, rejected)
    except SyncError as error:
        raise error.at(instance.name, Phase.CONFIGURE) from None


def read_limits(settings: Settings) -> ReadLimits:
    """Return the settings that bound what is read of a server."""
    return ReadLimits(
        rows=settings.max_result_rows,
        value_bytes=settings.max_value_bytes,
        result_bytes=settings.max_result_bytes,
        sync_bytes=settings.max_sync_bytes,
    )


def _require_trusted(instance: Instance) -> None:
    tls = instance.tls
    for file in filter(None, (tls.ca_file, tls.cert_file, tls.key_file)):
        if mend := changeable_by_all(Path(file)):
            raise ConfigurationError(
                f"The TLS file {file} can be changed by every user of this machine.",
                instance=instance.name,
                phase=Phase.CONFIGURE,
                hint=f"Nothing was sent. Mend it: {mend}.",
            )


def _options(settings: Settings, instance: Instance) -> Mapping[str, str]:
    """Return the settings that an engine's driver needs, those that are set."""

    def is_named(patterns: Iterable[str]) -> bool:
        return any(like(pattern, instance.name) for pattern in patterns)

    found = {
        "oracle_client": settings.oracle_client,
        "oracle_wallet_password": settings.oracle_wallet_password,
        "sqlserver_driver": settings.sqlserver_driver,
        "sqlserver_entra": str(settings.sqlserver_entra_method)
        if is_named(settings.sqlserver_entra)
        else "",
        "sqlserver_integrated": "yes" if is_named(settings.sqlserver_integrated) else "",
        "sqlserver_strict": "yes" if is_named(settings.sqlserver_strict) else "",
        certificates.OPTION: "yes" if settings.relaxed_certificates else "",
        passwords.OPTION: "yes" if is_named(settings.readable_passwords) else "",
    }
    return {name: value for name, value in found.items() if value}
