"""The package installed without a checkout: its wheel, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sync_pipeline.settings import project_root
from workbench.running.recipe import Context, Steps, stages_of
from workbench.running.system import environment_of


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel, an empty directory, and a home."""

    environment: Path
    empty: Path
    home: Path
    variables: dict[str, str]

    @property
    def command(self) -> str:
        return str(self.environment / "bin" / "sync-pipeline")

    @property
    def package(self) -> Path:
        (found,) = self.environment.glob("lib/python3*/site-packages/sync_pipeline")
        return found

    def run(self, *arguments: str, said: str = "") -> str:
        done = subprocess.run(
            [self.command, *arguments],
            cwd=self.empty, env=self.variables, input=said,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def build_wheel(directory: Path) -> Path:
    """Build it from this checkout."""
    _python(["hatchling", "build", "-t", "wheel", "-d", str(directory)])
    (found,) = directory.glob("*.whl")
    return found


def with_these_packages(directory: Path, wheel: Path) -> Installed:
    """Install the wheel alone; the packages are those of this environment."""
    environment = directory / "venv"
    _python(["venv", "--without-pip", str(environment)])
    of_it = str(environment / "bin" / "python")
    _python(["pip", "--python", of_it, "install", "--quiet", "--no-deps", "--no-index", str(wheel)])
    # Afterwards, so that pip sees no other sync_pipeline. What stands in a directory that is named
    # so is found; its own .pth files, one of which leads to the checkout, are not read.
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return _beside(directory, environment)


def by_the_recipe(directory: Path, program: str) -> Installed:
    """Build and install as the image does, up to its last stage, with a Python of this machine."""
    root = project_root()
    steps = Steps(Context(root), directory, program)
    for stage in stages_of(root / "deploy" / "Dockerfile")[:-1]:
        steps.run(stage)
    return _beside(directory, directory / "opt" / "sync_pipeline")


def _beside(directory: Path, environment: Path) -> Installed:
    empty, home = directory / "empty", directory / "home"
    empty.mkdir()
    variables = environment_of(home) | {"HOME": str(directory)}
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        variables.pop(name, None)
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{variables['PATH']}"
    return Installed(environment, empty, home, variables)


def _python(arguments: Sequence[str]) -> None:
    """Run a module, without what the environment of a test adds."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project_root(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
