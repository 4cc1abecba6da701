"""What dashboards tell each other through Redis; each goes on by itself while there is none."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

T = TypeVar("T")

ANSWER_SECONDS = 1.0

log = structlog.get_logger()


class Shared:
    """A client of Redis, or of none. `key(name)` is a key of the dashboard's."""

    def __init__(self, url: str | None, prefix: str) -> None:
        self._prefix = prefix
        self._away = False
        self._redis = (
            Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
            if url
            else None
        )

    def key(self, name: str) -> str:
        return f"{self._prefix}:dashboard:{name}"

    async def ask(self, question: "Callable[[Redis], Awaitable[T]]") -> T | None:
        """The answer; None where there is no Redis, or none that answers, which is logged when it begins."""
        if self._redis is None:
            return None
        try:
            answer = await question(self._redis)
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning(
                    "redis away, log-ins are counted by this process alone", error=type(error).__name__
                )
            self._away = True
            return None
        self._away = False
        return answer

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
