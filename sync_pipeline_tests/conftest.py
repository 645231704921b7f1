"""Fixtures of every test: the servers."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# How long an example takes says nothing on a shared machine.
settings.register_profile("sync_pipeline", deadline=None)
settings.load_profile("sync_pipeline")

pytest_plugins = [
    "sync_pipeline_tests.permitted_skips",
    "workbench.servers.fixtures_mysql",
    "workbench.servers.fixtures_postgresql",
    "workbench.servers.fixtures_sqlserver",
    "workbench.servers.fixtures_store",
    "workbench.servers.fixtures_versions",
]


def pytest_configure() -> None:
    """Hear SIGINT, and let what the tests start hear it.

    A shell that starts the tests in the background has them, and all that they start,
    ignore it: a `dagster dev` that a test stops would then leave its services behind.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, so that no worker is left alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
