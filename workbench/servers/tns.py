"""Listeners that speak a little of Oracle's network protocol, or nothing of it.

A TNS packet begins with its length (two bytes), two zero bytes, its type, a zero byte and
two more; type 4 refuses, type 11 asks for the same again. Source: the packets as python-oracledb's
thin mode reads them.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

Answer = Callable[[socket.socket], None]
REFUSE, RESEND = 4, 11
GARBAGE = bytes(range(100, 250)) * 8


def packet(kind: int, body: bytes) -> bytes:
    """Return a TNS packet."""
    return (len(body) + 8).to_bytes(2, "big") + b"\0\0" + bytes([kind, 0, 0, 0]) + body


def refusing(code: int) -> Answer:
    """Answer a connect packet as a listener does that can't serve it."""
    text = (
        f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code})"
        f"(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))"
    ).encode()

    def answer(link: socket.socket) -> None:
        link.recv(8192)
        link.sendall(packet(REFUSE, b"\x22\x00" + len(text).to_bytes(2, "big") + text))

    return answer


def silent(link: socket.socket) -> None:
    """Say nothing."""


def closing(link: socket.socket) -> None:
    """Hang up at once."""
    link.close()


def closing_after_question(link: socket.socket) -> None:
    """Hang up when the connect packet has come."""
    link.recv(8192)
    link.close()


def saying(text: bytes) -> Answer:
    """Say something at once that is not Oracle's."""
    return lambda link: link.sendall(text)


def unknown_packet(link: socket.socket) -> None:
    """Answer with a whole packet of a kind that does not exist."""
    link.recv(8192)
    link.sendall(packet(99, b"what is this" * 4))


def broken_refusal(link: socket.socket) -> None:
    """Refuse without saying why."""
    link.recv(8192)
    link.sendall(packet(REFUSE, b"\x22\x00" + (9).to_bytes(2, "big") + b"no reason"))


def asking_again(link: socket.socket) -> None:
    """Ask for the connect packet for ever, slowly enough to be no busy loop."""
    while link.recv(8192):
        time.sleep(0.05)
        link.sendall(packet(RESEND, b""))


def dripping(link: socket.socket) -> None:
    """Send one byte of a long answer at a time: every read gets something."""
    link.recv(8192)
    for byte in packet(REFUSE, b"x" * 4000):
        link.sendall(bytes([byte]))
        time.sleep(0.05)


@contextlib.contextmanager
def listener(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yield a port of which every connection is answered on a thread of its own."""
    links: list[socket.socket] = []
    handlers: list[threading.Thread] = []
    ended = threading.Event()

    def handle(link: socket.socket) -> None:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.callback(link.close)
            if context is not None:
                link = stack.enter_context(context.wrap_socket(link, server_side=True))
                links.append(link)
            answer(link)
            # What an answer does not close stays open, as with a server that hangs.
            ended.wait()

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = server.accept()
                links.append(link)
                handlers.append(threading.Thread(target=handle, args=(link,), daemon=True))
                handlers[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            ended.set()
            # A handler closes what it was given; a shutdown wakes one that still waits.
            for handler in handlers:
                while handler.is_alive():
                    for link in links:
                        with contextlib.suppress(OSError):
                            link.shutdown(socket.SHUT_RDWR)
                    handler.join(0.2)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port whose backlog is full: a new connection gets no answer to its SYN."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        time.sleep(0.1)
        yield server.getsockname()[1]
