"""The documents name what exists, and the two languages of the README say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
