"""Sessions that harm the process they are in, for the tests of a driver's process."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.wire.child_wire import packed


class Session:
    """What a statement says is done to the process."""

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Do it."""
        if sql == "hold":
            ctypes.PyDLL(None).sleep(100)  # holds Python's lock, as compiled code can
        if sql == "spin":
            while True:
                pass
        if sql == "grow":
            grown = [bytearray(2**24) for _ in range(2**12)]
            return [{"count": len(grown)}]
        if sql == "jump":
            ctypes.string_at(0)
        if sql == "lie":
            link = socket.socket(fileno=int(sys.argv[2]))
            link.sendall(packed({"rows": [[{}]], "columns": ["a"]}))
        if sql == "rows":
            return [dict(parameters or {})] * 1200
        files = [str(item.readlink()) for item in Path("/proc/self/fd").iterdir() if item.exists()]
        core = Path("/proc/self/limits").read_text().split("Max core file size")[1].split()[0]
        given = [dict(os.environ), sys.argv, sys.orig_argv, files]
        return [{"all": repr(given), "files": len(files), "core": core}]

    def abort(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def opened(target: Target, database: str | None) -> Session:
    """Open nothing."""
    return Session()
