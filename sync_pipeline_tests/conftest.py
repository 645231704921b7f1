"""Fixtures of every test: the servers."""

from __future__ import annotations

pytest_plugins = [
    "sync_pipeline_tests.servers.fixtures_mysql",
    "sync_pipeline_tests.servers.fixtures_postgresql",
]
