"""A store whose files can't be read or written: every command says what is in the way."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.store.store import Store
from workbench.benches.command import Command
from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer
from workbench.servers.small_disk import (
    SmallDisk,
    is_one_sentence_of_a_full_disk,
    small_disk,
)

KIB = 1024
CREDENTIAL = ("credentials", "add", "c", "--username", "u", "--reference", "env:PATH")


@pytest.fixture
def disk(tmp_path: Path, command: Command) -> Iterator[SmallDisk]:
    """A small disk that the command's home is on, with a credential in it."""
    with small_disk(tmp_path / "disk", 4 * 1024 * KIB) as disk:
        command.home = disk.path / "home"
        command.patch.setenv("SYNC_PIPELINE_HOME", str(command.home))
        command.ok(*CREDENTIAL)
        yield disk
        command.close()


EVERY_READ = [
    ("instances", "list"),
    ("instances", "show", "x"),
    ("credentials", "list"),
    ("credentials", "add", "d", "--username", "u", "--reference", "env:PATH"),
    ("sessions", "list"),
    ("accounts", "list"),
    ("capacity", "top"),
    ("maintenance", "list"),
    ("metrics",),
    ("run", "account-sync"),
    ("run", "aggregation"),
    ("backfill", "--period", "day", "--from", "2026-01-01", "--to", "2026-01-02"),
]


def test_every_command_says_what_is_full(disk: SmallDisk, command: Command) -> None:
    disk.fill()
    for arguments in EVERY_READ:
        said = command.run(*arguments)
        assert said.status == 3, (arguments, said)
        assert is_one_sentence_of_a_full_disk(said.err), (arguments, said)
    disk.free()
    command.ok("instances", "list")


def test_a_file_system_that_is_read_only(disk: SmallDisk, command: Command) -> None:
    disk.remount("ro")
    said = command.run("instances", "list")
    disk.remount("rw")
    assert said.status == 3
    assert "read-only" in said.err.lower()
    assert "Mount its file system for writing" in said.err


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Set a limit of this process, as `ulimit` does."""
    before = resource.getrlimit(kind)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_limit_of_open_files(command: Command) -> None:
    """One file more each time, until the command has what it needs."""
    command.ok(*CREDENTIAL)
    said = set()
    for more in range(60):
        lowest = os.dup(0)
        os.close(lowest)
        with limited(resource.RLIMIT_NOFILE, lowest + more):
            answer = command.run("credentials", "list")
        said.add(answer.status)
        if not answer.status:
            break
        assert answer.status in (2, 3), (more, answer)
        assert len(answer.err.splitlines()) == 1, (more, answer)
        words = ("may open no more files", "Too many open files")
        assert any(text in answer.err for text in words), (more, answer)
    assert {0, 3} <= said


def test_a_limit_of_file_sizes(command: Command) -> None:
    command.ok(*CREDENTIAL)
    for most in (0, 4 * KIB, 16 * KIB):
        with limited(resource.RLIMIT_FSIZE, most):
            answer = command.run("credentials", "add", f"c{most}", *CREDENTIAL[3:])
        assert answer.status == 3, (most, answer)
        assert len(answer.err.splitlines()) == 1, (most, answer)
        assert "does not answer: " in answer.err, (most, answer)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("53100", "its disk is full"), ("58030", "its disk reports an error")],
)
def test_a_server_whose_disk_is_full(
    postgresql_server: RunningServer, state: str, expected: str
) -> None:
    """A trigger stands in for the disk: the server answers with the same SQLSTATE."""
    with store_database(postgresql_server) as url:
        store = Store.open(url)
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{state}'; END $$"
            )
            connection.execute(
                "CREATE TRIGGER full_disk BEFORE DELETE ON credentials "
                "FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"
            )
        with pytest.raises(StoreUnavailable, match=expected), store._database.write() as writing:
            writing.exec_driver_sql("DELETE FROM credentials")
        store.close()


def test_a_server_that_takes_no_writes(postgresql_server: RunningServer) -> None:
    """As one that became a standby."""
    with store_database(postgresql_server) as url:
        store = Store.open(url)
        store.close()
        name = url.rpartition("/")[2]
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        store = Store.open(url)
        with pytest.raises(StoreUnavailable, match="it is read-only"), store._database.write() as w:
            w.exec_driver_sql("DELETE FROM credentials")
        store.close()
