"""Heads: which event is the newest of each object. The one place that writes order down."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from ingest.event import Event, Identity
from projections.causality import DELETED, Prefix, order, prefix
from projections.columns import columns


class Arrived(NamedTuple):
    """An event and its place in the history."""

    event: Event
    place: int


class Head(NamedTuple):
    """What is written down of an object's newest event; no place where none is left."""

    place: int | None
    prefix: Prefix | None


class TooMuch(Exception):
    """The histories of these objects together are more than memory should hold: take fewer at a time."""


@dataclass
class Standing:
    """An object as a batch leaves it.

    `events` are its own in causal order, the newest last: all of them where `whole`, else the newest alone.
    `arrived` are those that the batch brought, whatever they changed.
    """

    identity: Identity
    events: list[Event]
    whole: bool
    known_before: bool
    newest_changed: bool
    places: dict[str, int] = field(default_factory=dict)
    arrived: Sequence[Event] = ()

    @property
    def newest(self) -> Event | None:
        return self.events[-1] if self.events else None


KEY = "account, livemode, object, object_id"
_WANTED = f"unnest(%s::text[], %s::boolean[], %s::text[], %s::text[]) AS wanted ({KEY})"

_HEADS = f"""
SELECT {KEY}, place, incarnation, phase, terminal, second FROM heads JOIN {_WANTED} USING ({KEY})
"""  # noqa: S608 (constants)
_EVENTS = f"""
SELECT {KEY}, place, source, coalesce(payload_clean, payload) FROM events JOIN {_WANTED} USING ({KEY})
WHERE NOT quarantined
"""  # noqa: S608 (constants)
_SIZE = f"""
SELECT coalesce(sum(octet_length(payload)), 0) FROM events JOIN {_WANTED} USING ({KEY}) WHERE NOT quarantined
"""  # noqa: S608 (constants)
_EVENTS_BY_PLACE = """
SELECT place, account, source, coalesce(payload_clean, payload) FROM events WHERE place = ANY(%s)
"""
_WRITE = f"""
INSERT INTO {{table}} ({KEY}, place, incarnation, phase, terminal, second, deleted, touched)
SELECT new.*, pg_current_xact_id() FROM unnest(%s::text[], %s::boolean[], %s::text[], %s::text[],
    %s::bigint[], %s::bigint[], %s::smallint[], %s::smallint[], %s::bigint[], %s::boolean[]) AS new
ON CONFLICT ({KEY}) DO UPDATE SET place = excluded.place, incarnation = excluded.incarnation,
    phase = excluded.phase, terminal = excluded.terminal, second = excluded.second,
    deleted = excluded.deleted, touched = excluded.touched
"""  # noqa: S608 (constants)


def advance(
    connection: "Connection",
    arrived: Iterable[Arrived],
    displaced: Collection[Identity],
    in_whole: Callable[[Event], bool],
    most_bytes: int,
) -> list[Standing]:
    """Bring the heads up to date with events that were just recorded; returns each object's standing.

    `displaced` are objects that lost an event or had its body replaced; `in_whole` says of an event whether
    all of its object's are wanted. The caller holds the locks of the objects' partitions. Raises TooMuch
    where the histories to read take more than `most_bytes`, and fewer objects would do.
    """
    fresh: defaultdict[Identity, list[Arrived]] = defaultdict(list)
    for one in arrived:
        if one.event.identity:
            fresh[one.event.identity].append(one)
    touched = sorted({*fresh, *displaced})
    if not touched:
        return []
    heads = _heads(connection, touched)
    whole_sets = [
        identity
        for identity in touched
        if identity in heads
        and (
            identity in displaced
            or any(in_whole(one.event) for one in fresh[identity])
            or not _all_after(heads[identity], fresh[identity])
        )
    ]
    if len(whole_sets) > 1 and _size(connection, whole_sets) > most_bytes:
        raise TooMuch
    sets = load(connection, whole_sets)
    starts = _events_by_place(
        connection,
        [
            head.place
            for identity in touched
            if identity not in sets
            and (head := heads.get(identity))
            and head.place
            and _ties(fresh[identity])
        ],
    )
    standings = []
    for identity in touched:
        head = heads.get(identity)
        known = sets.get(identity)
        mine = known if known is not None else fresh[identity]
        before = starts.get(head.place) if known is None and head and head.place else None
        places = {one.event.id: one.place for one in mine}
        events = order([one.event for one in mine], before=before)
        newest_place = places[events[-1].id] if events else None
        replaced = identity in displaced
        standings.append(
            Standing(
                identity=identity,
                events=events,
                whole=known is not None or head is None,
                known_before=head is not None,
                newest_changed=replaced or head is None or head.place != newest_place,
                places=places,
                arrived=[one.event for one in fresh[identity]],
            )
        )
    write(connection, standings)
    return standings


