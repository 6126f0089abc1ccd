"""Requests that receive an upload now: one for each upload, and a later one ends the earlier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_UNTIL_OVER = 20.0
_MOMENT = 0.2
"""Seconds that a question waits for a request whose cut may be unread behind its last bytes."""

_SELDOM = 0.2
"""Seconds for which the clock of a request that brings bytes stays as it was set."""


class Arrival:
    """One request that receives bytes of an upload; a later request has a greater ``number``."""

    def __init__(self, number: int) -> None:
        """Begin; must be called in a running event loop."""
        self.number = number
        self.ended = False
        self.over = asyncio.Event()
        self._heard = _now()
        self._settling = False
        self._limit: asyncio.Timeout | None = None
        self._set_at = 0.0

    @asynccontextmanager
    async def patience(self, seconds: float) -> AsyncIterator[None]:
        """Raise TimeoutError ``seconds`` after the last piece, or once the arrival is ended.

        The clock is set a few times a second, not for each piece, and may ring that much later.
        """
        self.refuse_ended()
        async with asyncio.timeout(seconds) as self._limit:
            yield

    def heard(self, seconds: float | None) -> None:
        """A piece came: wait for the next one for ``seconds``; None: for the disk, unlimited."""
        self.refuse_ended()
        self._heard = _now()
        assert self._limit is not None
        if seconds is None:
            self._limit.reschedule(None)
            self._set_at = 0.0
        elif self._heard - self._set_at > _SELDOM:
            self._limit.reschedule(self._heard + seconds + _SELDOM)
            self._set_at = self._heard

    def settle(self) -> None:
        """From here on nothing ends the arrival: all its bytes are there."""
        self._settling = True

    def refuse_ended(self) -> None:
        """Raise TimeoutError where another request ended this one."""
        if self.ended:
            raise TimeoutError

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing came for so long, and more was to come."""
        return not self._settling and _now() - self._heard > seconds

    async def end(self) -> bool:
        """Let it save what it has, and wait; whether it is over."""
        if not self._settling:
            self.ended = True
            if self._limit is not None:
                with suppress(RuntimeError):  # it ends by itself now
                    self._limit.reschedule(_now())
        return await self.is_over_within(_UNTIL_OVER)

    async def is_over_within(self, seconds: float) -> bool:
        """Wait for its end for so long; whether it is over."""
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            return False
        return True


class Arrivals:
    """The arrivals of one process, by upload."""

    def __init__(self) -> None:
        """Begin with none."""
        self._now: dict[str, Arrival] = {}

    @asynccontextmanager
    async def taking_over(self, upload_id: str, number: int) -> AsyncIterator[Arrival | None]:
        """Be the one that receives, after the earlier one ended.

        None where that does not end, or a later request receives: its client gave this one up.
        """
        while other := self._now.get(upload_id):
            if other.number > number or not await other.end():
                yield None
                return
        arrival = self._now[upload_id] = Arrival(number)
        try:
            yield arrival
        finally:
            del self._now[upload_id]
            arrival.over.set()

    async def is_receiving(self, upload_id: str, hush: float) -> bool:
        """Whether a request receives now; one that is silent for ``hush`` seconds is ended.

        Any other has a moment to end by itself.
        """
        if arrival := self._now.get(upload_id):
            over = arrival.end() if arrival.is_silent(hush) else arrival.is_over_within(_MOMENT)
            await over
        return upload_id in self._now

    async def end(self, upload_id: str) -> bool:
        """End the request that receives, if any; whether none receives now."""
        arrival = self._now.get(upload_id)
        return arrival is None or await arrival.end()

    async def end_all(self) -> None:
        """End all that receive, each after it saved what it has."""
        await asyncio.gather(*(arrival.end() for arrival in list(self._now.values())))

    def __contains__(self, upload_id: object) -> bool:
        """Whether a request receives bytes of an upload, silent or not."""
        return upload_id in self._now


def _now() -> float:
    return asyncio.get_running_loop().time()
