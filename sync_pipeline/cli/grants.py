"""`sync-pipeline grants`: the least-privilege script of the monitoring account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.context import SHOWN, show_script
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.text import shortened

if TYPE_CHECKING:
    from sync_pipeline.engines.base import Engine

COMMENT_WIDTH = 96
OWN_DATABASE = "postgres"
"""The database of a PostgreSQL instance where none is given."""
STORE_READER = "store-reader"
_READER, _MONITOR = "sync_pipeline_reader", "sync_monitor"


def grants(
    engine: Annotated[
        str,
        typer.Argument(
            help=f"The engine of the instance ({', '.join(EngineName)}); {STORE_READER}: for who "
            "reads a PostgreSQL store.",
            autocompletion=lambda: [*EngineName, STORE_READER],
        ),
    ],
    user: Annotated[
        str | None,
        typer.Option(
            help=f"Name of the monitoring account ({_MONITOR}), or of the reader ({_READER})."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Host it connects from (MySQL, MariaDB).")] = "%",
    database: Annotated[
        list[str] | None,
        typer.Option(
            help="Database to read (PostgreSQL; SQL Server of Amazon RDS); may be repeated."
        ),
    ] = None,
    platform: Annotated[
        str,
        typer.Option(
            help="Managed service it is for, such as rds, aurora, cloudsql, azure; `instances "
            "test` says which it is."
        ),
    ] = "",
) -> None:
    """Print the script that makes the monitoring account; replace <password> in it.

    Comments say what each line opens. The last ones are statements that are left to you.
    `store-reader` prints the views of a PostgreSQL store for others, such as Grafana, and a role
    that reads nothing else.
    """
    if engine == STORE_READER:
        from sync_pipeline.store.views.views import reader_script

        show_script(reader_script(_READER if user is None else user))
        return
    from sync_pipeline.engines.registry import ENGINES

    user = _MONITOR if user is None else user
    if not user:
        raise ConfigurationError("An account has a name.", hint="Give it with --user.")
    chosen = ENGINES[_named(engine)]
    script = (
        _platform_script(chosen, user, platform, host, database or ())
        if platform
        else chosen.grants_script(user, host, database or [OWN_DATABASE])
    )
    account = chosen.written_account(user, host)
    optional = _optional(chosen, account, is_managed=bool(platform))
    lines = (*_commented(chosen, script), *optional)
    show_script("".join(f"{line}\n" for line in lines))


def _named(engine: str) -> EngineName:
    """Return an engine by its name.

    Raises:
        ConfigurationError: there is none of this name.
    """
    try:
        return EngineName(engine)
    except ValueError:
        known = ", ".join((*EngineName, STORE_READER))
        shown = shortened(engine, SHOWN)
        raise ConfigurationError(f"{shown!r} is no engine.", hint=f"Give one of {known}.") from None


def _platform_script(
    engine: Engine, user: str, platform: str, host: str, databases: Sequence[str]
) -> str:
    """Return the script for a managed service.

    Raises:
        ConfigurationError: the engine has no script for it.
    """
    from sync_pipeline.engines.base import KnowsPlatforms

    known = engine.platforms if isinstance(engine, KnowsPlatforms) else ()
    if not isinstance(engine, KnowsPlatforms) or platform not in known:
        named = f"It has: {', '.join(known)}. " if known else ""
        raise ConfigurationError(
            f"{engine.name} has no script for the platform {platform!r}.",
            hint=f"{named}Leave --platform out for any other server.",
        )
    return engine.platform_script(user, platform, host, databases)


def _commented(engine: Engine, script: str) -> Iterator[str]:
    """Yield the lines, with what they open before the first of each kind."""
    last = None
    for line in script.splitlines():
        starts = (item for item in engine.grant_notes if item.start)
        note = next((item for item in starts if line.startswith(item.start)), None)
        if note is not None and note is not last:
            yield from _comment(f"Opens {note.opens}")
            last = note
        yield line


def _optional(engine: Engine, account: str, *, is_managed: bool = False) -> Iterator[str]:
    from sync_pipeline.engines.base import filled

    for note in engine.grant_notes:
        if note.optional and not (is_managed and note.is_superusers):
            yield from _comment(f"Optional. Opens {note.opens}")
            # A name that breaks the line must not end the comment.
            yield from (f"-- {part}" for part in filled(note.optional, user=account).splitlines())


def _comment(text: str) -> Iterator[str]:
    return (f"-- {line}" for line in wrap(text, COMMENT_WIDTH))
