"""Attempts: how often processing a position was begun and never ended, counted outside the transaction.

An event that kills its process rolls its own transaction back, so only a counter elsewhere can tell. The
counter stands in Redis beside the log, goes up before a batch is touched, and goes when it is done.
"""

from collections.abc import Collection, Mapping
from typing import Any

from redis import Redis
from redis.exceptions import OutOfMemoryError

from ingest.event_log import Keys


class Attempts:
    """The counters, by partition. Without memory nothing is counted: the drain, which frees some, goes on."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def begin(self, positions: Mapping[int, str]) -> dict[int, int]:
        """Count an attempt at what follows each partition's position; returns how many were begun by now."""
        answers = self._add(positions, 1)
        return dict(zip(positions, answers, strict=True))

    def withdraw(self, positions: Mapping[int, str]) -> None:
        """Take one attempt back: these partitions were left alone after all."""
        self._add(positions, -1)

    def end(self, partitions: Collection[int]) -> None:
        """The attempts came to an end, well or not: their process lives."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for partition in partitions:
                pipeline.delete(self._keys.attempts(partition))
            pipeline.execute()

    def _add(self, positions: Mapping[int, str], amount: int) -> list[int]:
        if not positions:
            return []
        with self._redis.pipeline(transaction=False) as pipeline:
            for partition, position in positions.items():
                pipeline.hincrby(self._keys.attempts(partition), position, amount)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not isinstance(answer, OutOfMemoryError):
                raise answer
        return [1 if isinstance(answer, OutOfMemoryError) else int(answer) for answer in answers]
