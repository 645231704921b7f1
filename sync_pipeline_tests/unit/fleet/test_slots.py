"""Slots: limits that hold between threads and processes, and leak none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet import slots as slots_module
from sync_pipeline.fleet.slots import Limit, NoSlotInTime, Slots

HOLDER = """
import sys, time
from pathlib import Path
from sync_pipeline.fleet.slots import Limit, Slots
directory, most, count, end = sys.argv[1:]
with Slots(Path(directory)).held([Limit("host", "db", int(most))], int(count), 30):
    print("held", flush=True)
    time.sleep(float(end))
"""
COUNTER = """
import sys, os, time
from pathlib import Path
from sync_pipeline.fleet.slots import Limit, Slots
directory, most, turns, log = sys.argv[1:]
with open(log, "a", buffering=1) as lines:
    for _ in range(int(turns)):
        with Slots(Path(directory)).held([Limit("host", "db", int(most))], 1, 60):
            os.write(lines.fileno(), b"+")
            time.sleep(0.01)
            os.write(lines.fileno(), b"-")
"""


@contextmanager
def holder(directory: Path, most: int, count: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Hold slots in another process."""
    command = [sys.executable, "-c", HOLDER, str(directory), str(most), str(count), "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def is_free(directory: Path, limit: Limit, count: int = 1) -> bool:
    try:
        with Slots(directory).held([limit], count, 0):
            return True
    except NoSlotInTime:
        return False


def most_at_once(log: str) -> int:
    depth = most = 0
    for step in log:
        depth += 1 if step == "+" else -1
        most = max(most, depth)
    assert depth == 0
    return most


def test_a_killed_holder_leaks_nothing(tmp_path: Path) -> None:
    limit = Limit("host", "db", 2)
    with holder(tmp_path, 2, count=2) as process:
        assert not is_free(tmp_path, limit)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert is_free(tmp_path, limit, 2)


def test_a_holder_that_is_killed_lets_a_waiting_one_in(tmp_path: Path) -> None:
    with holder(tmp_path, 1) as process:
        threading.Timer(0.3, process.kill).start()
        began = time.monotonic()
        with Slots(tmp_path).held([Limit("host", "db", 1)], 1, 20):
            assert 0.2 < time.monotonic() - began < 10


def test_processes_never_pass_the_limit_together_and_use_it_up(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", COUNTER, str(tmp_path), "2", "12", str(log)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    steps = log.read_text()
    assert len(steps) == 4 * 12 * 2
    assert most_at_once(steps) == 2


def test_threads_never_pass_any_limit_and_all_get_their_turn(tmp_path: Path) -> None:
    """Three limits at once, takers of one and of two slots: nobody deadlocks or starves."""
    guard, held = threading.Lock(), dict.fromkeys(("x", "y", "one", "all"), 0)
    most = {"x": 2, "y": 2, "one": 2, "all": 3}
    seen: list[dict[str, int]] = []
    done: list[int] = []

    def work(number: int) -> None:
        host, count = "xy"[number % 2], 1 + (number % 3 == 0)
        names = {host: count, "one": min(count, 2), "all": count}
        limits = [Limit("host", host, 2), Limit("credential", "one", 2), Limit("all", "all", 3)]
        with Slots(tmp_path).held(limits, count, 60):
            with guard:
                held.update({name: held[name] + more for name, more in names.items()})
                seen.append(dict(held))
            time.sleep(0.005)
            with guard:
                held.update({name: held[name] - less for name, less in names.items()})
        done.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == list(range(24))
    assert all(state[name] <= most[name] for state in seen for name in most)
    assert max(state["one"] for state in seen) == 2


def test_who_wants_two_is_not_overtaken_for_ever_by_those_who_want_one(tmp_path: Path) -> None:
    limit, is_over = Limit("host", "db", 2), threading.Event()

    def one_after_another() -> None:
        while not is_over.is_set():
            with Slots(tmp_path).held([limit], 1, 30):
                time.sleep(0.01)

    threads = [threading.Thread(target=one_after_another) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with Slots(tmp_path).held([limit], 2, 20):
            pass
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_the_wait_ends_in_time_and_names_the_limit(tmp_path: Path) -> None:
    free, full = Limit("host", "db", 1), Limit("all", "all", 1)
    with Slots(tmp_path).held([full], 1, 0):
        began = time.monotonic()
        with pytest.raises(NoSlotInTime) as caught, Slots(tmp_path).held([free, full], 1, 0.4):
            pytest.fail("there was no room")
        assert 0.4 <= time.monotonic() - began < 2
        assert caught.value.limit == full
        assert is_free(tmp_path, free)  # nothing is kept by who gave up


def test_who_wants_more_than_there_are_takes_all(tmp_path: Path) -> None:
    limit = Limit("host", "db", 1)
    with Slots(tmp_path).held([limit], 2, 0):
        assert not is_free(tmp_path, limit)
    assert is_free(tmp_path, limit)


def test_an_error_in_the_block_gives_the_slots_back(tmp_path: Path) -> None:
    limit = Limit("host", "db", 1)
    with pytest.raises(ZeroDivisionError), Slots(tmp_path).held([limit], 1, 0):
        raise ZeroDivisionError
    assert is_free(tmp_path, limit)


def test_waiting_is_cheap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    locked = slots_module._locked
    monkeypatch.setattr(
        slots_module, "_locked", lambda held, path: looks.append(path) or locked(held, path)
    )
    limit = Limit("host", "db", 1)
    with Slots(tmp_path).held([limit], 1, 0):
        looks.clear()
        with pytest.raises(NoSlotInTime), Slots(tmp_path).held([limit], 1, 1):
            pytest.fail("there was no room")
    assert len(looks) < 25


def test_a_home_that_can_t_be_written_is_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with (
        pytest.raises(ConfigurationError, match="limits on connections can't be kept in"),
        Slots(blocked).held([Limit("host", "db", 1)], 1, 0),
    ):
        pytest.fail("it can't be")


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12))
@settings(suppress_health_check=list(HealthCheck), max_examples=40)
def test_slots_are_counted_truly_whatever_is_taken_and_given_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]]
) -> None:
    """What is held at any time decides alone whether another one gets its slots."""
    directory, limit = tmp_path_factory.mktemp("slots"), Limit("host", "db", 4)
    held: list[tuple[int, object]] = []
    for count, is_taken in steps:
        if not is_taken and held:
            _, context = held.pop(0)
            context.__exit__(None, None, None)  # type: ignore[attr-defined]
            continue
        fits = sum(number for number, _ in held) + count <= limit.most
        context = Slots(directory).held([limit], count, 0)
        if fits:
            context.__enter__()
            held.append((count, context))
        else:
            with pytest.raises(NoSlotInTime):
                context.__enter__()
    for _, context in held:
        context.__exit__(None, None, None)  # type: ignore[attr-defined]
    assert is_free(directory, limit, limit.most)


@given(st.text(max_size=60), st.text(max_size=60))
def test_every_name_has_a_folder_of_its_own(first: str, second: str) -> None:
    folders = {Limit("host", name, 1).folder for name in (first, second)}
    assert len(folders) == len({first, second})
    assert all(folder.count("/") == 1 and ".." not in folder.split("/") for folder in folders)
