"""The history: every event once, for ever, whichever endpoint delivered it first."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from psycopg import Connection, Cursor

from ingest.event import Event, Identity
from ingest.event_log import Entry
from projections.heads import Arrived

_STAGING = """
CREATE TEMP TABLE incoming (
    n integer, event_id text, type text, created_at timestamptz, source text, account text, livemode boolean,
    api_version text, object text, object_id text, received_at timestamptz, log_partition smallint,
    log_id text, quarantined boolean, payload text STORAGE EXTERNAL, payload_clean text STORAGE EXTERNAL
) WITH (toast_tuple_target = 8160) ON COMMIT DELETE ROWS
"""
# STORAGE EXTERNAL: a value that staging compressed would stay as it is, whatever the history's own setting.
# The target, the greatest there is, keeps most bodies in the rows: they need not be cut up and put together.

_COPY = "COPY incoming FROM STDIN (FORMAT BINARY)"
_TYPES = [
    *("int4", "text", "text", "timestamptz", "text", "text", "bool"),
    *("text", "text", "text", "timestamptz", "int2", "text", "bool", "text", "text"),
]

_INSERT = """
INSERT INTO events (event_id, type, created_at, source, account, livemode, api_version, object, object_id,
    received_at, log_partition, log_id, quarantined, payload, payload_clean)
SELECT event_id, type, created_at, source, account, livemode, api_version, object, object_id,
    received_at, log_partition, log_id, quarantined, payload, payload_clean
FROM incoming ORDER BY n
ON CONFLICT (event_id) DO NOTHING
RETURNING event_id, place
"""
_KNOWN = """
SELECT event_id, account, livemode, object, object_id FROM events WHERE event_id = ANY(%s)
"""

# It commutes: whichever version came first, the greater (API version, source, payload) stays.
_REPLACE = """
UPDATE events AS kept SET type = new.type, created_at = new.created_at, source = new.source,
    account = new.account, livemode = new.livemode, api_version = new.api_version, object = new.object,
    object_id = new.object_id, payload = new.payload, payload_clean = new.payload_clean
FROM incoming AS new
WHERE kept.event_id = new.event_id AND new.event_id = ANY(%s)
    AND (coalesce(new.api_version, '') COLLATE "C", new.source COLLATE "C", new.payload COLLATE "C")
        > (coalesce(kept.api_version, '') COLLATE "C", kept.source COLLATE "C", kept.payload COLLATE "C")
RETURNING kept.event_id, kept.place, kept.quarantined
"""


@dataclass(frozen=True)
class Recorded:
    """What a batch brought: events that are new or replaced a body, and the objects of replaced bodies."""

    arrived: list[Arrived]
    displaced: set[Identity]


def begin(connection: "Connection") -> None:
    """Make the staging table, once a connection."""
    connection.execute(_STAGING)


def record(connection: "Connection", entries: Sequence[Entry], *, quarantined: bool = False) -> Recorded:
    """Insert what is new, inside the caller's transaction; a known event changes nothing."""
    events = _greatest_of_each(entries)
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for n, (entry, event) in enumerate(events.values()):
                copy.write_row(_row(n, entry, event, quarantined))
        inserted = cursor.execute(_INSERT).fetchall()
        if quarantined:  # a body that kills replaces none that does not
            return Recorded([], set())
        known = events.keys() - {event_id for event_id, _ in inserted}
        replaced, displaced = _replace(cursor, known) if known else ([], set())
    new = [Arrived(events[event_id][1], place) for event_id, place in inserted + replaced]
    return Recorded(new, displaced)


def _replace(cursor: "Cursor", known: Collection[str]) -> tuple[list[tuple[str, int]], set[Identity]]:
    """Replace lesser versions of known events; returns those, with the objects that they told of before."""
    ids = list(known)
    before = {row[0]: row[1:] for row in cursor.execute(_KNOWN, [ids]).fetchall()}
    rows = cursor.execute(_REPLACE, [ids]).fetchall()
    displaced = {Identity(*before[event_id]) for event_id, *_ in rows if before[event_id][-1] is not None}
    return [(event_id, place) for event_id, place, held in rows if not held], displaced


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
        *(event.api_version, event.object_type, event.object_id, entry.received_at),
        *(entry.partition, entry.id, quarantined, event.raw.decode(), event.jsonb_form),
    )
