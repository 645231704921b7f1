"""What runs beside the tests fails the run, is told whatever the tests do, and ends with them."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

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


def run(directory: Path, test: str, check: str) -> int:
    """Run a test in this process, beside a check."""
    file = directory / "test_one.py"
    file.write_text(f"def test_one():\n    {test}\n")
    command = shlex.join([sys.executable, "-S", "-c", check])
    here = Path.cwd()
    alone = ("-c", os.devnull, "--rootdir", str(directory), "-p", "no:cacheprovider")
    beside = ("-p", "sync_pipeline_tests.beside", "--beside", command)
    status = pytest.main([*alone, "--capture=no", *beside, str(file)])
    os.chdir(here)
    sys.modules.pop("test_one", None)
    return int(status)
