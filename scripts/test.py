"""Install what the tests need, then run every check that CI runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from environment import PYTHON, ROOT, VENV, ensure_environment, ensure_programs, run

sys.path.insert(0, str(ROOT))
from workbench.servers.warden import guard

TESTS = ROOT / "sync_pipeline_tests"


HALVES = (("unit", "integration"), ("contract", "browser", "faults", "orchestration"))
"""Rooms of tests of which each takes as long to compile as the other: there are two cores."""


def compile_tests() -> list[subprocess.Popen[bytes]]:
    """Begin to import the tests, by which each is compiled once, and what they import.

    In a fresh clone each worker would do it, for fifteen seconds. What is wrong is told by the run.
    """
    alone = ("-p", "no:cacheprovider", "-p", "sync_pipeline_tests.compiled")
    collect = (PYTHON, "-m", "pytest", "--collect-only", "-qq", *alone)
    quiet = subprocess.DEVNULL
    return [
        subprocess.Popen(
            [*collect, *(TESTS / room for room in half)], cwd=ROOT, stdout=quiet, stderr=quiet
        )
        for half in HALVES
    ]


def is_compiled() -> bool:
    """Return whether pytest has compiled our tests before."""
    return any(TESTS.glob("unit/__pycache__/*-pytest-*.pyc"))


if __name__ == "__main__":
    guard()
    # Hundreds of processes import the same: compiled once, not by each.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    ensure_environment("dev.txt")
    ensure_programs()
    os.chdir(ROOT)
    program = VENV / "bin"
    compiling = [] if is_compiled() else compile_tests()
    run(program / "ruff", "format", "--check", ".")
    run(program / "ruff", "check", ".")
    run(program / "lint-imports")
    for half in compiling:
        half.wait()
    # In the order of spread.py: xdist's own, by their number of tests, has the slow files last.
    # One more than two cores, since workers wait too: for a tick, a poll or a deadline (ADR 32).
    order = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
    # The longest check takes what the tests leave idle; it is told when they are over.
    # Its plugin is named, since pytest takes what it does not know yet for the name of a file.
    mypy = shlex.join([str(PYTHON), "-m", "mypy"])
    beside = ("-p", "sync_pipeline_tests.beside", "--beside", mypy)
    # In this process, so that who ends it ends the tests.
    os.execv(PYTHON, [str(PYTHON), "-m", "pytest", *order, *beside, *sys.argv[1:]])  # noqa: S606
