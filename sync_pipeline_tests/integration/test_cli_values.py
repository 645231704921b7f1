"""Whatever is typed for a number, a size, a time or a name: a sentence, and status 2."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
import typer

from sync_pipeline.cli.main import app
from sync_pipeline_tests.integration.command import Command

NUMBERS = ("99999999999999999999", "-1", "nan")
SIZES = ("16EB", "0.4", "-1GB", "1e400GB", "nan", "9223372036854775808", "GB", "1 0", "0x10")
TIMES = ("0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "2026-02-30", "soon")
NAMES = ("x" * 100_000, "'; DROP TABLE x; --\n❄")
WORDS = {"--help", "--version"}
LEFT_OUT = {"up", "backfill", "run"}
"""What serves, or launches runs."""
OF_TIME = {"since", "until", "time", "first", "last"}


@dataclass(frozen=True)
class Case:
    """A command line with one value that is not sound, or looks so."""

    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(item[:30] for item in self.arguments)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from commands(inner, (*path, name))
        elif not {*path, name} & LEFT_OUT:
            yield (*path, name), inner


def kind_of(parameter: Any) -> type:
    """Return the type of a parameter, or of the members of a list."""
    annotation = parameter.type_descriptor.annotation
    members = typing.get_args(annotation)
    kind: type = members[0] if members else annotation
    return kind


def values(parameter: Any) -> tuple[str, ...]:
    kind = kind_of(parameter)
    if parameter.name in OF_TIME or kind is datetime:
        return TIMES
    if kind in (int, float):
        return NUMBERS
    if parameter.name == "size":
        return SIZES
    return NAMES if kind is str else ()


def sound(parameter: Any) -> str:
    kind = kind_of(parameter)
    if parameter.name in OF_TIME or kind is datetime:
        return "2026-01-31"
    if issubclass(kind, Enum):
        return str(next(iter(kind)).value)
    if parameter.name == "size":
        return "1GB"
    return "1" if kind in (int, float) else "x"


def cases() -> Iterator[Case]:
    root = typer.main.get_command(app)
    for path, command in commands(root):
        shown = [item for item in command.params if item.opts and item.opts[0] not in WORDS]
        for parameter in shown:
            for value in values(parameter):
                more = ("--password-stdin",) if path[0] == "credentials" else ()
                yield Case((*path, *line(shown, parameter, value), *more))


def line(parameters: list[Any], chosen: Any, value: str) -> Iterator[str]:
    for parameter in parameters:
        if parameter is not chosen and not parameter.required:
            continue
        given = value if parameter is chosen else sound(parameter)
        if parameter.param_type_name == "argument":
            yield given
        else:
            yield f"{parameter.opts[0]}={given}"


def test_nothing_that_is_typed_is_a_defect(command: Command) -> None:
    """Names may be found or not (0, 1, 2); what is no number or time never passes."""
    tried = 0
    for case in cases():
        said = command.run(*case.arguments, stdin="x\n")
        tried += 1
        assert said.status in (0, 1, 2), (case, said)
        for text in ("Traceback", "sqlalchemy", "SELECT ", "INSERT ", "OverflowError"):
            assert text not in said.err, (case, said)
    assert tried > 150


@pytest.mark.parametrize(
    "arguments",
    [
        ("accounts", "changes", "--since", "0001-01-01T00:00+14:00"),
        ("accounts", "changes", "--until", "9999-12-31T23:59-14:00"),
        ("accounts", "at", "--time", "0001-01-01"),
        ("accounts", "list", "--limit", "99999999999999999999"),
        ("sessions", "list", "--limit", "99999999999999999999"),
        ("capacity", "top", "--limit", "99999999999999999999"),
        ("capacity", "top", "--days", "999999999"),
        ("capacity", "history", "x", "--to", "9999-12-31"),
        ("capacity", "export", "--output", "x.csv", "--from", "0001-01-01"),
        ("capacity", "limit", "x", "16EB"),
        ("capacity", "limit", "x", "0.4"),
        ("capacity", "limit", "x", "-1"),
        ("backfill", "--period", "day", "--from", "0001-01-01", "--to", "2026-01-01"),
        ("maintenance", "start", "--instance", "x", "--reason", "r", "--hours", "nan"),
        ("maintenance", "start", "--instance", "x", "--reason", "r", "--until", "0001-01-01"),
        ("maintenance", "end", "99999999999999999999"),
        ("sessions", "show", "latest"),
    ],
    ids=" ".join,
)
def test_what_can_not_be_is_refused_with_status_2(
    command: Command, arguments: tuple[str, ...]
) -> None:
    assert command.wrong(*arguments)


def test_latest_says_what_to_do_first(command: Command) -> None:
    assert "sync-pipeline run account-sync" in command.wrong("sessions", "show", "latest")
