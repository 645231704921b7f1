"""`sync-pipeline credentials`: user names and secrets, which are never shown."""

from __future__ import annotations

import sys
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.context import (
    dependencies,
    require_name,
    say,
    show_json,
)
from sync_pipeline.cli.options import with_options
from sync_pipeline.cli.output import Output, time_cell
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.secret import Secret

if TYPE_CHECKING:
    from sync_pipeline.workflows.dependencies import SyncDeps

app = typer.Typer(help="User names and secrets of the fleet.", no_args_is_help=True)

Reference = Annotated[
    str | None,
    typer.Option(
        help="Where the secret is: env:NAME, file:/path, vault:PATH, aws-secret:NAME, "
        "aws-rds-iam:REGION, azure-keyvault:VAULT/NAME or gcp-secret:PROJECT/NAME."
    ),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the secret from standard input.")
]


@app.command()
def add(
    name: str,
    username: Annotated[
        str, typer.Option(help="Account on the instances; none where the reference has it.")
    ] = "",
    reference: Reference = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Add a credential; without an option the secret is asked for."""
    require_name(name, "the name of a credential")
    with dependencies() as deps:
        if deps.store.registry.credential(name) is not None:
            raise ConfigurationError(
                f"The credential {name!r} exists already.",
                hint=f"Change its secret with: sync-pipeline credentials rotate {quote(name)}",
            )
        if not username and reference is None:
            raise ConfigurationError(
                "Nothing says as whom the credential logs in.", hint="Give it with --username."
            )
        stored = _stored(deps, reference, is_piped=password_stdin)
        deps.store.registry.add_credential(StoredCredential(name, username, stored), deps.clock())
    say(f"Credential {name} added.")


@app.command("list")
@with_options
def list_(output: Output) -> None:
    """List the credentials, without their secrets."""
    from sync_pipeline.fleet.secrets import kind_of

    with dependencies() as deps:
        using: dict[str, list[str]] = {}
        for instance in deps.store.registry.instances():
            using.setdefault(instance.credential, []).append(instance.name)
        found = deps.store.registry.credentials()
    if output.is_json:
        show_json(
            [
                {
                    "name": item.name,
                    "username": item.username,
                    "secret": kind_of(item.secret),
                    "rotated_at": item.rotated_at and item.rotated_at.isoformat(),
                    "instances": using.get(item.name, []),
                }
                for item in found
            ]
        )
        return
    rows = [
        (
            item.name,
            item.username,
            kind_of(item.secret),
            time_cell(item.rotated_at),
            len(using.get(item.name, [])),
        )
        for item in found
    ]
    columns = ("name", "username", "secret", "rotated", "instances")
    output.show(columns, rows, "There is no credential yet: sync-pipeline credentials add.")


@app.command()
def rotate(
    name: Annotated[str | None, typer.Argument(help="The credential.")] = None,
    reference: Reference = None,
    password_stdin: PasswordStdin = False,
    key: Annotated[
        bool, typer.Option("--key", help="Make a new key and encrypt every secret with it.")
    ] = False,
    lost: Annotated[
        bool,
        typer.Option(
            "--lost", help="With --key: the key file is lost for good; its secrets are too."
        ),
    ] = False,
) -> None:
    """Give a credential a new secret, or all of them a new key."""
    if key == (name is not None):
        raise ConfigurationError("Name a credential, or give --key, not both.")
    if lost and not key:
        raise ConfigurationError("--lost goes with --key.")
    with dependencies() as deps:
        if name is None:
            _new_key(deps, is_lost=lost)
            return
        if deps.store.registry.credential(name) is None:
            raise ConfigurationError(
                f"The credential {name!r} does not exist.",
                hint="See: sync-pipeline credentials list.",
            )
        stored = _stored(deps, reference, is_piped=password_stdin)
        deps.store.registry.change_secret(name, stored, deps.clock())
    say(f"Credential {name} has a new secret.")


@app.command()
def remove(name: str) -> None:
    """Remove a credential that no instance uses."""
    with dependencies() as deps:
        deps.store.registry.delete_credential(name)
    say(f"Credential {name} removed.")


def _new_key(deps: SyncDeps, *, is_lost: bool) -> None:
    from sync_pipeline.workflows import credentials as changes

    if not is_lost:
        say(f"{changes.rotate_key(deps)} secrets encrypted with the newest key.")
        return
    names = changes.replace_lost_keys(deps)
    say(f"There is a new key file. {len(names)} secrets went with the old one.")
    for name in names:
        say(f"Set again: sync-pipeline credentials rotate {name}")


def _stored(deps: SyncDeps, reference: str | None, *, is_piped: bool) -> str:
    from sync_pipeline.fleet.references import check_reference
    from sync_pipeline.workflows import credentials as changes

    if reference is not None:
        if is_piped:
            raise ConfigurationError("Give --reference or --password-stdin, not both.")
        check_reference(reference)
        return reference
    if is_piped:
        value = sys.stdin.read().rstrip("\r\n")
    else:
        value = typer.prompt("Secret", hide_input=True, confirmation_prompt=True)
    if not value:
        raise ConfigurationError("The secret is empty.", hint="Nothing was written.")
    return changes.seal(deps, Secret(value))
