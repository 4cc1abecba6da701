"""The refresher: keeps the rollups up with the rows, seconds behind."""

import signal
from threading import Event as Flag
from time import monotonic
from typing import Any

import psycopg
import structlog

from ingest.settings import Settings
from workers.database import dial
from workers.rollups import AT_ONCE, Refresher

LOOK_SECONDS = 1.0
"""So often it looks who has ended that was writing."""

REST_SECONDS = 2.0
REST = 4.0
"""It rests this many times as long as it worked, as the newest bucket is made anew every time."""

MOST_SECONDS = 15.0
"""But no longer than this: the rollups are to be 30 seconds behind at most."""

log = structlog.get_logger()


def main(settings: Settings) -> None:
    """Refresh until SIGTERM or SIGINT. An absent database is waited for; what is queued waits in it."""
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    database: psycopg.Connection[Any] | None = None
    away: str | None = None
    due = 0.0
    assert settings.database_url
    while not stop.is_set():
        began = monotonic()
        try:
            if database is None or database.closed:
                database = dial(settings.database_url)
                refresher = Refresher(database)
            if began < due:
                refresher.look()
            else:
                while refresher.refresh() == AT_ONCE and not stop.is_set():
                    pass
                ended = monotonic()
                due = ended + min(max(REST_SECONDS, REST * (ended - began)), MOST_SECONDS)
        except (psycopg.OperationalError, psycopg.InternalError) as error:
            if away != (away := type(error).__name__):
                log.warning("the database is away; the rollups wait", reason=away)
            if database is not None:
                database.close()
        else:
            if away:
                log.info("the database is back")
            away = None
        stop.wait(LOOK_SECONDS)
    if database is not None:
        database.close()
