"""A proxy to a server that changes what the server says, by a seed."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.servers.tns import listener

LATEST_BYTE = 6000
"""Later bytes of a conversation are as sound as they were."""
Change = Callable[[random.Random, bytes], bytes]


def flip(chance: random.Random, data: bytes) -> bytes:
    """Change one bit of the first byte."""
    return bytes([data[0] ^ (1 << chance.randrange(8))]) + data[1:]


def overwrite(chance: random.Random, data: bytes) -> bytes:
    """Change up to four bytes: what often is a length."""
    count = chance.randint(1, 4)
    value = chance.choice([b"\xff", b"\0", b"\x7f", b"\x80", bytes([chance.randrange(256)])])
    return value * min(count, len(data)) + data[count:]


def leave_out(chance: random.Random, data: bytes) -> bytes:
    """Leave some bytes out."""
    return data[chance.randint(1, 40) :]


def repeat(chance: random.Random, data: bytes) -> bytes:
    """Say some bytes again, now and then very often."""
    return data[: chance.randint(1, 60)] * chance.choice([2, 3, 20, 5000]) + data


def insert(chance: random.Random, data: bytes) -> bytes:
    """Put bytes of chance before."""
    return chance.randbytes(chance.randint(1, 40)) + data


def end(chance: random.Random, data: bytes) -> bytes:
    """Say nothing more of this."""
    return b""


CHANGES: tuple[Change, ...] = (flip, flip, overwrite, overwrite, leave_out, repeat, insert, end)


class Mutator:
    """Changes a stream at some places of chance."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        # Early bytes are changed more often: nothing is reached behind a broken login.
        count = self._chance.randint(1, 4)
        self._places = sorted(int(LATEST_BYTE * self._chance.random() ** 2.5) for _ in range(count))
        self._position = 0

    def __call__(self, data: bytes) -> bytes:
        """Return what takes the place of the next bytes."""
        out = b""
        end_of_data = self._position + len(data)
        while self._places and self._places[0] < end_of_data:
            offset = max(0, self._places.pop(0) - self._position)
            out += data[:offset]
            rest = data[offset:]
            self._position += offset
            data = self._chance.choice(CHANGES)(self._chance, rest) if rest else rest
            self._position = end_of_data - len(data)
        self._position = end_of_data
        return out + data


@contextmanager
def mutating(port: int, seed: int) -> Iterator[int]:
    """Yield a port that leads to another one of this machine, with changed answers."""

    def answer(link: socket.socket) -> None:
        mutator = Mutator(seed)
        with socket.create_connection(("127.0.0.1", port), 10) as server:
            asking = threading.Thread(target=_pass, args=(link, server, bytes), daemon=True)
            asking.start()
            _pass(server, link, mutator)
            asking.join()

    with listener(answer) as found:
        yield found


def _pass(source: socket.socket, sink: socket.socket, changed: Callable[[bytes], bytes]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(2**16):
            sink.sendall(changed(data))
    for link in (source, sink):
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
