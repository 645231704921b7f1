"""The process that tells the news is killed at any moment: nothing is missing, nothing is doubled.

A real process, a real web server, a store of each kind. What may come twice is a message whose
answer was not noted, and then it has the same key.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import Instance
from sync_pipeline.store.store import Store
from workbench.benches.alerts_bench import happen
from workbench.benches.store_bench import START, StoreBench
from workbench.running.system import environment_of
from workbench.servers.inboxes import WebInbox, web_inbox

PATIENCE = 60.0
KILLS = 4
pytestmark = pytest.mark.long


@dataclass
class Daemon:
    """Starts the process on one home, after the moment at which the last one ended."""

    store: Store
    home: Path
    web: WebInbox
    now: float = START.timestamp()
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, place: str) -> subprocess.Popen[str]:
        self.now += 3600  # What a process that was killed kept others from is over.
        environment = {
            **environment_of(self.home),
            "SYNC_PIPELINE_STORE_URL": self.store._database.url.render_as_string(False),
            "SYNC_PIPELINE_ALERT_WEBHOOK_URL": self.web.url,
            "SYNC_PIPELINE_ALERT_OLDEST_HOURS": "8000",
        }
        command = [sys.executable, "-m", "workbench.running.news_daemon", place, str(self.now)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.running.append(process)
        return process

    def dies(self, place: str) -> None:
        process = self.start(place)
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == -9, said

    def heard(self) -> list[tuple[str, str]]:
        """Return each event that arrived, with the key of its message."""
        return [
            (event["subject"], post["message_id"])
            for post in self.web.posted
            for event in post["events"]
        ]

    def wait_for(self, subjects: set[str]) -> None:
        until = time.monotonic() + PATIENCE
        while {subject for subject, _ in self.heard()} < subjects and time.monotonic() < until:
            time.sleep(0.05)

    def is_done(self) -> bool:
        states = self.store.outbox.states(START + timedelta(days=3000))
        return all(state.waiting == 0 for state in states.values())

    def wait_until_done(self) -> None:
        until = time.monotonic() + PATIENCE
        while not self.is_done() and time.monotonic() < until:
            time.sleep(0.05)
        assert self.is_done()


@contextmanager
def daemon_of(store: Store, home: Path) -> Iterator[Daemon]:
    with web_inbox() as web:
        daemon = Daemon(store, home, web)
        try:
            yield daemon
        finally:
            for process in daemon.running:
                end(process)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()


def write(store: Store, instance: Instance, *subjects: str) -> None:
    found = [
        Event(EventKind.POWER_GAINED, Severity.HIGH, instance.id, instance.name, START, "a", name)
        for name in subjects
    ]
    happen(store, *found)


@pytest.mark.parametrize(("place", "times"), [("taking", 1), ("sending", 1), ("noting", 2)])
def test_a_kill_between_write_and_note(
    store: Store, tmp_path: Path, place: str, times: int
) -> None:
    (instance,) = StoreBench(store).fleet("db")
    write(store, instance, "one", "two")
    with daemon_of(store, tmp_path) as daemon:
        daemon.dies(place)
        assert len(daemon.web.posted) == times - 1
        daemon.start("nowhere")
        daemon.wait_for({"one", "two"})
        daemon.wait_until_done()
        write(store, instance, "three")
        daemon.wait_for({"one", "two", "three"})
        daemon.wait_until_done()
        heard = daemon.heard()
    counts = Counter(subject for subject, _ in heard)
    # Only where the answer was lost it came twice, as the same message.
    assert counts == {"one": times, "two": times, "three": 1}
    assert len({key for subject, key in heard if subject != "three"}) == 1


def test_kills_at_any_moment(store: Store, tmp_path: Path) -> None:
    (instance,) = StoreBench(store).fleet("db")
    chance = random.Random(60)
    written: list[str] = []
    with daemon_of(store, tmp_path) as daemon:
        daemon.web.seconds = 0.05
        for number in range(KILLS):
            process = daemon.start("nowhere")
            for part in range(4):
                written.append(f"{number}.{part}")
                write(store, instance, written[-1])
                if part == 0:
                    daemon.wait_for(set(written))  # It is at work now.
                time.sleep(chance.random() * 0.15)
            end(process)
        daemon.start("nowhere")
        daemon.wait_for(set(written))
        daemon.wait_until_done()
        heard = daemon.heard()
        posts = list(daemon.web.posted)
    keys = [post["message_id"] for post in posts]
    for subject, count in Counter(subject for subject, _ in heard).items():
        # Twice is the same message, sent again because its answer was not noted.
        assert len({key for own, key in heard if own == subject}) == 1
        assert count <= keys.count(next(key for own, key in heard if own == subject))
    assert {subject for subject, _ in heard} == set(written)
    assert len(keys) - len(set(keys)) <= KILLS
    first = list(dict.fromkeys(subject for subject, _ in heard))
    assert first == written
