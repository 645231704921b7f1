"""What is installed is what was locked: every package, by version and hash."""

from __future__ import annotations

import re
import tomllib

import pytest

from sync_pipeline.settings import project_root

ROOT = project_root()
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
VERSIONS = {
    item["name"]: item.get("version")
    for item in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WITH_EXTRA = {"celery.txt": "celery", "kubernetes.txt": "kubernetes"}
INSTRUCTIONS = ["docs/kubernetes/Dockerfile", "docs/more-machines.md"]


def requirements(text: str) -> dict[str, str]:
    """Return what a lock asks for, each package with the rest of its entry."""
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    pairs = [line.strip().partition("==") for line in lines]
    return {name.partition("[")[0]: rest for name, _, rest in pairs}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_has_the_locked_version_and_a_hash(lock: object) -> None:
    found = requirements(lock.read_text())  # type: ignore[attr-defined]
    assert len(found) > 50
    for name, rest in found.items():
        assert re.match(rf"{re.escape(VERSIONS[name])}\s", rest), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", rest), name


@pytest.mark.parametrize(("lock", "extra"), WITH_EXTRA.items())
def test_the_lock_of_an_extra_has_its_packages_and_those_of_all(lock: str, extra: str) -> None:
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    names = {re.split(r"[\[<>=;~! ]", text)[0].lower() for text in wanted}
    assert names <= set(requirements((ROOT / "requirements" / lock).read_text()))


@pytest.mark.parametrize("path", INSTRUCTIONS)
def test_instructions_install_from_a_lock_with_hashes_and_nothing_else(path: str) -> None:
    commands = re.findall(r"^.*\bpip install\b.*$", (ROOT / path).read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        assert "--no-deps --require-hashes --requirement requirements/" in command
        (lock,) = re.findall(r"requirements/(\S+\.txt)", command)
        assert (ROOT / "requirements" / lock).is_file()


def test_the_product_is_installed_without_what_tests_compare_it_with() -> None:
    with_it = {lock.name for lock in LOCKS if "scipy" in requirements(lock.read_text())}
    assert with_it == {"dev.txt"}
    assert "numpy" in requirements((ROOT / "requirements" / "run.txt").read_text())
