"""Signs of life of the three processes: how they are asked for, and what is made of them."""

from __future__ import annotations

import http.client
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dagster import DagsterInstance
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._daemon.types import DaemonHeartbeat
from dagster._grpc.client import DagsterGrpcClient

from sync_pipeline.orchestration.processes.services import Service
from sync_pipeline.workflows.watching.patience import Look, Patience

_LOG = logging.getLogger("sync_pipeline")
MOST_SECONDS_BETWEEN_LOOKS = 15.0
LOOKS_IN_SILENCE = 6
SECONDS_TO_ANSWER = 10.0
SHORTEST_OF_HEARTBEATS = 120.0
"""Dagster's scheduler gives one a minute: less would take a healthy one for gone."""
SECONDS_UNTIL_OTHERS_END = 45.0
"""What Dagster's daemons write after ours was started may be the last words of one that ended."""
PROCESS = "process"
Looks = Mapping[str, Look]


def look_seconds(silence_seconds: float) -> float:
    """Return the time between two looks."""
    return min(MOST_SECONDS_BETWEEN_LOOKS, silence_seconds / LOOKS_IN_SILENCE)


@dataclass(slots=True)
class Doctor:
    """Looks at one service from a thread of its own; `judge` is called by its keeper.

    `probe` returns a look by the name of a sign; several are those of its threads.
    """

    service: Service
    probe: Callable[[], Looks]
    silence_seconds: float
    _found: queue.SimpleQueue[tuple[int, float, Looks]] = field(default_factory=queue.SimpleQueue)
    _patience: dict[str, Patience] = field(default_factory=dict)
    _starts: int = 0

    def watch(self, ended: threading.Event) -> None:
        """Look until `ended` is set."""
        name = f"signs of the {self.service.name}"
        threading.Thread(target=self._look, args=(ended,), name=name, daemon=True).start()

    def judge(self) -> bool:
        """Return whether the service is to be replaced, and say so."""
        if self.service.starts != self._starts:
            self._starts = self.service.starts
            for patience in self._patience.values():
                patience.started()
        while not self._found.empty():
            starts, now, looks = self._found.get()
            if starts == self._starts:
                for name, look in looks.items():
                    self._of(name).see(look, now)
        silent = {name: item for name, item in self._patience.items() if item.is_over}
        if not silent:
            return False
        threads = ", ".join(sorted(silent.keys() - {PROCESS}))
        _LOG.warning(
            "The %s gave no sign of life for %.0f seconds%s; replacing it.",
            self.service.name,
            max(item.silent_for for item in silent.values()),
            f" ({threads})" if threads else "",
        )
        for patience in self._patience.values():
            patience.replaced()
        return True

    @property
    def is_silent(self) -> bool:
        """Return whether the service did not answer when it was last asked."""
        return any(item.silent_for for item in self._patience.values())

    def _of(self, name: str) -> Patience:
        if name not in self._patience:
            silence = self.silence_seconds
            if name != PROCESS:
                silence = max(silence, SHORTEST_OF_HEARTBEATS)
            self._patience[name] = Patience(silence, look_seconds(self.silence_seconds))
        return self._patience[name]

    def _look(self, ended: threading.Event) -> None:
        while not ended.wait(look_seconds(self.silence_seconds)):
            if self.service.is_running:
                starts = self.service.starts
                try:
                    looks = self.probe()
                except Exception as error:  # noqa: BLE001 - of a library: no sign either way
                    _LOG.warning("The %s could not be looked at: %s", self.service.name, error)
                    looks = {PROCESS: Look.BLIND}
                self._found.put((starts, time.monotonic(), looks))


@dataclass(frozen=True, slots=True)
class WebserverProbe:
    """Asks the webserver for its version; whatever it answers is a sign."""

    host: str
    port: int

    def __call__(self) -> Looks:
        """Return what was found."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        connection = http.client.HTTPConnection(host, self.port, timeout=SECONDS_TO_ANSWER)
        try:
            headers = {"Host": f"localhost:{self.port}"}
            connection.request("GET", "/server_info", headers=headers)
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return {PROCESS: Look.SILENT}
        finally:
            connection.close()
        return {PROCESS: Look.ALIVE}


@dataclass(frozen=True, slots=True)
class CodeServerProbe:
    """Asks the code server who it is, and tells it that its keeper is there."""

    socket: str

    def __call__(self) -> Looks:
        """Return what was found."""
        client = DagsterGrpcClient(socket=self.socket)
        try:
            client.get_server_id(timeout=int(SECONDS_TO_ANSWER))
            client.heartbeat()
        except DagsterUserCodeUnreachableError:
            return {PROCESS: Look.SILENT}
        return {PROCESS: Look.ALIVE}


@dataclass(slots=True)
class DaemonProbe:
    """Hears the process on its line, and reads the heartbeats of its threads in the storage.

    A heartbeat of a daemon that is not ours is told to `beside`: somebody started it by hand.
    There is room for one in the storage, so while there is another daemon ours is not judged
    by them; neither while the code server does not answer, which the threads wait for.
    """

    instance: Callable[[], DagsterInstance]
    service: Service
    is_blind: Callable[[], bool]
    beside: Callable[[str], None]
    _starts: int = 0
    _since: float = 0.0
    _own: str = ""
    _types: Sequence[str] = ()
    _times: dict[str, float] = field(default_factory=dict)

    def __call__(self) -> Looks:
        """Return what was found."""
        if self.service.starts != self._starts:
            self._starts, self._since = self.service.starts, time.monotonic()
            self._own = ""
            self._times.clear()
        line = self.service.line
        words = line.heard() if line else []
        for word in words:
            if word.startswith("id "):
                self._own = word.removeprefix("id ")
        process = Look.ALIVE if words else Look.SILENT
        return {**self._threads(), PROCESS: process}

    def _threads(self) -> Looks:
        types: Sequence[str] = ()
        try:
            instance = self.instance()
            types = instance.get_required_daemon_types()
            found = instance.get_daemon_heartbeats()
        except Exception:  # noqa: BLE001 - Dagster's storages have errors of their own
            return dict.fromkeys(types or self._types, Look.BLIND)
        self._types = types
        new = {
            kind: beat for kind, beat in found.items() if self._times.get(kind) != beat.timestamp
        }
        is_first = not self._times
        self._times = {kind: beat.timestamp for kind, beat in found.items()}
        if self._notice_others(new, is_first=is_first) or self.is_blind():
            return dict.fromkeys(types, Look.BLIND)
        own = {kind for kind, beat in new.items() if beat.daemon_id == self._own}
        return {kind: Look.ALIVE if kind in own else Look.SILENT for kind in types}

    def _notice_others(self, new: Mapping[str, DaemonHeartbeat], *, is_first: bool) -> bool:
        """Return whether one of the new heartbeats is another daemon's, and tell of it."""
        is_early = time.monotonic() - self._since < SECONDS_UNTIL_OTHERS_END
        if not self._own or is_first or is_early:
            return False
        others = {beat.daemon_id for beat in new.values() if beat.daemon_id != self._own}
        for other in sorted(str(item) for item in others):
            self.beside(other)
        return bool(others)
