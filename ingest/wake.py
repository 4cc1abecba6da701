"""Waking the drain: a flag a partition, kept in one set, and a job when a flag was newly raised.

The appender raises the flags in the round trip of its batch, so that a wake-up costs nothing while the
drain is awake.

The order that loses no wake-up: a drain takes the partition's lock, lowers its flag, reads until a read
under the lock finds nothing, releases, and looks at the flag again. A lost wake-up costs a moment, not an
event: the sweep compares every partition with its checkpoint.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import structlog
from redis import Redis
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

    def lower_for(self, partitions: Collection[int]) -> None:
        """Lower the flags of partitions whose locks the caller holds."""
        self._redis.srem(self._key, *partitions)

    def raised(self) -> set[int]:
        """The partitions whose flags are up."""
        return {int(partition) for partition in self._redis.smembers(self._key)}


class Waker:
    """Enqueues drains for a process that must not wait: RQ is synchronous, so a thread does it."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings, settings.webhook_timeout_seconds)
        self._queue = drain_queue(self._redis, settings)
        self._thread = ThreadPoolExecutor(1, "waker")

    def wake(self) -> None:
        """Ask for a drain, soon."""
        self._thread.submit(self._enqueue)

    def stop(self) -> None:
        """Ask for what was still to be asked, and hang up."""
        self._thread.shutdown()
        self._redis.close()

    def _enqueue(self) -> None:
        try:
            if not self._queue.count:  # a job that waits already will see these events, too
                enqueue_drain(self._queue)
        except RedisError as error:
            log.warning(
                "the drain was not woken; the sweep will find the events", reason=type(error).__name__
            )
