"""What runs beside the tests fails the run, is told whatever the tests do, and ends with them."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sync_pipeline_tests.beside import Beside

SAYS = "print('what it ' + 'said')"
ENDLESS = "import time; time.sleep(600)"


@pytest.mark.parametrize(
    ("test", "check", "status"),
    [
        ("pass", f"{SAYS}; raise SystemExit(3)", pytest.ExitCode.TESTS_FAILED),
        ("pass", SAYS, pytest.ExitCode.OK),
        ("assert False", f"{SAYS}; raise SystemExit(3)", pytest.ExitCode.TESTS_FAILED),
        ("assert False", SAYS, pytest.ExitCode.TESTS_FAILED),
    ],
)
def test_each_is_told_and_either_fails_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], test: str, check: str, status: int
) -> None:
    assert run(tmp_path, test, check) == status
    said = capfd.readouterr().out
    assert "what it said" in said
    assert f"It ended with status {3 if 'SystemExit' in check else 0}." in said
    assert ("1 passed" if test == "pass" else "1 failed") in said


def test_an_interrupt_ends_both(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "raise KeyboardInterrupt", ENDLESS) == pytest.ExitCode.INTERRUPTED
    assert "It ended with status -9." in capfd.readouterr().out


def test_an_interrupt_where_the_check_alone_is_left_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beside = Beside(shlex.join([sys.executable, "-S", "-c", ENDLESS]))
    waits, wait = [], beside._process.wait

    def interrupted() -> int:
        waits.append(1)
        if len(waits) == 1:
            raise KeyboardInterrupt
        return wait()

    monkeypatch.setattr(beside._process, "wait", interrupted)
    session: Any = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    beside.pytest_sessionfinish(session, pytest.ExitCode.OK)
    assert (session.exitstatus, beside._process.returncode) == (pytest.ExitCode.INTERRUPTED, -9)
    beside._said.close()


def run(directory: Path, test: str, check: str) -> int:
    """Run a test in this process, beside a check."""
    file = directory / "test_one.py"
    file.write_text(f"def test_one():\n    {test}\n")
    command = shlex.join([sys.executable, "-S", "-c", check])
    here = Path.cwd()
    alone = ("-c", os.devnull, "--rootdir", str(directory), "-p", "no:cacheprovider")
    # At its end each would look for garbage in all that this process has.
    alone += ("-p", "no:unraisableexception")
    beside = ("-p", "sync_pipeline_tests.beside", "--beside", command)
    status = pytest.main([*alone, "--capture=no", *beside, str(file)])
    os.chdir(here)
    sys.modules.pop("test_one", None)
    return int(status)
