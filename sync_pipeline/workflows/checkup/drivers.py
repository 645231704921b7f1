"""The drivers of the engines: a fault where the fleet has an engine without one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from sync_pipeline.engines.sqlserver.wire.drivers import choose_driver, load_pyodbc
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.checkup import Check, fault, ok
from sync_pipeline.model.instance import EngineName
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.checkup.known import Asked, UnknownStore

_REINSTALL = "Install sync_pipeline again, with its locked packages (docs/install.md)."
_VERSION = re.compile(r"[\w.+-]{1,40}")


def look(asked: Asked) -> Iterator[Check]:
    """Yield how each driver is, and whether the fleet needs it."""
    try:
        needed: set[EngineName] | None = {item.engine for item in asked.fleet().instances}
    except UnknownStore:
        needed = None
    for engines, name, loaded in _DRIVERS:
        label = f"driver {name}"
        of = ", ".join(engines)
        is_needed = needed is None or bool(needed & set(engines))
        why = "" if is_needed else f" No instance is of {of}."
        try:
            version = loaded(asked.settings)
        except ConfigurationError as error:
            found = (error.message, error.hint or _REINSTALL)
        except ImportError as error:
            found = (f"It can't be loaded ({type(error).__name__}).", _REINSTALL)
        else:
            yield ok(label, f"{version} is there for {of}.{why}")
            continue
        # Of a fleet that is not known nobody can say that it needs it.
        if is_needed and needed is not None:
            yield fault(label, f"{found[0]} Instances of {of} can't be reached.", found[1])
        else:
            yield ok(label, f"{found[0]} {why.strip() or f'It is for {of}.'}", found[1])


def _package(module: str) -> Callable[[Settings], str]:
    def loaded(_: Settings) -> str:
        return _versioned(module, getattr(importlib.import_module(module), "__version__", ""))

    return loaded


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


_DRIVERS: tuple[tuple[tuple[EngineName, ...], str, Callable[[Settings], str]], ...] = (
    ((EngineName.MYSQL, EngineName.MARIADB), "pymysql", _package("pymysql")),
    ((EngineName.POSTGRESQL,), "psycopg", _package("psycopg")),
    ((EngineName.SQLSERVER,), "pyodbc", _odbc),
    ((EngineName.ORACLE,), "oracledb", _oracle),
)
