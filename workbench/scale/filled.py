"""A store that holds a fleet as its syncs left it, written by what syncs write with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import CREDENTIAL, StoreBench
from workbench.scale.cases import say
from workbench.scale.inventories import FleetWorld, changed
from workbench.servers import postgresql
from workbench.servers.running import RunningServer, free_port

NEVER_SYNCED = "nowhere"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_STORE = "store"
_MADE = "made.json"
_TOLD_EVERY = 10


class OtherWorld(RuntimeError):
    """A home that was kept holds another fleet than is asked for."""


@dataclass(frozen=True, slots=True)
class FilledFleet:
    """A home and its store, the size of which is asked of its files or its server."""

    home: Path
    url: str
    server: RunningServer | None

    def size_bytes(self) -> int:
        """Return how large the store is, with its indexes and what is not yet merged into it."""
        if self.server is None:
            path = Path(self.url.removeprefix("sqlite:///"))
            return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        with _connect(self.server, _STORE) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(str(row[0])) if row else 0


@contextmanager
def filled_fleet(
    directory: Path, kind: str, world: FleetWorld, changed_share: float
) -> Iterator[FilledFleet]:
    """Yield the store of a directory, filled if it is new; what is there from before is kept.

    The home is below it, and so is the server of the store, which is another user's: nobody else
    may enter a home. After the first sync of all, a share of the instances is synced once more,
    with one account changed.

    Raises:
        OtherWorld: it was filled with something else.
    """
    made = directory / _MADE
    asked = {"store": kind, "changed": changed_share, **asdict(world)}
    if made.exists() and json.loads(made.read_text()) != asked:
        raise OtherWorld(f"{directory} holds {made.read_text()}, not {json.dumps(asked)}.")
    with place_of_store(directory, kind) as fleet:
        if not made.exists():
            _fill(fleet.url, world, changed_share)
            made.write_text(json.dumps(asked))
        yield fleet


@contextmanager
def place_of_store(directory: Path, kind: str) -> Iterator[FilledFleet]:
    """Yield a home below a directory, and an empty store or the one that is there."""
    home, cluster = directory / "home", directory / "server"
    home.mkdir(mode=0o700, exist_ok=True)
    if kind == "sqlite":
        yield FilledFleet(home, Settings(home=home, store_url="").effective_store_url, None)
        return
    newest = postgresql.installations()[-1]
    running = (
        postgresql.serve(newest, cluster, free_port())
        if (cluster / "data").exists()
        else postgresql.run_postgresql(newest, cluster)
    )
    with running as server:
        with _connect(server, server.database) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (_STORE,)
            )
            if known.fetchone() is None:
                connection.execute(f"CREATE DATABASE {_STORE}")  # type: ignore[arg-type]
        user = f"{server.admin_user}:{server.admin_password}"
        url = f"postgresql+psycopg://{user}@{server.host}:{server.port}/{_STORE}"
        yield FilledFleet(home, url, server)


def _fill(url: str, world: FleetWorld, changed_share: float) -> None:
    store = Store.open(url)
    try:
        bench = StoreBench(store, START)
        fleet = _registered(store, world)
        bench.now = START + timedelta(minutes=30)
        _sync(bench, world, fleet, range(world.instances))
        bench.now = START + timedelta(minutes=60)
        each = round(1 / changed_share) if changed_share else world.instances + 1
        _sync(bench, world, fleet, range(each - 1, world.instances, each), is_changed=True)
    finally:
        store.close()


def _registered(store: Store, world: FleetWorld) -> list[Instance]:
    """Register the fleet, and an instance more that no sync has reached."""
    names = [f"instance-{number:05}" for number in range(world.instances)]
    store.registry.put_credential(CREDENTIAL, START)
    store.registry.put_instances(
        [
            Instance(
                0, name, world.engine(number), f"{name}.example", 5432, CREDENTIAL.name,
                tls=TlsOptions(TlsMode.DISABLE),
            )
            for number, name in enumerate([*names, NEVER_SYNCED])
        ],
        START,
    )  # fmt: skip
    found = {item.name: item for item in store.registry.instances()}
    return [found[name] for name in names]


def _sync(
    bench: StoreBench,
    world: FleetWorld,
    fleet: list[Instance],
    numbers: range,
    *,
    is_changed: bool = False,
) -> None:
    """Write a session of these instances."""
    if not numbers:
        return
    session = bench.open([fleet[number] for number in numbers])
    for done, number in enumerate(numbers, 1):
        snapshot = world.snapshot(number, bench.now)
        if is_changed:
            snapshot = changed(snapshot, bench.now)
        claim = bench.claim(session, fleet[number])
        bench.apply_snapshot(claim, fleet[number], snapshot)
        if done * _TOLD_EVERY // len(numbers) != (done - 1) * _TOLD_EVERY // len(numbers):
            say(f"{done} of {len(numbers)} instances written")


def _connect(server: RunningServer, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=server.host, port=server.port, user=server.admin_user, dbname=database,
        autocommit=True,
    )  # fmt: skip
