"""`sync-pipeline health`: whether what `up` keeps on this machine answers.

Containers and supervisors ask it every minute, so it is quick, says one line and changes nothing.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.context import dependencies, say
from sync_pipeline.errors import SyncError
from sync_pipeline.ports import UI_PORT

if TYPE_CHECKING:
    from sync_pipeline.model.daemon_lease import DaemonLease

SECONDS_TO_ANSWER = 5.0
SECONDS_BETWEEN_LOOKS = 0.5


def health(
    port: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=65_535,
            help=f"Of this machine, to be answered at; several times. Else {UI_PORT}.",
        ),
    ] = None,
    *,
    daemon: Annotated[
        bool, typer.Option("--daemon/--no-daemon", help="Whether a daemon has to be at work.")
    ] = True,
) -> None:
    """Say whether the UI and the daemon answer, for who keeps them running.

    Exit status 3: one does not. That a daemon is at work, here or on another machine, shows by
    its lease in the store, which is renewed all the time.
    """
    ports = port or [UI_PORT]
    for number in ports:
        _require_answer(number)
    if daemon:
        with dependencies() as deps:
            require_daemon(deps.store.daemon_lease.read, time.monotonic, time.sleep)
    says = ", ".join(f"port {number}" for number in ports)
    say(f"{says} answers{' and a daemon is at work' if daemon else ''}.")


def require_daemon(
    read: Callable[[], DaemonLease],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Look until the lease of the daemon was renewed once: no clock of another machine is asked.

    Raises:
        SyncError: nobody has it, or who has it did not renew it for as long as that is.
    """
    first, begun = read(), clock()
    if first.holder is None:
        raise SyncError("No daemon is at work.", hint="Look at the log of `sync-pipeline up`.")
    while read().count == first.count:
        if clock() - begun > first.holder.lease_seconds:
            raise SyncError(
                f"The daemon gives no sign of life: {first.who}.",
                hint="Look at the log of `sync-pipeline up` there.",
            )
        sleep(SECONDS_BETWEEN_LOOKS)


def _require_answer(port: int) -> None:
    """Ask for a page under the machine's own name; whatever the answer is, there is one.

    Raises:
        SyncError: there is none.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_TO_ANSWER)
    try:
        connection.request("GET", "/server_info", headers={"Host": f"localhost:{port}"})
        connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise SyncError(
            f"Nothing answers on port {port} of this machine ({type(error).__name__}).",
            hint="Look at the log of what should.",
        ) from None
    finally:
        connection.close()
