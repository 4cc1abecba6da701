"""An object's life: the events of it and of what is linked to it, in the order in which they happened."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from projections.causality import order
from projections.dashboard import notices
from projections.dashboard.kin import Kin
from projections.dashboard.moment import Moment
from projections.dashboard.naming import Key, Place
from projections.dashboard.notices import Notice
from projections.dashboard.reader import Reader
from projections.heads import stored

MOST_BYTES = 24 << 20
MOST_EVENTS = 2000
"""What is read of histories at once: of a larger life some objects, of a larger object some events."""

_SIZES = """
SELECT object, object_id, NULL::bigint AS place, count(*) AS events, sum(octet_length(payload)) AS bytes,
    min(created_at) AS first
FROM events JOIN unnest(%s::text[], %s::text[]) AS wanted (object, object_id) USING (object, object_id)
WHERE account = %s AND livemode = %s
GROUP BY object, object_id
UNION ALL
SELECT object, object_id, place, 1, octet_length(payload), created_at FROM events WHERE place = ANY(%s)
ORDER BY first, object, object_id, place
"""
_ROWS = """
SELECT {alone} AS alone, place, event_id, type, created_at, applied_at, source, api_version, account,
    object, object_id, quarantined,
    CASE WHEN quarantined THEN left(payload, 20000) ELSE coalesce(payload_clean, payload) END
        AS payload,
    payload_clean IS NOT NULL AS cleaned
FROM events
"""
_OF_OBJECTS, _BY_THEMSELVES = _ROWS.format(alone=False), _ROWS.format(alone=True)
_EVENTS = f"""
{_OF_OBJECTS} JOIN unnest(%s::text[], %s::text[]) AS wanted (object, object_id) USING (object, object_id)
WHERE account = %s AND livemode = %s
UNION ALL
{_BY_THEMSELVES} WHERE place = ANY(%s)
"""
_SLICE = f"""
{_OF_OBJECTS} WHERE place IN (
    SELECT place FROM events WHERE object_id = %s AND object = %s AND account = %s AND livemode = %s
    ORDER BY created_at, place OFFSET %s LIMIT %s
)
"""  # noqa: S608 (constants)
_DEAD = """
SELECT event_id, projection, reason
FROM dead_letters JOIN unnest(%s::text[], %s::text[]) AS wanted (object, object_id) USING (object, object_id)
WHERE account = %s AND livemode = %s
"""

_EVENT = """
SELECT object, object_id, place, (
    SELECT count(*) FROM events AS earlier
    WHERE earlier.object_id = mine.object_id AND earlier.object = mine.object
        AND earlier.account = mine.account AND earlier.livemode = mine.livemode
        AND (earlier.created_at, earlier.place) < (mine.created_at, mine.place)
) AS before
FROM events AS mine WHERE event_id = %s AND account = %s AND livemode = %s
"""

_RANK = ("customer", "checkout.session", "subscription", "invoice", "invoice_payment", "payment_intent",
         "charge")  # fmt: skip
"""In one second these are created one after the other, and changed the other way round: what is paid for
changes when its payment did."""


class Part(NamedTuple):
    """Whole objects, and the places of events by themselves; or of an object that is too large its events by
    the clock, from `start` to before `stop`."""

    objects: list[Key]
    alone: list[int]
    start: int = 0
    stop: int | None = None
    last: bool = True

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is among its own, which has so many of its object's before it."""
        if event["place"] in self.alone:
            return True
        mine = (event["object"], event["object_id"]) in self.objects
        return mine and (self.stop is None or self.start <= event["before"] < self.stop)


@dataclass(frozen=True)
class Life:
    """One part of it, `parts` in all."""

    moments: list[Moment | Notice]
    part: int
    parts: int
    newest: Mapping[Key, Moment]
    """Each object's newest event, in the order in which they came up; none where a later part has it."""

    def place_of(self, event_id: str) -> int:
        """Where an event stands among the moments, from 0; 0 where it does not."""
        return next((n for n, each in enumerate(self.moments) if each.row.get("event_id") == event_id), 0)


