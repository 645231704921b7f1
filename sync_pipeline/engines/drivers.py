"""The driver of each engine, for who asks whether it is there: nothing is loaded before that."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from sync_pipeline.engines.sqlserver.wire.drivers import choose_driver, load_pyodbc
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import EngineName
from sync_pipeline.settings import Settings

Loaded = Callable[[Settings], str]
_VERSION = re.compile(r"[\w.+-]{1,40}")


def _package(module: str) -> Loaded:
    def loaded(_: Settings) -> str:
        importlib.import_module(module)
        return _versioned(module, version_of(module))

    return loaded


def version_of(package: str) -> str:
    """Return what was installed; PyMySQL says of itself the version of another, as MySQLdb."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _odbc(settings: Settings) -> str:
    module = load_pyodbc("")
    driver = choose_driver(settings.sqlserver_driver, module.drivers(), "")
    return f"{_versioned('pyodbc', module.version)} with {driver.name}"


def _oracle(settings: Settings) -> str:
    found = _package("oracledb")(settings)
    client = settings.oracle_client
    if client and not Path(client).is_dir():
        raise ConfigurationError(
            f"There is no directory {client} of Oracle's client libraries.",
            hint="Correct SYNC_PIPELINE_ORACLE_CLIENT.",
        )
    return f"{found} with the libraries of {client}" if client else f"{found} (thin mode)"


def _versioned(name: str, version: object) -> str:
    found = _VERSION.match(str(version or ""))
    return f"{name} {found.group()}" if found else name


DRIVERS: tuple[tuple[tuple[EngineName, ...], str, Loaded], ...] = (
    ((EngineName.MYSQL, EngineName.MARIADB), "pymysql", _package("pymysql")),
    ((EngineName.POSTGRESQL,), "psycopg", _package("psycopg")),
    ((EngineName.SQLSERVER,), "pyodbc", _odbc),
    ((EngineName.ORACLE,), "oracledb", _oracle),
)
"""The engines that need a driver, its name, and what loads it and says what it is.

That raises ImportError where it can't be loaded, and ConfigurationError where what it needs beside
it is not there.
"""
