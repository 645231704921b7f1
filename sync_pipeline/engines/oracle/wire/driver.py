"""Sessions of Oracle, each with its driver in a process of its own.

python-oracledb's compiled code believes what a server sends: messages that are not sound
end or hold its process.
"""

from __future__ import annotations

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.oracle.wire.connection import CLIENT
from sync_pipeline.engines.oracle.wire.errors import Attempt, connect_error
from sync_pipeline.engines.wire.child import ChildConnection, connect_in_child
from sync_pipeline.engines.wire.links import resolve

OPENER = "sync_pipeline.engines.oracle.wire.connection:connect"


def connect(target: Target, service: str) -> ChildConnection:
    """Open a connection within the instance's limit for connecting.

    Raises:
        SyncError: as `connection.connect`, or what became of the driver's process.
    """
    # A host is found before a process is begun for it: names of old hosts cost none. Oracle's
    # client libraries may know the name from elsewhere.
    if CLIENT not in target.options:
        instance = target.instance
        try:
            resolve(instance.host, instance.port, target.connect_seconds)
        except (OSError, UnicodeError) as error:
            raise connect_error(error, Attempt(target, service)) from None
    return connect_in_child(OPENER, target, service)
