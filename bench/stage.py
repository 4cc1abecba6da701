"""A stage for one measurement: a database and a log of its own, and the processes of a stack on them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from redis import Redis

from ingest.durability import ServerFacts, bounds
from ingest.event import Event
from ingest.event_log import EventLog
from ingest.partition import partition_of
from ingest.queues import connect, drain_queue, enqueue_drain
from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.lag import lags
from workers.readiness import prepare_database
from workers.servers.embedded import Embedded
from workers.servers.guardian import Guardian
from workers.servers.ports import available
from workers.up import ours

SECRET = "whsec_bench"
BARE = Path(__file__).with_name("bare.py")
START_SECONDS = 30.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01
APPENDED_AT_ONCE = 200


class Broken(Refusal):
    """A measurement went wrong, so that its value would mean nothing: the message says what did."""


@dataclass
class Theatre:
    """What all stages share: the servers, who starts processes, and a directory for files."""

    servers: Embedded
    guardian: Guardian
    directory: Path

    @contextmanager
    def stage(self, name: str) -> Iterator["Stage"]:
        """A stage with an empty database and an empty log; both are gone afterwards."""
        with psycopg.connect(self.servers.database_url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            stage = Stage(self, name)
            prepare_database(stage.settings, anew=True)
            try:
                yield stage
            finally:
                stage.close()
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    @contextmanager
    def bare_route(self) -> Iterator[str]:
        """The bare route, serving; yields its URL."""
        port = available(0, variable="PORT")
        with self.process([sys.executable, "-P", BARE, str(port)], {}, "bare") as process:
            until(lambda: answers(port), START_SECONDS, "the bare route answers", process)
            yield f"http://127.0.0.1:{port}/webhooks"

    @contextmanager
    def process(
        self, program: Sequence[str | Path], environment: dict[str, str], name: str
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A process that runs for as long as the block, its output in a file. Raises Broken if it ended."""
        # What configures hooklog here must not configure what is measured.
        given = {key: value for key, value in os.environ.items() if key not in ours(os.environ)}
        path = self.directory / f"{name}.log"
        with path.open("wb") as output:
            process = self.guardian.start(program, environment={**given, **environment}, output=output)
        try:
            yield process
            if process.poll() is not None:
                said = path.read_text(errors="replace").splitlines()
                raise Broken(f"{name} ended while it was measured: {' | '.join(said[-5:])}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class Stage:
    """`settings` name its log and its database; everything else is as by default."""

    theatre: Theatre
    name: str
    _open: list[Any] = field(default_factory=list)

    @cached_property
    def environment(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.theatre.servers.redis_url,
            "DATABASE_URL": make_conninfo(self.theatre.servers.database_url, dbname=self.name),
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
    def running(self, command: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        """`hooklog COMMAND`, in a process of its own."""
        program = [sys.executable, "-m", "workers.command", command]
        with self.theatre.process(program, {**self.environment, **environment}, command) as process:
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
        log, limits = (
            EventLog(self.redis, self.settings),
            bounds(ServerFacts.ask_now(self.redis), self.settings),
        )
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


def until(
    came: Callable[[], bool], seconds: float, what: str, process: "subprocess.Popen[bytes] | None" = None
) -> None:
    """Return as soon as `came` says so. Raises Broken after `seconds`, or when the process ended."""
    deadline = time.monotonic() + seconds
    while not came():
        if time.monotonic() > deadline:
            raise Broken(f"waited {seconds:g} s in vain until {what}")
        if process is not None and process.poll() is not None:
            raise Broken(f"a process ended before {what}")
        time.sleep(POLL_SECONDS)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
