"""Loading exchange rates: one event a day through the log, so that a replay gives the same table.

An event's id derives from its content: the day, its rates, and which revision of the day it is. What
the table has already is not sent, so a file that is loaded twice changes nothing; what differs from it is
sent as the day's next revision, which replaces the one before wherever they are put in order.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from psycopg import Connection
from psycopg.rows import tuple_row
from redis import Redis

from ingest.durability import ServerFacts, bounds
from ingest.event import Event
from ingest.event_log import EventLog
from ingest.partition import partition_of
from ingest.queues import connect, drain_queue, enqueue_drain
from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.ecb import BASE, PROVIDER, DayRates

SOURCE = "fx"
BATCH = 200
PATIENCE_SECONDS = 60.0
"""How long a full log is waited for."""

_KNOWN = """
SELECT day, max(revision), jsonb_object_agg(currency, rate::text)
FROM fx_rates WHERE account = %s AND base = %s AND day BETWEEN %s AND %s GROUP BY day
"""


class LogFull(Refusal):
    """The log takes nothing more now: is a drain running? What it took is kept; load the file again."""


class Known(NamedTuple):
    """What the table has of a day."""

    revision: int
    rates: Mapping[str, Decimal]


@dataclass(frozen=True)
class Difference:
    """What a file tells that the table does not: days that are new to it, and days that it has otherwise.

    Each with the revision that it becomes. `known` counts the days on which they agree.
    """

    new: Sequence[tuple[DayRates, int]]
    changed: Sequence[tuple[DayRates, int]]
    known: int


def difference(connection: "Connection[Any]", days: Sequence[DayRates]) -> Difference:
    """Compare a file's days, of which there is one at least, with the table."""
    table = _known(connection, days[0].day, days[-1].day)
    new, changed = [], []
    for told in days:
        known = table.get(told.day)
        if known is None:
            new.append((told, 1))
        elif any(known.rates.get(currency) != Decimal(rate) for currency, rate in told.rates.items()):
            changed.append((told, known.revision + 1))
    return Difference(new, changed, len(days) - len(new) - len(changed))


def _known(connection: "Connection[Any]", first: date, last: date) -> dict[date, Known]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_KNOWN, [PROVIDER, BASE, first, last]).fetchall()
    return {
        day: Known(revision, {currency: Decimal(rate) for currency, rate in rates.items()})
        for day, revision, rates in rows
    }


def event_of(told: DayRates, revision: int, loaded_at: int) -> bytes:
    """The body of the event that tells of a day's rates, loaded at this second since 1970."""
    subject = {
        "id": told.day.isoformat(),
        "object": "fx_rates",
        "day": told.day.isoformat(),
        "provider": PROVIDER,
        "base": BASE,
        "revision": revision,
        "rates": dict(sorted(told.rates.items())),
    }
    content = blake2b(orjson.dumps(subject), digest_size=8).hexdigest()
    return orjson.dumps(
        {
            "id": f"fx_{PROVIDER}_{told.day}_{content}",
            "object": "event",
            "type": "fx_rates.loaded",
            "account": PROVIDER,
            "created": loaded_at,
            "data": {"object": subject},
        }
    )


def append(settings: Settings, days: Iterable[tuple[DayRates, int]]) -> Iterator[int]:
    """Append days with their revisions to the log, and wake the drain; yields how many it has by then.

    Raises LogFull where the log stays full.
    """
    assert settings.redis_url
    loaded_at = int(time.time())
    by_partition: dict[int, list[Event]] = {}
    for told, revision in days:
        event = Event.read(event_of(told, revision, loaded_at), source=SOURCE)
        by_partition.setdefault(partition_of(event, settings.log_partitions), []).append(event)
    done = 0
    with ExitStack() as connections:
        redis = connections.enter_context(Redis.from_url(settings.redis_url))
        queue = drain_queue(connections.enter_context(connect(settings)), settings)
        log = EventLog(redis, settings)
        for partition, events in sorted(by_partition.items()):
            for start in range(0, len(events), BATCH):
                done += _append(redis, log, settings, partition, events[start : start + BATCH])
                redis.sadd(log.keys.wake, partition)
                yield done
            enqueue_drain(queue)


def _append(
    redis: "Redis", log: EventLog, settings: Settings, partition: int, events: Sequence[Event]
) -> int:
    count, deadline = len(events), time.monotonic() + PATIENCE_SECONDS
    limits = bounds(ServerFacts.ask_now(redis), settings)
    while events:
        outcomes = log.append(partition, events, limits)
        events = [event for event, outcome in zip(events, outcomes, strict=True) if outcome == "full"]
        if events and time.monotonic() > deadline:
            raise LogFull(
                f"the log has been full for {PATIENCE_SECONDS:g} s: see ./run status, and load the file again"
            )
        if events:
            time.sleep(0.5)  # the drain makes room elsewhere: there is nothing to wait on
    return count
