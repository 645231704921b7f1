"""`sync-pipeline console`: the pages and the API that answer, and the tokens for them."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from sync_pipeline.cli.context import dependencies, require_name, say, show_json, utc_now
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.model.viewer import ConsoleToken, Role

app = typer.Typer(
    help="Serve the pages and the API that answer, and make the tokens for them.",
    invoke_without_command=True,
)
tokens = typer.Typer(help="Tokens with which people and programs come in.", no_args_is_help=True)
app.add_typer(tokens, name="tokens")

PORT = 3080
NameArgument = Annotated[str, typer.Argument(help="Of the person or the program.")]


@app.callback()
def console(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the console.")] = PORT,
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
    serve(host, port, Settings.load(), utc_now)


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
