"""How many events of a partition wait, counted in the server: their bodies stay where they are."""

from typing import cast

from redis import Redis

from ingest.event_log import Keys
from ingest.settings import Settings

SLICE = 500
"""Entries that one call counts: it holds the server for a millisecond or two."""

COUNT = """
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
if #entries == 0 then return {0, '', ''} end
return {#entries, entries[1][1], entries[#entries][1]}
"""
"""Returns how many entries follow, up to a slice, and the ids of the first and the last of them."""


class Backlog:
    """`redis` is the log's."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._keys = Keys(settings.log_prefix)
        self._count = redis.register_script(COUNT)

    def after(self, partition: int, position: str) -> tuple[int, float]:
        """Events after `position`, and the seconds that the oldest of them has waited; 0 and 0 if none."""
        total, oldest = 0, ""
        while True:
            answer = self._count(keys=[self._keys.log(partition)], args=[f"({position}", SLICE])
            count, first, last = cast(tuple[int, bytes, bytes], answer)
            total, oldest = total + count, oldest or first.decode()
            if count < SLICE:
                return total, self._age(oldest) if oldest else 0.0
            position = last.decode()

    def _age(self, entry_id: str) -> float:
        seconds, microseconds = self._redis.time()
        return max(seconds + microseconds / 1e6 - int(entry_id.partition("-")[0]) / 1000, 0.0)
