"""The monitoring account of Oracle: its script is enough, and every line of it is needed."""

from __future__ import annotations

import re

import pytest

from sync_pipeline.errors import SyncError
from sync_pipeline_tests.contract.oracle_family import ENGINE, sizes_of, snapshot_of
from sync_pipeline_tests.emulation.oracle import EmulatedOracle, Session, granted_by, sees_all
from sync_pipeline_tests.emulation.oracle_world import World

COMMON, LOCAL = "c##sync_monitor", "sync_monitor"
TABLES = 3


def script(username: str) -> list[str]:
    text = ENGINE.grants_script(username, "%", ["ignored"])
    return [line for line in text.splitlines() if not line.startswith("--")]


def world_for(username: str) -> World:
    made = World(EmulatedOracle((23,), "23.4.0.24.05"))
    if username == COMMON:
        made.cdb("SALES")
    else:
        made.database()
    made.redo(1, 1, 2**20, 2)
    return made


def problems(username: str, lines: list[str]) -> str:
    """Return all that a sync and a measuring say with these lines alone."""
    text = "\n".join(lines)
    is_common = username == COMMON
    session = Session(
        container=1 if is_common else 0,
        sees=None if sees_all(text) or not is_common else frozenset({1}),
        granted=granted_by(text),
    )
    world = world_for(username)
    said: list[str] = []
    try:
        said += [report.reason for report in snapshot_of(world, session, username).unread.values()]
    except SyncError as error:
        said.append(str(error))
    try:
        said += sizes_of(world, session, TABLES, username).warnings
    except SyncError as error:
        said.append(str(error))
    return "\n".join(said)


@pytest.mark.parametrize("username", [COMMON, LOCAL])
def test_with_the_whole_script_everything_is_read(username: str) -> None:
    assert problems(username, script(username)) == ""


@pytest.mark.parametrize(
    ("username", "line"),
    [
        (username, line)
        for username in (COMMON, LOCAL)
        for line in script(username)
        if not line.startswith(("CREATE USER", "GRANT CREATE SESSION"))
    ],
)
def test_without_a_line_of_the_script_the_error_names_it(username: str, line: str) -> None:
    said = problems(username, [item for item in script(username) if item != line])
    assert line.upper() in said.upper()


@pytest.mark.parametrize("username", [COMMON, LOCAL])
def test_the_script_gives_nothing_but_reading(username: str) -> None:
    create, log_in, *rest = script(username)
    assert '"<password>"' in create
    assert log_in.startswith("GRANT CREATE SESSION TO ")
    for line in rest:
        assert re.fullmatch(
            r"GRANT READ ON SYS\.[A-Z_$]+ TO \S+( CONTAINER = CURRENT)?;"
            r"|ALTER USER \S+ SET CONTAINER_DATA = ALL CONTAINER = CURRENT;",
            line,
        )


def test_names_that_are_not_plain_are_quoted_in_the_script() -> None:
    assert 'CREATE USER "mon itor" ' in ENGINE.grants_script("mon itor", "%", [])
    assert "CREATE USER SYNC_MONITOR " in ENGINE.grants_script("sync_monitor", "%", [])
