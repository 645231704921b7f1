"""Fixtures of every test: the servers. Whatever ends the tests, nothing they started stays."""

from __future__ import annotations

import atexit
import gc
import signal

import pytest
from hypothesis import settings

from workbench.servers.memory import use_memory
from workbench.servers.warden import Guard, guard

# How long an example takes says nothing on a shared machine. What decides whether a change lands
# asks the same of each change; `--hypothesis-profile search` looks for what was not tried yet.
settings.register_profile("search", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""As the programs that are tested (`runtime/garbage.py`): with Python's own 700, looking for
garbage was a third of the time in which pytest collects the tests, and a seventh of the rest."""
gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
# What pytest looks for when it is over, it has: Python need not take all apart.
atexit.register(gc.freeze)

pytest_plugins = [
    "sync_pipeline_tests.permitted_skips",
    "sync_pipeline_tests.spread",
    "workbench.servers.fixtures_made",
    "workbench.servers.fixtures_mysql",
    "workbench.servers.fixtures_postgresql",
    "workbench.servers.fixtures_sqlserver",
    "workbench.servers.fixtures_store",
    "workbench.servers.fixtures_versions",
]


class Guarded:
    """Tells the warden of this process when somebody interrupts the tests."""

    def __init__(self, warden: Guard) -> None:
        self._warden = warden

    def interrupt(self, *_: object) -> None:
        """Handle SIGINT: tests and fixtures end what they started, while the warden waits."""
        self._warden.interrupted()
        raise KeyboardInterrupt

    def pytest_keyboard_interrupt(self) -> None:
        """Called where a test has SIGINT handled in another way meanwhile."""
        self._warden.interrupted()


def pytest_configure(config: pytest.Config) -> None:
    """Guard what the tests start, hear SIGINT, and let what they start hear it.

    A shell that starts the tests in the background has them, and all that they start,
    ignore it: a `dagster dev` that a test stops would then leave its services behind.
    """
    use_memory()
    guarded = Guarded(guard())
    config.pluginmanager.register(guarded)
    signal.signal(signal.SIGINT, guarded.interrupt)
