"""The state of a stack: what waits, what failed, what is in doubt, and how full the log is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from redis import Redis
from rq import Queue, Worker

from ingest.durability import ServerFacts, bounds
from ingest.event_log import EventLog
from ingest.jobs import Jobs
from ingest.pause import Pause, Paused
from ingest.queues import checkout_queue, connect, drain_queue
from ingest.settings import Settings
from workers import built_under, ledger_health, lookups, outbox
from workers.backlog import Backlog
from workers.lag import lags
from workers.ledger_health import LedgerHealth
from workers.lookups import LookupCounts
from workers.quarantine import PROJECTION as QUARANTINE
from workers.rollups import Waiting, waiting

_EVENTS = "SELECT count(*), (SELECT created_at FROM events ORDER BY place DESC LIMIT 1) FROM events"
_LETTERS = "SELECT count(*), count(*) FILTER (WHERE projection = %s) FROM dead_letters"
# Only those that nobody has resolved yet.
_INCIDENTS = """
SELECT detected_at, partition, kind, doubt_since, doubt_until
FROM incidents WHERE resolved_at IS NULL ORDER BY detected_at
"""


@dataclass(frozen=True)
class Partition:
    """`waiting` events are in the log and not yet in Postgres, the oldest since `seconds`."""

    partition: int
    position: str
    waiting: int
    seconds: float


@dataclass(frozen=True)
class LogMemory:
    """Bytes of the log and of what it remembers of duplicates, each against its bound."""

    entries: int
    bytes: int
    max_bytes: int
    dedupe_bytes: int
    dedupe_max_bytes: int
    duplicates: int
    forgotten_day: int | None


@dataclass(frozen=True)
class Incident:
    """Events of Stripe's between `doubt_since` (null: ever) and `doubt_until` may be missing."""

    detected_at: datetime
    partition: int
    kind: str
    doubt_since: datetime | None
    doubt_until: datetime


@dataclass(frozen=True)
class Health:
    """`rebuild_due` names what is not as it was when the rows were built.

    `open_jobs` are the creators' jobs that are not finished; `messages` those that are due to other systems,
    `dead_messages` those that were given up. `rollups` are the sums of 15
    minutes that are to be made anew. `lookups` is what Stripe is to be asked for.
    """

    partitions: list[Partition]
    log: LogMemory
    events: int
    last_event_at: datetime | None
    dead_letters: int
    quarantined: int
    incidents: list[Incident]
    ledger: LedgerHealth
    rebuild_due: list[str]
    drain_workers: int
    creators: int
    open_jobs: int
    creators_paused: Paused | None
    messages: int
    dead_messages: int
    rollups: Waiting
    lookups: LookupCounts
    lookups_possible: bool


def examine(settings: Settings) -> Health:
    """Ask both servers. Raises psycopg.OperationalError and RedisError where one does not answer."""
    assert settings.redis_url
    assert settings.database_url
    with (
        Redis.from_url(settings.redis_url) as redis,
        psycopg.connect(settings.database_url, autocommit=True) as connection,
    ):
        partitions, log = _log(redis, connection, settings)
        [(events, last_event_at)] = connection.execute(_EVENTS).fetchall()
        [(dead_letters, quarantined)] = connection.execute(_LETTERS, [QUARANTINE]).fetchall()
        messages, dead_messages = outbox.counts(connection)
        incidents = connection.cursor(row_factory=class_row(Incident)).execute(_INCIDENTS).fetchall()
        return Health(
            partitions=partitions,
            log=log,
            events=events,
            last_event_at=last_event_at,
            dead_letters=dead_letters,
            quarantined=quarantined,
            incidents=incidents,
            ledger=ledger_health.examine(connection),
            rebuild_due=built_under.changed(connection, settings),
            drain_workers=_workers(settings, drain_queue),
            creators=_workers(settings, checkout_queue),
            open_jobs=Jobs(redis, settings).count_open(),
            creators_paused=Pause(redis, settings).of_any_key(),
            messages=messages,
            dead_messages=dead_messages,
            rollups=waiting(connection),
            lookups=lookups.counts(connection),
            lookups_possible=settings.stripe_secret_key is not None,
        )


def _log(
    redis: "Redis", connection: "psycopg.Connection[Any]", settings: Settings
) -> tuple[list[Partition], LogMemory]:
    found = lags(EventLog(redis, settings), connection)
    backlog = Backlog(redis, settings)
    partitions = [
        Partition(lag.partition, lag.position, *backlog.after(lag.partition, lag.position)) for lag in found
    ]
    limits = bounds(ServerFacts.ask_now(redis), settings)
    states = [lag.state for lag in found]
    forgotten = [state.forgotten_day for state in states if state.forgotten_day is not None]
    return partitions, LogMemory(
        entries=sum(state.entries for state in states),
        bytes=sum(state.bytes for state in states),
        max_bytes=limits.log_max_bytes,
        dedupe_bytes=sum(state.digest_bytes for state in states),
        dedupe_max_bytes=limits.dedupe_max_bytes,
        duplicates=sum(state.duplicates for state in states),
        forgotten_day=max(forgotten, default=None),
    )


def _workers(settings: Settings, queue: Callable[["Redis", Settings], Queue]) -> int:
    with connect(settings) as redis:
        return Worker.count(queue=queue(redis, settings))
