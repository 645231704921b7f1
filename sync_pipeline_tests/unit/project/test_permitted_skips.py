"""A skip that is not permitted fails the run, wherever it is; a permitted one is listed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sync_pipeline_tests.permitted_skips import TESTS

ROOT = Path(__file__).resolve().parents[3]

SKIPPED = {
    "in_a_test": "import pytest\ndef test_one():\n    pytest.skip('it was late')\n",
    "by_a_mark": """
import pytest
@pytest.mark.skipif(True, reason='it was late')
def test_one():
    pass
""",
    "in_a_fixture": """
import pytest
@pytest.fixture
def late():
    pytest.skip('it was late')
def test_one(late):
    pass
""",
    "of_a_module": "import pytest\npytest.importorskip('no_such_module')\n",
}
PERMITTED_ONES = """
import pytest
def test_one():
    pytest.skip("MariaDB 11.8 is not available: no apt")
@pytest.mark.xfail(reason='a known fault is no skip')
def test_two():
    raise RuntimeError
def test_three():
    pass
"""


def run(directory: Path, files: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run files of tests as ours are run, below a directory of their name."""
    tests = directory / TESTS
    tests.mkdir(parents=True)
    for name, text in files.items():
        (tests / f"test_{name}.py").write_text(text)
    (directory / "pytest.ini").write_text("[pytest]\n")
    # Those that others bring take longer to import than these tests.
    plugin = ("-p", "sync_pipeline_tests.permitted_skips", "-p", "xdist.plugin")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rf", *plugin, *arguments, TESTS],
        cwd=directory,
        # A run closes the directory that its temporary ones are in, to our servers too.
        env={**environment, "PYTEST_DEBUG_TEMPROOT": str(directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["alone", "by workers"])
def test_a_permitted_skip_is_listed_with_its_reason(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    status, said = run(tmp_path, {"permitted": PERMITTED_ONES}, *arguments)
    assert status == 0, said
    assert "1 passed, 1 skipped, 1 xfailed" in said
    assert "1 skipped: MariaDB 11.8 is not available: no apt (permitted: another Debian" in said


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["alone", "by workers"])
def test_any_other_skip_fails(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, said = run(tmp_path, SKIPPED, *arguments, "--continue-on-collection-errors")
    assert status == 1, said
    assert "1 failed, 3 errors" in said
    for name in SKIPPED:
        assert f"test_{name}.py::test_one was skipped: " in said or (
            f"test_{name}.py was skipped: " in said
        ), name
    assert said.count("No skip of this kind is permitted") >= len(SKIPPED)
