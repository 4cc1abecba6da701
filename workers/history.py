"""The history: every event once, for ever, whichever endpoint delivered it first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import Connection

from ingest.event import Event, Identity
from ingest.event_log import Entry
from projections.heads import Arrived

_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (
    n integer, event_id text, type text, created_at timestamptz, source text, account text, livemode boolean,
    api_version text, object text, object_id text, received_at timestamptz, log_partition smallint,
    log_id text, quarantined boolean, payload text STORAGE EXTERNAL, payload_clean text STORAGE EXTERNAL
) ON COMMIT DELETE ROWS
"""
# STORAGE EXTERNAL: a value that staging compressed would stay as it is, whatever the history's own setting.

_COPY = "COPY incoming FROM STDIN (FORMAT BINARY)"
_TYPES = [
    *("int4", "text", "text", "timestamptz", "text", "text", "bool"),
    *("text", "text", "text", "timestamptz", "int2", "text", "bool", "text", "text"),
]

_DISPLACED = """
SELECT event_id, kept.account, kept.livemode, kept.object, kept.object_id
FROM events AS kept JOIN incoming USING (event_id)
"""

# The upsert commutes: whichever version comes first, the greater (API version, source, payload) stays.
_RECORD = """
INSERT INTO events AS kept (event_id, type, created_at, source, account, livemode, api_version, object,
    object_id, received_at, log_partition, log_id, quarantined, payload, payload_clean)
SELECT event_id, type, created_at, source, account, livemode, api_version, object, object_id,
    received_at, log_partition, log_id, quarantined, payload, payload_clean
FROM incoming ORDER BY n
ON CONFLICT (event_id) DO UPDATE SET
    type = excluded.type, created_at = excluded.created_at, source = excluded.source,
    account = excluded.account, livemode = excluded.livemode, api_version = excluded.api_version,
    object = excluded.object, object_id = excluded.object_id, payload = excluded.payload,
    payload_clean = excluded.payload_clean
WHERE (coalesce(excluded.api_version, '') COLLATE "C", excluded.source COLLATE "C",
       excluded.payload COLLATE "C")
    > (coalesce(kept.api_version, '') COLLATE "C", kept.source COLLATE "C", kept.payload COLLATE "C")
RETURNING event_id, place, quarantined
"""


@dataclass(frozen=True)
class Recorded:
    """What a batch brought: events that are new or replaced a body, and the objects of replaced bodies."""

    arrived: list[Arrived]
    displaced: set[Identity]


def record(connection: "Connection", entries: Sequence[Entry], *, quarantined: bool = False) -> Recorded:
    """Insert what is new, inside the caller's transaction; a known event changes nothing."""
    events = _greatest_of_each(entries)
    with connection.cursor() as cursor:
        cursor.execute(_STAGING)
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for n, (entry, event) in enumerate(events.values()):
                copy.write_row(_row(n, entry, event, quarantined))
        known = cursor.execute(_DISPLACED).fetchall()
        rows = cursor.execute(_RECORD).fetchall()
    arrived = [Arrived(events[event_id][1], place) for event_id, place, held in rows if not held]
    changed = {event_id for event_id, *_ in rows}
    displaced = {
        Identity(*identity)
        for event_id, *identity in known
        if event_id in changed and identity[-1] is not None
    }
    return Recorded(arrived, displaced)


def _greatest_of_each(entries: Iterable[Entry]) -> dict[str, tuple[Entry, Event]]:
    greatest: dict[str, tuple[Entry, Event]] = {}
    for entry in entries:
        event = Event.read(entry.body, source=entry.source, account=entry.account)
        held = greatest.get(event.id)
        if held is None or _precedence(event) > _precedence(held[1]):
            greatest[event.id] = entry, event
    return greatest


def _precedence(event: Event) -> tuple[bytes, bytes, bytes]:
    return (event.api_version or "").encode(), event.source.encode(), event.raw


def _row(n: int, entry: Entry, event: Event, quarantined: bool) -> tuple[object, ...]:
    return (
        *(n, event.id, event.type, event.created_at, event.source, event.account, event.livemode),
        *(
            event.api_version,
            event.object_type,
            event.object_id,
            entry.received_at,
            entry.partition,
            entry.id,
        ),
        *(quarantined, event.raw.decode(), event.jsonb_form),
    )
