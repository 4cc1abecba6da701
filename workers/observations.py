"""Observations: what was seen at Stripe, as an event of the log, so that tables need not wait for a webhook.

An observation is dated by an answer of Stripe's from before the call, so it never claims to be newer than an
event that it did not see; what a creation returned is dated by the object's own `created`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson
import structlog
from redis import Redis

from ingest.durability import ServerFacts, bounds
from ingest.event import Event
from ingest.event_log import EventLog
from ingest.partition import partition_of
from ingest.queues import connect, drain_queue, enqueue_drain
from ingest.settings import DEFAULT_SOURCE, Settings
from workers.stripe_client import API_VERSION, Object

SECRETS = ("client_secret", "confirmation_secret")
EXPANDABLE = ("customer", "latest_charge", "latest_invoice", "payment_method", "pending_setup_intent")

log = structlog.get_logger()


def observation(
    job_id: str,
    seen: Object,
    *,
    read_at: datetime | None = None,
    account: str | None = None,
    livemode: bool | None = None,
    beside: Sequence[Object] = (),
) -> bytes:
    """The body of the event that tells of `seen`: of its creation, or of how it was after `read_at`.

    Its id derives from the job and the object, so that a job that runs twice tells it once. `account` is the
    connected one that it is of, `livemode` what its kind does not say itself; `beside` are coupons, discounts
    and prices that its earlier events only name.
    """
    creation = read_at is None
    created = seen["created"] if read_at is None else int(read_at.timestamp())
    envelope = {
        "id": f"obs_{job_id}_{seen['id']}" + ("" if creation else "_changed"),
        "object": "event",
        "type": f"{seen['object']}.observed",
        "api_version": API_VERSION,
        "created": created,
        "livemode": seen.get("livemode", False) if livemode is None else livemode,
        "observation": {"job": job_id, "creation": creation, **({"beside": beside} if beside else {})},
        "data": {"object": as_delivered(seen)},
        **({"account": account} if account else {}),
    }
    return orjson.dumps(envelope)


def as_delivered(seen: Object) -> dict[str, Any]:
    """The object as a webhook would carry it: no secrets, and ids for what was expanded."""
    return {name: _unexpanded(name, value) for name, value in seen.items() if name not in SECRETS}


def _unexpanded(name: str, value: Any) -> Any:
    if name in EXPANDABLE and isinstance(value, Mapping) and "id" in value:
        return value["id"]
    return value


class ObservedLog:
    """Appends observations to the log. `redis` is the log's."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._log = EventLog(redis, settings)

    def append(
        self,
        seen: Sequence[bytes],
        source: str = DEFAULT_SOURCE,
        account: str | None = None,
        *,
        force: bool = False,
    ) -> list[str]:
        """Append once, or with `force` again, and wake the drain; the log's outcome for each.

        They are of the source's account, unless another is given.

        A full log leaves them out: a webhook tells the same, or a lookup asks again.
        """
        account = account or self._settings.account_of(source)
        events = [Event.read(body, source=source, account=account) for body in seen]
        limits = bounds(ServerFacts.ask_now(self._redis), self._settings)
        outcomes: dict[str, str] = {}
        raised = 0
        for partition, its in groupby(sorted(events, key=self._partition), key=self._partition):
            these = list(its)
            of_these = self._log.append(partition, these, limits, force=force)
            outcomes |= {event.id: outcome for event, outcome in zip(these, of_these, strict=True)}
            if set(of_these) != {"full"}:
                raised += self._redis.sadd(self._log.keys.wake, partition)
        if raised:
            with connect(self._settings) as rq_redis:
                enqueue_drain(drain_queue(rq_redis, self._settings))
        if left_out := [event_id for event_id, outcome in outcomes.items() if outcome == "full"]:
            log.warning("the log is full; observations are left out", event_ids=left_out)
        return [outcomes[event.id] for event in events]

    def _partition(self, event: Event) -> int:
        return partition_of(event, self._settings.log_partitions)
