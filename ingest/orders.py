"""What is known of the shops' orders, in Redis: each as the shop last told it, and the PaymentIntent it has.

Webhooks come late, twice and out of order, and a fetched order may be newer than any. So only the newest is
kept, and a revision counts how often its essence changed: each revision is worth one job, whoever told it.
"""

from typing import Any, NamedTuple, cast

from redis import Redis

from ingest.order import Order
from ingest.settings import Settings

SYNC_ORDER = "sync_order"
"""The kind of job that brings Stripe in line with an order."""

KEPT_SECONDS = 100 * 86_400
"""A record outlives the idempotency keys of its jobs, so that its revisions never begin anew under them."""

LEARN = """
local known = redis.call('HMGET', KEYS[1], 'modified', 'essence', 'revision')
local revision = tonumber(known[3] or 0)
if revision == 0 and ARGV[4] == '0' then return 0 end
if known[1] and tonumber(known[1]) > tonumber(ARGV[2]) then return revision end
if known[2] ~= ARGV[3] then revision = revision + 1 end
redis.call('HSET', KEYS[1], 'order', ARGV[1], 'modified', ARGV[2], 'essence', ARGV[3], 'revision', revision)
redis.call('EXPIRE', KEYS[1], ARGV[5])
return revision
"""
"""Keeps an order unless a newer one is known.

Key: its record. Arguments: the order; when it was modified; its essence; 1 if it is worth a record of its
own, 0 to keep it only where there is one; the seconds to keep it. Returns the revision, 0 without a record.
"""


class Known(NamedTuple):
    """An order as the shop last told it. `intent_id` is null until its PaymentIntent is made."""

    order: Order
    revision: int
    intent_id: str | None


class Orders:
    """`redis` is the log's, and must not decode responses."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._prefix = settings.log_prefix
        self._learn = redis.register_script(LEARN)

    def learn(self, source: str, order: Order) -> int:
        """Keep what a shop tells; returns the order's revision, 0 for one that never was to be paid here."""
        arguments: list[str | float] = [
            *(order.model_dump_json(), order.modified_at.timestamp(), order.essence()),
            *(int(order.wish == "pay"), KEPT_SECONDS),
        ]
        return cast(int, self._learn(keys=[self._at(source, order.id)], args=arguments))

    def read(self, source: str, order_id: int) -> Known | None:
        """The order, or None if none is known."""
        fields = cast(dict[bytes, bytes], self._redis.hgetall(self._at(source, order_id)))
        if b"order" not in fields:
            return None
        intent = fields.get(b"intent")
        order = Order.model_validate_json(fields[b"order"])
        return Known(order, int(fields[b"revision"]), None if intent is None else intent.decode())

    def keep_intent(self, source: str, order_id: int, intent_id: str) -> None:
        """This is the order's PaymentIntent from now on."""
        self._redis.hset(self._at(source, order_id), "intent", intent_id)

    def _at(self, source: str, order_id: int) -> str:
        return f"{self._prefix}:order:{source}:{order_id}"


def sync_command(order_id: int) -> dict[str, Any]:
    """What the job that syncs an order is told: which. It reads the newest facts itself."""
    return {"order_id": order_id}


def sync_key(order_id: int, revision: int) -> str:
    """The idempotency key of the job for a revision: one, whoever notices it. No client's key has spaces."""
    return f"order {order_id} revision {revision}"
