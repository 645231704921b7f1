"""The documents claim the versions that the tests run, and no other."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
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


@dataclass
class Installers:
    """Programs that note what they are told, in the place of pip and uv, which have own tests."""

    directory: Path

    def made(self, name: str, *, fails: bool = False, says: str = "") -> Path:
        program = self.directory / "bin" / name
        program.parent.mkdir(exist_ok=True)
        lines = ["#!/bin/sh", f'echo {name} "$UV_DEFAULT_INDEX" "$@" >>{self.directory}/told']
        program.write_text("\n".join([*lines, f"cat <<E\n{says}\nE", f"exit {int(fails)}", ""]))
        program.chmod(0o755)
        return program

    @property
    def told(self) -> list[str]:
        return (self.directory / "told").read_text().splitlines()


@pytest.fixture
def installers(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Installers:
    made = Installers(tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(environment, "PIP", (str(made.made("python")),))
    return made


def test_what_is_locked_is_installed_by_its_hashes_and_then_the_project(
    environment: ModuleType, installers: Installers
) -> None:
    installers.made("uv")
    environment.install(Path("lock.txt"))
    _, by_pip, locked, project = installers.told
    assert by_pip.endswith(
        f"--no-deps --require-hashes --requirement {ROOT}/requirements/installer.txt"
    )
    assert locked.startswith("uv ")
    assert locked.endswith("--no-deps --require-hashes --requirement lock.txt")
    assert f"--build-constraints {ROOT}/requirements/build.txt --editable {ROOT}" in project


def test_pip_installs_what_uv_could_not_and_ends_the_program_where_it_fails(
    environment: ModuleType, installers: Installers
) -> None:
    installers.made("uv", fails=True)
    environment.install(Path("lock.txt"))
    *_, locked, project = installers.told
    assert locked.startswith("python ")
    assert locked.endswith("--no-deps --require-hashes --requirement lock.txt")
    assert project.endswith(f"--no-deps --editable {ROOT}")
    installers.made("python", fails=True)
    with pytest.raises(SystemExit):
        environment.install(Path("lock.txt"))


def test_uv_asks_the_index_that_pip_was_told_of(
    environment: ModuleType, installers: Installers
) -> None:
    installers.made("uv")
    files = ["global.cert='c'", "global.extra-index-url='more'", "global.index-url='a file'"]
    for lines, index in (
        (files[:2], ""),
        (files, "a file"),
        ([":env:.index-url='x'", *files], "x"),
    ):
        installers.made("python", says="\n".join(lines))
        environment.install(Path("lock.txt"))
        assert installers.told[-1].startswith(f"uv {index} pip install")
