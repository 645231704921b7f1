"""A fresh home for each run: store, Dagster's storage, key file, and the fleet's registry."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.store.store import Store
from workbench.fleet.addresses import EndpointKind, Mix, host_of, is_changed
from workbench.fleet.server import MONITOR, PASSWORD
from workbench.running.configuration import variant
from workbench.servers.running import RunningServer

_REFUSED_PORT = 1


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The instances of a fleet, and where they are reached.

    A share of them has `changed` since they were synced before, if they were.
    """

    count: int
    port: int
    mix: Mix
    connect_seconds: float
    shards: int = 1
    is_synced_before: bool = False
    changed: float = 0.0

    def instances(self) -> list[Instance]:
        """Return the instances."""
        timeouts = Timeouts(self.connect_seconds, 60, 120)
        return [
            Instance(
                id=0,
                name=f"instance-{number:05}-{kind}",
                engine=EngineName.POSTGRESQL,
                host=host_of(kind, number),
                port=_REFUSED_PORT if kind is EndpointKind.REFUSED else self.port,
                credential=MONITOR,
                tls=TlsOptions(TlsMode.DISABLE),
                timeouts=timeouts,
            )
            for number, kind in enumerate(self.mix.kinds(self.count))
        ]

    @property
    def updated(self) -> int | None:
        """Return of how many instances a sync updates an account; None: it is the first one."""
        if not self.is_synced_before:
            return None
        kinds = enumerate(self.mix.kinds(self.count))
        return sum(
            kind is EndpointKind.LIVE and is_changed(number, self.changed) for number, kind in kinds
        )


@dataclass(frozen=True, slots=True)
class Home:
    """Where one run keeps everything, and the environment that tells it so."""

    directory: Path
    store_url: str
    dagster_url: str
    environment: Mapping[str, str]

    def register(self, instances: Sequence[Instance]) -> None:
        """Put a fleet into the registry."""
        now = datetime.now(UTC)
        settings = Settings(home=self.directory, store_url=self.store_url)
        store = Store.open(settings.effective_store_url)
        vault = SecretVault.open(settings)
        credential = StoredCredential(MONITOR, MONITOR, vault.seal(Secret(PASSWORD)))
        store.registry.put_credential(credential, now)
        store.registry.put_instances(instances, now)
        store.close()

    def take_store(self, other: Path) -> None:
        """Copy the SQLite store of another home, and the key that its secrets are sealed with."""
        theirs = Settings(home=other)
        ours = Settings(home=self.directory)
        shutil.copy(theirs.effective_key_file, ours.effective_key_file)
        with (
            closing(sqlite3.connect(_file_of(theirs))) as source,
            closing(sqlite3.connect(_file_of(ours))) as copy,
        ):
            source.backup(copy)

    def make_dagster_storage(self) -> None:
        """Make Dagster's storage, as the daemon does before any run."""
        program = "import dagster; dagster.DagsterInstance.get().dispose()"
        subprocess.run([sys.executable, "-c", program], env=dict(self.environment), check=True)


@contextmanager
def fresh_home(
    directory: Path, server: RunningServer | None, settings: Mapping[str, object]
) -> Iterator[Home]:
    """Make a home on SQLite, or with two databases of a server, which are dropped at last."""
    directory.mkdir()
    environment = environment_of(directory, settings)
    config = Path(environment["DAGSTER_HOME"])
    config.mkdir()
    if server is None:
        (config / "dagster.yaml").write_text((project_root() / "dagster.yaml").read_text())
        yield Home(directory, "", "", environment)
        return
    (config / "dagster.yaml").write_text(variant(server.port))
    with _database(server, "store") as store, _database(server, "dagster") as dagster:
        place = f"{server.admin_user}:{server.admin_password}@{server.host}:{server.port}"
        store_url = f"postgresql+psycopg://{place}/{store}"
        dagster_url = f"postgresql://{place}/{dagster}"
        variables = {
            "SYNC_PIPELINE_STORE_URL": store_url,
            "DAGSTER_POSTGRES_HOST": server.host,
            "DAGSTER_POSTGRES_USER": server.admin_user,
            "DAGSTER_POSTGRES_PASSWORD": server.admin_password,
            "DAGSTER_POSTGRES_DB": dagster,
        }
        yield Home(directory, store_url, dagster_url, {**environment, **variables})


def environment_of(directory: Path, settings: Mapping[str, object]) -> dict[str, str]:
    """Return the environment of commands whose home is a directory, with no setting but these."""
    kept = {key: value for key, value in os.environ.items() if not _is_ours(key)}
    named = {f"SYNC_PIPELINE_{key.upper()}": str(value) for key, value in settings.items()}
    return {
        **kept, **named,
        "SYNC_PIPELINE_HOME": str(directory),
        "DAGSTER_HOME": str(directory / "config"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(project_root()),
    }  # fmt: skip


def _file_of(settings: Settings) -> str:
    return settings.effective_store_url.removeprefix("sqlite:///")


def _is_ours(variable: str) -> bool:
    return variable.startswith(("SYNC_PIPELINE_", "DAGSTER_"))


@contextmanager
def _database(server: RunningServer, purpose: str) -> Iterator[str]:
    name = f"{purpose}_{uuid4().hex[:12]}"
    with psycopg.connect(
        host=server.host, port=server.port, user=server.admin_user, dbname=server.database,
        autocommit=True,
    ) as connection:  # fmt: skip
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield name
        connection.execute(
            sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        )  # fmt: skip
