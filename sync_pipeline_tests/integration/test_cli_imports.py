"""A command imports what it uses: what is heavy is named here, and looked for in a real run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from sync_pipeline.cli.main import Root, app
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import StoreBench

DRIVERS = ("oracledb", "psycopg", "pymysql", "pyodbc")
NEVER = ("celery", "dagster", "grpc", "numpy", "pandas", "plotly", "pyarrow", "scipy")
OF_SOME = (*DRIVERS, "alembic", "cryptography", "jinja2", "mako", "prometheus_client", "requests",
           "yaml")  # fmt: skip
LIBRARIES = (*NEVER, *OF_SOME, "pydantic_settings", "sqlalchemy")
OF_WORK = ("sync_pipeline.settings", "sync_pipeline.store.store")
OF_HELP = ("rich.markdown", "rich.traceback", "markdown_it", "pygments")
PROGRAM = """
import atexit, json, os, sys
from pathlib import Path
out = Path(os.environ["MODULES"])
atexit.register(lambda: out.write_text(json.dumps(sorted(sys.modules))))
from sync_pipeline.cli.main import main
sys.argv[0] = "sync-pipeline"
main()
"""


def imported(home: Path, *arguments: str, **more: str) -> set[str]:
    """Return the modules of a process that ran a command to its end."""
    found = home.parent / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "SYNC_PIPELINE_HOME": str(home), "MODULES": str(found), **more},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, b""), done
    return set(json.loads(found.read_text()))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a store whose tables are the newest: no migration is at work."""
    home = tmp_path_factory.mktemp("imports") / "home"
    home.mkdir(mode=0o700)
    store = Store.open(f"sqlite:///{home / 'sync_pipeline.db'}")
    StoreBench(store).fleet("pg")
    store.close()
    return home


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("accounts", "list", "--help"),
        ("capacity", "export", "--help"),
        ("findings", "--help"),
        ("grants", "--help"),
        ("metrics", "--help"),
        ("run", "account-sync", "--help"),
    ],
    ids=" ".join,
)
def test_help_imports_no_library_of_the_work(home: Path, arguments: tuple[str, ...]) -> None:
    found = imported(home, *arguments)
    assert "sync_pipeline.cli.main" in found
    assert sorted(found & {*LIBRARIES, *OF_HELP, *OF_WORK}) == []


def test_the_help_of_all_imports_no_command(home: Path) -> None:
    found = imported(home, "--help")
    # typer asks pydantic for the types of a command's own arguments; here there are none.
    assert sorted(found & {"pydantic", *(entry.module for entry in Root.entries)}) == []


@pytest.mark.parametrize(
    "arguments",
    [("instances", "list"), ("instances", "list", "--json"), ("accounts", "list"),
     ("accounts", "changes"), ("sessions", "list"), ("maintenance", "list"),
     ("capacity", "limits")],
    ids=" ".join,
)  # fmt: skip
def test_what_lists_imports_no_more_than_the_store(home: Path, arguments: tuple[str, ...]) -> None:
    found = imported(home, *arguments)
    assert "sqlalchemy" in found
    assert sorted(found & {*NEVER, *OF_SOME, "sync_pipeline.engines.registry"}) == []


def test_a_command_takes_nothing_apart_at_its_end(home: Path) -> None:
    """What the collector still looks after then, it goes through and takes apart."""
    program = """
import atexit, gc, sys
atexit.register(lambda: print(len(gc.get_objects()), gc.get_freeze_count()))
from sync_pipeline.cli.main import main
sys.argv = ["sync-pipeline", "instances", "list", "--json"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SYNC_PIPELINE_HOME": str(home)},
        capture_output=True,
        check=True,
        timeout=120,
    )
    looked_after, frozen = map(int, done.stdout.split()[-2:])
    assert looked_after < 1_000
    assert frozen > 20_000


def test_completion_asks_the_store_without_the_libraries_of_the_work(home: Path) -> None:
    line = {"COMP_WORDS": "sync-pipeline capacity show p", "COMP_CWORD": "3"}
    found = imported(home, **line, _SYNC_PIPELINE_COMPLETE="complete_bash")
    assert sorted(found & {*NEVER, *OF_SOME, *OF_HELP, "sqlalchemy", OF_WORK[1]}) == []
    assert "sync_pipeline.store.names" in found


def test_the_table_says_what_each_command_says_of_itself() -> None:
    """So the help of all is what it would be if each command were imported for it."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for entry in Root.entries:
        command = commands[entry.name]
        assert command.name == entry.name
        said = (command.short_help or command.help).split("\n\n")[0].replace("\n", " ")
        assert said == entry.help
