"""Answers of Postgres, asked once for everybody who wants the same, and kept for as long as they are true."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from psycopg import errors
from psycopg.rows import DictRow

from projections.dashboard.changes import Changes
from projections.dashboard.reader import Query, Reader

LONGEST = 30.0
"""Seconds after which an answer is asked for anew although no event came: the clock moves figures, too."""

WORTH = 10
"""An answer that took a second is kept for ten although events came: or Postgres would do nothing else. One
that took too long is not asked for again as long, nor within LONGEST."""

OLDEST = timedelta(minutes=15)
"""An older answer is not shown while a newer one is waited for."""

MOST = 512

GRACE = 5.0
"""Seconds for which a question stays in the queue although nobody waits: a page that was sent without its
answer asks again at once."""

TOO_MUCH = (errors.QueryCanceled, errors.DiskFull, errors.OutOfMemory)
"""What Postgres says where a question takes more than it may."""


class Abandoned(Exception):
    """Nobody waited for it any more when its turn came: whoever asks again is answered."""


class Answer(NamedTuple):
    """Rows, up to which commit they are new (`Changes.newest`), and when they were asked for."""

    rows: list[DictRow]
    as_of: int | None
    at: datetime


@dataclass(eq=False)
class _Asked:
    """`began` is when it was asked, and then when it had its turn; `took` how long it took from there."""

    began: float
    task: "asyncio.Task[Answer] | None" = None
    took: float = 0.0
    waiting: int = 0
    as_of: int | None = None

    @property
    def resting_until(self) -> float:
        return self.began + self.took + max(self.took * WORTH, LONGEST)


class Answers:
    """Whoever asks what is just being asked waits for that. `at_once` are asked at a time."""

    def __init__(
        self, reader: Reader, changes: Changes, at_once: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._changes = changes
        self._clock = clock
        self._turns = asyncio.Semaphore(at_once)
        self._asked: dict[Hashable, _Asked] = {}
        self._last: dict[Hashable, Answer] = {}

    def last(self, query: Query, lasting: Hashable) -> Answer | None:
        """What was answered last to the same question, if that is not long ago."""
        answer = self._last.get((query, lasting))
        if answer is None or datetime.now(UTC) - answer.at > OLDEST:
            return None
        return answer

    def rest(self, query: Query, lasting: Hashable) -> float:
        """For how many seconds a question that took too long is not asked again."""
        asked = self._asked.get((query, lasting))
        return max(asked.resting_until - self._clock(), 0.0) if asked else 0.0

    def ask(
        self, query: Query, parameters: Mapping[str, Any], lasting: Hashable = None
    ) -> "asyncio.Task[Answer]":
        """A task; whoever does not wait any more cancels it.

        `lasting` is what stays of the parameters while time goes on: by it a question is the same, and `last`
        finds the answer. Raises psycopg.Error, for a while also where the last try took too much.
        """
        lasting = tuple(sorted(parameters.items())) if lasting is None else lasting
        asked = self._asked.get((query, lasting))
        if asked is None or not self._good(asked):
            asked = self._begin((query, lasting), query, parameters)
        assert asked.task is not None
        asked.waiting += 1
        waiter = asyncio.create_task(_answer(asked.task))
        waiter.add_done_callback(lambda done: self._left(asked, done))
        return waiter

    async def get(self, query: Query, parameters: Mapping[str, Any]) -> Answer:
        """Raises psycopg.Error."""
        return await self.ask(query, parameters)

    async def anew(self, query: Query, parameters: Mapping[str, Any]) -> list[DictRow]:
        """The rows as they are now, whatever was answered before. Raises psycopg.Error."""
        return await self._reader.rows(query, parameters)

    async def recent(self, query: Query, parameters: Mapping[str, Any], lasting: Hashable) -> Answer:
        """The last answer, while a newer one is asked for; raises psycopg.Error where there is none yet."""
        asked = self.ask(query, parameters, lasting)
        last = self.last(query, lasting)
        return await asyncio.shield(asked) if last is None else last

    def _begin(self, key: Hashable, query: Query, parameters: Mapping[str, Any]) -> _Asked:
        asked = _Asked(self._clock())
        asked.task = asyncio.create_task(self._in_turn(asked, key, query, parameters))
        asked.task.add_done_callback(_seen)
        _keep(self._asked, key, asked)
        return asked

    async def _in_turn(
        self, asked: _Asked, key: Hashable, query: Query, parameters: Mapping[str, Any]
    ) -> Answer:
        async with self._turns:
            now = self._clock()
            if not asked.waiting and now - asked.began > GRACE:
                raise Abandoned
            asked.began, asked.as_of, at = now, self._changes.newest, datetime.now(UTC)
            try:
                rows = await self._reader.rows(query, parameters)
            finally:
                asked.took = self._clock() - asked.began
        answer = Answer(rows, asked.as_of, at)
        _keep(self._last, key, answer)
        return answer

    def _good(self, asked: _Asked) -> bool:
        assert asked.task is not None
        if not asked.task.done():
            return True
        age = self._clock() - asked.began
        if asked.task.cancelled():
            return False
        if failure := asked.task.exception():
            return isinstance(failure, TOO_MUCH) and self._clock() < asked.resting_until
        return age < (LONGEST if asked.as_of == self._changes.newest else asked.took * WORTH)

    def _left(self, asked: _Asked, waiter: "asyncio.Task[Answer]") -> None:
        asked.waiting -= 1
        _seen(waiter)


async def _answer(asked: "asyncio.Task[Answer]") -> Answer:
    return await asyncio.shield(asked)


def _keep(kept: dict[Hashable, Any], key: Hashable, value: Any) -> None:
    """As the latest; the oldest goes where there are too many."""
    kept.pop(key, None)
    while len(kept) >= MOST:
        kept.pop(next(iter(kept)))
    kept[key] = value


def _seen(task: "asyncio.Task[Any]") -> None:
    """Whoever waited for it was told how it failed; that nobody did is no error."""
    if not task.cancelled():
        task.exception()
