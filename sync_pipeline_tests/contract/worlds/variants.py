"""On which servers the contract is tested: real ones, else emulated catalogs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import pytest

from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract.worlds import mariadb, mysql, oracle, postgresql, sqlserver
from sync_pipeline_tests.contract.worlds.world import World
from workbench.servers.versions import MARIADB, MYSQL, POSTGRESQL

VARIANTS: Mapping[str, Callable[[pytest.FixtureRequest, str], AbstractContextManager[World]]] = {
    EngineName.MARIADB: mariadb.world,
    EngineName.MYSQL: mysql.world,
    EngineName.POSTGRESQL: postgresql.world,
    EngineName.SQLSERVER: sqlserver.world,
    EngineName.ORACLE: oracle.world,
}


def chosen(*, everything: bool) -> list[object]:
    """Return an engine and a variant of it, for each that a run takes."""
    versions = {
        EngineName.MARIADB: MARIADB.chosen(everything=everything),
        EngineName.MYSQL: MYSQL.chosen(everything=everything),
        EngineName.POSTGRESQL: POSTGRESQL.chosen(everything=everything),
        EngineName.SQLSERVER: tuple(sqlserver.VERSIONS),
        EngineName.ORACLE: tuple(oracle.RELEASES),
    }
    marks = {EngineName.MARIADB, EngineName.MYSQL, EngineName.POSTGRESQL}
    return [
        pytest.param(
            f"{name} {version}",
            id=f"{name}-{version}",
            marks=[getattr(pytest.mark, str(name))] if name in marks else [],
        )
        for name, lines in versions.items()
        for version in lines
    ]
