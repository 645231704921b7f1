"""Babelfish for the tests, started once a test process where the setting names it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from workbench.servers.babelfish import SETTING, Babelfish, programs_here, run_babelfish


@pytest.fixture(scope="session")
def babelfish(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Babelfish]:
    """A private server; skipped where no directory was named, a failure where it can't start."""
    programs = programs_here()
    if programs is None:
        pytest.skip(f"no Babelfish: set {SETTING} to the directory of its program `start`")
    directory = tmp_path_factory.mktemp("babelfish") / "server"
    with run_babelfish(programs, directory) as server:
        yield server
    shutil.rmtree(directory)
