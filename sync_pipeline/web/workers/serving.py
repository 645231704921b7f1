"""What each process of the console does, and the one that keeps them."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, closing

import uvicorn

from sync_pipeline.callers import Authority
from sync_pipeline.settings import Settings, secret_variables
from sync_pipeline.web.app import MOST_AT_ONCE, MOST_WAITING, Limits, build_app
from sync_pipeline.web.pages import prepare
from sync_pipeline.web.punctual import punctual
from sync_pipeline.web.shares import Clients
from sync_pipeline.web.workers.board import Board, SharedRoom, SharedShares
from sync_pipeline.web.workers.keeper import Keeping, Lifeline
from sync_pipeline.web.workers.worker import Answering, bound_arenas, forget
from sync_pipeline.workflows.dependencies import SyncDeps

MOST_CONNECTIONS = 200
MOST_HEAD_BYTES = 65_536
MOST_PROCESSES = 4
SECONDS_OF_SILENCE = 10
SECONDS_TO_STOP = 5


def processes_of(settings: Settings) -> int:
    """Return how many processes answer."""
    if settings.console_processes is not None:
        return settings.console_processes
    can_tell = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if can_tell else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


def keep(
    listener: socket.socket,
    opened: Callable[[], AbstractContextManager[SyncDeps]],
    settings: Settings,
    allowed: frozenset[Authority],
    *,
    is_private: bool,
    lifeline: Lifeline | None = None,
) -> None:
    """Keep processes that answer over a store which each has `opened`, until a signal."""
    processes = processes_of(settings)
    board = Board(processes, MOST_CONNECTIONS, MOST_WAITING)
    clients, most = Clients(settings.console_proxies), settings.console_most_of_address

    def answer(number: int, line: socket.socket) -> None:
        bound_arenas()
        forget(secret_variables())
        limits = Limits(
            SharedRoom(board.requests, board.turns, number),
            SharedShares(board.shares, board.turns, number, most),
            board.failures,
            max(MOST_AT_ONCE // processes, 1),
        )
        with opened() as deps:
            app = build_app(deps, allowed, is_private=is_private, limits=limits)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                http=punctual(clients, most),
                ws="none",
                lifespan="off",
                # Who sends a request is not taken from what it says of itself.
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=SECONDS_OF_SILENCE,
                timeout_graceful_shutdown=SECONDS_TO_STOP,
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
            )
            Answering(config, line, number, board.beats, board.connections).run([])

    prepare()
    # What was imported stays in memory that all have in common: nobody looks there for garbage.
    gc.collect()
    gc.freeze()
    seconds = settings.silence_seconds
    with closing(board):
        Keeping(listener, board, processes, answer, clients, most, seconds, lifeline).run()
