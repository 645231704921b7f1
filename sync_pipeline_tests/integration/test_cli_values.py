"""Whatever is typed for a number, a size, a time or a name: a sentence, and status 2."""

from __future__ import annotations

import json
import subprocess
import sys
import typing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
import typer

from sync_pipeline.cli.main import app
from sync_pipeline.orchestration.categories.registry import config_of
from sync_pipeline.orchestration.instance import dagster_environment
from sync_pipeline.orchestration.processes import serve
from sync_pipeline.orchestration.processes.system import System
from workbench.benches.command import Command
from workbench.servers.running import free_port

NUMBERS = ("99999999999999999999", "-1", "nan")
SIZES = ("16EB", "0.4", "-1GB", "1e400GB", "nan", "9223372036854775808", "GB", "1 0", "0x10")
TIMES = ("0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "2026-02-30", "soon")
NAMES = ("x" * 100_000, "'; DROP TABLE x; --\n❄")
WORDS = {"--help", "--version"}
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
        else:
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


@pytest.fixture
def reached(command: Command) -> list[str]:
    """What the commands that launch or serve came to: the last step of each is another one here.

    `run` and `backfill` come as far as to the run that they would launch, whose configuration
    is read as the run reads it; `up` as far as to the processes that it would start.
    """
    found: list[str] = []

    def run_job(_store: object, _console: object, job: str, config: dict[str, Any]) -> None:
        config_of(job, json.loads(json.dumps(config))["ops"]["select_instances"]["config"])
        found.append(job)
        raise typer.Exit(0)

    def execv(_program: str, arguments: list[str]) -> None:
        command.patch.setattr("sys.argv", arguments[2:])
        sys.exit(serve.main())

    command.patch.setattr("sync_pipeline.cli.run.run_job", run_job)
    command.patch.setattr("os.execv", execv)
    command.patch.setattr(System, "run", lambda *_: found.append("up"))
    command.patch.setattr("signal.signal", lambda *_: None)
    for name, value in dagster_environment().items():
        command.patch.setenv(name, value)  # so that what `up` sets is taken back
    return found


def test_nothing_that_is_typed_is_a_defect(command: Command, reached: list[str]) -> None:
    """Names may be found or not (0, 1, 2); what is no number or time never passes."""
    tried = Counter[str]()
    for case in cases():
        said = command.run(*case.arguments, stdin="x\n")
        tried[case.arguments[0]] += 1
        assert said.status in (0, 1, 2), (case, said)
        for text in ("Traceback", "sqlalchemy", "SELECT ", "INSERT ", "OverflowError"):
            assert text not in said.err, (case, said)
    assert tried.total() > 180
    assert min(tried[name] for name in ("up", "run", "backfill")) >= 5
    assert {"account_sync", "capacity_sync", "aggregate_sizes"} <= set(reached)


def test_sound_values_are_launched(command: Command, reached: list[str]) -> None:
    day = ("--from", "2026-01-01", "--to", "2026-01-31")
    command.ok("run", "account-sync", "--tag", "prod", "--engine", "mysql")
    command.ok("backfill", "--period", "week", *day)
    command.run("up", "--port", str(free_port()))
    assert reached == ["account_sync", "backfill_sizes", "up"]


@pytest.mark.parametrize(
    "arguments",
    [
        *(("run", job, f"--{option}={value}")
          for job in ("account-sync", "capacity-sync", "aggregation")
          for option in ("instance", "tag", "environment")
          for value in ("", "x" * 256)),
        ("run", "account-sync", "--engine", "mysqll"),
        ("run", "account-sync", "--instance", "nobody"),
        ("backfill", "--period", "year", "--from", "2026-01-01", "--to", "2026-01-31"),
        ("backfill", "--period", "day", "--from", "2026-02-01", "--to", "2026-01-31"),
        ("backfill", "--period", "day", "--from", "2999-01-01", "--to", "2999-01-31"),
        ("backfill", "--period", "day", "--from", "2026-02-30", "--to", "2026-03-01"),
        ("up", "--port", "0"),
        ("up", "--port", "65536"),
        ("up", "--port", "-1"),
        ("up", "--host", ""),
        ("up", "--host", "x" * 300),
        ("up", "--host", "x" * 100),  # longer than a part of a name can be
        ("up", "--host", "no-such-host.invalid"),
        ("up", "--host", "192.0.2.1"),  # not of this machine
        ("up", "--host=-h"),
    ],
    ids=lambda value: " ".join(value)[:60],
)  # fmt: skip
def test_nothing_is_launched_with_what_can_not_be(
    command: Command, reached: list[str], arguments: tuple[str, ...]
) -> None:
    said = command.run(*arguments)
    assert said.status == 2, said
    assert not reached


def test_an_unknown_instance_is_named_and_nothing_launched(
    command: Command, reached: list[str]
) -> None:
    assert "nobody" in command.wrong("run", "account-sync", "--instance", "nobody")
    assert not reached


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "2026-03-01", "--to", "2026-01-01"), "ends before it begins"),
        (("--from", "2199-01-01", "--to", "2199-02-01"), "in the future"),
        (("--from", "soon", "--to", "2026-01-01"), "soon"),
        (("--from", "2026-01-01", "--to", "2026-02-01", "--instance", "nobody"), "nobody"),
    ],
)
def test_a_backfill_of_what_can_not_be_launches_nothing(
    command: Command, reached: list[str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in command.wrong("backfill", "--period", "month", *arguments)
    assert not reached


def test_more_than_an_argument_holds_reaches_the_launcher(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real process takes the place of the launcher, and says what it was told."""
    program = "import sys; print(len(sys.stdin.read()), file=sys.stderr); sys.exit(1)"
    real = subprocess.Popen

    def popen(_command: list[str], **options: Any) -> subprocess.Popen[str]:
        return real([sys.executable, "-c", program], **options)

    monkeypatch.setattr("sync_pipeline.cli.launch.subprocess.Popen", popen)
    tags = [f"--tag={number:0>200}" for number in range(1_000)]
    said = command.run("run", "account-sync", *tags)
    assert said.status == 3
    length = int(said.err.split()[-1])
    assert length > 200_000


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
