"""What holds for every engine that is registered, a new one included."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from sync_pipeline.engines.own import is_own
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.settings import project_root

WORDS_THAT_READ = ("SELECT", "SHOW", "WITH")
PACKAGES = {name: type(engine).__module__.rpartition(".")[0] for name, engine in ENGINES.items()}
FILES = [
    pytest.param(name, file, id=f"{name}/{file.name}")
    for name, package in PACKAGES.items()
    for file in (resources.files(package) / "sql").iterdir()
    if isinstance(file, Path) and file.suffix == ".sql"
]


def test_every_engine_of_the_fleet_is_registered() -> None:
    assert set(ENGINES) == set(EngineName)
    assert all(engine.name is name for name, engine in ENGINES.items())


def test_the_import_rules_name_every_engine() -> None:
    """An engine that no rule names could import another one, and nobody would notice."""
    rules = tomllib.loads((project_root() / "pyproject.toml").read_text())
    contracts = rules["tool"]["importlinter"]["contracts"]
    (apart,) = (item for item in contracts if item["type"] == "independence")
    assert sorted(apart["modules"]) == sorted(PACKAGES.values())


def test_only_the_engines_and_their_registry_name_one() -> None:
    """What differs between engines is asked of them, so that a new one is asked as well.

    A benchmark is of an engine, and no engine needs one. A cloud has its own names of those that
    it offers. The registry imports all drivers, so that what a list asks of each account, and
    which drivers there are, has lines of its own.
    """
    package = project_root() / "sync_pipeline"
    registries = [
        package / "engines" / name for name in ("registry.py", "own.py", "powers.py", "drivers.py")
    ]
    folders = [package / "engines" / name for name in (*EngineName, "mysql_protocol")]
    folders += [package / "access" / "benchmarks", package / "fleet" / "discovery"]
    for file in sorted(package.rglob("*.py")):
        if file not in registries and not any(file.is_relative_to(folder) for folder in folders):
            assert not re.search(r"EngineName\.[A-Z]", file.read_text()), file


@pytest.mark.parametrize("name", EngineName)
def test_every_engine_knows_its_own_accounts(name: EngineName) -> None:
    assert not is_own(name, AccountState("ann", AccountKind.USER, can_login=True))


@pytest.mark.parametrize("name", EngineName)
def test_every_engine_has_the_same_rooms(name: EngineName) -> None:
    folder = Path(str(resources.files(PACKAGES[name])))
    assert {"access", "accounts", "sql"} <= {
        item.name for item in folder.iterdir() if item.is_dir()
    }
    assert not [item.name for item in folder.glob("access_*.py")]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_every_statement_says_what_it_is_and_only_reads(name: EngineName, file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    header = [line for line in lines if line.startswith("--")]
    body = "\n".join(line for line in lines if not line.lstrip().startswith("--")).strip()
    assert lines[0].startswith("-- ")
    assert "Needs" in " ".join(header) or "needs" in " ".join(header) or "Sees" in " ".join(header)
    assert body.split(maxsplit=1)[0].upper() in WORDS_THAT_READ
    assert ";" not in body.rstrip(";")
