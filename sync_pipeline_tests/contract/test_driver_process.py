"""A driver's process that dies, hangs or grows costs its own instance, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.engines.oracle.engine import Oracle
from sync_pipeline.engines.wire.child import ChildConnection, connect_in_child, memory_bytes
from sync_pipeline.errors import (
    ConnectError,
    ConnectReason,
    MemoryExhausted,
    QueryTimeout,
    SyncError,
)
from sync_pipeline.model.instance import EngineName
from workbench.servers import tns
from workbench.servers.rogue.listening import rogue
from workbench.servers.rogue.passwords_oracle import asking
from workbench.servers.rogue.victim import PASSWORD, target, tried

OPENER = "workbench.servers.openers:opened"
PATIENCE_SECONDS = 20.0


def children(process: int) -> set[int]:
    """Return the processes of drivers that a process has begun, zombies too."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            line = (folder / "cmdline").read_bytes()
            is_zombie = ") Z " in (folder / "stat").read_text()
        except (OSError, IndexError):
            continue
        if parent == process and (b"child_main" in line or is_zombie):
            found.add(int(folder.name))
    return found


def until_one(process: int) -> int:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        if found := children(process):
            return found.pop()
        time.sleep(0.02)
    pytest.fail("no process of a driver was begun")


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    before = children(os.getpid())
    yield
    assert children(os.getpid()) <= before


@pytest.fixture
def session() -> Iterator[ChildConnection]:
    opened = connect_in_child(OPENER, target(EngineName.ORACLE, 1), None)
    yield opened
    opened.close()


def test_a_death_is_told_and_the_others_go_on() -> None:
    with (
        tns.listener(tns.silent) as silent,
        tns.listener(tns.refusing(12514)) as good,
        ThreadPoolExecutor(2) as pool,
    ):
        dying = pool.submit(tried, target(EngineName.ORACLE, silent))
        os.kill(until_one(os.getpid()), signal.SIGSEGV)
        other = pool.submit(tried, target(EngineName.ORACLE, good))
        with pytest.raises(SyncError) as caught:
            dying.result(PATIENCE_SECONDS)
        with pytest.raises(ConnectError, match="ORA-12514"):
            other.result(PATIENCE_SECONDS)
    assert str(caught.value).startswith(
        "rogue: The driver's process ended with signal 11 (SIGSEGV) while it read the answer of "
        f"127.0.0.1:{silent}."
    )
    assert caught.value.kind == "query"


def test_a_crash_of_compiled_code_is_told(session: ChildConnection) -> None:
    with pytest.raises(SyncError, match=r"^rogue: .* signal 11 \(SIGSEGV\)"):
        session.fetch("jump")


def test_what_holds_the_process_is_killed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_pipeline.engines.wire.child.STATEMENT_MARGIN_SECONDS", 0)
    short = replace(target(EngineName.ORACLE, 1), statement_seconds=0.5)
    opened = connect_in_child(OPENER, short, None)
    started = time.monotonic()
    with pytest.raises(QueryTimeout, match=r"^rogue: .*0\.5 seconds"):
        opened.fetch("hold")
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert children(os.getpid()) == set()


@pytest.mark.parametrize("work", ["hold", "spin"])
def test_another_thread_ends_it(session: ChildConnection, work: str) -> None:
    threading.Timer(0.2, session.abort).start()
    with pytest.raises(ConnectError) as caught:
        session.fetch(work)
    assert caught.value.reason is ConnectReason.LOST


def test_the_memory_of_a_driver_has_a_limit(session: ChildConnection) -> None:
    most = memory_bytes(target(EngineName.ORACLE, 1).limits) // 2**20
    with pytest.raises(MemoryExhausted, match=f"^rogue: .* limit of {most} MiB of memory"):
        session.fetch("grow")


def test_no_secret_and_no_file_is_inherited(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_SECRET_KEY", "the-key-of-all")
    monkeypatch.setenv("AWS_SECRET", "the-key-of-all")
    with (tmp_path / "private").open("w") as private:
        os.set_inheritable(private.fileno(), True)
        opened = connect_in_child(OPENER, target(EngineName.ORACLE, 1), None)
        (row,) = opened.fetch("tell")
        opened.close()
    assert "the-key-of-all" not in row["all"]
    assert PASSWORD not in row["all"]
    assert "private" not in row["all"]
    assert row["files"] <= 6  # three of none, the link, the life pipe, the listing itself
    assert row["core"] in ("0", "1")


def test_a_process_that_makes_no_sense_is_ended(session: ChildConnection) -> None:
    with pytest.raises(SyncError, match=r"^rogue: The driver's process did not make sense"):
        session.fetch("lie")
    assert children(os.getpid()) == set()


def test_rows_keep_their_types(session: ChildConnection) -> None:
    given = {"a": "x\ud800\x00", "b": b"\xff", "c": 2**70, "d": None, "e": 0.1}
    assert session.fetch("rows", given) == [given] * 1200


PARENT = """
import sys
from sync_pipeline.engines.wire.child import connect_in_child
from sync_pipeline.model.instance import EngineName
from workbench.servers.rogue.victim import target
opened = connect_in_child(sys.argv[1], target(EngineName.ORACLE, 1, total=600), None)
print("open", flush=True)
opened.fetch(sys.argv[2])
"""


@pytest.mark.parametrize("work", ["hold", "spin"])
def test_a_parent_that_is_killed_leaves_no_child(work: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, OPENER, work], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"open\n"
        child = until_one(parent.pid)
        time.sleep(0.2)
        parent.kill()
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        stat = Path(f"/proc/{child}/stat")
        try:
            if ") Z " in stat.read_text():
                return  # of whoever reaps orphans on this machine
        except OSError:
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child went on")


def test_two_billion_rounds_end_in_time() -> None:
    with rogue(asking("endless")) as heard:
        wanted = target(EngineName.ORACLE, heard.port)
        timeouts = replace(wanted.instance.timeouts, connect_seconds=1.5)
        wanted = replace(wanted, instance=replace(wanted.instance, timeouts=timeouts))
        started = time.monotonic()
        with pytest.raises(ConnectError) as caught:
            Oracle().connect(wanted)
    assert caught.value.reason is ConnectReason.TIMEOUT
    assert heard.asked
    assert time.monotonic() - started < PATIENCE_SECONDS