def whole(identity: Identity, arrived: Sequence[Arrived]) -> Standing:
    """The standing of an object of which all events are at hand, whatever was written down of it."""
    return Standing(
        identity=identity,
        events=order([one.event for one in arrived]),
        whole=True,
        known_before=True,
        newest_changed=True,
        places={one.event.id: one.place for one in arrived},
    )


def load(connection: "Connection", identities: Sequence[Identity]) -> dict[Identity, list[Arrived]]:
    """All events of each object, in no order; an object without any has an empty list."""
    found: dict[Identity, list[Arrived]] = {identity: [] for identity in identities}
    if identities:
        rows = connection.execute(_EVENTS, columns(identities)).fetchall()
        for *identity, place, source, payload in rows:
            event = stored(payload, source, identity[0])
            if event.identity:  # a thin event names the object, too, and tells nothing of it
                found[event.identity].append(Arrived(event, place))
    return found


def _size(connection: "Connection", identities: Sequence[Identity]) -> int:
    [(size,)] = connection.execute(_SIZE, columns(identities)).fetchall()
    return int(size)


def stored(payload: str, source: str, account: str) -> Event:
    """The event that a row of the history holds."""
    return Event.read(payload.encode(), source=source, account=account)


def _heads(connection: "Connection", identities: Sequence[Identity]) -> dict[Identity, Head]:
    rows = connection.execute(_HEADS, columns(identities)).fetchall()
    return {Identity(*row[:4]): Head(row[4], None if row[4] is None else Prefix(*row[5:])) for row in rows}


def _events_by_place(connection: "Connection", places: Sequence[int]) -> Mapping[int, Event]:
    if not places:
        return {}
    rows = connection.execute(_EVENTS_BY_PLACE, [places]).fetchall()
    return {place: stored(payload, source, account) for place, account, source, payload in rows}


def _all_after(head: Head, fresh: Sequence[Arrived]) -> bool:
    """Whether the order of what is known cannot matter: every new event belongs strictly after the head."""
    return head.prefix is not None and all(prefix(one.event) > head.prefix for one in fresh)


def _ties(fresh: Sequence[Arrived]) -> bool:
    """Whether the chain of previous attributes decides, which starts from the state before."""
    return len(fresh) > 1 and len({prefix(one.event) for one in fresh}) < len(fresh)


def write(connection: "Connection", standings: Sequence[Standing], table: str = "heads") -> None:
    """Write down which event is each object's newest, in `heads` or a table of its shape."""
    if standings:
        rows = [_row(standing) for standing in standings]
        connection.execute(_write_into(table), columns(rows))


@cache
def _write_into(table: str) -> bytes:
    return SQL(_WRITE).format(table=Identifier(table)).as_bytes()


def _row(standing: Standing) -> tuple[object, ...]:
    newest = standing.newest
    if newest is None:
        return (*standing.identity, None, None, None, None, None, True)
    marks = prefix(newest)
    return (*standing.identity, standing.places[newest.id], *marks, marks.phase == DELETED)
