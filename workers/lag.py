"""Lag: how far each partition's checkpoint is behind its log."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ingest.event_log import START, EventLog, PartitionState, order_of


@dataclass(frozen=True)
class Lag:
    """One partition: its checkpoint's position and event, and what its log holds."""

    partition: int
    position: str
    event_id: str | None
    state: PartitionState

    @property
    def waiting(self) -> bool:
        """Whether the log's end is not what was drained last: more to drain, or a log that lost its tail."""
        return (self.state.last_id or START) != self.position


def lags(log: EventLog, connection: "Connection[Any]") -> list[Lag]:
    """Every partition's lag, in order. Postgres is asked first, so that a lag is never understated."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute("SELECT partition, position, event_id FROM checkpoints").fetchall()
    found = {partition: (position, event_id) for partition, position, event_id in rows}
    return [
        Lag(partition, *found.get(partition, (START, None)), state)
        for partition, state in enumerate(log.state())
    ]


def drained_up_to(log: EventLog, connection: "Connection[Any]", ends: list[str | None]) -> int:
    """How many of the partitions are drained up to the given last ids, one a partition."""
    return sum(
        end is None or order_of(lag.position) >= order_of(end)
        for lag, end in zip(lags(log, connection), ends, strict=True)
    )
