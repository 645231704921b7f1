"""The lease, kept by a thread of `up`; what changes is said in one line each."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.daemon_lease import RENEWALS, DaemonLease, Holder
from sync_pipeline.orchestration.processes.lifeline import steady
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.watching.leadership import Leadership

_LOG = logging.getLogger("sync_pipeline")
MOST_SECONDS_BETWEEN_STANDBY_LOOKS = 2.0
SECONDS_TO_END = 3.0
BEFORE_THE_LAST_SIGN = timedelta(minutes=5)
LONGEST_HOST = 255
_WORK, _AWAY = "work", "away"


@dataclass(slots=True)
class Keeper:
    """Takes the lease and keeps it, until it is told to give it back.

    `allow` is called with each renewal, with the moment (`steady`) until which the daemon may
    work. The store is opened when it first answers: the UI is there without it.
    """

    settings: Settings
    allow: Callable[[float], None]
    leadership: Leadership | None = None
    store: Store | None = None
    me: Holder = field(init=False)
    _error: str = ""
    _told: str = ""
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        host = socket.gethostname()[:LONGEST_HOST]
        seconds = float(self.settings.daemon_lease_seconds)
        self.me = Holder(str(uuid4()), host, os.getpid(), seconds)

    def start(self) -> None:
        """Look for the first time, and then from a thread.

        Raises:
            ConfigurationError: the store can never be opened.
        """
        self._step()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def is_at_work(self) -> bool:
        """Return whether the daemon may work now."""
        return self.leadership is not None and self.leadership.is_at_work()

    def allow_now(self) -> None:
        """Tell the daemon until when it may work, where it may."""
        deadline = self.leadership.deadline if self.leadership else None
        if deadline is not None:
            self.allow(deadline)

    @property
    def ticks_since(self) -> datetime | None:
        """Return from when on ticks may have been missed; None where no daemon ever worked."""
        seen = self.leadership.lease if self.leadership else None
        return seen.renewed_at - BEFORE_THE_LAST_SIGN if seen and seen.renewed_at else None

    def announce(self) -> None:
        """Say what has changed since the last call, in one line."""
        leadership = self.leadership
        lease = leadership.lease if leadership else None
        holder = lease.holder if lease else None
        if leadership is not None and leadership.is_at_work():
            state = _WORK
        elif self._error:
            state = _AWAY
        elif holder is not None and holder.token != self.me.token:
            state = holder.token
        else:
            return
        if state != self._told:
            before, self._told = self._told, state
            self._say(state, before, lease)

    def release(self) -> None:
        """Give the lease back, so that who stands by takes over at once."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(SECONDS_TO_END)
        if self.leadership is not None:
            with suppress(StoreUnavailable):
                self.leadership.release()

    def has_successor(self) -> bool:
        """Return whether another one is at work."""
        try:
            lease = self.store.daemon_lease.read() if self.store else None
        except StoreUnavailable:
            return False
        return lease is not None and lease.holder is not None

    def note(self, write: Callable[[Store], None]) -> None:
        """Write something down with the lease, if the store answers."""
        with suppress(StoreUnavailable):
            if self.store is not None:
                write(self.store)

    def close(self) -> None:
        """Give the store back."""
        if self.store is not None:
            self.store.close()

    def _keep(self) -> None:
        seconds = self.me.lease_seconds / RENEWALS
        while True:
            is_held = self.leadership is not None and self.leadership.deadline is not None
            wait = seconds if is_held else min(seconds, MOST_SECONDS_BETWEEN_STANDBY_LOOKS)
            if self._ended.wait(wait):
                return
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - what is wrong is said, and tried again
                self._error = str(error)

    def _step(self) -> None:
        try:
            if self.leadership is None:
                self.store = Store.open(self.settings.effective_store_url)
                self.leadership = Leadership(self.store.daemon_lease, self.me, steady)
            self.leadership.step()
            self._error = ""
        except StoreUnavailable as error:
            self._error = str(error)
            return
        self.allow_now()

    def _say(self, state: str, before: str, lease: DaemonLease | None) -> None:
        seconds = self.me.lease_seconds
        who = lease.who if lease else "nobody"
        if state == _AWAY:
            _LOG.warning("The daemon stands still until the store answers. %s", self._error)
        elif state == _WORK and lease is not None and lease.holder is not None:
            _LOG.warning("Took over as the daemon at work from %s.", who)
        elif state == _WORK and before:
            _LOG.info("The daemon is at work here now.")
        elif state != _WORK and before == _WORK:
            _LOG.warning("The daemon here was stopped: its lease is over, and %s took over.", who)
        elif state != _WORK:
            _LOG.info(
                "Standing by: the daemon of this store is %s. This one shows the UI, and takes "
                "over when that one gives no sign for %.0f seconds.",
                who,
                lease.holder.lease_seconds if lease and lease.holder else seconds,
            )
