"""Rollups: making anew what is queued, proving that they hold what the rows add up to, and mending them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from psycopg import Connection

AT_ONCE = 200
"""Buckets that one transaction makes anew."""

CHUNK = timedelta(days=1)
"""What is compared at a time."""

_WAITING = """
SELECT count(DISTINCT bucket), coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8
FROM rollup_queue
"""
# Of each bucket that is not queued: rows that the table lacks, and rows that it has too many.
_DIFFERENCES = """
SELECT told.name, told.bucket, count(*) FILTER (WHERE told.lacks), count(*) FILTER (WHERE NOT told.lacks)
FROM (
    SELECT 'payment_rollups' AS name, bucket, true AS lacks FROM (
        SELECT * FROM payments_rolled_up(%(since)s, %(until)s)
        EXCEPT ALL SELECT * FROM payment_rollups WHERE bucket >= %(since)s AND bucket < %(until)s
    ) AS missing
    UNION ALL
    SELECT 'payment_rollups', bucket, false FROM (
        SELECT * FROM payment_rollups WHERE bucket >= %(since)s AND bucket < %(until)s
        EXCEPT ALL SELECT * FROM payments_rolled_up(%(since)s, %(until)s)
    ) AS surplus
    UNION ALL
    SELECT 'settlement_rollups', bucket, true FROM (
        SELECT * FROM settlements_rolled_up(%(since)s, %(until)s)
        EXCEPT ALL SELECT * FROM settlement_rollups WHERE bucket >= %(since)s AND bucket < %(until)s
    ) AS missing
    UNION ALL
    SELECT 'settlement_rollups', bucket, false FROM (
        SELECT * FROM settlement_rollups WHERE bucket >= %(since)s AND bucket < %(until)s
        EXCEPT ALL SELECT * FROM settlements_rolled_up(%(since)s, %(until)s)
    ) AS surplus
) AS told
WHERE NOT EXISTS (SELECT FROM rollup_queue WHERE rollup_queue.bucket = told.bucket)
GROUP BY told.name, told.bucket ORDER BY told.bucket, told.name
"""
_BOUNDS = """
SELECT bucket_of(min(first)), bucket_of(max(last)) + interval '15 minutes'
FROM (
    SELECT min(created_at) AS first, max(created_at) AS last FROM payment_intents
    UNION ALL SELECT min(created_at), max(created_at) FROM charges
    UNION ALL SELECT min(created_at), max(created_at) FROM refunds
    UNION ALL SELECT min(created_at), max(created_at) FROM charge_refunds
    UNION ALL SELECT min(created_at), max(created_at) FROM disputes
    UNION ALL SELECT min(created_at), max(created_at) FROM balance_transactions
    UNION ALL SELECT min(bucket), max(bucket) FROM payment_rollups
    UNION ALL SELECT min(bucket), max(bucket) FROM settlement_rollups
) AS each
"""


@dataclass(frozen=True)
class Waiting:
    """Buckets that are queued, and for how many seconds the oldest has been."""

    buckets: int
    seconds: float


@dataclass(frozen=True)
class Difference:
    """Of a bucket's rows in a table: how many `missing` (or wrong), how many `surplus` (or wrong)."""

    table: str
    bucket: datetime
    missing: int
    surplus: int


class Checked(NamedTuple):
    """A part of the whole that was compared, how much is done by now (0 to 1), and what differed."""

    done: float
    differences: list[Difference]


def waiting(connection: "Connection[Any]") -> Waiting:
    """What is yet to be made anew; until then its figures are read from the rows."""
    [row] = connection.execute(_WAITING).fetchall()
    return Waiting(*row)


def refresh(connection: "Connection[Any]", at_most: int = AT_ONCE) -> int:
    """Make up to so many queued buckets anew, the oldest first; returns how many.

    Waits for whoever else does it. `connection` is in autocommit mode: one statement is one transaction.
    """
    [(count,)] = connection.execute("SELECT refresh_rollups(%s)", [at_most]).fetchall()
    return int(count)


def check(connection: "Connection[Any]", chunk: timedelta = CHUNK) -> Iterator[Checked]:
    """Compare all rollups with the rows, a part at a time, beside whoever writes, but for queued buckets."""
    [(first, end)] = connection.execute(_BOUNDS).fetchall()
    if first is None:
        return
    since = first
    while since < end:
        until = min(datetime.combine(since.astimezone(UTC).date(), since.min.time(), UTC) + chunk, end)
        rows = connection.execute(_DIFFERENCES, {"since": since, "until": until}).fetchall()
        yield Checked((until - first) / (end - first), [Difference(*row) for row in rows])
        since = until


def repair(connection: "Connection[Any]") -> Iterator[Checked]:
    """Queue every bucket that differs, and make anew all that is queued."""
    for checked in check(connection):
        buckets = sorted({difference.bucket for difference in checked.differences})
        connection.execute("INSERT INTO rollup_queue (bucket) SELECT unnest(%s::timestamptz[])", [buckets])
        yield checked
    while refresh(connection):
        pass
