"""Servers that start when a test first asks for one, and run until the tests end."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Generic

import pytest

from workbench.servers import debian
from workbench.servers.running import RunningServer
from workbench.servers.versions import Version

FAILURES = (debian.Unavailable, OSError, RuntimeError, subprocess.SubprocessError)


class StartedServers(Generic[Version]):
    """One server a version.

    One that another Debian release brings is asked for once, and skips with its reason where it
    can't be had or does not start. One that this machine has must start: else the test fails.
    """

    def __init__(
        self,
        product: str,
        stack: ExitStack,
        start: Callable[[Version], AbstractContextManager[RunningServer]],
        is_here: Callable[[Version], bool],
    ) -> None:
        self._product = product
        self._stack = stack
        self._start = start
        self._is_here = is_here
        self._running: dict[Version, RunningServer] = {}
        self._reasons: dict[Version, str] = {}

    def __getitem__(self, version: Version) -> RunningServer:
        if version not in self._running and version not in self._reasons:
            try:
                self._running[version] = self._stack.enter_context(self._start(version))
            except FAILURES as error:
                if self._is_here(version):
                    raise
                self._reasons[version] = " ".join(str(error).split())
        if version in self._reasons:
            pytest.skip(f"{self._product} {version} is not available: {self._reasons[version]}")
        return self._running[version]
