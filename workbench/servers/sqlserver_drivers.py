"""The ODBC drivers that tests can use, and targets that name one."""

from __future__ import annotations

from typing import Any

import pyodbc

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.wire.drivers import DRIVER_OPTION, packaged_library
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret

PASSWORD = "Tr0ub4dor&3 }ünï;x="
SHORT = Timeouts(connect_seconds=2, statement_seconds=2, total_seconds=20)
FREETDS, MICROSOFT = "FreeTDS", "Microsoft"
DRIVERS = (FREETDS, MICROSOFT)


def driver_named(kind: str) -> str:
    """Return the driver of a kind; the absence of either is a failure."""
    registered = pyodbc.drivers()
    if kind == FREETDS:
        assert FREETDS in registered, "install the Debian packages unixodbc and tdsodbc"
        return FREETDS
    found = [name for name in registered if name.endswith("for SQL Server")]
    library = found[-1] if found else packaged_library()
    assert library is not None, "install the package mssql-python-odbc"
    return library


def target_at(port: int, driver: str = "", host: str = "127.0.0.1", **changes: Any) -> Target:
    """Return a target with short limits."""
    username = changes.pop("username", "mon")
    password = changes.pop("password", PASSWORD)
    settings = {"timeouts": SHORT, "tls": TlsOptions(TlsMode.DISABLE), **changes}
    instance = Instance(
        id=1,
        name="the-instance",
        engine=EngineName.SQLSERVER,
        host=host,
        port=port,
        credential="c",
        **settings,
    )
    seconds = instance.timeouts.statement_seconds
    return Target(instance, username, Secret(password), seconds, {DRIVER_OPTION: driver})
