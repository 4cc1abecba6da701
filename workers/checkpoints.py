"""Checkpoints: how far each partition is drained. Their rows are also the lock that a drain holds."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from ingest.event import Event
from ingest.event_log import START, Entry, order_of
from ingest.refusal import Refusal
from projections.columns import columns

RECONCILE_MARGIN = timedelta(days=3)
"""How long before the last drained event's time the doubt begins: Stripe retries a delivery for so long."""

_BEGIN = "INSERT INTO checkpoints (partition) SELECT generate_series(0, %s - 1) ON CONFLICT DO NOTHING"
_AGREE = """
INSERT INTO configuration (name, value) VALUES ('log_partitions', %s)
ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING value
"""
# The longest untouched first, so that no partition starves where each worker takes only some.
_CLAIM = """
SELECT partition, position, event_id, event_created_at FROM checkpoints
WHERE partition = ANY(%s) ORDER BY updated_at, partition LIMIT %s FOR UPDATE SKIP LOCKED
"""
# Fenced: names the position it was claimed at, so that no second writer can pass unseen.
_ADVANCE = """
UPDATE checkpoints
SET position = drained.last, event_id = drained.id, event_created_at = drained.created_at,
    updated_at = now(), moves = moves + 1
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::smallint[], %s::text[])
    AS drained (last, id, created_at, partition, claimed)
WHERE checkpoints.partition = drained.partition AND checkpoints.position = drained.claimed
RETURNING checkpoints.partition
"""
_INCIDENT = """
INSERT INTO incidents (partition, kind, checkpoint, resumed_from, doubt_since, doubt_until)
VALUES (%s, %s, %s, %s, %s, now())
"""


class WrongPartitions(Refusal):
    """LOG_PARTITIONS is not what this database was begun with; the message says which to set."""


class LostFence(Exception):
    """A checkpoint moved while its lock was held: the transaction must not commit."""


@dataclass(frozen=True)
class Checkpoint:
    """The last drained entry of a partition; `event_id` tells whether the log still holds that very entry."""

    partition: int
    position: str
    event_id: str | None
    event_created_at: datetime | None


def begin(connection: "Connection", partitions: int) -> None:
    """Make the checkpoints, once; raises WrongPartitions if they were made for another number."""
    [(begun_with,)] = connection.execute(_AGREE, [str(partitions)]).fetchall()
    if int(begun_with) != partitions:
        raise WrongPartitions(
            f"LOG_PARTITIONS is {partitions}, but this database was begun with {begun_with}: an object's "
            f"events would change their partition, and their order. Set LOG_PARTITIONS={begun_with}."
        )
    connection.execute(_BEGIN, [partitions])


def claim(connection: "Connection", partitions: Collection[int], at_most: int) -> list[Checkpoint]:
    """Lock up to `at_most` of the partitions that nobody else holds, until the transaction ends."""
    return [Checkpoint(*row) for row in connection.execute(_CLAIM, [list(partitions), at_most]).fetchall()]


def lock_all(connection: "Connection") -> None:
    """Wait for every drain's round to end, and keep them all off until the transaction ends."""
    connection.execute("SELECT FROM checkpoints ORDER BY partition FOR UPDATE")


def following(checkpoint: Checkpoint, entries: list[Entry]) -> list[Entry] | None:
    """The entries after the checkpoint, given those from it on; None if the log must be read from its start.

    The checkpoint's own entry must be the first. If it is gone or another event's, the log lost its tail
    (a failover), was emptied, or Postgres was restored to an earlier point: an incident is recorded, and
    the drain goes on from the oldest entry that is kept, since the history tells what it has already.
    Comparing ids alone would not do: they follow the clock, and one new append hides the loss.
    """
    if checkpoint.position == START:
        return entries
    if entries and entries[0].id == checkpoint.position and entries[0].event_id == checkpoint.event_id:
        return entries[1:]
    return None


def record_incident(connection: "Connection", checkpoint: Checkpoint, oldest: Entry | None) -> None:
    """Write down that the log and the checkpoint disagree, and which range is in doubt."""
    begins_after = oldest is not None and order_of(oldest.id) > order_of(checkpoint.position)
    since = checkpoint.event_created_at and checkpoint.event_created_at - RECONCILE_MARGIN
    connection.execute(
        _INCIDENT,
        [
            checkpoint.partition,
            "log begins after the checkpoint" if begins_after else "checkpoint's entry lost",
            checkpoint.position,
            oldest and oldest.id,
            since,
        ],
    )


def advance(connection: "Connection", last: Iterable[tuple[Checkpoint, Entry]]) -> None:
    """Move each to the last entry that was drained after it. Raises LostFence."""
    moves = []
    for checkpoint, entry in last:
        event = Event.read(entry.body, source=entry.source, account=entry.account)
        moves.append((checkpoint, entry.id, entry.event_id, event.created_at))
    if moves:
        _move(connection, moves)


def reset(connection: "Connection", checkpoint: Checkpoint) -> None:
    """Put a checkpoint at the start, for a log that is empty: its next entry may bear any id."""
    _move(connection, [(checkpoint, START, None, checkpoint.event_created_at)])


def _move(
    connection: "Connection", moves: Collection[tuple[Checkpoint, str, str | None, datetime | None]]
) -> None:
    values = columns(
        (position, event_id, created_at and created_at.isoformat(), checkpoint.partition, checkpoint.position)
        for checkpoint, position, event_id, created_at in moves
    )
    moved = {partition for (partition,) in connection.execute(_ADVANCE, values).fetchall()}
    for checkpoint, *_ in moves:
        if checkpoint.partition not in moved:
            raise LostFence(f"the checkpoint of partition {checkpoint.partition} left {checkpoint.position}")
