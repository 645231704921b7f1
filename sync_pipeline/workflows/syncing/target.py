"""Where and as whom to connect to an instance, with the secret as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sync_pipeline import certificates
from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Engine, Target
from sync_pipeline.engines.wire import passwords
from sync_pipeline.engines.wire.budget import Usage
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.errors import AuthenticationError, ConfigurationError, Phase
from sync_pipeline.files.trust import changeable_by_all
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.pattern import like
from sync_pipeline.model.secret import Secret
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.limits import connections_held, deadline_of, require_time

T = TypeVar("T")


def read_instance(
    deps: SyncDeps,
    instance: Instance,
    read: Callable[[Target, Deadline], T],
    usage: Usage,
    *,
    connections: int = 1,
    ends_at: datetime | None = None,
) -> T:
    """Wait for as many connections as the reading holds at once, then read in bounded time.

    The wait has its own limit, and the instance's time begins after it. What is read counts
    in `usage`. `ends_at` is the deadline of the whole run.

    Raises:
        SyncError: the reading failed, no connection was free, or the run's time was up.
    """
    with connections_held(deps, instance, connections, ends_at):
        require_time(deps, instance, ends_at)
        deadline = deadline_of(deps, instance, ends_at)
        return with_fresh_secret(
            deps, instance, lambda target: read(replace(target, usage=usage), deadline)
        )


def with_fresh_secret(deps: SyncDeps, instance: Instance, read: Callable[[Target], T]) -> T:
    """Read with the stored secret; once more when the secret changed meanwhile."""
    target = target_of(deps, instance)
    try:
        return read(target)
    except AuthenticationError:
        fresh = target_of(deps, instance)
        if (fresh.username, fresh.password) == (target.username, target.password):
            raise
        return read(fresh)


def opener(engine: Engine, target: Target, deadline: Deadline) -> ConnectionOpener:
    """Return a function that opens bounded connections to one target."""
    return lambda database: open_connection(engine, target, deadline, database)


def target_of(deps: SyncDeps, instance: Instance) -> Target:
    """Return where to connect, with the secret as it is now.

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
    password: Secret = deps.vault.resolve(credential.secret)
    return Target(
        instance,
        credential.username,
        password,
        instance.timeouts.statement_seconds,
        _options(deps.settings, instance),
        read_limits(deps.settings),
    )


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
