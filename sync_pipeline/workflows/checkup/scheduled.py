"""What runs by itself: the daemon's lease, Dagster's schedules and heartbeats, and its UI."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from sync_pipeline.certificates import client_context
from sync_pipeline.model.checkup import Check, State, fault, ok, warning
from sync_pipeline.model.daemon_lease import DaemonLease
from sync_pipeline.workflows.checkup.known import Asked, UnknownStore
from sync_pipeline.workflows.watching.freshness import overdue_now

PROGRAM = "sync_pipeline.orchestration.processes.checkup"
MOST_BYTES = 2**20
_START = "Start it: sync-pipeline up."
_SECONDS_OF_UI = 5.0
_CLOCKS_APART = 10.0


def look_at_daemon(asked: Asked) -> Iterator[Check]:
    """Yield whether a daemon is at work, by the lease in the store, and what is overdue."""
    try:
        asked.fleet()
    except UnknownStore:
        yield warning("daemon", "It is not known without the store.", "Mend the store first.")
        return
    look = asked.store()
    deps = asked.deps()
    try:
        lease = deps.store.daemon_lease.read()
        overdue = overdue_now(deps).overdue
    finally:
        deps.store.close()
    yield _daemon(asked, lease, timedelta(seconds=look.clock_ahead_seconds or 0.0))
    if overdue:
        first = ", ".join(sorted({item.watched.instance for item in overdue})[:3])
        yield warning(
            "freshness",
            f"{len(overdue)} syncs are overdue, such as of {first}.",
            "sync-pipeline alerts list",
        )


def _daemon(asked: Asked, lease: DaemonLease, ahead: timedelta) -> Check:
    seen = f"{lease.renewed_at:%Y-%m-%d %H:%M:%S} UTC" if lease.renewed_at else ""
    if lease.holder is None:
        if not seen:
            return warning("daemon", "None has been at work yet: nothing runs by itself.", _START)
        return fault("daemon", f"None is at work since {seen}: nothing runs by itself.", _START)
    silence = asked.clock() + ahead - lease.renewed_at if lease.renewed_at else timedelta(0)
    if silence > timedelta(seconds=lease.holder.lease_seconds):
        return fault("daemon", f"{lease.who.capitalize()} gives no sign since {seen}.", _START)
    return ok("daemon", f"At work: {lease.who}.")


def look_at_dagster(asked: Asked) -> Iterator[Check]:
    """Yield what Dagster's own storage says, by a process that has Dagster imported."""
    seconds = asked.seconds_left
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", PROGRAM],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # It writes nothing, not even what Python keeps of modules.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        yield fault(
            "schedules",
            f"Dagster's storage gave no answer in {seconds:.0f} s.",
            "Look whether its database answers; --seconds gives it longer.",
        )
        return
    finally:
        process.kill()
        process.communicate()
    yield from _said(said[:MOST_BYTES], process.returncode)


def _said(text: bytes, status: int) -> Iterator[Check]:
    try:
        found = [
            Check(item["name"], State(item["state"]), item["what"], item["todo"])
            for item in json.loads(text)
        ]
    except (ValueError, TypeError, KeyError):
        yield fault(
            "schedules",
            f"Dagster's storage could not be looked at (status {status}).",
            f"Run {sys.executable} -m {PROGRAM} and see what it says.",
        )
        return
    yield from found


def look_at_ui(asked: Asked) -> Iterator[Check]:
    """Yield whether Dagster's UI answers where the console's links lead."""
    address = asked.settings.console_dagster_ui
    if not address:
        return
    try:
        status, date = _answer(address)
    except (OSError, http.client.HTTPException, ValueError) as error:
        is_expected = _is_at_work_here(asked)
        said = warning if is_expected else ok
        yield said(
            "UI",
            f"Nothing answers at {address} ({type(error).__name__}).",
            "Set SYNC_PIPELINE_CONSOLE_DAGSTER_UI where `up` has another --port or --host."
            if is_expected
            else _START,
        )
        return
    apart = abs((date - asked.clock()).total_seconds()) if date else 0.0
    if apart > _CLOCKS_APART:
        yield warning(
            "UI",
            f"{address} answers, and its clock is {apart:.0f} s from this one.",
            "Let both follow the same time (chrony, systemd-timesyncd).",
        )
        return
    yield ok("UI", f"{address} answers (status {status}).")


def _is_at_work_here(asked: Asked) -> bool:
    try:
        asked.fleet()
    except UnknownStore:
        return False
    deps = asked.deps()
    try:
        holder = deps.store.daemon_lease.read().holder
    finally:
        deps.store.close()
    return holder is not None and holder.host == socket.gethostname()


def _answer(address: str) -> tuple[int, datetime | None]:
    """Return the status of an answer, and its date (RFC 9110, 6.6.1), which is to the second."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=_SECONDS_OF_UI, context=client_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_SECONDS_OF_UI)
    try:
        connection.request("GET", f"{parts.path}/server_info")
        answer = connection.getresponse()
        with suppress(ValueError):
            date = parsedate_to_datetime(answer.headers.get("date", ""))
            return answer.status, date if date.tzinfo else date.replace(tzinfo=UTC)
        return answer.status, None
    finally:
        connection.close()
