"""The fleet of the benchmark of questions is what it says, and the benchmark runs."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.settings import project_root
from workbench.scale.filled import OtherWorld, filled_fleet
from workbench.scale.inventories import FleetWorld, changed
from workbench.scale.plain import count

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WORLD = FleetWorld(instances=2, accounts=20, grants=240)


@pytest.mark.parametrize("number", [0, 1])
def test_an_inventory_is_the_same_every_time_and_of_the_size_asked_for(number: int) -> None:
    found = WORLD.snapshot(number, NOW)
    assert found == WORLD.snapshot(number, NOW)
    assert found.accounts != WORLD.snapshot(number + 2, NOW).accounts
    names = [account.name for account in found.accounts]
    assert len(set(names)) == len(names) == WORLD.accounts
    grants = sum(len(account.grants) for account in found.accounts)
    assert WORLD.grants <= grants <= WORLD.grants + 10
    known = set(names)
    assert all(item.role in known for account in found.accounts for item in account.memberships)
    queries = ENGINES[WORLD.engine(number)].account_queries
    kinds = {query.fills[0] for query in queries if query.fills}
    assert kinds <= {key.name for key in found.sections}
    after = changed(found, NOW)
    differ = [
        after_it.name
        for before, after_it in zip(found.accounts, after.accounts, strict=True)
        if before != after_it
    ]
    assert differ == [names[-1]]


def test_a_tiny_fleet_from_start_to_finish(tmp_path: Path) -> None:
    lines = ("plain-start", "rows", "start", "who-can", "accounts changes")
    command = [
        sys.executable, "-m", "benchmarks.questions", "--json", "--instances", "2", "--accounts",
        "20", "--grants", "480", "--changed", "0.5", "--home", str(tmp_path / "kept"),
        *(word for line in lines for word in ("--only", line)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert int(shown["who-can"]["answer"].split()[0]) > 2
    assert shown["who-can"]["baseline"] == "rows"
    assert shown["who-can"]["CPU seconds"] > shown["rows"]["CPU seconds"] > 0
    # The first syncs of both, and the one that changed an account of one.
    assert shown["accounts changes"]["answer"] == "41 changes"
    with filled_fleet(tmp_path / "kept", "sqlite", WORLD, 0.5) as fleet:
        assert f"{count(fleet.url)} rows" == shown["rows"]["answer"]
        assert fleet.size_bytes() > 0
        # The server of a store on PostgreSQL is beside it: its user may not enter a home.
        assert stat.S_IMODE(fleet.home.stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) & 0o011 == 0o011
    with (
        pytest.raises(OtherWorld, match="kept"),
        filled_fleet(tmp_path / "kept", "sqlite", FleetWorld(), 0.5),
    ):
        pass
