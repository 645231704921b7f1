"""The world of the benchmark of one large instance is what it says, and the benchmark runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sync_pipeline.settings import project_root
from workbench.scale.asked import catalog_statements
from workbench.scale.cases import (
    COMMAND,
    Case,
    Measuring,
    WrongEnd,
    as_json,
    number_of,
    work_seconds,
)
from workbench.scale.plain import catalog, holders
from workbench.scale.roles import DATABASE, RoleWorld, fill
from workbench.scale.work import told_work, work_told
from workbench.servers import postgresql
from workbench.servers.running import RunningServer

WORLD = RoleWorld(roles=60, schemas=2, tables=20, grants=240, nesting=3, chain=30, holders=40)
HELP = (COMMAND, "--help")
PLAIN = "workbench.scale.plain"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    newest = postgresql.installations()[-1]
    with postgresql.run_postgresql(newest, tmp_path_factory.mktemp("large") / "pg") as server:
        fill(server, WORLD)
        yield server


def asked(server: RunningServer, statement: str) -> int:
    with psycopg.connect(
        host=server.host, port=server.port, user=server.admin_user, dbname=DATABASE
    ) as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


def test_the_world_has_what_was_asked_for(server: RunningServer, tmp_path: Path) -> None:
    roles = asked(server, "SELECT count(*) FROM pg_roles WHERE rolname ~ '^[ogu][0-9]'")
    assert roles == WORLD.roles
    depth = """WITH RECURSIVE d(role, n) AS (
        SELECT oid, 1 FROM pg_roles WHERE rolname = 'g0' UNION ALL
        SELECT member, n + 1 FROM pg_auth_members JOIN d ON roleid = role
        JOIN pg_roles ON member = pg_roles.oid AND NOT rolcanlogin) SELECT max(n) FROM d"""
    assert asked(server, depth) == WORLD.nesting
    login = f"host={server.host} port={server.port} user={server.admin_user}"
    statements = catalog_statements(server)
    (relations,) = (item for item in statements[DATABASE] if "relacl" in item)
    path = tmp_path / "statements.json"
    path.write_text(json.dumps({DATABASE: [relations]}))
    before = catalog(login, str(path))
    assert before >= WORLD.grants + WORLD.holders
    with psycopg.connect(f"{login} dbname={DATABASE}", autocommit=True) as connection:
        connection.execute("CREATE SCHEMA e; CREATE TABLE e.e (id integer)")
        assert catalog(login, str(path)) == before + 9
        connection.execute("DROP SCHEMA e CASCADE")
    can = holders(f"{login} dbname={DATABASE}", "UPDATE", "s1.t5")
    assert can > WORLD.chain + WORLD.holders


def test_work_that_a_program_tells_is_no_part_of_its_answer(tmp_path: Path) -> None:
    assert work_told(f"a line\n{told_work(0.25)}\n12\n") == (0.25, "a line\n12\n")
    assert work_told("work took long\n12\n") == (None, "work took long\n12\n")
    measuring = Measuring({"PYTHONPATH": str(project_root())}, tmp_path, 60)
    plain = Case("plain", (PLAIN, "nothing"), answer=number_of("rows"))
    measuring.run(plain)
    assert measuring.found["plain"].answer == "0 rows"
    assert work_seconds(measuring.found["plain"], {}) == 0.01


@pytest.mark.parametrize("world", [RoleWorld(roles=20), RoleWorld(grants=10), RoleWorld(tables=9)])
def test_a_world_whose_numbers_do_not_fit_is_refused(world: RoleWorld) -> None:
    with pytest.raises(ValueError, match="would be users"):
        world.check()


def test_a_command_that_ends_otherwise_counts_for_nothing(tmp_path: Path) -> None:
    measuring = Measuring({"PYTHONPATH": str(project_root())}, tmp_path, 60)
    again = Case("again", HELP, "plain", "start", answer=lambda said: said.strip()[:6])
    measuring.run(Case("start", HELP), Case("plain", (PLAIN, "nothing"), "", "start"), again)
    shown = as_json(measuring.found)
    assert shown["again"]["answer"] == "Usage:"
    assert shown["again"]["ratio"] > 0
    assert shown["again"]["CPU seconds beyond the start"] >= 0.01
    assert "ratio" not in as_json({"again": measuring.found["again"]})["again"]
    assert shown["again"]["CPU seconds"] > 0
    assert shown["again"]["peak memory MB"] > 20
    assert shown["again"]["baseline"] == "plain"
    with pytest.raises(WrongEnd, match="ended with 2"):
        measuring.run(Case("wrong", (COMMAND, "no-such-command")))
    with pytest.raises(WrongEnd, match="wordy said"):
        measuring.run(Case("wordy", HELP, answer=lambda said: str(int(said))))


def test_a_tiny_instance_from_start_to_finish() -> None:
    lines = ("server", "first sync", "sync, one grant given", "who-can")
    command = [
        sys.executable, "-m", "benchmarks.large_instance", "--json", "--roles", "30",
        "--schemas", "1", "--tables", "10", "--grants", "120", "--nesting", "2",
        *(word for line in lines for word in ("--only", line)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["first sync"]["answer"] == "33 created, 0 updated"
    assert shown["sync, one grant given"]["answer"] == "0 created, 1 updated"
    server = int(shown["server"]["answer"].split()[0])
    assert shown["who-can"]["answer"] == f"{server} holders"
    assert shown["store MB"] > 0
