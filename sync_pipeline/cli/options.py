"""Options that many commands have: each is declared once, and a command names it by its type.

A command whose parameter is an `Output` has `--format`, `--json` and `--csv`; one whose parameter
is a `Selection` has `--instance`, `--tag`, `--engine` and `--environment`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, get_type_hints

import typer

from sync_pipeline.cli.completion import instance_names
from sync_pipeline.cli.context import SHOWN
from sync_pipeline.cli.output import CsvOption, FormatOption, JsonOption, Output
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import EngineName, Selection
from sync_pipeline.model.text import LONGEST_NAME, shortened

WHEN = "ISO 8601, UTC without a zone; or how long ago, such as 24h or 7d."
MOST_CHOSEN = 20_000
"""Of one option; the jobs take no more."""

InstanceOption = Annotated[
    list[str] | None,
    typer.Option(help="Only this instance; may be repeated.", autocompletion=instance_names),
]
TagOption = Annotated[
    list[str] | None, typer.Option(help="Only instances with this tag; may be repeated.")
]
EngineOption = Annotated[
    list[EngineName] | None, typer.Option(help="Only this engine; may be repeated.")
]
EnvironmentOption = Annotated[
    list[str] | None, typer.Option(help="Only this environment; may be repeated.")
]
ImportedOption = Annotated[
    bool, typer.Option("--imported", help="Instead those that were imported from another system.")
]
OneInstance = Annotated[
    str | None,
    typer.Option("--instance", help="Name of the instance.", autocompletion=instance_names),
]
WithSystem = Annotated[
    bool,
    typer.Option("--with-system", help="Also roles and accounts that the engine made itself."),
]
InstanceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="INSTANCE", help="The same as --instance.", autocompletion=instance_names
    ),
]

_OPTIONS: dict[type, dict[str, Any]] = {
    Output: {"form": FormatOption, "as_json": JsonOption, "as_csv": CsvOption},
    Selection: {
        "instance": InstanceOption,
        "tag": TagOption,
        "engine": EngineOption,
        "environment": EnvironmentOption,
    },
}


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that its parameters of these types stand for."""
    hints = get_type_hints(command, include_extras=True)
    found = inspect.signature(command)
    groups = {name: hints[name] for name in found.parameters if hints[name] in _OPTIONS}
    parameters = []
    for name, parameter in found.parameters.items():
        if name not in groups:
            kept = parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY)
            parameters.append(kept)
            continue
        parameters += [
            inspect.Parameter(
                option,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if annotation in (JsonOption, CsvOption) else None,
                annotation=annotation,
            )
            for option, annotation in _OPTIONS[groups[name]].items()
        ]

    @functools.wraps(command)
    def expanded(**given: Any) -> Any:
        for name, kind in groups.items():
            given[name] = _made(kind, {option: given.pop(option) for option in _OPTIONS[kind]})
        return command(**given)

    vars(expanded)["__signature__"] = found.replace(parameters=parameters)
    expanded.__annotations__ = {item.name: item.annotation for item in parameters}
    del expanded.__wrapped__
    return expanded


def _made(kind: type, given: dict[str, Any]) -> Output | Selection:
    return Output.of(**given) if kind is Output else selection_of(**given)


def selection_of(
    instance: list[str] | None,
    tag: list[str] | None,
    engine: list[EngineName] | None,
    environment: list[str] | None,
) -> Selection:
    """Return what the options of a command select.

    Raises:
        ConfigurationError: a value can't be a name, or there are more than a run takes.
    """
    given = {"--instance": instance, "--tag": tag, "--environment": environment}
    for option, values in given.items():
        _require_names(option, values or [])
    return Selection(
        names=tuple(instance or ()),
        tags=tuple(tag or ()),
        engines=tuple(str(item) for item in engine or ()),
        environments=tuple(environment or ()),
    )


def _require_names(option: str, values: list[str]) -> None:
    """Refuse what can be no name, before anything is asked or launched."""
    if len(values) > MOST_CHOSEN:
        raise ConfigurationError(f"{option} is given more than {MOST_CHOSEN} times.")
    for value in values:
        if not 0 < len(value) <= LONGEST_NAME:
            raise ConfigurationError(
                f"{option} {shortened(value, SHOWN)!r} names nothing.",
                hint=f"Give a name of 1 to {LONGEST_NAME} characters.",
            )


def narrowed_to(selection: Selection, argument: str | None) -> Selection:
    """Return what is selected, with an instance that is named by its position.

    Raises:
        ConfigurationError: instances are named by `--instance` too, or this can be no name.
    """
    if argument is None:
        return selection
    if selection.names:
        raise _named_twice()
    _require_names("INSTANCE", [argument])
    return replace(selection, names=(argument,))


def the_instance(argument: str | None, option: str | None) -> str:
    """Return the instance that a command is about, by `--instance` or by its position.

    Raises:
        ConfigurationError: it is named by neither, or by both.
    """
    if argument is not None and option is not None:
        raise _named_twice()
    named = option if argument is None else argument
    if named is None:
        raise ConfigurationError("No instance is named.", hint="Name it by --instance.")
    return named


def _named_twice() -> ConfigurationError:
    return ConfigurationError("The instance is named twice.", hint="Name it by --instance alone.")


def instance_and(words: list[str], option: str | None, what: str) -> tuple[str, str]:
    """Return the instance, and what else is named: `WHAT --instance NAME`, or `NAME WHAT`.

    Raises:
        ConfigurationError: one of them is missing, or something is named twice.
    """
    wanted = 1 if option is not None else 2
    if len(words) > wanted:
        twice = "The instance is named twice" if wanted == 1 else "Too much is named"
        raise ConfigurationError(
            f"{twice}.", hint=f"Give the {what}, and the instance by --instance."
        )
    if len(words) < wanted:
        raise ConfigurationError(
            f"No instance is named, or no {what}.", hint="Name the instance by --instance."
        )
    return (words[0], words[1]) if option is None else (option, words[0])
