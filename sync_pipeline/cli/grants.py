"""`sync-pipeline grants`: the least-privilege script of the monitoring account."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_pipeline.cli.context import show_script
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.instance import EngineName


def grants(
    engine: Annotated[EngineName, typer.Argument(help="The engine of the instance.")],
    user: Annotated[str, typer.Option(help="Name of the monitoring account.")] = "sync_monitor",
    host: Annotated[str, typer.Option(help="Host it connects from (MySQL, MariaDB).")] = "%",
    database: Annotated[
        list[str] | None,
        typer.Option(help="Database to read (PostgreSQL); may be repeated."),
    ] = None,
) -> None:
    """Print the script that makes the monitoring account; replace <password> in it."""
    show_script(ENGINES[engine].grants_script(user, host, database or ["postgres"]))
