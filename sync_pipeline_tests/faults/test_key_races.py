"""Processes that make keys, add secrets and die at one moment lose no secret."""

from __future__ import annotations

import fcntl
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.store.store import Store
from workbench.running.key_worker import opened

pytestmark = pytest.mark.long
WORKERS = 6
ROUNDS = 6
SECONDS_TO_OPEN = 0.3
Worker = subprocess.Popen[str]


def started() -> Worker:
    return subprocess.Popen(
        [sys.executable, "-m", "workbench.running.key_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ended(worker: Worker) -> None:
    worker.kill()
    worker.communicate()


@contextmanager
def ready(count: int) -> Iterator[list[Worker]]:
    found = [started() for _ in range(count)]
    try:
        for worker in found:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        yield found
    finally:
        for worker in found:
            ended(worker)


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    with ready(WORKERS) as found:
        yield found


def tell(worker: Worker, home: Path, do: str, name: str = "", at: float = 0) -> None:
    assert worker.stdin is not None
    order = {"home": str(home), "do": do, "name": name, "at": str(at)}
    order["secret"] = f"secret of {name}"
    worker.stdin.write(json.dumps(order) + "\n")
    worker.stdin.flush()


def answers(workers: Sequence[Worker]) -> list[str]:
    return [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout]


def secrets(home: Path) -> dict[str, str]:
    deps = opened(str(home))
    try:
        found = deps.store.registry.credentials()
        return {item.name: deps.vault.resolve(item.secret).reveal() for item in found}
    finally:
        deps.store.close()


def keys(home: Path) -> list[str]:
    return (home / "secret.key").read_text().split()


def home_of(directory: Path, number: int) -> Path:
    home = directory / f"home{number}"
    Store.open(f"sqlite:///{home / 'sync_pipeline.db'}").close()
    return home


def test_the_first_secrets_of_many_processes_share_one_key(
    workers: list[Worker], tmp_path: Path
) -> None:
    for number in range(ROUNDS):
        home = home_of(tmp_path, number)
        at = time.time() + SECONDS_TO_OPEN
        for place, worker in enumerate(workers):
            tell(worker, home, "add", f"c{place}", at)
        assert answers(workers) == ["done"] * WORKERS
        assert secrets(home) == {f"c{place}": f"secret of c{place}" for place in range(WORKERS)}
        assert len(keys(home)) == 1


def test_secrets_that_are_added_while_keys_are_made_stay_readable(
    workers: list[Worker], tmp_path: Path
) -> None:
    for number in range(ROUNDS):
        home = home_of(tmp_path, number)
        names = [f"c{place}" for place in range(WORKERS)]
        at = time.time() + SECONDS_TO_OPEN
        for place, worker in enumerate(workers):
            if place % 2:
                tell(worker, home, "rotate", at=at)
            else:
                tell(worker, home, "add", names[place], at)
        assert answers(workers) == ["done"] * WORKERS
        assert secrets(home) == {name: f"secret of {name}" for name in names[::2]}
        assert len(keys(home)) == len(set(keys(home))) >= WORKERS // 2


def test_of_two_that_add_one_name_the_first_one_keeps_it(
    workers: list[Worker], tmp_path: Path
) -> None:
    home = home_of(tmp_path, 0)
    at = time.time() + SECONDS_TO_OPEN
    for worker in workers:
        tell(worker, home, "add", "same", at)
    said = answers(workers)
    assert said.count("done") == 1
    assert sum("exists already" in item for item in said) == WORKERS - 1


def test_a_process_that_is_killed_while_it_makes_keys_loses_nothing(tmp_path: Path) -> None:
    home = home_of(tmp_path, 0)
    with ready(3) as victims:
        tell(victims[0], home, "add", "first")
        tell(victims[1], home, "add", "second")
        answers(victims[:2])
        chance = random.Random(7)
        for worker in victims:
            tell(worker, home, "rotate for ever")
        for worker in victims:
            time.sleep(chance.uniform(0.05, 0.4))
            ended(worker)
            assert secrets(home) == {"first": "secret of first", "second": "secret of second"}
    deps = opened(str(home))
    deps.vault.add_key()
    deps.store.close()
    assert not list(home.glob(".*.partial"))


def test_what_a_killed_process_left_of_a_key_file_is_taken_away(tmp_path: Path) -> None:
    vault = SecretVault("", tmp_path / "secret.key")
    vault.add_key()
    left = tmp_path / ".secret.key.0123456789abcdef.partial"
    left.write_text("a key")
    vault.add_key()
    assert not left.exists()


def test_a_waiter_gives_up_on_a_process_that_keeps_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_pipeline.fleet.keys.SECONDS_TO_WAIT", 0.1)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(ConfigurationError, match="another process holds its lock"):
        SecretVault("", tmp_path / "secret.key").add_key()
    os.close(descriptor)
    assert not list(tmp_path.iterdir())
