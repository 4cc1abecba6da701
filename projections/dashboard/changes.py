"""What tells an open page that there is something new: one look a second at Postgres, for all pages."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

import psycopg
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from projections.dashboard.reader import Reader

LOOK_SECONDS = 1.0

STREAM_SECONDS = 900.0
"""After so long a stream ends, and the page asks for another: if its session is still one."""

MOST_STREAMS = 500
"""Pages at a time; each is a connection, of which a process has only so many."""

SILENCE_SECONDS = 15.0
"""After so long a comment is sent, so that whatever stands between does not close the connection."""

# Places alone would not do: of two drains the one with the later places may commit first. Both only grow.
_NEWEST = """
SELECT place, place + (SELECT coalesce(sum(moves), 0) FROM checkpoints)::bigint AS mark
FROM events ORDER BY place DESC LIMIT 1
"""


class Changes:
    """`newest` is a number that grows with every commit of events; None where none was or nobody can tell."""

    def __init__(self, reader: Reader) -> None:
        self.newest: int | None = None
        self._places: deque[tuple[float, int]] = deque(maxlen=60)
        self._reader = reader
        self._stopping = False
        self._streams = 0
        self._changed = asyncio.Condition()

    async def watch(self) -> None:
        """Look, until it is cancelled. While Postgres is away nothing is new."""
        while True:
            try:
                rows = await self._reader.rows(_NEWEST)
            except psycopg.Error:  # away, or its tables are not made yet
                self._places.clear()
            else:
                self._places.append((time.monotonic(), rows[0]["place"] if rows else 0))
                if rows and rows[0]["mark"] != self.newest:
                    self.newest = rows[0]["mark"]
                    await self._tell()
            await asyncio.sleep(LOOK_SECONDS)

    def a_minute_ago(self) -> tuple[int, float] | None:
        """The place of the newest event of up to a minute ago, and how many seconds ago that was; None while
        nobody can tell."""
        if not self._places:
            return None
        at, place = self._places[0]
        return place, time.monotonic() - at

    def stop(self) -> None:
        """End all streams: the process is to end."""
        self._stopping = True
        asyncio.get_running_loop().create_task(self._tell()).add_done_callback(lambda task: task.result())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def stream(self, _request: Request) -> Response:
        """Server-sent events: `changed`, with `newest`, now and whenever it is another."""
        if self._streams >= MOST_STREAMS:
            return PlainTextResponse("Too many pages are open.\n", 503, {"Retry-After": "60"})
        return StreamingResponse(self._lines(), media_type="text/event-stream")

    async def _lines(self) -> AsyncIterator[str]:
        self._streams += 1
        try:
            async for line in self._told(until=time.monotonic() + STREAM_SECONDS):
                yield line
        finally:
            self._streams -= 1

    async def _told(self, until: float) -> AsyncIterator[str]:
        told: int | None = None
        yield "retry: 2000\n\n"
        while not self._stopping and time.monotonic() < until:
            if told != self.newest:
                told = self.newest
                yield f"event: changed\nid: {told}\ndata: {told}\n\n"
            elif not await self._is_newer(told):
                yield ": still here\n\n"

    async def _is_newer(self, told: int | None) -> bool:
        """Wait until there is something newer than `told`, or nothing was for a while, or all is to end."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._stopping or told != self.newest)
        except TimeoutError:
            return False
        return True
