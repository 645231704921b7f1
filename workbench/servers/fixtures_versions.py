"""The option `--all-versions`, and the parameters by which a test runs once a version.

A test that asks for `mariadb_line`, `mysql_family_name` or `postgresql_major`, itself or through
a fixture, runs once for each version that the run takes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workbench.servers.versions import MARIADB, POSTGRESQL


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-versions",
        action="store_true",
        help="run the contract and differential tests on every version that can be had",
    )


def _mariadb_lines(*, everything: bool) -> list[object]:
    lines = MARIADB.chosen(everything=everything)
    return [pytest.param(line, id=f"mariadb-{line}", marks=pytest.mark.mariadb) for line in lines]


def _mysql_family(*, everything: bool) -> list[object]:
    mysql = pytest.param("mysql", id="mysql", marks=pytest.mark.mysql)
    return [*_mariadb_lines(everything=everything), mysql]


def _postgresql_majors(*, everything: bool) -> list[object]:
    majors = POSTGRESQL.chosen(everything=everything)
    return [pytest.param(major, id=f"pg{major}") for major in majors]


PARAMETERS: dict[str, Callable[..., list[object]]] = {
    "mariadb_line": _mariadb_lines,
    "mysql_family_name": _mysql_family,
    "postgresql_major": _postgresql_majors,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    everything = bool(metafunc.config.getoption("all_versions"))
    for name in filter(metafunc.fixturenames.__contains__, PARAMETERS):
        metafunc.parametrize(name, PARAMETERS[name](everything=everything))
