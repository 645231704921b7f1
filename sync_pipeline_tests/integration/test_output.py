"""Where the output goes: another encoding, a pipe that is closed, a disk that is full."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.benches.command import Command

SNOW = "Ω❄"
PROGRAM = [sys.executable, "-m", "sync_pipeline.cli.main"]


@pytest.fixture
def fleet(command: Command) -> Command:
    command.ok("credentials", "add", "c", "--username", "u", "--reference", "env:NO_SUCH")
    for number in range(3):
        command.ok(
            *("instances", "add", f"{SNOW}-{number}", "--engine", "mysql"),
            *("--host", "db", "--credential", "c", "--description", "x" * 60),
        )
    return command


def environment(fleet: Command, **more: str) -> dict[str, str]:
    return {**os.environ, "SYNC_PIPELINE_HOME": str(fleet.home), **more}


def run(fleet: Command, *arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(fleet, **more),
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_a_name_that_the_encoding_has_no_sign_for(fleet: Command) -> None:
    latin = {"PYTHONIOENCODING": "latin-1"}
    table = run(fleet, "instances", "list", **latin)
    assert (table.returncode, table.stderr) == (0, b"")
    assert b"\\u03a9\\u2744-0" in table.stdout
    listed = run(fleet, "instances", "list", "--json", **latin)
    assert json.loads(listed.stdout)[0]["name"] == f"{SNOW}-0"
    missing = run(fleet, "instances", "show", SNOW, **latin)
    assert missing.returncode == 2
    assert b"Traceback" not in missing.stderr
    script = run(fleet, "grants", "mysql", "--user", SNOW, **latin)
    assert (script.returncode, script.stdout) == (2, b"")
    assert b"PYTHONIOENCODING=utf-8" in script.stderr


def test_a_pipe_that_is_closed(fleet: Command) -> None:
    """As `| true`: the status that the shell shows is 141."""
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [*PROGRAM, "instances", "list", "--json"],
        env=environment(fleet),
        stdout=write,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(write)
        said = process.communicate(timeout=120)[1]
    assert (process.returncode, said) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("arguments", [("instances", "list"), ("grants", "mysql")], ids=" ".join)
def test_a_full_disk(fleet: Command, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=environment(fleet),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    assert done.returncode == 3
    assert done.stderr == b"The output can't be written: No space left on device.\n"


@pytest.mark.parametrize(("columns", "most"), [("60", 60), ("nonsense", 160), ("0", 160)])
def test_columns_holds_in_a_pipe_too(
    fleet: Command, monkeypatch: pytest.MonkeyPatch, columns: str, most: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = fleet.ok("instances", "list").out.splitlines()
    assert max(map(len, shown)) <= most
