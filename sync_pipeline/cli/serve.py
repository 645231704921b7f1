"""`sync-pipeline up`: the UI and everything that runs by itself, in the foreground."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def up(
    port: Annotated[int, typer.Option(help="Port of the UI.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address of the UI; it has no login, so keep it private.")
    ] = "127.0.0.1",
    *,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The UI shows everything and changes nothing.")
    ] = False,
) -> None:
    """Start the Dagster UI and the daemon that runs schedules and sensors.

    Both end with Ctrl-C, and so does every run that is going on. Where another one is at work
    for the same store, this one shows the UI and stands by.
    """
    arguments = ["-m", "sync_pipeline.orchestration.serve", "--host", host, "--port", str(port)]
    if read_only:
        arguments.append("--read-only")
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - takes this one's place
