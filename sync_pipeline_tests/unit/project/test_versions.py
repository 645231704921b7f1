"""The documents claim the versions that the tests run, and no other."""

from __future__ import annotations

import importlib.util
import re
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest

from sync_pipeline.settings import project_root
from workbench.servers.versions import MARIADB, MYSQL, POSTGRESQL, Versions

ROOT = project_root()
TESTED = (ROOT / "docs" / "tested.md").read_text()
FAMILIES = {"MariaDB": MARIADB, "MySQL": MYSQL, "PostgreSQL": POSTGRESQL}
Claim = tuple[str, str]


def claims(text: str, how: str) -> set[Claim]:
    """Return the engines and versions whose row begins with a word of how they ran."""
    found = set()
    for engine, versions, said in re.findall(
        r"^\| (\w+) ([\d., ]+) \| ([^|]+) \|", text, re.MULTILINE
    ):
        if re.match(how, said):
            found |= {(engine, version) for version in versions.split(", ")}
    return found


def declared(*, added: bool) -> set[Claim]:
    families: dict[str, Versions[str] | Versions[int]] = FAMILIES  # type: ignore[assignment]
    return {
        (engine, str(version))
        for engine, of in families.items()
        for version in (of.added if added else of.every_run)
    }


def test_what_is_claimed_for_every_run_is_in_every_run() -> None:
    assert claims(TESTED, r"real, (in every run|where)") == declared(added=False)


def test_what_is_claimed_for_all_versions_is_in_it() -> None:
    assert claims(TESTED, "real, with `--all-versions`") == declared(added=True)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_names_the_servers_of_every_run(name: str) -> None:
    text = (ROOT / name).read_text()
    paragraph = re.search(r"^[^\n]*MariaDB 10\.11.*?MySQL [\d.]+", text, re.MULTILINE | re.DOTALL)
    assert paragraph is not None
    found = set()
    for engine, versions in re.findall(
        r"(MariaDB|MySQL|PostgreSQL) (\d[\d.]*(?: (?:and|和) \d[\d.]*)*)", paragraph[0]
    ):
        found |= {(engine, item) for item in re.findall(r"\d[\d.]*", versions)}
    assert found == declared(added=False)


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts/environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_machine_without_root_is_told_in_one_sentence_what_is_lost(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "SEARCH_PATH", "/nowhere")
    monkeypatch.setattr(environment, "LIBRARY_DIRECTORIES", ())
    monkeypatch.setattr(environment.os, "geteuid", lambda: 1000)
    environment.ensure_programs()
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    for package in (*environment.TEST_PROGRAMS.values(), *environment.TEST_LIBRARIES.values()):
        assert f"{package} (lost: {environment.LOST[package]})" in said


@pytest.mark.parametrize("requirements", ["demo.txt", "dev.txt"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_requirement_is_in_one_part_with_its_hashes(
    environment: ModuleType, requirements: str, count: int
) -> None:
    lock = (ROOT / "requirements" / requirements).read_text()
    parts = environment.parts_of(lock, count)
    assert len(parts) == count
    assert "".join(parts).count("--hash=") == lock.count("--hash=")
    named = [re.findall(r"^(\S+==\S+).* \\$", text, re.MULTILINE) for text in (lock, *parts)]
    assert sorted(chain(*named[1:])) == sorted(named[0])
    assert all(re.match(r"\S+==\S+", part) for part in parts)


def test_every_part_is_installed_and_one_that_fails_ends_the_program(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program that notes what it is told stands in for Python: pip has its own tests."""
    lock = tmp_path / "lock.txt"
    lock.write_text("# by hand\na==1 \\\n    --hash=sha256:1\n    # via b\nb==2 \\\n    --hash=x\n")
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nfor last; do :; done\ncat "$last" >"$(mktemp -p {tmp_path} said.XXX)"\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(environment, "PYTHON", python)
    with pytest.raises(SystemExit):
        environment.install(lock)  # the project is no file: the last of them fails
    said = sorted(path.read_text() for path in tmp_path.glob("said.*"))
    assert said == ["", "a==1 \\\n    --hash=sha256:1\n    # via b\n", "b==2 \\\n    --hash=x\n"]
