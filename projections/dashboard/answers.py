"""Answers of Postgres, asked once for everybody who wants the same, and kept for as long as they are true."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from projections.dashboard.changes import Changes
from projections.dashboard.reader import Query, Reader

LONGEST = 30.0
"""Seconds after which an answer is asked for anew although no event came: the clock moves figures, too."""

WORTH = 10
"""An answer that took a second is kept for ten although events came: or Postgres would do nothing else."""

OLDEST = timedelta(minutes=15)
"""An older answer is not shown while a newer one is waited for."""

MOST = 512


class Answer(NamedTuple):
    """Rows, the place of the newest event that they contain for certain, and when they were asked for."""

    rows: list[DictRow]
    as_of: int | None
    at: datetime


@dataclass
class _Asked:
    began: float
    at: datetime
    as_of: int | None
    task: "asyncio.Task[list[DictRow]]"
    took: float = 0.0


class Answers:
    """Whoever asks what is just being asked waits for that."""

    def __init__(self, reader: Reader, changes: Changes, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._changes = changes
        self._clock = clock
        self._asked: dict[Hashable, _Asked] = {}
        self._last: dict[Hashable, Answer] = {}

    def last(self, query: Query, lasting: Hashable) -> Answer | None:
        """What was answered last to the same question, if that is not long ago."""
        answer = self._last.get((query, lasting))
        if answer is None or datetime.now(UTC) - answer.at > OLDEST:
            return None
        return answer

    def ask(
        self, query: Query, parameters: Mapping[str, Any], lasting: Hashable = None
    ) -> "asyncio.Task[Answer]":
        """A task, which goes on although nobody waits for it any more.

        `lasting` is what stays of the parameters while time goes on: by it `last` finds the answer.
        """
        key = (query, tuple(sorted(parameters.items())))
        asked = self._asked.get(key)
        if asked is None or not self._good(asked):
            asked = self._begin(key, query, parameters)
        return asyncio.create_task(self._answer(asked, (query, lasting)))

    async def get(self, query: Query, parameters: Mapping[str, Any]) -> Answer:
        """Raises psycopg.Error."""
        return await self.ask(query, parameters)

    async def recent(self, query: Query, parameters: Mapping[str, Any], lasting: Hashable) -> Answer:
        """The last answer, while a newer one is asked for; raises psycopg.Error where there is none yet."""
        asked = self.ask(query, parameters, lasting)
        asked.add_done_callback(_seen)
        last = self.last(query, lasting)
        return await asyncio.shield(asked) if last is None else last

    def _begin(self, key: Hashable, query: Query, parameters: Mapping[str, Any]) -> _Asked:
        while len(self._asked) >= MOST:
            self._asked.pop(next(iter(self._asked)))
        task = asyncio.create_task(self._reader.rows(query, parameters))
        asked = _Asked(self._clock(), datetime.now(UTC), self._changes.newest, task)
        task.add_done_callback(lambda done: self._note(asked, done))
        self._asked.pop(key, None)
        self._asked[key] = asked
        return asked

    def _note(self, asked: _Asked, done: "asyncio.Task[list[DictRow]]") -> None:
        asked.took = self._clock() - asked.began
        _seen(done)

    def _good(self, asked: _Asked) -> bool:
        if not asked.task.done():
            return True
        if asked.task.cancelled() or asked.task.exception():
            return False
        age = self._clock() - asked.began
        return age < (LONGEST if asked.as_of == self._changes.newest else asked.took * WORTH)

    async def _answer(self, asked: _Asked, last: Hashable) -> Answer:
        answer = Answer(await asyncio.shield(asked.task), asked.as_of, asked.at)
        while len(self._last) >= MOST:
            self._last.pop(next(iter(self._last)))
        self._last.pop(last, None)
        self._last[last] = answer
        return answer


def _seen(task: "asyncio.Task[Any]") -> None:
    """Whoever waited for it was told how it failed; that nobody did is no error."""
    if not task.cancelled():
        task.exception()
