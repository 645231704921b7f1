"""On which servers the contract is tested: real ones, else emulated catalogs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract.worlds import (
    babelfish,
    mariadb,
    mysql,
    oracle,
    postgresql,
    sqlserver,
)
from sync_pipeline_tests.contract.worlds.world import Cases, World
from workbench.servers.versions import MARIADB, MYSQL, POSTGRESQL, Versions


@dataclass(frozen=True)
class Variants:
    """What an engine brings: its world, its cases, and its variants.

    These are the versions of a real server, whose tests have the engine's mark, or the names of
    what is emulated; what they bring is the same but for what one can't be asked for.
    """

    world: Callable[[pytest.FixtureRequest, str], AbstractContextManager[World]]
    cases: Sequence[Cases]
    of: Versions | Sequence[str]


BABELFISH = "babelfish"


def _sqlserver(request: pytest.FixtureRequest, variant: str) -> AbstractContextManager[World]:
    module = babelfish if variant == BABELFISH else sqlserver
    return module.world(request, variant)


VARIANTS: Mapping[str, Variants] = {
    EngineName.MARIADB: Variants(mariadb.world, (mariadb.CASES,), MARIADB),
    EngineName.MYSQL: Variants(mysql.world, (mysql.CASES,), MYSQL),
    EngineName.POSTGRESQL: Variants(
        postgresql.world, (postgresql.cases(15), postgresql.cases(18)), POSTGRESQL
    ),
    EngineName.SQLSERVER: Variants(
        _sqlserver, (sqlserver.CASES, babelfish.CASES), (*sqlserver.VERSIONS, BABELFISH)
    ),
    EngineName.ORACLE: Variants(oracle.world, (oracle.CASES,), tuple(oracle.RELEASES)),
}


def chosen(*, everything: bool, babelfish: bool = True) -> list[object]:
    """Return an engine and a variant of it, for each that a run takes.

    `babelfish`: also the server that takes seconds to tell its accounts.
    """
    return [
        pytest.param(f"{name} {variant}", id=f"{name}-{variant}", marks=marks)
        for name, brought in VARIANTS.items()
        for marks, variants in [_run(name, brought.of, everything=everything)]
        for variant in variants
        if babelfish or variant != BABELFISH
    ]


def _run(
    name: str, of: Versions | Sequence[str], *, everything: bool
) -> tuple[list[pytest.MarkDecorator], Sequence[object]]:
    if isinstance(of, Versions):
        return [getattr(pytest.mark, str(name))], of.chosen(everything=everything)
    return [], of
