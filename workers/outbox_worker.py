"""The outbox worker: claims messages as they fall due and delivers them, a thread each."""

import signal
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event as Flag
from typing import Any

import psycopg
import structlog

from ingest.settings import Settings
from workers import outbox
from workers.deliveries import DELIVERIES
from workers.folding import reason
from workers.outbox import Deliver, Message, Undelivered

AT_ONCE = 8
LOOK_SECONDS = 0.5

log = structlog.get_logger()


class OutboxWorker:
    """One process' deliveries. Any number may run: what one has claimed, no other delivers meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._deliveries: Mapping[str, Deliver] = {kind: make(settings) for kind, make in DELIVERIES.items()}
        self._threads = ThreadPoolExecutor(AT_ONCE, "outbox")
        self._under_way: dict[Future[Undelivered | None], Message] = {}
        self._database: psycopg.Connection[Any] | None = None

    def run_once(self, patience: float = 0.0) -> bool:
        """Begin what is due and settle what is done; returns whether there was or is anything.

        Waits for `patience` seconds at most, for one that is under way. Raises psycopg.OperationalError while
        the database is away: what was delivered meanwhile is settled afterwards, or delivered once more.
        """
        database = self._connected()
        for message in outbox.claim(database, AT_ONCE - len(self._under_way), sorted(self._deliveries)):
            self._under_way[self._threads.submit(self._attempt, message)] = message
        done, _ = wait(self._under_way, timeout=patience, return_when=FIRST_COMPLETED)
        for future in done:
            self._settle(database, self._under_way[future], future.result())
            del self._under_way[future]
        return bool(done or self._under_way)

    def close(self) -> None:
        """Wait for what is under way; what cannot be settled any more is delivered again after its lease."""
        self._threads.shutdown()
        if self._database is not None:
            with self._database as database:
                for future, message in self._under_way.items():
                    self._settle(database, message, future.result())
            self._database = None
        self._under_way.clear()

    def _attempt(self, message: Message) -> Undelivered | None:
        try:
            self._deliveries[message.kind](message)
        except Undelivered as failure:
            return failure
        except Exception as fault:  # noqa: BLE001 (a fault of ours holds up none but its own subject)
            return Undelivered(reason(fault))
        return None

    def _settle(
        self, database: "psycopg.Connection[Any]", message: Message, failure: Undelivered | None
    ) -> None:
        told = log.bind(kind=message.kind, cause=message.cause, attempts=message.attempts)
        if failure is None:
            outbox.delivered(database, message)
            told.info("delivered")
        elif outbox.failed(database, message, failure):
            told.error("given up: see ./run dead-letters", problem=str(failure))
        else:
            told.warning("not delivered; it is tried again", problem=str(failure))

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._database is None or self._database.closed:
            assert self._settings.database_url
            self._database = psycopg.connect(self._settings.database_url, autocommit=True)
        return self._database


def main(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT; then finish what is under way. An absent database is waited for."""
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = OutboxWorker(settings)
    away: str | None = None
    while not stop.is_set():
        try:
            busy = worker.run_once(patience=LOOK_SECONDS)
        except psycopg.OperationalError as error:
            if away != (away := type(error).__name__):
                log.warning("the database is away; the outbox waits", reason=away)
            stop.wait(LOOK_SECONDS)
            continue
        if away:
            log.info("the database is back")
            away = None
        if not busy:
            stop.wait(LOOK_SECONDS)
    worker.close()
