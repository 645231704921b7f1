"""`sync-pipeline console`: the pages and the API that answer, and the tokens for them."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from sync_pipeline.cli.context import (
    dependencies,
    require_name,
    say,
    say_beside,
    show_json,
    utc_now,
)
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.viewer import ConsoleToken, Role
from sync_pipeline.ports import CONSOLE_PORT

app = typer.Typer(
    help="Serve the pages and the API that answer, and make the tokens for them.",
    invoke_without_command=True,
)
tokens = typer.Typer(help="Tokens with which people and programs come in.", no_args_is_help=True)
app.add_typer(tokens, name="tokens")

MOST_OF_EACH, MOST_PAGES = 5000, 200
WHO_CAN = "--who-can"


class WithPairs(TyperCommand):
    """A command whose option `--who-can` takes two values, which typer has no type for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, the two values as one: no argument has a NUL."""
        joined: list[str] = []
        rest = iter(args)
        for word in rest:
            joined.append(word)
            if word == WHO_CAN:
                pair = [item for item in (next(rest, None), next(rest, None)) if item is not None]
                joined += ["\0".join(pair)] if pair else []
        return super().parse_args(ctx, joined)


class Language(StrEnum):
    """The languages of the pages."""

    ENGLISH = "en"
    CHINESE = "zh"


NameArgument = Annotated[str, typer.Argument(help="Of the person or the program.")]


@app.callback()
def console(
    context: typer.Context,
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Port of the console.")
    ] = CONSOLE_PORT,
    host: Annotated[
        str, typer.Option(help="Address of the console; another than loopback needs a token.")
    ] = "127.0.0.1",
) -> None:
    """Serve the console until Ctrl-C. It reads the store and changes nothing."""
    if context.invoked_subcommand is not None:
        return
    from sync_pipeline.settings import Settings
    from sync_pipeline.web.serve import serve

    require_name(host, "an address of the console")
    with dependencies():
        """Make or upgrade the tables: from here on nothing is written."""
    logging.getLogger("sync_pipeline").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.INFO)
    serve(host, port, Settings.load(), utc_now)


@app.command(cls=WithPairs)
def export(
    directory: Annotated[Path, typer.Argument(help="A new directory, or an empty one.")],
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Only instances with this tag; may be repeated. Without: all."),
    ] = None,
    language: Annotated[Language, typer.Option(help="Of the pages.")] = Language.ENGLISH,
    who_can: Annotated[
        list[str] | None,
        typer.Option(
            WHO_CAN,
            metavar="PRIVILEGE OBJECT",
            help="Also who can: UPDATE table:shop.orders; may be repeated.",
        ),
    ] = None,
    page: Annotated[
        list[str] | None,
        typer.Option(help="Also this page: '/accounts?superusers=yes'; may be repeated."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(min=1, max=1_000_000, help="Pages of things of a kind, such as accounts."),
    ] = MOST_OF_EACH,
    pages: Annotated[
        int, typer.Option(min=1, max=100_000, help="Pages of a list, of 500 rows each.")
    ] = MOST_PAGES,
) -> None:
    """Write the console's pages as files, for somebody who can't reach it.

    They open without a server and without a script. The directory is there whole, or not at all.
    """
    from sync_pipeline.settings import Settings
    from sync_pipeline.web.archive.exporting import Wanted
    from sync_pipeline.web.archive.exporting import export as write
    from sync_pipeline.web.serve import reading

    for text in tag or ():
        require_name(text, "a tag")
    with dependencies():
        """Make or upgrade the tables: from here on nothing of the store is written."""
    wanted = Wanted(
        tuple(tag or ()),
        language,
        tuple(map(_pair, who_can or ())),
        tuple(page or ()),
        limit,
        pages,
    )
    tell = say_beside if sys.stderr.isatty() else None
    with reading(Settings.load(), utc_now) as deps:
        made = write(deps, wanted, directory, tell)
    say(f"{made.pages:,} pages, {made.files:,} files are in {directory}: open index.html there.")
    if not made.is_whole:
        say("It does not have all pages: index.html says which. --limit and --pages allow more.")
    say(f"SHA-256 of its SHA256SUMS: {made.digest}")
    if made.failed:
        say(f"{made.failed:,} pages could not be answered, and say why.")
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    privilege, _, on = text.partition("\0")
    if not privilege or not on:
        raise ConfigurationError(
            f"{WHO_CAN} takes a privilege and an object.",
            hint=f"Write {WHO_CAN} UPDATE table:shop.orders.",
        )
    return privilege, on


@tokens.command()
def add(
    name: NameArgument,
    expires: Annotated[str, typer.Option(help="After how many days it ends, such as 90d.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.VIEWER,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Only instances with this tag; may be repeated. Without: all."),
    ] = None,
) -> None:
    """Make a token and show it, this once: what is kept does not tell it."""
    from sync_pipeline.workflows.console.tokens import add_token, lifetime_of

    require_name(name, "the name of a token")
    lifetime = lifetime_of(expires)
    with dependencies() as deps:
        made = add_token(deps.store, name, role, tag or (), lifetime, deps.clock())
    typer.echo(made)
    typer.echo("It is shown once, and kept nowhere. Who has it can read.", err=True)


@tokens.command("list")
@with_options
def list_(output: Output) -> None:
    """List the tokens: whose, for what, and until when."""
    with dependencies() as deps:
        found, now = deps.store.tokens.all(), deps.clock()

    def state(item: ConsoleToken) -> str:
        if item.removed_at is not None:
            return "removed"
        return "valid" if item.is_valid_at(now) else "expired"

    if output.is_json:
        show_json(
            [
                {
                    "name": item.name,
                    "role": str(item.role),
                    "tags": item.tags and list(item.tags),
                    "state": state(item),
                    "created_at": item.created_at.isoformat(),
                    "expires_at": item.expires_at.isoformat(),
                }
                for item in found
            ]
        )
        return
    rows = [
        (
            item.name,
            item.role,
            "every instance" if item.tags is None else ", ".join(item.tags),
            state(item),
            time_cell(item.created_at),
            time_cell(item.expires_at),
        )
        for item in found
    ]
    columns = ("name", "role", "sees", "state", "created", "expires")
    output.show(columns, rows, "There is no token: sync-pipeline console tokens add.")


@tokens.command()
def remove(name: NameArgument) -> None:
    """Let nobody in with a token any more, nor with a login that it began."""
    with dependencies() as deps:
        deps.store.tokens.remove(name, deps.clock())
    say(f"Token {name} removed: nobody comes in with it from now on.")
