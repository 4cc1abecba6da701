"""How often a password may be tried: per user and per address, counted over all dashboards.

A try is counted before it is judged, so many at once get no further than one after the other; one that
succeeds gives its count back.
"""

import hmac
import time
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

from redis.asyncio import Redis

from projections.dashboard.shared import Shared

TRIES_OF_A_USER, TRIES_OF_AN_ADDRESS = 10, 20
WINDOW_SECONDS = 15 * 60

# KEYS: the counts. ARGV: the window's seconds, then the most of each. Answers the seconds to wait; 0: go on.
_COUNT = """
local wait = 0
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[i + 1]) then
        wait = math.max(wait, redis.call('TTL', key), 1)
    end
end
if wait == 0 then
    for _, key in ipairs(KEYS) do
        if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[1]) end
    end
end
return wait
"""
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
    if i == 1 then redis.call('DEL', key)
    elseif tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return 0
"""


class Throttle:
    """Names are hashed with the key: who tried to log in stands nowhere."""

    def __init__(self, key: bytes, shared: Shared) -> None:
        self._key = key
        self._shared = shared
        self._alone: dict[str, tuple[int, float]] = {}

    async def wait(self, user: str, address: str) -> int:
        """Count a try; the seconds to wait before it may be judged, 0 for none."""
        names = self._names(user, address)

        async def count(redis: "Redis") -> int:
            limits = [WINDOW_SECONDS, TRIES_OF_A_USER, TRIES_OF_AN_ADDRESS]
            return int(await redis.eval(_COUNT, len(names), *names, *limits))

        told = await self._shared.ask(count)
        return self._count_alone(names) if told is None else told

    async def succeeded(self, user: str, address: str) -> None:
        """The try was right: the user's count begins anew, and the address has one less."""
        names = self._names(user, address)

        async def give_back(redis: "Redis") -> int:
            return int(await redis.eval(_GIVE_BACK, len(names), *names))

        if await self._shared.ask(give_back) is None:
            self._alone.pop(names[0], None)
            tries, until = self._alone.get(names[1], (0, 0.0))
            if tries:
                self._alone[names[1]] = (tries - 1, until)

    def _count_alone(self, names: list[str]) -> int:
        now = time.monotonic()
        self._alone = {name: kept for name, kept in self._alone.items() if kept[1] > now}
        limits = (TRIES_OF_A_USER, TRIES_OF_AN_ADDRESS)
        counts = [self._alone.get(name, (0, now + WINDOW_SECONDS)) for name in names]
        waits = [until - now for (tries, until), most in zip(counts, limits, strict=True) if tries >= most]
        if waits:
            return int(max(waits)) + 1
        self._alone.update(
            {name: (tries + 1, until) for name, (tries, until) in zip(names, counts, strict=True)}
        )
        return 0

    def _names(self, user: str, address: str) -> list[str]:
        return [
            self._shared.key(f"{{tries}}:{self._hidden(each)}")
            for each in (f"u{user}", f"a{_network(address)}")
        ]

    def _hidden(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), sha256).hexdigest()[:32]


def _network(address: str) -> str:
    """The address; of version 6 its first half, since whoever has one address there has 2^64."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or int(found) >> 64)
    return str(found)
