"""The sample fleet: two servers, and with `--ui` several of each engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from demo.samples import (
    HR_NIGHT,
    HR_SEED,
    MYSQL_NIGHT,
    MYSQL_SEED,
    ORDERS_NIGHT,
    ORDERS_SEED,
    POSTGRESQL_NIGHT,
    POSTGRESQL_SEED,
    STOCK_NIGHT,
    STOCK_SEED,
    WEB_NIGHT,
    WEB_SEED,
)
from sync_pipeline.model.instance import EngineName
from workbench.servers import mariadb, postgresql
from workbench.servers.running import RunningServer

ABSENT = "archive-pg"
"""An instance of the larger fleet that nobody answers for."""


@dataclass(frozen=True)
class Sample:
    """A sample server: what is on it, what happens there overnight, and whose it is."""

    name: str
    engine: EngineName
    seed: str
    night: str
    team: str


FEW = (
    Sample("billing-pg", EngineName.POSTGRESQL, POSTGRESQL_SEED, POSTGRESQL_NIGHT, "billing"),
    Sample("shop-mariadb", EngineName.MARIADB, MYSQL_SEED, MYSQL_NIGHT, "shop"),
)
SEVERAL = (
    *FEW,
    Sample("orders-pg", EngineName.POSTGRESQL, ORDERS_SEED, ORDERS_NIGHT, "shop"),
    Sample("hr-pg", EngineName.POSTGRESQL, HR_SEED, HR_NIGHT, "people"),
    Sample("stock-mariadb", EngineName.MARIADB, STOCK_SEED, STOCK_NIGHT, "shop"),
    Sample("web-mariadb", EngineName.MARIADB, WEB_SEED, WEB_NIGHT, "web"),
)


def start_servers(
    stack: ExitStack, directory: Path, samples: tuple[Sample, ...]
) -> Mapping[Sample, RunningServer]:
    """Start a private server for each sample whose engine is installed here."""
    newest, other = postgresql.installations()[-1], mariadb.installation()
    servers: dict[Sample, RunningServer] = {}
    for item in samples:
        place = directory / item.name
        if item.engine is EngineName.POSTGRESQL:
            servers[item] = stack.enter_context(postgresql.run_postgresql(newest, place))
        elif other is not None:
            servers[item] = stack.enter_context(mariadb.run_mariadb(other, place))
    if other is None:
        sys.stdout.write(
            "MariaDB is not installed here (apt install mariadb-server): going on without it\n"
        )
    for item, server in servers.items():
        sys.stdout.write(f"{item.name}: {server.engine} {server.version} on port {server.port}\n")
    return servers
