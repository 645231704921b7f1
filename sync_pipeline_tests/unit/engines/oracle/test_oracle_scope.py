"""What a server calls its own is left out of a sync, and never deactivated by that."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import ResolvedSecret, Secret
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.syncing.accounts import _scope
from sync_pipeline.workflows.syncing.target import target_of
from sync_pipeline_tests.contract.oracle_family import ENGINE, snapshot_of
from workbench.emulation.oracle_world import World


@pytest.fixture
def world() -> World:
    made = World()
    made.database()
    made.user("APP")
    return made


def deps(tmp_path: Path, **settings: Any) -> Any:
    credential = SimpleNamespace(username="watcher", secret="stored")
    registry = SimpleNamespace(credential=lambda _: credential)
    return SimpleNamespace(
        settings=Settings(home=tmp_path, **settings),
        store=SimpleNamespace(registry=registry),
        vault=SimpleNamespace(resolve_for=lambda *_: ResolvedSecret(Secret("p"))),
    )


def test_accounts_that_oracle_maintains_are_left_out_unless_wanted(
    world: World, tmp_path: Path
) -> None:
    snapshot = snapshot_of(world)
    scope = _scope(deps(tmp_path), ENGINE, snapshot)
    kept = {item.name for item in snapshot.accounts if scope.includes(item.name)}
    assert kept == {"APP", "PUBLIC", "SYS", "SYSTEM"}
    everything = _scope(deps(tmp_path, include_system_accounts=True), ENGINE, snapshot)
    assert all(everything.includes(item.name) for item in snapshot.accounts)


def test_leaving_system_accounts_out_deactivates_none(world: World, tmp_path: Path) -> None:
    snapshot = snapshot_of(world)
    known = [KnownAccount(item, is_active=True) for item in snapshot.accounts]
    result = reconcile(known, snapshot, _scope(deps(tmp_path), ENGINE, snapshot))
    assert result.deactivated == ()


def test_the_mark_is_no_part_of_what_is_stored(world: World) -> None:
    for item in snapshot_of(world).accounts:
        assert AccountState.from_json(item.to_json()) == item
        assert "is_system" not in item.to_json()


def test_the_client_libraries_of_the_settings_reach_the_engine(tmp_path: Path) -> None:
    instance = Instance(1, "erp", EngineName.ORACLE, "db1", 1521, "monitor")
    assert "oracle_client" not in target_of(deps(tmp_path), instance).options
    given = target_of(deps(tmp_path, oracle_client="/opt/ic"), instance).options
    assert given["oracle_client"] == "/opt/ic"
