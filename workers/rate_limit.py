"""The rate at which all workers together call Stripe: so many in any second, and fewer of one endpoint.

A window a limit, kept in Redis by its clock: the calls of the last second. Jobs that nobody waits for may
fill three quarters of it, so that a checkout finds room at once however many others wait, and lookups half.
"""

import time
from typing import cast
from uuid import uuid4

from redis import Redis

from ingest.settings import Settings

LIVE_LIMIT, TEST_LIMIT = 80, 20
ENDPOINT_LIMIT = 20
"""Calls a second, below Stripe's own limits (100 live, 25 in a sandbox, 25 for an endpoint)."""

URGENT, PATIENT, IDLE = 1.0, 0.75, 0.5
"""The shares of the limits that checkouts, other jobs and lookups may fill."""

ADMIT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = 0
for i, window in ipairs(KEYS) do
  local limit = tonumber(ARGV[1 + i])
  redis.call('ZREMRANGEBYSCORE', window, '-inf', now - 1000000)
  if redis.call('ZCARD', window) >= limit then
    local leaves = redis.call('ZRANGE', window, -limit, -limit, 'WITHSCORES')[2]
    wait = math.max(wait, leaves + 1000000 - now)
  end
end
if wait > 0 then return wait end
for _, window in ipairs(KEYS) do
  redis.call('ZADD', window, now, ARGV[1])
  redis.call('PEXPIRE', window, 2000)
end
return 0
"""
"""Admits a call to every window, or to none. Keys: the windows. Arguments: a name for the call, the limit of
each window. Returns 0, or the microseconds until it is worth asking again."""


class RateLimit:
    """The limits, and who may fill how much of them."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._admit = redis.register_script(ADMIT)
        self.tag = f"{{{settings.log_prefix}:stripe}}"
        self.limit = settings.stripe_rate_limit or (LIVE_LIMIT if is_live(settings) else TEST_LIMIT)

    def wait(self, endpoint: str, share: float) -> None:
        """Return when a call of this endpoint may begin that may fill this share of the limits."""
        while pause := self.admit(endpoint, share):
            time.sleep(pause / 1e6)

    def admit(self, endpoint: str, share: float) -> int:
        """Admit a call at once and return 0, or return the microseconds until it is worth asking again."""
        limits = [max(1, int(limit * share)) for limit in (self.limit, min(ENDPOINT_LIMIT, self.limit))]
        keys = [f"{self.tag}:calls", f"{self.tag}:calls:{endpoint}"]
        return cast(int, self._admit(keys=keys, args=[uuid4().hex, *limits]))


def is_live(settings: Settings) -> bool:
    """Whether the key is a live one: `sk_live_…`, or the restricted `rk_live_…`."""
    key = settings.stripe_secret_key
    return key is not None and key.get_secret_value()[2:].startswith("_live_")
