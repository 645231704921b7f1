"""All benchmarks. One more is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.benchmarks.cis_mariadb import CIS_MARIADB
from sync_pipeline.access.benchmarks.cis_mysql import CIS_MYSQL
from sync_pipeline.access.benchmarks.cis_oracle import CIS_ORACLE
from sync_pipeline.access.benchmarks.cis_postgresql import CIS_POSTGRESQL
from sync_pipeline.access.benchmarks.cis_sqlserver import CIS_SQLSERVER
from sync_pipeline.access.benchmarks.dbsat import DBSAT
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.benchmark import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (
    CIS_POSTGRESQL,
    CIS_MYSQL,
    CIS_MARIADB,
    CIS_SQLSERVER,
    CIS_ORACLE,
    DBSAT,
)


def benchmark_named(name: str) -> Benchmark:
    """Return a benchmark by its id.

    Raises:
        ConfigurationError: there is no such one.
    """
    for item in BENCHMARKS:
        if item.id == name:
            return item
    raise ConfigurationError(
        f"There is no benchmark {name!r}.",
        hint=f"There are: {', '.join(item.id for item in BENCHMARKS)}.",
    )


def controls_of(rule: str) -> Iterator[str]:
    """Yield the controls that a rule (its id) looks after, as `benchmark number`."""
    for item in BENCHMARKS:
        for control in item.controls:
            if rule in control.rules:
                yield f"{item.id} {control.number}"
