"""The documents name what exists, and the two languages of the README say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sync_pipeline import errors
from sync_pipeline.cli.main import app
from sync_pipeline.settings import Settings, project_root

ROOT = project_root()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
CHINESE = (ROOT / "README.zh-CN.md").read_text()


PACKAGES = [ROOT / name for name in ("sync_pipeline", "sync_pipeline_tests", "workbench")]
GUIDES = sorted((ROOT / "docs").glob("adding-*.md"))


def kinds(error: type[errors.SyncError]) -> Iterator[str]:
    yield error.kind
    for narrower in error.__subclasses__():
        yield from kinds(narrower)


def commands(text: str) -> list[str]:
    """Return the words of each `sync-pipeline` command in a document, without its options."""
    found = re.findall(r"sync-pipeline((?: [a-z][a-z-]*)+)", text)
    return sorted({command.strip() for command in found})


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`SYNC_PIPELINE_{name.upper()}`" in OPERATIONS


@pytest.mark.parametrize("kind", sorted(set(kinds(errors.SyncError))))
def test_every_kind_of_error_is_documented(kind: str) -> None:
    assert f"`{kind}`" in OPERATIONS


@pytest.mark.parametrize("command", commands(README + OPERATIONS))
def test_every_command_exists(command: str) -> None:
    group = get_command(app)
    words = command.split()
    while words and (inner := getattr(group, "commands", {}).get(words[0])):
        group, words = inner, words[1:]
    assert not (words and hasattr(group, "commands")), command
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0


def test_both_languages_show_the_same_commands_and_links() -> None:
    for pattern in (r"^ *(?:sync-pipeline|python3) [^#\n]*", r"\]\((?!README)([^)]+)\)", r"^#+ "):
        english = re.findall(pattern, README, re.MULTILINE)
        assert english == re.findall(pattern, CHINESE, re.MULTILINE)
        assert english


@pytest.mark.parametrize("text", [README, CHINESE], ids=["english", "chinese"])
def test_every_link_leads_to_a_file(text: str) -> None:
    for target in re.findall(r"\]\(([^):#]+)(?:#[a-z-]+)?\)", text):
        assert (ROOT / target).exists(), target


def exists(path: str) -> bool:
    """Return whether a path that may have open parts, as `<engine>`, is one of the project."""
    pattern = re.sub(r"<[^>]+>", "*", path).rstrip("/")
    if "/" in pattern:
        return any(ROOT.glob(pattern))
    return (ROOT / pattern).exists() or any(next(room.rglob(pattern), None) for room in PACKAGES)


@pytest.fixture(scope="module")
def words() -> frozenset[str]:
    """Every word of the code."""
    files = (file for package in PACKAGES for file in package.rglob("*.py"))
    return frozenset(word for file in files for word in re.findall(r"\w+", file.read_text()))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_has_numbered_steps_and_names_what_exists(
    guide: Path, words: frozenset[str]
) -> None:
    text = guide.read_text()
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    assert len(steps) > 3
    assert all(step in (1, last + 1) for last, step in pairwise([0, *steps]))
    for name in re.findall(r"`([^`]+)`", text):
        if re.search(r"^[\w<>*-]+/|\.(py|sql|md|toml)$", name):
            # Rooms are named within the folder of an engine.
            assert exists(name) or exists(f"sync_pipeline/engines/<engine>/{name}"), name
        elif re.fullmatch(r"\w+", name):
            assert name in words, name
    for target in re.findall(r"\]\(([^):#]+)(?:#[a-z-]+)?\)", text):
        assert (guide.parent / target).exists(), target
