"""The creators' pause: Stripe does not take their key, so they wait instead of burning jobs.

It is named by the key that was refused, so a process with another key does not pause. While it lasts, one
job at a time is let through now and then: when Stripe takes the key again, that job lifts the pause.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import cast

import orjson
from redis import Redis

from ingest.settings import Settings

TRIAL_SECONDS = 15
KEPT_SECONDS = 120
"""A pause that no creator confirms ends by itself: who had that key is gone."""


@dataclass(frozen=True)
class Paused:
    """Since when the creators pause, and why, in a sentence; `key` is the fingerprint of the key."""

    since: datetime
    reason: str
    key: str

    @classmethod
    def read(cls, stored: bytes | None) -> "Paused | None":
        """The pause that Redis holds under `key_of(prefix)`, None where the creators go on."""
        if stored is None:
            return None
        fields = orjson.loads(stored)
        return cls(datetime.fromisoformat(fields["since"]), fields["reason"], fields["key"])


def key_of(prefix: str) -> str:
    """Where Redis holds the pause."""
    return f"{{{prefix}:creators}}:paused"


def fingerprint(settings: Settings) -> str:
    """Names the secret key without telling it."""
    key = settings.stripe_secret_key
    return blake2b(key.get_secret_value().encode() if key else b"", digest_size=8).hexdigest()


class Pause:
    """The pause of the creators that use these settings' key. `redis` is the log's."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._key = key_of(settings.log_prefix)
        self._trial = f"{self._key}:trial"
        self._mine = fingerprint(settings)

    def begin(self, reason: str) -> None:
        """Pause, or confirm the pause that there is."""
        last = self.now()
        since = last.since if last else datetime.now(UTC)
        body = orjson.dumps({"since": since.isoformat(), "reason": reason, "key": self._mine})
        self._redis.set(self._key, body, ex=KEPT_SECONDS)
        self._redis.set(self._trial, 1, ex=TRIAL_SECONDS)

    def now(self) -> Paused | None:
        """The pause, if it is one for this key."""
        found = self.of_any_key()
        return found if found and found.key == self._mine else None

    def of_any_key(self) -> Paused | None:
        """The pause, whoever's key it is for."""
        return Paused.read(cast(bytes | None, self._redis.get(self._key)))

    def may_try(self) -> bool:
        """Whether this process is the one that tries again whether Stripe takes the key."""
        return bool(self._redis.set(self._trial, 1, nx=True, ex=TRIAL_SECONDS))

    def lift(self) -> None:
        """Stripe took the key; a pause for another key is nobody's any more."""
        self._redis.delete(self._key)
