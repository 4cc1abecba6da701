"""Whether Redis may be trusted with one more job: it keeps what it is told, and has room to work beside."""

from time import monotonic

from redis.asyncio import Redis

from ingest.durability import MOST_SHARE, ServerFacts, Undurable, refuse_undurable
from ingest.settings import Settings

LOOK_SECONDS = 1.0


class NoRoom(Exception):
    """Redis has no memory to spare, or may lose what it is told: nothing more is promised until that ends."""


class Headroom:
    """Looks at the server at most once a second."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._allow_undurable = settings.allow_undurable
        self._found_at = -LOOK_SECONDS

    async def check(self) -> None:
        """Return if a job can be promised now. Raises NoRoom, and RedisError where Redis does not answer."""
        if monotonic() - self._found_at < LOOK_SECONDS:
            return
        facts = await ServerFacts.ask(self._redis)
        if not self._allow_undurable:
            try:
                refuse_undurable(facts)
            except Undurable as error:
                raise NoRoom(str(error)) from error
        if facts.maxmemory and facts.used_memory > facts.maxmemory * MOST_SHARE:
            raise NoRoom(
                f"Redis is nearly full: {facts.used_memory} of {facts.maxmemory} bytes; jobs are taken again "
                "when there is room"
            )
        self._found_at = monotonic()
