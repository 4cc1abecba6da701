"""Answers of Postgres, asked once for everybody who wants the same, and kept for as long as they are true."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from projections.dashboard.changes import Changes
from projections.dashboard.reader import Query, Reader

LONGEST = 30.0
"""Seconds after which an answer is asked for anew although no event came: the clock moves figures, too."""

WORTH = 10
"""An answer that took a second is kept for ten although events came: or Postgres would do nothing else."""

MOST = 512


class Answer(NamedTuple):
    """Rows, and the place of the newest event that they contain for certain."""

    rows: list[DictRow]
    as_of: int | None


@dataclass
class _Asked:
    began: float
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

    def ask(self, query: Query, parameters: Mapping[str, Any]) -> "asyncio.Task[Answer]":
        """A task, which goes on although nobody waits for it any more."""
        key = (query, tuple(sorted(parameters.items())))
        asked = self._asked.get(key)
        if asked is None or not self._good(asked):
            asked = self._begin(key, query, parameters)
        return asyncio.create_task(self._answer(asked))

    async def get(self, query: Query, parameters: Mapping[str, Any]) -> Answer:
        """Raises psycopg.Error."""
        return await self.ask(query, parameters)

    def _begin(self, key: Hashable, query: Query, parameters: Mapping[str, Any]) -> _Asked:
        while len(self._asked) >= MOST:
            self._asked.pop(next(iter(self._asked)))
        task = asyncio.create_task(self._reader.rows(query, parameters))
        asked = _Asked(self._clock(), self._changes.newest, task)
        task.add_done_callback(lambda done: self._note(asked, done))
        self._asked.pop(key, None)
        self._asked[key] = asked
        return asked

    def _note(self, asked: _Asked, done: "asyncio.Task[list[DictRow]]") -> None:
        asked.took = self._clock() - asked.began
        if not done.cancelled():
            done.exception()  # whoever waited was told; that nobody did is no error

    def _good(self, asked: _Asked) -> bool:
        if not asked.task.done():
            return True
        if asked.task.cancelled() or asked.task.exception():
            return False
        age = self._clock() - asked.began
        return age < (LONGEST if asked.as_of == self._changes.newest else asked.took * WORTH)

    async def _answer(self, asked: _Asked) -> Answer:
        return Answer(await asyncio.shield(asked.task), asked.as_of)
