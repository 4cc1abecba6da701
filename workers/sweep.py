"""The sweep: looks at every partition, again and again, and sees to what a lost wake-up would leave."""

import logging
import signal
from threading import Event as Flag
from time import monotonic
from typing import Any

import psycopg
import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

from ingest.durability import ServerFacts, bounds
from ingest.event_log import EventLog
from ingest.queues import connect, drain_queue, enqueue_drain
from ingest.settings import Settings
from workers.database import dial
from workers.drain import Drain
from workers.lag import Lag, lags
from workers.rollups import MERGE_SECONDS, merge_queued
from workers.trim import trim

PATIENCE_SECONDS = 5.0
"""How long nothing may move before the sweep takes it that RQ cannot run, and drains by itself."""

TURN_SECONDS = 5.0
"""How long it drains in a row: in between it trims, which makes room in a full log."""

AWAY = (psycopg.OperationalError, psycopg.InternalError, RedisError)
"""What a server's absence raises; InternalError where Postgres takes no writes (a full disk, a standby)."""

log = structlog.get_logger()


class Sweep:
    """One sweep process' state. Any number may run: what each does, the checkpoints' locks order."""

    def __init__(self, settings: Settings, stop: Flag | None = None) -> None:
        assert settings.redis_url
        self._settings = settings
        self._stop = stop or Flag()
        self._redis = Redis.from_url(settings.redis_url)
        self._rq_redis = connect(settings)
        self._queue: Queue = drain_queue(self._rq_redis, settings)
        self._log = EventLog(self._redis, settings)
        self._database: psycopg.Connection[Any] | None = None
        self._moved_at = self._merged_at = monotonic()
        self._seen: list[Lag] = []

    def run_once(self) -> None:
        """Look once: wake the drain where something waits, drain where nobody does, trim what is done, and
        merge what nobody refreshes.

        Raises what AWAY names while a server is.
        """
        found = lags(self._log, self._connected())
        if any(lag.waiting for lag in found):
            self._see_to(found)
        else:
            self._moved_at = monotonic()
        self._seen = found
        self._trim(found)
        if monotonic() - self._merged_at > MERGE_SECONDS:
            merge_queued(self._connected())
            self._merged_at = monotonic()

    def _see_to(self, found: list[Lag]) -> None:
        if [lag.position for lag in found] != [lag.position for lag in self._seen]:
            self._moved_at = monotonic()
        if monotonic() - self._moved_at > PATIENCE_SECONDS:
            log.warning("no worker drains; the sweep drains by itself")
            with Drain(self._settings) as drain:
                until = monotonic() + TURN_SECONDS
                drain.run(proceed=lambda: not self._stop.is_set() and monotonic() < until)
            return
        try:
            if not self._queue.count:
                enqueue_drain(self._queue)
        except RedisError as error:
            log.warning("RQ cannot enqueue; the sweep will drain by itself", reason=type(error).__name__)

    def _trim(self, found: list[Lag]) -> None:
        seconds, microseconds = self._redis.time()
        limits = bounds(ServerFacts.ask_now(self._redis), self._settings)
        trim(self._log, found, self._settings, limits, seconds * 1000 + microseconds // 1000)

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._database is None or self._database.closed:
            assert self._settings.database_url
            self._database = dial(self._settings.database_url)
        return self._database

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        self._redis.close()
        self._rq_redis.close()


def main(settings: Settings) -> None:
    """Sweep until SIGTERM or SIGINT. A server that is away is waited for; events wait in the log."""
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # as the drain worker does
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sweep = Sweep(settings, stop)
    away: str | None = None
    while not stop.is_set():
        try:
            sweep.run_once()
        except AWAY as error:
            if away != (away := type(error).__name__):
                log.warning("a server is away; the sweep waits", reason=away)
            sweep.close()
        else:
            if away:
                log.info("the servers are back")
            away = None
        stop.wait(settings.sweep_interval_seconds)
    sweep.close()
