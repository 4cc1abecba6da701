"""Attempts: how often processing a position was begun and never ended, counted outside the transaction.

An event that kills its process rolls its own transaction back, so only a counter elsewhere can tell. The
counter stands in Redis beside the log, goes up before a batch is touched, and goes when it is done.
"""

from collections.abc import Iterable

from redis.client import Pipeline

from ingest.event_log import Keys


class Attempts:
    """The counters, by partition; each call adds its command to the caller's pipeline."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def begin(self, pipeline: "Pipeline", partition: int, position: str) -> None:
        """Count one attempt at what follows `position`; the answer is how many were begun, this one too."""
        pipeline.hincrby(self._keys.attempts(partition), position, 1)

    def withdraw(self, pipeline: "Pipeline", partition: int, position: str) -> None:
        """Take one attempt back: the partition was left alone after all."""
        pipeline.hincrby(self._keys.attempts(partition), position, -1)

    def end(self, pipeline: "Pipeline", partitions: Iterable[int]) -> None:
        """The attempts came to an end, well or not: their process lives."""
        for partition in partitions:
            pipeline.delete(self._keys.attempts(partition))
