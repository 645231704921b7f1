"""Commands that are imported when they are asked for: the help of all names them from a table."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or a group of them: where it is, and the line that the help of all shows.

    `attribute` is the group's `app`, or the function of a command of its own.
    """

    name: str
    module: str
    help: str
    attribute: str = "app"


class Commands(MutableMapping[str, Any]):
    """The commands of a table by their names; each is imported when it is looked at."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load(self._entries[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("the table says which commands there are")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def summaries(self) -> dict[str, Any]:
        """Return commands with nothing but their names and lines."""
        return {name: TyperCommand(name, help=entry.help) for name, entry in self._entries.items()}


@functools.cache
def load(entry: Entry) -> Any:
    """Import a command and return it as the group holds it: the same each time."""
    found = getattr(importlib.import_module(entry.module), entry.attribute)
    holder = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    holder.callback()(lambda: None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=entry.name)
    else:
        holder.command(entry.name)(found)
    group: Any = typer.main.get_command(holder)
    return group.commands[entry.name]


class LazyGroup(TyperGroup):
    """A group whose commands are a table; its help and its completion import none of them."""

    entries: tuple[Entry, ...] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": {}})
        self.commands = Commands(self.entries)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without the commands themselves."""
        require_help_writer()
        self._summary().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the names and options that begin so."""
        return self._summary().shell_complete(ctx, incomplete)

    def _summary(self) -> TyperGroup:
        commands: Any = self.commands
        return TyperGroup(
            name=self.name,
            commands=commands.summaries(),
            params=self.params,
            help=self.help,
            rich_markup_mode=self.rich_markup_mode,
        )


_UNUSED_BY_HELP = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


class _Unused:
    """Stands for a class of rich that typer names and no command uses."""


def require_help_writer() -> None:
    """Import what writes help, without rich's Markdown and tracebacks: a third of its cost."""
    if sys.modules.keys() & {"typer.rich_utils", *_UNUSED_BY_HELP}:
        return
    for name, unused in _UNUSED_BY_HELP.items():
        sys.modules[name] = ModuleType(name)
        setattr(sys.modules[name], unused, _Unused)
    try:
        importlib.import_module("typer.rich_utils")
    finally:
        for name in _UNUSED_BY_HELP:
            del sys.modules[name]
