"""A database and a log of a measurement's own, and the processes of a stack on them."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from redis import Redis

from bench.rig import START_SECONDS, Broken, Rig, answers, until
from ingest.durability import ServerFacts, bounds
from ingest.event import Event
from ingest.event_log import EventLog
from ingest.partition import partition_of
from ingest.queues import connect, drain_queue, enqueue_drain
from ingest.settings import Settings
from workers.lag import lags
from workers.readiness import prepare_database
from workers.servers.ports import available

SECRET = "whsec_bench"
APPENDED_AT_ONCE = 200


@dataclass
class Pipeline:
    """`settings` name its log and its database; everything else is as by default."""

    rig: Rig
    name: str
    _open: list[Any] = field(default_factory=list)

    @classmethod
    @contextmanager
    def on(cls, rig: Rig, name: str) -> Iterator[Self]:
        """One with an empty database and an empty log; both are gone afterwards."""
        with psycopg.connect(rig.servers.database_url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            pipeline = cls(rig, name)
            prepare_database(pipeline.settings, anew=True)
            try:
                yield pipeline
            finally:
                pipeline.close()
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    @cached_property
    def environment(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.rig.servers.redis_url,
            "DATABASE_URL": make_conninfo(self.rig.servers.database_url, dbname=self.name),
            "LOG_PREFIX": self.name,
            "STRIPE_WEBHOOK_SECRET": SECRET,
        }

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @cached_property
    def database(self) -> "psycopg.Connection[Any]":
        """An autocommit connection."""
        assert self.settings.database_url
        connection = psycopg.connect(self.settings.database_url, autocommit=True)
        self._open.append(connection)
        return connection

    @cached_property
    def redis(self) -> Redis:
        redis = connect(self.settings)
        self._open.append(redis)
        return redis

    @contextmanager
    def running(self, command: str, *options: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        """`hooklog COMMAND`, in a process of its own."""
        program = [sys.executable, "-m", "workers.command", command, *options]
        with self.rig.process(program, {**self.environment, **environment}, command) as process:
            yield process

    @contextmanager
    def web(self) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
        """A web process that answers; yields the URL to post to, and the process."""
        port = available(0, variable="PORT")
        with self.running("web", PORT=str(port)) as process:
            until(lambda: answers(port), START_SECONDS, "web answers", process)
            yield f"http://127.0.0.1:{port}/webhooks", process

    def append(self, bodies: Sequence[bytes]) -> None:
        """Put events into the log, and wake nobody. Raises Broken unless all are stored."""
        log = EventLog(self.redis, self.settings)
        limits = bounds(ServerFacts.ask_now(self.redis), self.settings)
        waiting: dict[int, list[Event]] = {}
        for body in bodies:
            event = Event.read(body, source="default")
            waiting.setdefault(partition_of(event, self.settings.log_partitions), []).append(event)
        for partition, events in waiting.items():
            for at in range(0, len(events), APPENDED_AT_ONCE):
                outcomes = log.append(partition, events[at : at + APPENDED_AT_ONCE], limits)
                if refused := {"full", "duplicate"} & set(outcomes):
                    raise Broken(f"the log took no event of a batch, or not each: {', '.join(refused)}")

    def wake(self) -> None:
        """Ask for a drain."""
        enqueue_drain(drain_queue(self.redis, self.settings))

    def drained(self) -> bool:
        """Whether all that is in the log is in Postgres, too."""
        return not any(lag.waiting for lag in lags(EventLog(self.redis, self.settings), self.database))

    def events(self) -> int:
        """How many events are in Postgres."""
        [(count,)] = self.database.execute("SELECT count(*) FROM events").fetchall()
        return int(count)

    def forget_log(self) -> None:
        """Empty the log."""
        for key in self.redis.scan_iter(f"*{self.name}*", count=1000):
            self.redis.unlink(key)

    def close(self) -> None:
        self.forget_log()
        for each in self._open:
            each.close()
