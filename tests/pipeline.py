"""The pipeline without its processes: append to a real log, drain into a real database, look."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from redis import Redis

from ingest.event import Event
from ingest.event_log import Bounds, EventLog
from ingest.partition import partition_of
from ingest.settings import Settings
from projections.projection import Projection
from projections.registry import registered, tables_of
from workers.database import Connection
from workers.drain import Drain

AT_ONCE = 200
ROOM = Bounds(log_max_bytes=1 << 30, dedupe_max_bytes=1 << 28)

NOT_OF_THE_EVENTS = {"heads": {"place", "touched"}, "dead_letters": {"detected_at"}}
"""Columns that tell of the run, not of the set of events."""

ROLLUPS = ("rollup_queue", "payment_rollups", "failure_rollups", "settlement_rollups")

WRITTEN = "SELECT name FROM unnest(%s::text[]) AS name WHERE pg_relation_size(name::regclass) > 0"

Delivery = Mapping[str, Any] | bytes | Event
Rows = list[tuple[tuple[str, Any], ...]]
Tables = dict[str, Rows]


class Pipeline:
    def __init__(
        self,
        settings: Settings,
        database: Connection,
        redis: "Redis",
        projections: tuple[Projection, ...] | None = None,
    ) -> None:
        self.settings, self.database, self.redis = settings, database, redis
        self.log = EventLog(redis, settings)
        self._projections = projections
        self._drain: Drain | None = None

    def deliver(self, *deliveries: Delivery, source: str = "default", force: bool = False) -> list[str]:
        """Append in this order, so many of a partition at once; an outcome for each."""
        events = [delivered(delivery, source) for delivery in deliveries]
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            places[partition_of(event, self.settings.log_partitions)].append(place)
        outcomes: dict[int, str] = {}
        for partition, theirs in places.items():
            for start in range(0, len(theirs), AT_ONCE):
                some = theirs[start : start + AT_ONCE]
                appended = self.log.append(partition, [events[place] for place in some], ROOM, force=force)
                outcomes.update(zip(some, appended, strict=True))
        return [outcomes[place] for place in range(len(events))]

    @property
    def drain(self) -> Drain:
        if self._drain is None:
            self._drain = Drain(self.settings, self._projections)
        return self._drain

    def run(self) -> int:
        """Drain what waits; returns the events drained."""
        return self.drain.run()

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.database.execute(f"SELECT * FROM {table}").fetchall()

    def tables(self, names: Sequence[str] = ()) -> Tables:
        """All that the projections and the heads hold, in an order of its own: equal if and only if equal."""
        names = names or ["heads", "dead_letters", *tables()]
        return {name: self._contents(name) for name in names}

    def _contents(self, name: str) -> Rows:
        hidden = NOT_OF_THE_EVENTS.get(name, set())
        rows = [
            tuple((column, value) for column, value in row.items() if column not in hidden)
            for row in self.rows(name)
        ]
        return sorted(rows, key=repr)

    def forget(self) -> None:
        """Empty the database and the log, for the next example of a property."""
        names = ["events", "heads", "dead_letters", "incidents", "lookups", *tables(), *ROLLUPS]
        written = self.database.execute(WRITTEN, [names]).fetchall()
        if written:  # to truncate what is empty takes as long
            self.database.execute(f"TRUNCATE {', '.join(row['name'] for row in written)}")
        self.database.execute(
            "UPDATE checkpoints SET position = '0-0', event_id = NULL, event_created_at = NULL"
        )
        for key in self.redis.scan_iter(f"*{self.settings.log_prefix}*", count=1000):
            self.redis.unlink(key)

    def close(self) -> None:
        if self._drain is not None:
            self._drain.close()
            self._drain = None


def tables() -> list[str]:
    """The tables of all projections, and those that follow from them."""
    return list(dict.fromkeys(name for projection in registered() for name in tables_of(projection)))


def delivered(delivery: Delivery, source: str = "default") -> Event:
    """The event as the endpoint would read it."""
    match delivery:
        case Event():
            return delivery
        case bytes():
            return Event.read(delivery, source=source)
        case _:
            return Event.read(orjson.dumps(delivery), source=source)
