"""The monitoring account of SQL Server: its script is enough, and each line is needed."""

from __future__ import annotations

import re

import pytest

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.engine import SqlServer
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.instance import EngineName
from workbench.emulation.sqlserver_connection import accounts_of, sizes_of
from workbench.emulation.sqlserver_world import World

SCRIPT = SqlServer().grants_script("m]on", "%", ("sales",))
GRANT = re.compile(r"GRANT ([A-Z ]+) TO \[m\]\]on\];")


def world_with(lines: list[str], version: str) -> World:
    """Return a world whose monitoring account ran these lines of the script."""
    permissions = {found[1] for line in lines if (found := GRANT.fullmatch(line))}
    world = World(username="m]on", version=version, permissions=permissions)
    database = world.database("sales")
    database.file()
    database.user("app", authentication=0)
    return world


def complaints(world: World) -> str:
    """Return everything that an account sync, a capacity sync and the test would say."""
    try:
        snapshot = accounts_of(world)
    except PrivilegeError as error:
        return str(error)
    reasons = [report.reason for report in snapshot.unread.values()]
    texts = [*reasons, *snapshot.warnings, *sizes_of(world).warnings]
    tls = snapshot.server.tls or ""
    return "\n".join([*texts, *([tls] if tls.startswith("not known") else [])])


def test_the_engine_is_registered() -> None:
    assert isinstance(ENGINES[EngineName.SQLSERVER], SqlServer)


def test_the_script_has_one_grant_a_line_and_no_password() -> None:
    first, *grants = SCRIPT.splitlines()
    assert first == "CREATE LOGIN [m]]on] WITH PASSWORD = '<password>';"
    assert len(grants) == 3
    assert all(GRANT.fullmatch(line) for line in grants)


@pytest.mark.parametrize("version", ["13.0.7000.253", "16.0.1000.6"])
def test_with_the_script_everything_is_read(version: str) -> None:
    assert complaints(world_with(SCRIPT.splitlines(), version)) == ""


@pytest.mark.parametrize("version", ["13.0.7000.253", "16.0.1000.6"])
@pytest.mark.parametrize("left_out", SCRIPT.splitlines()[1:])
def test_without_a_line_the_error_names_that_line(version: str, left_out: str) -> None:
    lines = [line for line in SCRIPT.splitlines() if line != left_out]
    said = complaints(world_with(lines, version))
    found = GRANT.fullmatch(left_out)
    assert found
    assert found[1] in said
