"""Settling: waiting until everything that was accepted so far is in Postgres."""

from collections.abc import Iterator
from time import monotonic, sleep

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from ingest.event_log import EventLog
from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.lag import drained_up_to

POLL_SECONDS = 0.05


class NotSettled(Refusal):
    """Events still wait: is a drain running? See `./run status`."""


def settling(settings: Settings, timeout: float) -> Iterator[int]:
    """Yields how many partitions are drained, and ends when all are; a server that is away is waited for.

    Raises NotSettled after `timeout` seconds, or what a server's client said last.
    """
    assert settings.redis_url
    assert settings.database_url
    deadline = monotonic() + timeout
    ends: list[str | None] = []
    while True:
        try:
            with (
                Redis.from_url(settings.redis_url) as redis,
                psycopg.connect(settings.database_url, autocommit=True) as connection,
            ):
                log = EventLog(redis, settings)
                ends = ends or [state.last_id for state in log.state()]
                while (done := drained_up_to(log, connection, ends)) < len(ends):
                    yield done
                    if monotonic() > deadline:
                        raise NotSettled(
                            f"{len(ends) - done} of {len(ends)} partitions still have events to drain: "
                            "see ./run status"
                        )
                    sleep(POLL_SECONDS)  # Postgres commits elsewhere: there is nothing to wait on
                yield done
                return
        except (psycopg.OperationalError, RedisError):
            if monotonic() > deadline:
                raise
            sleep(POLL_SECONDS)
