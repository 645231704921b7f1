"""Sessions of Oracle, each with its driver in a process of its own.

python-oracledb's compiled code believes what a server sends: messages that are not sound
end or hold its process.
"""

from __future__ import annotations

import socket

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.wire.connection import CLIENT
from sync_pipeline.engines.oracle.wire.errors import Attempt, connect_error, handshake_timeout
from sync_pipeline.engines.wire.calls import Call, CallTimeout
from sync_pipeline.engines.wire.child import ChildConnection, connect_in_child

OPENER = "sync_pipeline.engines.oracle.wire.connection:connect"


def connect(target: Target, service: str) -> ChildConnection:
    """Open a connection within the instance's limit for connecting.

    Raises:
        SyncError: as `connection.connect`, or what became of the driver's process.
    """
    if CLIENT not in target.options:
        _check_name(Attempt(target, service))
    return connect_in_child(OPENER, target, service)


def _check_name(attempt: Attempt) -> None:
    """Find the host before a process is begun for it: names of old hosts cost none.

    Oracle's client libraries may know the name from elsewhere.
    """
    target, instance = attempt.target, attempt.target.instance
    call = Call(
        lambda: socket.getaddrinfo(instance.host, instance.port, type=socket.SOCK_STREAM),
        name=f"oracle {instance.name}",
    )
    try:
        call.result(target.connect_seconds, lambda: None)
    except CallTimeout:
        raise handshake_timeout(attempt) from None
    except (OSError, UnicodeError) as error:
        raise connect_error(error, attempt) from None
