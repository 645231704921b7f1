"""Instances of the fleet, how to reach them, and how to select some of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.platform import Platform


class EngineName(StrEnum):
    """Database engines of the fleet."""

    MYSQL = "mysql"
    MARIADB = "mariadb"
    POSTGRESQL = "postgresql"
    SQLSERVER = "sqlserver"
    ORACLE = "oracle"


class TlsMode(StrEnum):
    """How much TLS a connection asks for, weakest first (libpq `sslmode` words)."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


NEW_INSTANCE_TLS = TlsMode.REQUIRE
"""What a command line or a file that says nothing of TLS means."""


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """TLS of one instance; the files are paths on the machine that syncs."""

    mode: TlsMode = TlsMode.PREFER
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits of one instance, all in seconds."""

    connect_seconds: float = 10.0
    statement_seconds: float = 60.0
    total_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Instance:
    """One database server endpoint of the fleet, as the registry holds it.

    `platform` is what its server said when it was last read; None: it was not asked yet.
    """

    id: int
    name: str
    engine: EngineName
    host: str
    port: int
    credential: str
    database: str | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)
    timeouts: Timeouts = field(default_factory=Timeouts)
    tags: tuple[str, ...] = ()
    environment: str | None = None
    description: str | None = None
    is_active: bool = True
    server_version: str | None = None
    last_connected_at: datetime | None = None
    platform: Platform | None = None

    @property
    def runs_on(self) -> Platform:
        """Return the platform; a server that was not asked yet counts as self-run."""
        return self.platform or Platform.SELF_RUN


def host_of(instance: Instance) -> str:
    """Return the host of an instance in one spelling, by which limits, orders and shards know it.

    Capitals and the dot of the root mean nothing in a name (RFC 4343; RFC 1034, 3.1), and an
    address has several forms (RFC 4291, 2.2). What two names resolve to is not asked.
    """
    return host_in_one_spelling(instance.host)


def host_in_one_spelling(host: str) -> str:
    """Return the same of a host that no instance has yet."""
    name = host.strip().rstrip(".").lower()
    try:
        address = ip_address(name)
    except ValueError:
        return name
    return str(getattr(address, "ipv4_mapped", None) or address)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which active instances a run takes. Empty means all.

    Values within one field are alternatives; fields narrow one another.
    """

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Return whether nothing narrows this selection."""
        return not (self.names or self.tags or self.engines or self.environments)

    def takes(self, instance: Instance) -> bool:
        """Return whether an instance is selected."""
        return (
            (not self.names or instance.name in self.names)
            and (not self.tags or bool(set(self.tags) & set(instance.tags)))
            and (not self.engines or instance.engine in self.engines)
            and (not self.environments or instance.environment in self.environments)
        )


def require_known(selection: Selection, names: Collection[str]) -> None:
    """Refuse a selection by what there is none of, among the instances of these names.

    Raises:
        ConfigurationError: a name or an engine is unknown.
    """
    for name in selection.names:
        if name not in names:
            raise ConfigurationError(
                f"The instance {name!r} does not exist.",
                hint="See: sync-pipeline instances list.",
            )
    for engine in selection.engines:
        if engine not in tuple(EngineName):
            raise ConfigurationError(
                f"{engine!r} is not an engine.", hint=f"Known are: {', '.join(EngineName)}."
            )


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What putting instances into the registry did."""

    added: int
    updated: int
    unchanged: int
