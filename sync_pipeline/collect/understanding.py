"""What a server answers may be anything: what can't be interpreted is an error of that query."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from sync_pipeline.engines.base import Connection, Engine
from sync_pipeline.errors import Phase, QueryError, SyncError
from sync_pipeline.model.snapshot import ServerIdentity

FRAMES = 12
_LOG = logging.getLogger(__name__)


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn whatever the interpretation of an answer raises into one sentence.

    Where it happened is logged, without the exception's text: that quotes the server.

    Raises:
        QueryError: the answer is not what the query asks for.
    """
    try:
        yield
    except (SyncError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - an answer can break an assumption anywhere
        where = "".join(traceback.format_tb(error.__traceback__, -FRAMES))
        name = type(error).__name__
        _LOG.warning("the answer to %s was not understood: %s\n%s", what, name, where)
        raise QueryError(
            f"The server's answer to {what} could not be understood ({name}).",
            phase=Phase.COLLECT,
            hint="Check what listens there. If it is sound, report it with the log: this is "
            "then a defect of sync_pipeline.",
        ) from None


def identified(engine: Engine, connection: Connection) -> ServerIdentity:
    """Return what a server says that it is.

    Raises:
        SyncError: UnsupportedServer, or QueryError where it says nothing that has a meaning.
    """
    with understood("the query of its identity"):
        server = engine.identify(connection)
        number, texts = server.version_number, [server.version]
        if server.tls is not None:
            texts.append(server.tls)
        is_sound = all(isinstance(item, str) for item in texts) and all(
            isinstance(item, int) for item in number
        )
        if not number or not is_sound:
            raise TypeError("an identity without a version")
        return server
