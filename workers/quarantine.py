"""Quarantine: events that killed every process that folded them are kept, and folded into nothing."""

from collections.abc import Sequence

import structlog
from psycopg import Connection

from ingest.event import Event, Identity
from ingest.event_log import Entry
from workers.folding import Letter, remember
from workers.history import record

PROJECTION = "*"
"""A quarantined event reaches no projection at all, so its letter names them all."""

log = structlog.get_logger()


def quarantine(connection: "Connection", entries: Sequence[Entry]) -> None:
    """Write the events into the history and a dead letter for each, inside the caller's transaction."""
    record(connection, entries, quarantined=True)
    for entry in entries:
        event = Event.read(entry.body, source=entry.source, account=entry.account)
        identity = event.identity or Identity(
            event.account, event.livemode, event.object_type, event.object_id or event.id
        )
        remember(connection, [Letter(identity, PROJECTION, event.id, "its processing never ended")])
        log.error("an event is quarantined: its processing never ended", event_id=event.id, type=event.type)
