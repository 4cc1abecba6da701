"""What the log's durability and bounds rest on in the Redis at hand; what loses events is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ResponseError

from ingest.event_log import Bounds
from ingest.refusal import Refusal
from ingest.settings import Settings

LOG_SHARE = 0.6
DEDUPE_SHARE = 0.2
"""Of `maxmemory`. The rest is RQ's and the jobs': at `maxmemory` no worker can even register, and a log that
fills everything could never be drained."""

MOST_SHARE = 0.9

OLDEST = (6, 2)
WAITAOF_SINCE = (7, 2)
SETTINGS = ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")


class Undurable(Refusal):
    """This Redis may lose acknowledged events: the message names each setting and its remedy."""


@dataclass(frozen=True)
class ServerFacts:
    """What a server says of itself; `settings` holds what CONFIG GET told, `unread` why it told nothing."""

    version: tuple[int, ...]
    aof_enabled: bool
    maxmemory: int
    system_memory: int
    settings: Mapping[str, str]
    unread: str | None = None
    used_memory: int = 0

    @classmethod
    async def ask(cls, redis: "AsyncRedis") -> Self:
        info = await redis.info()
        try:
            return cls._of(info, await redis.config_get(*SETTINGS))
        except ResponseError as error:  # a managed server, or a user without the right
            return cls._of(info, {}, unread=str(error))

    @classmethod
    def ask_now(cls, redis: "Redis") -> Self:
        """The same, synchronously."""
        info: Any = redis.info()
        try:
            settings: Any = redis.config_get(*SETTINGS)
            return cls._of(info, settings)
        except ResponseError as error:
            return cls._of(info, {}, unread=str(error))

    @classmethod
    def _of(cls, info: Mapping[str, Any], settings: Mapping[Any, Any], unread: str | None = None) -> Self:
        return cls(
            version=tuple(int(part) for part in str(info["redis_version"]).split(".")),
            aof_enabled=bool(info.get("aof_enabled")),
            maxmemory=int(info.get("maxmemory", 0)),
            system_memory=int(info.get("total_system_memory", 0)),
            settings={_text(name): _text(value) for name, value in settings.items()},
            unread=unread,
            used_memory=int(info.get("used_memory", 0)),
        )

    @property
    def has_waitaof(self) -> bool:
        return self.version >= WAITAOF_SINCE


def warnings(facts: ServerFacts) -> list[str]:
    """What could not be checked, a sentence each."""
    if facts.unread is None:
        return []
    return [
        f"Redis does not show its settings ({facts.unread}): make sure that appendfsync is 'always' and "
        "maxmemory-policy 'noeviction'."
    ]


def refuse_undurable(facts: ServerFacts) -> None:
    """Raise Undurable if acknowledged events could be lost; what is not shown is left to `warnings`."""
    found = []
    if facts.version < OLDEST:
        found.append(
            f"Redis {'.'.join(map(str, facts.version))} is too old: use Redis 6.2 or later, or Valkey."
        )
    if not facts.aof_enabled:
        found.append("appendonly is 'no', so a restart loses the log: CONFIG SET appendonly yes.")
    fsync = facts.settings.get("appendfsync", "always")
    if fsync != "always":
        found.append(
            f"appendfsync is '{fsync}', so a crash loses acknowledged events: CONFIG SET appendfsync always."
        )
    policy = facts.settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        found.append(
            f"maxmemory-policy is '{policy}', which may evict the log: "
            "CONFIG SET maxmemory-policy noeviction."
        )
    if not facts.maxmemory:
        found.append(
            "maxmemory is 0, so the log is unbounded: CONFIG SET maxmemory to what the machine can spare."
        )
    if found:
        raise Undurable(" ".join(found) + " (ALLOW_UNDURABLE=1 goes on regardless, and may lose events.)")


def bounds(facts: ServerFacts, settings: Settings) -> Bounds:
    """LOG_MAX_BYTES and DEDUPE_MAX_BYTES, else their shares of `maxmemory`, or of all memory without one.

    Raises Undurable where they leave RQ next to nothing.
    """
    memory = facts.maxmemory or facts.system_memory
    found = Bounds(
        log_max_bytes=settings.log_max_bytes or int(memory * LOG_SHARE),
        dedupe_max_bytes=settings.dedupe_max_bytes or int(memory * DEDUPE_SHARE),
    )
    if facts.maxmemory and sum(found) > facts.maxmemory * MOST_SHARE:
        raise Undurable(
            f"LOG_MAX_BYTES ({found.log_max_bytes}) and DEDUPE_MAX_BYTES ({found.dedupe_max_bytes}) leave RQ "
            f"too little of maxmemory ({facts.maxmemory}): lower them, or raise maxmemory."
        )
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
