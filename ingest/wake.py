"""Waking the drain: a flag a partition, kept in one set, and a job when a flag was newly raised.

The order that loses no wake-up: a drain takes the partition's lock, lowers its flag, reads until a read
under the lock finds nothing, releases, and looks at the flag again. A lost wake-up costs a moment, not an
event: the sweep compares every partition with its checkpoint.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from ingest.event_log import Keys
from ingest.queues import connect, drain_queue, enqueue_drain
from ingest.settings import Settings

log = structlog.get_logger()


class WakeFlag:
    """The partitions that have something new. `redis` is the log's."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._key = Keys(settings.log_prefix).wake

    def raise_for(self, partitions: Collection[int]) -> bool:
        """Raise the flags; True where one was down before, so that a job is due."""
        return bool(self._redis.sadd(self._key, *partitions))

    def lower_for(self, pipeline: "Pipeline", partitions: Collection[int]) -> None:
        """Lower the flags of partitions whose locks the caller holds, when its pipeline runs."""
        pipeline.srem(self._key, *partitions)

    def raised(self) -> set[int]:
        """The partitions whose flags are up."""
        return {int(partition) for partition in self._redis.smembers(self._key)}


class Waker:
    """Wakes the drain from a process that must not wait: RQ is synchronous, so a thread enqueues."""

    def __init__(self, settings: Settings) -> None:
        assert settings.redis_url
        self._redis = Redis.from_url(settings.redis_url)
        self._rq_redis = connect(settings)
        self._flag = WakeFlag(self._redis, settings)
        self._queue = drain_queue(self._rq_redis, settings)
        self._thread = ThreadPoolExecutor(1, "waker")
        self._lock = Lock()
        self._due: set[int] = set()

    def wake(self, partitions: Collection[int]) -> None:
        """Raise the partitions' flags soon; calls while the thread is busy are taken together."""
        with self._lock:
            first = not self._due
            self._due.update(partitions)
        if first:
            self._thread.submit(self._raise)

    def stop(self) -> None:
        self._thread.shutdown()
        self._redis.close()
        self._rq_redis.close()

    def _raise(self) -> None:
        with self._lock:
            due, self._due = self._due, set()
        try:
            if self._flag.raise_for(due):
                enqueue_drain(self._queue)
        except RedisError as error:
            log.warning(
                "the drain was not woken; the sweep will find the events", reason=type(error).__name__
            )
