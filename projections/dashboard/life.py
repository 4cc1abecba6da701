"""An object's life: the events of it and of what is linked to it, in the order in which they happened."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from ingest.event import Event
from projections.causality import observed, order, prefix
from projections.dashboard.difference import Changed, changed, secret
from projections.dashboard.kin import Place
from projections.dashboard.reader import Reader
from projections.heads import stored

LATE = timedelta(minutes=1)
MOST_BYTES = 24 << 20
MOST_EVENTS = 2000
"""What is read at once of histories: of a larger life some objects at a time."""

PAYLOAD = 20_000
"""Characters of a payload that are shown."""

_SIZES = """
SELECT object, object_id, count(*) AS events, sum(octet_length(payload)) AS bytes, min(created_at) AS first
FROM events JOIN unnest(%s::text[], %s::text[]) AS wanted (object, object_id) USING (object, object_id)
WHERE account = %s AND livemode = %s
GROUP BY object, object_id
ORDER BY first, object, object_id
"""
_EVENTS = """
SELECT place, event_id, type, created_at, applied_at, source, account, object, object_id, quarantined,
    CASE WHEN quarantined THEN left(payload, 20000) ELSE coalesce(payload_clean, payload) END AS payload,
    payload_clean IS NOT NULL AS cleaned
FROM events JOIN unnest(%s::text[], %s::text[]) AS wanted (object, object_id) USING (object, object_id)
WHERE account = %s AND livemode = %s
"""
_DEAD = """
SELECT event_id, projection, reason
FROM dead_letters JOIN unnest(%s::text[], %s::text[]) AS wanted (object, object_id) USING (object, object_id)
WHERE account = %s AND livemode = %s
"""

_RANK = ("customer", "subscription", "invoice", "payment_intent", "charge")

Key = tuple[str, str]


@dataclass(frozen=True)
class Moment:
    """An event as the page shows it; `event` is None where it was never read, as it harms its readers."""

    row: Mapping[str, Any]
    event: Event | None
    before: Event | None
    overtaken: bool
    dead: Sequence[Mapping[str, Any]]

    @property
    def observed(self) -> bool:
        return bool(self.event and observed(self.event))

    @property
    def late(self) -> bool:
        return bool(self.row["applied_at"] - self.row["created_at"] > LATE)

    def changed(self, zone: str) -> Changed:
        return changed(self.event, self.before, zone) if self.event else Changed([], 0)

    @property
    def payload(self) -> str:
        """For reading: indented, without what is secret, and not beyond PAYLOAD characters."""
        if self.event is None:
            return str(self.row["payload"])
        try:
            text = json.dumps(_unsecret(self.event.body), indent=2, ensure_ascii=False)
        except RecursionError:
            return "Nested too deeply to be shown; SELECT payload FROM events has it."
        return text if len(text) <= PAYLOAD else f"{text[:PAYLOAD]}\n…"


@dataclass(frozen=True)
class Life:
    """One part of it: whole objects, all of their events; `parts` in all."""

    moments: list[Moment]
    part: int
    parts: int
    newest: Mapping[Key, Event]
    """Each object's newest event, in the order in which the objects came up."""


async def read(reader: Reader, objects: Sequence[Key], at: Place, part: int) -> Life:
    """Part `part` (from 1) of the life that these objects are. Raises psycopg.Error."""
    parts = _parted(await reader.rows(_SIZES, [*_columns(objects), *at]))
    if not 1 <= part <= len(parts):
        return Life([], part, len(parts), {})
    columns = [*_columns(parts[part - 1]), *at]
    rows = await reader.rows(_EVENTS, columns)
    dead: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for letter in await reader.rows(_DEAD, columns):
        dead[letter["event_id"]].append(letter)
    return told(rows, dead, part, len(parts))


def told(
    rows: Iterable[Mapping[str, Any]], dead: Mapping[str, Sequence[Mapping[str, Any]]], part: int, parts: int
) -> Life:
    """Each object's events in causal order, merged by Stripe's clock without breaking an object's own."""
    of_objects: defaultdict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["created_at"], row["place"])):
        of_objects[row["object"], row["object_id"]].append(row)
    keyed: list[tuple[tuple[Any, ...], Moment]] = []
    newest: dict[Key, Event] = {}
    for (kind, name), mine in of_objects.items():
        moments = _ordered(mine, dead)
        known = [moment.event for moment in moments if moment.event]
        if known:
            newest[kind, name] = known[-1]
        rank = _RANK.index(kind) if kind in _RANK else len(_RANK)
        clock: tuple[datetime, int] | None = None
        for step, moment in enumerate(moments):
            phase = prefix(moment.event).phase if moment.event else 1
            mine_now = (moment.row["created_at"], phase)
            clock = max(clock, mine_now) if clock else mine_now
            keyed.append(((*clock, rank, name, step), moment))
    keyed.sort(key=lambda pair: pair[0])
    return Life([moment for _, moment in keyed], part, parts, newest)


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


def _parted(sizes: Iterable[Mapping[str, Any]]) -> list[list[Key]]:
    """Objects, the earliest first, in parts that can be read at once; one object is never cut."""
    parts: list[list[Key]] = []
    events = taken = 0
    for row in sizes:
        events, taken = events + row["events"], taken + row["bytes"]
        if not parts or events > MOST_EVENTS or taken > MOST_BYTES:
            parts.append([])
            events, taken = row["events"], row["bytes"]
        parts[-1].append((row["object"], row["object_id"]))
    return parts


def _columns(objects: Sequence[Key]) -> list[list[str]]:
    return [[kind for kind, _ in objects], [name for _, name in objects]]


def _unsecret(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: "(hidden)" if secret(name) and each else _unsecret(each) for name, each in value.items()
            }
        case list():
            return [_unsecret(each) for each in value]
    return value
