"""What is installed is what was locked: every package, by version and hash."""

from __future__ import annotations

import re
import tomllib

import pytest

from sync_pipeline.settings import project_root
from workbench.running.interpreters import VERSIONS as VERSIONS_OF_PYTHON

ROOT = project_root()
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
VERSIONS = {
    item["name"]: item.get("version")
    for item in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WITH_EXTRAS = {
    "celery.txt": ("celery",),
    "kubernetes.txt": ("kubernetes",),
    "secrets.txt": ("vault", "aws", "azure", "gcp"),
}
INSTRUCTIONS = ["deploy/Dockerfile", "docs/more-machines.md"]
TOOLS = {"build.txt", "installer.txt"}
"""The locks that have nothing of the product."""


def requirements(text: str) -> dict[str, str]:
    """Return what a lock asks for, each package with the rest of its entry."""
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    pairs = [line.strip().partition("==") for line in lines]
    return {name.partition("[")[0]: rest for name, _, rest in pairs}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_has_the_locked_version_and_a_hash(lock: object) -> None:
    found = requirements(lock.read_text())  # type: ignore[attr-defined]
    assert len(found) > 50 or lock.name in TOOLS  # type: ignore[attr-defined]
    for name, rest in found.items():
        assert re.match(rf"{re.escape(VERSIONS[name])}\s", rest), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", rest), name


@pytest.mark.parametrize(("lock", "extras"), WITH_EXTRAS.items())
def test_the_lock_of_extras_has_their_packages_and_those_of_all(
    lock: str, extras: tuple[str, ...]
) -> None:
    of_extras = [item for name in extras for item in PROJECT["optional-dependencies"][name]]
    wanted = [*PROJECT["dependencies"], *of_extras]
    names = {re.split(r"[\[<>=;~! ]", text)[0].lower() for text in wanted}
    assert names <= set(requirements((ROOT / "requirements" / lock).read_text()))


@pytest.mark.parametrize("path", INSTRUCTIONS)
def test_instructions_install_from_a_lock_with_hashes_and_nothing_else(path: str) -> None:
    commands = re.findall(r"^.*\bpip install\b.*$", (ROOT / path).read_text(), re.MULTILINE)
    assert commands
    for command in (item for item in commands if "--no-index" not in item):
        assert "--no-deps --require-hashes --requirement " in command
        (lock,) = re.findall(r"requirements/(\S+)", command)
        assert lock == "${LOCK}" or (ROOT / "requirements" / lock).is_file()


def test_every_extra_has_a_lock() -> None:
    locked = {name for extras in WITH_EXTRAS.values() for name in extras}
    assert locked == set(PROJECT["optional-dependencies"])


def test_the_product_is_installed_without_what_tests_compare_it_with() -> None:
    with_it = {lock.name for lock in LOCKS if "scipy" in requirements(lock.read_text())}
    assert with_it == {"dev.txt"}
    assert "numpy" in requirements((ROOT / "requirements" / "run.txt").read_text())


def test_the_versions_of_python_are_those_that_are_tried() -> None:
    """What the package says, what an installation refuses, and what the tests install it with."""
    named = re.findall(r":: Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert named == list(VERSIONS_OF_PYTHON)
    newest = int(named[-1].partition(".")[2])
    assert PROJECT["requires-python"] == f">={named[0]},<3.{newest + 1}"
