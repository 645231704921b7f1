"""Who is worked for at once in a process: few, as long as what each asks is done soon.

Threads of one interpreter take its lock from each other thousands of times a second, and what each
reads pushes out of the processor what another one needs: of four that are at work together each
takes more CPU than alone, and the first has no answer until the last has it, too. One after the
other all take less, and the first has his answer in a quarter of the time. But nobody may wait for
a page that takes long, so whoever has been at work for a while gives his place to the next one, and
goes on beside him.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Place:
    """A place that somebody has, until he is done or has had it for long."""

    is_left: bool = False


@dataclass(slots=True)
class Desk:
    """So many `places`, which are had first come first; each for `seconds` at most.

    It is of one event loop.
    """

    places: int = 1
    seconds: float = 0.1
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _taken: int = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and have it within the block, or less long where that takes long."""
        await self._take()
        place = _Place()
        end = asyncio.get_running_loop().call_later(self.seconds, self._leave, place)
        try:
            yield
        finally:
            end.cancel()
            self._leave(place)

    async def _take(self) -> None:
        if self._taken < self.places:
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # It came together with the place.
            if turn.done() and not turn.cancelled():
                self._give_on()
            raise

    def _leave(self, place: _Place) -> None:
        if not place.is_left:
            place.is_left = True
            self._give_on()

    def _give_on(self) -> None:
        """Let the first who still waits have a place that is free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1
