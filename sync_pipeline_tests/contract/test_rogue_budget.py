"""A value that a driver has not yet handed over counts for what all syncs may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.engines.wire.budget import Budget
from sync_pipeline.engines.wire.limits import ReadLimits
from sync_pipeline.errors import MemoryExhausted
from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract import test_rogue_servers as rogues
from workbench.servers.rogue import tds
from workbench.servers.rogue.victim import target, tried

MOST = 4 * 2**20
LONG_VALUES = {
    EngineName.MARIADB: rogues.of_mysql(rogues.mysql_value),
    EngineName.POSTGRESQL: rogues.of_postgresql(
        rogues.PG_COLUMNS, rogues.PG_LONG, then=b"x" * 2**18
    ),
    EngineName.SQLSERVER: rogues.of_tds(tds.endless_value),
}


@pytest.mark.parametrize("engine", LONG_VALUES)
def test_what_a_driver_still_collects_counts(engine: EngineName) -> None:
    found = Budget(MOST)
    with LONG_VALUES[engine]() as port, found.share() as neighbour:
        neighbour.add(2**20)
        wanted = target(engine, port, ReadLimits(value_bytes=2**30, result_bytes=2**31))
        with (
            pytest.raises(MemoryExhausted, match="SYNC_PIPELINE_MAX_RUN_BYTES") as caught,
            found.share() as usage,
        ):
            tried(replace(wanted, usage=usage))
        assert str(caught.value).startswith("rogue: ")
        assert not neighbour.is_refused
        assert found.held_bytes == 2**20
