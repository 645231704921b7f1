"""A server that runs, and what every kind of server needs to be started."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sync_pipeline.model.instance import EngineName

START_SECONDS = 60
FREEZE_SECONDS = 10


@dataclass(frozen=True)
class RunningServer:
    """One private server. Signals go to its main process."""

    engine: EngineName
    version: str
    host: str
    port: int
    admin_user: str
    admin_password: str
    database: str
    process: subprocess.Popen[bytes] = field(repr=False)
    directory: Path = field(repr=False)


def free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def as_user(name: str, command: Sequence[str]) -> list[str]:
    """Return a command that runs as `name` where we are root: servers refuse root."""
    if os.geteuid() != 0:
        return list(command)
    user = pwd.getpwnam(name)
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        *command,
    ]


def owned_directory(path: Path, user: str) -> Path:
    """Make an empty directory that `user` owns, below parents that it may enter."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        for parent in path.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    return path


def start(
    command: Sequence[str], log: Path, is_ready: Callable[[], bool]
) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers.

    Raises:
        RuntimeError: it ended, or did not answer in time; the message has its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended: {log.read_text(errors='replace')[-2000:]}")
        if is_ready():
            return process
        time.sleep(0.05)
    stop(process, signal.SIGKILL)
    raise RuntimeError(f"{command[0]} did not answer: {log.read_text(errors='replace')[-2000:]}")


def freeze(pid: int) -> None:
    """Stop a process, and wait until every thread of it has stopped: the signal does not."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + FREEZE_SECONDS
    while not all(map(_is_stopped, Path(f"/proc/{pid}/task").iterdir())):
        if time.monotonic() > deadline:
            raise RuntimeError(f"process {pid} did not stop")
        time.sleep(0.01)


def _is_stopped(thread: Path) -> bool:
    return (thread / "stat").read_text().rpartition(") ")[2].startswith("T")


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Signal a server and wait for its end; kill it when it does not."""
    process.send_signal(signal.SIGCONT)
    process.send_signal(how)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)
