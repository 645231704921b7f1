"""`sync-pipeline up`: the UI and everything that runs by itself, in the foreground."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sync_pipeline.cli.context import require_name
from sync_pipeline.ports import CONSOLE_PORT, UI_PORT


def up(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the UI.")] = UI_PORT,
    host: Annotated[
        str, typer.Option(help="Address of the UI; it has no login, so keep it private.")
    ] = "127.0.0.1",
    *,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The UI shows everything and changes nothing.")
    ] = False,
    console_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            help=f"Port of the console, at the same address; {CONSOLE_PORT} say.",
        ),
    ] = None,
) -> None:
    """Start the Dagster UI and the daemon that runs schedules and sensors.

    Both end with Ctrl-C, and so does every run that is going on. Where another one is at work
    for the same store, this one shows the UI and stands by.
    """
    require_name(host, "an address of the UI")
    arguments = [
        "-m",
        "sync_pipeline.orchestration.processes.serve",
        f"--host={host}",
        f"--port={port}",
    ]
    if console_port is not None:
        arguments.append(f"--console-port={console_port}")
    if read_only:
        arguments.append("--read-only")
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - takes this one's place
