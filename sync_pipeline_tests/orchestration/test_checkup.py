"""What `doctor` makes of Dagster's storage, in files and in PostgreSQL; it makes none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo

from sync_pipeline.orchestration.processes import checkup
from sync_pipeline.settings import project_root
from workbench.running.configuration import variant
from workbench.servers.fixtures_store import STORES, store_database
from workbench.servers.running import RunningServer

NOW = datetime(2026, 11, 30, 18, 10, tzinfo=UTC)
LOCATION = RegisteredCodeLocationOrigin("sync_pipeline")


@dataclass
class Dagster:
    """Dagster's storage, and what it notes."""

    directory: Path

    @contextmanager
    def open(self) -> Iterator[DagsterInstance]:
        with DagsterInstance.from_config(str(self.directory)) as instance:
            yield instance

    def beat(self, seconds_ago: float) -> None:
        with self.open() as instance:
            for kind in checkup.HEARTBEATS:
                at = (NOW - timedelta(seconds=seconds_ago)).timestamp()
                instance.add_daemon_heartbeat(DaemonHeartbeat(at, kind, "daemon"))

    def schedule(self, job: str, status: InstigatorStatus = InstigatorStatus.RUNNING) -> None:
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(LOCATION, "__repository__"), f"{job}_schedule"
        )
        data = ScheduleInstigatorData("*/30 * * * *", NOW.timestamp())
        with self.open() as instance:
            state = InstigatorState(origin, InstigatorType.SCHEDULE, status, data)
            instance.add_instigator_state(state)

    def tick(self, job: str, minutes_ago: float, error: str = "") -> None:
        with self.open() as instance:
            states = {item.instigator_name: item for item in instance.all_instigator_state()}
            state = states[f"{job}_schedule"]
            instance.create_tick(
                TickData(
                    state.instigator_origin_id,
                    state.instigator_name,
                    InstigatorType.SCHEDULE,
                    TickStatus.FAILURE if error else TickStatus.SUCCESS,
                    (NOW - timedelta(minutes=minutes_ago)).timestamp(),
                    run_ids=[] if error else ["run"],
                    error=SerializableErrorInfo(error, [], None) if error else None,
                    selector_id=state.selector_id,
                )
            )


@pytest.fixture(params=STORES)
def dagster(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dagster]:
    monkeypatch.setenv("SYNC_PIPELINE_HOME", str(tmp_path / "home"))
    # It sets them for its own process.
    monkeypatch.setenv("PGOPTIONS", "")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "10")
    if request.param == "sqlite":
        yield Dagster(project_root())
        return
    server: RunningServer = request.getfixturevalue("postgresql_server")
    with store_database(server) as url:
        (tmp_path / "dagster.yaml").write_text(variant(server.port))
        monkeypatch.setenv("DAGSTER_POSTGRES_HOST", server.host)
        monkeypatch.setenv("DAGSTER_POSTGRES_USER", server.admin_user)
        monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", server.admin_password or "none")
        monkeypatch.setenv("DAGSTER_POSTGRES_DB", url.rpartition("/")[2])
        monkeypatch.setattr(checkup, "project_root", lambda: tmp_path)
        yield Dagster(tmp_path)


def states() -> dict[str, str]:
    return {item.name: str(item.state) for item in checkup.look(NOW)}


def test_a_storage_that_is_not_there_is_not_made(dagster: Dagster, tmp_path: Path) -> None:
    assert states() == {"schedules": "warning"}
    assert states() == {"schedules": "warning"}
    assert not (tmp_path / "home").exists()


def test_each_schedule_is_judged_by_its_last_tick(dagster: Dagster) -> None:
    dagster.beat(30)
    dagster.schedule("account_sync")
    dagster.schedule("capacity_sync", InstigatorStatus.STOPPED)
    dagster.schedule("aggregate_sizes")
    dagster.tick("account_sync", 10)
    dagster.tick("aggregate_sizes", 10, "it broke\nin the middle")
    assert states() == {
        "heartbeats": "ok",
        "schedule account_sync": "ok",
        "schedule capacity_sync": "fault",
        "schedule aggregate_sizes": "fault",
        "schedule maintain_sizes": "warning",
    }
    found = {item.name: item.what for item in checkup.look(NOW + timedelta(hours=2))}
    assert "None for" in found["heartbeats"]
    assert "the one of 2026-11-30 18:30 UTC did not come" in found["schedule account_sync"]
    assert "it broke in the middle" in found["schedule aggregate_sizes"]


def test_nothing_can_be_written_by_it(dagster: Dagster) -> None:
    dagster.beat(30)
    storage = checkup._storage(checkup.Settings.load())
    assert storage is not None
    with pytest.raises(Exception, match=r"read-?only"):
        storage.runs.add_daemon_heartbeat(DaemonHeartbeat(1.0, "SENSOR", "another"))
