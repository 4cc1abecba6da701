"""What dashboards tell each other through Redis; each goes on by itself while there is none."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

T = TypeVar("T")

ANSWER_SECONDS = 1.0

AWAY_SECONDS = 5.0
"""So long nobody asks again one that did not answer: or every request would wait for it."""

log = structlog.get_logger()


class Shared:
    """A client of Redis, or of none. `key(name)` is a key of the dashboard's."""

    def __init__(self, url: str | None, prefix: str) -> None:
        self._prefix = prefix
        self._away = False
        self._not_before = 0.0
        self._redis = (
            Redis.from_url(
                url,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 1),  # a connection that the server closed meanwhile
            )
            if url
            else None
        )

    def key(self, name: str) -> str:
        return f"{self._prefix}:dashboard:{name}"

    async def ask(self, question: "Callable[[Redis], Awaitable[T]]") -> T | None:
        """The answer; None where there is no Redis, or none that answers, which is logged when it begins."""
        if self._redis is None or time.monotonic() < self._not_before:
            return None
        try:
            answer = await question(self._redis)
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning(
                    "redis away, log-ins are counted by this process alone", error=type(error).__name__
                )
            self._away = True
            self._not_before = time.monotonic() + AWAY_SECONDS
            return None
        self._away = False
        return answer

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