async def read(reader: Reader, kin: Kin, at: Place, part: int, event_id: str | None = None) -> Life:
    """Part `part` (from 1), or that which has an event, of the life that these are. Raises psycopg.Error."""
    where = [at.account, at.livemode]
    parts = parted(await reader.rows(_SIZES, [*_columns(kin.objects), *where, kin.alone]))
    for event in await reader.rows(_EVENT, [event_id, *where]) if event_id else ():
        part = next((n for n, each in enumerate(parts, 1) if each.holds(event)), part)
    if not 1 <= part <= len(parts):
        return Life([], part, len(parts), {})
    wanted = parts[part - 1]
    columns = [*_columns(wanted.objects), *where]
    if wanted.stop is None:
        rows = await reader.rows(_EVENTS, [*columns, wanted.alone])
    else:
        [(kind, name)] = wanted.objects
        first = max(0, wanted.start - 1)  # with the one before, which says what the next one changed
        rows = await reader.rows(_SLICE, [name, kind, *where, first, wanted.stop - first])
    dead: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for letter in await reader.rows(_DEAD, columns):
        dead[letter["event_id"]].append(letter)
    said = await notices.read(reader, wanted.objects, at) if wanted.last else []
    return await asyncio.to_thread(told, rows, dead, said, wanted, (part, len(parts)))


def told(
    rows: Iterable[Mapping[str, Any]],
    dead: Mapping[str, Sequence[Mapping[str, Any]]],
    said: Sequence[Notice],
    wanted: Part,
    numbers: tuple[int, int] = (1, 1),
) -> Life:
    """Each object's events in causal order, merged by Stripe's clock without breaking an object's own."""
    of_objects: defaultdict[tuple[str, str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["created_at"], row["place"])):
        of_objects[row["object"], row["object_id"] or "", row["place"] if row["alone"] else 0].append(row)
    keyed: list[tuple[tuple[Any, ...], Moment | Notice]] = []
    newest: dict[Key, Moment] = {}
    for (kind, name, alone), mine in of_objects.items():
        moments = _ordered(mine, dead)
        known = [moment for moment in moments if moment.event]
        if known and wanted.last and not alone:
            newest[kind, name] = known[-1]
        if wanted.start:
            moments = [moment for moment in moments if moment.row is not mine[0]]
        keyed += _timed(kind, name, moments)
    keyed += [((notice.at, 3, 0, "", place), notice) for place, notice in enumerate(said)]
    keyed.sort(key=lambda pair: pair[0])
    return Life([moment for _, moment in keyed], *numbers, newest)


def _timed(kind: str, name: str, moments: Sequence[Moment]) -> Iterable[tuple[tuple[Any, ...], Moment]]:
    """The place of each of an object's events among those of others."""
    rank = _RANK.index(kind) if kind in _RANK else len(_RANK)
    clock: tuple[datetime, int] | None = None
    for step, moment in enumerate(moments):
        clock = max(clock, moment.clock) if clock else moment.clock
        yield (*clock, -rank if clock[1] else rank, name, step), moment


def _ordered(
    rows: Sequence[Mapping[str, Any]], dead: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[Moment]:
    """One object's: those in causal order, and by the clock between them those that are not read."""
    of_ids = {row["event_id"]: row for row in rows}
    events = order(
        [stored(row["payload"], row["source"], row["account"]) for row in rows if not row["quarantined"]]
    )
    earliest_after = float("inf")
    overtaken: dict[str, bool] = {}
    for event in reversed(events):
        place = of_ids[event.id]["place"]
        overtaken[event.id] = place > earliest_after
        earliest_after = min(earliest_after, place)
    moments = [
        Moment(of_ids[event.id], event, before, overtaken[event.id], dead.get(event.id, ()))
        for before, event in pairwise([None, *events])
        if event
    ]
    for row in rows:
        if row["quarantined"]:
            at = next(
                (n for n, each in enumerate(moments) if each.row["created_at"] > row["created_at"]),
                len(moments),
            )
            moments.insert(at, Moment(row, None, None, False, dead.get(row["event_id"], ())))
    return moments


def parted(sizes: Iterable[Mapping[str, Any]]) -> list[Part]:
    """Objects, the earliest first, in parts that can be read at once."""
    parts: list[Part] = []
    events = taken = 0
    for row in sizes:
        key = row["object"], row["object_id"]
        if row["events"] > MOST_EVENTS or row["bytes"] > MOST_BYTES:
            size = max(1, min(MOST_EVENTS, int(MOST_BYTES * row["events"] / row["bytes"])))
            starts = range(0, row["events"], size)
            parts += [Part([key], [], start, start + size, start == starts[-1]) for start in starts]
            events = MOST_EVENTS
            continue
        events, taken = events + row["events"], taken + row["bytes"]
        if not parts or events > MOST_EVENTS or taken > MOST_BYTES:
            parts.append(Part([], []))
            events, taken = row["events"], row["bytes"]
        if row["place"] is None:
            parts[-1].objects.append(key)
        else:
            parts[-1].alone.append(row["place"])
    return parts


def _columns(objects: Sequence[Key]) -> list[list[str]]:
    return [[kind for kind, _ in objects], [name for _, name in objects]]
