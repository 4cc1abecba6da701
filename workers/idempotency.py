"""Idempotency keys that outlive a process: derived from a name, and followed by a second where one is spent.

Stripe answers a key that it knows with what it answered before, for at least 24 hours. So a key's first use
is written down before the call: past 23 hours, or where the stored answer is a failure, its generation
ends. The next one's key is `<name>:2`, and is used only after looking whether the object is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis

from ingest.settings import Settings

REMEMBERED = timedelta(hours=23)
"""How long Stripe surely knows a key, less an hour for clocks and calls under way."""

KEPT_SECONDS = 31 * 86_400


@dataclass(frozen=True)
class IdempotencyKey:
    """`answered_at` is when Stripe had last answered, by its clock, before this name's first call."""

    name: str
    generation: int
    since: datetime
    answered_at: datetime | None

    @property
    def value(self) -> str:
        """What is sent to Stripe."""
        return self.name if self.generation == 1 else f"{self.name}:{self.generation}"


class IdempotencyKeys:
    """`redis` is the log's, so that a key's use is as durable as its job."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._prefix = settings.log_prefix

    def begin(self, name: str, answered_at: datetime | None = None) -> IdempotencyKey:
        """The key to use for `name` now, written down before its use."""
        now = datetime.now(UTC)
        first = {"generation": 1, "since": now.timestamp()}
        if answered_at is not None:
            first["answered_at"] = answered_at.timestamp()
        pipeline = self._redis.pipeline(transaction=True)
        for field, value in first.items():
            pipeline.hsetnx(self._at(name), field, str(value))
        pipeline.expire(self._at(name), KEPT_SECONDS)
        pipeline.hgetall(self._at(name))
        key = _read(name, pipeline.execute()[-1])
        return self.spend(key) if now - key.since > REMEMBERED else key

    def spend(self, key: IdempotencyKey) -> IdempotencyKey:
        """End a key's generation; two that do so at once end it once."""
        now = datetime.now(UTC)
        self._redis.hset(
            self._at(key.name),
            mapping={"generation": key.generation + 1, "since": now.timestamp(), "failures": 0},
        )
        return IdempotencyKey(key.name, key.generation + 1, now, key.answered_at)

    def failed(self, key: IdempotencyKey) -> int:
        """Count a failure that Stripe may have stored; returns how many there were under this key."""
        return self._redis.hincrby(self._at(key.name), "failures", 1)

    def failing_since(self, name: str) -> datetime:
        """Since when Stripe was asked in vain under this name; from now on, if it is the first time."""
        self._redis.hsetnx(self._at(name), "failing", str(datetime.now(UTC).timestamp()))
        self._redis.expire(self._at(name), KEPT_SECONDS)
        return _instant(cast(bytes, self._redis.hget(self._at(name), "failing")))

    def let_rest(self, name: str) -> None:
        """Count the time of failing anew: Stripe did not even let the question in."""
        self._redis.hdel(self._at(name), "failing")

    def _at(self, name: str) -> str:
        return f"{{{self._prefix}:stripe}}:key:{name}"


def _read(name: str, fields: Mapping[bytes, bytes]) -> IdempotencyKey:
    answered_at = fields.get(b"answered_at")
    return IdempotencyKey(
        name,
        int(fields[b"generation"]),
        _instant(fields[b"since"]),
        None if answered_at is None else _instant(answered_at),
    )


def _instant(seconds: bytes) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
