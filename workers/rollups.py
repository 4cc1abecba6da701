"""Rollups: making anew what is queued, proving that they hold what the rows add up to, and mending them."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from psycopg import Connection

AT_ONCE = 200
"""Buckets that one transaction makes anew."""

LINKS = 5
"""What a charge's plan is told by is at most so far from it: payment, link, invoice, line, price."""

REPAIR_SECONDS = 60.0
"""How long a repair waits for those who were writing when it began."""

MERGE_SECONDS = 60.0
"""What is queued for longer is merged, and so often: a stack that refreshes has none of it."""

CHUNK = timedelta(days=1)
"""What is compared at a time."""

_WAITING = """
SELECT count(DISTINCT bucket), coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8
FROM rollup_queue
"""
_ROLLED_UP = {
    "payment_rollups": "payments_rolled_up",
    "failure_rollups": "failures_rolled_up",
    "settlement_rollups": "settlements_rolled_up",
}
"""Each table of rollups, and the function that tells what it must hold."""

# Of each bucket that is not queued: rows that the table lacks, and rows that it has too many.
_DIFFERENCES = """
SELECT told.bucket, count(*) FILTER (WHERE told.lacks), count(*) FILTER (WHERE NOT told.lacks)
FROM (
    SELECT bucket, true AS lacks FROM (
        SELECT * FROM {made_by}(%(since)s, %(until)s)
        EXCEPT ALL SELECT * FROM {table} WHERE bucket >= %(since)s AND bucket < %(until)s
    ) AS missing
    UNION ALL
    SELECT bucket, false FROM (
        SELECT * FROM {table} WHERE bucket >= %(since)s AND bucket < %(until)s
        EXCEPT ALL SELECT * FROM {made_by}(%(since)s, %(until)s)
    ) AS surplus
) AS told
WHERE NOT EXISTS (
    SELECT FROM rollup_queue AS queued
    WHERE queued.bucket = told.bucket AND coalesce(queued.rollup, '{table}') = '{table}'
)
GROUP BY told.bucket ORDER BY told.bucket
"""
_SNAPSHOT = "SELECT pg_current_snapshot()::text WHERE EXISTS (SELECT FROM rollup_queue)"
# Who writes a table that queues buckets holds a lock on it until he ends; nobody else is waited for.
_WRITING = """
SELECT DISTINCT held.virtualtransaction FROM pg_locks AS held
JOIN pg_trigger ON pg_trigger.tgrelid = held.relation AND pg_trigger.tgname = 'rolled_up_inserted'
WHERE held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND held.mode IN ('RowExclusiveLock', 'AccessExclusiveLock')
"""
_STILL_QUEUED = "SELECT EXISTS (SELECT FROM rollup_queue WHERE queued_at <= %s)"
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
    UNION ALL SELECT min(bucket), max(bucket) FROM failure_rollups
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


class Step(NamedTuple):
    """A snapshot, and who was writing after it was taken."""

    snapshot: str
    writing: frozenset[str]


class Refresher:
    """Makes queued buckets anew. `connection` is in autocommit mode: one statement is one transaction.

    Transactions that write at once see nothing of each other: one that changes a payment cannot queue the
    bucket of a charge that another is just inserting. So a bucket is made anew only when whoever wrote at
    once with those that queued it has ended, and whoever wrote at once with those, as many times over as
    there are links from a charge to what decides a figure of it.
    """

    def __init__(self, connection: "Connection[Any]") -> None:
        self._connection = connection
        self._steps: deque[Step] = deque(maxlen=LINKS + 1)

    def look(self) -> None:
        """See who has ended. The more often, the sooner comes what is due; it costs next to nothing."""
        for _ in range(LINKS + 1):
            if self._steps and self._steps[-1].writing & self._writing():
                return
            found = self._connection.execute(_SNAPSHOT).fetchall()
            if not found:
                return
            [(snapshot,)] = found
            self._steps.append(Step(snapshot, self._writing()))

    def _writing(self) -> frozenset[str]:
        return frozenset(writer for (writer,) in self._connection.execute(_WRITING))

    def refresh(self, at_most: int = AT_ONCE) -> int:
        """Make up to so many of the buckets that are due anew, the oldest first; returns how many.

        Waits for whoever else does it.
        """
        self.look()
        if len(self._steps) <= LINKS:
            return 0
        statement = "SELECT refresh_rollups(%s, %s::text::pg_snapshot)"
        [(count,)] = self._connection.execute(statement, [at_most, self._steps[0].snapshot]).fetchall()
        return int(count)


def waiting(connection: "Connection[Any]") -> Waiting:
    """What is yet to be made anew; until then its figures are read from the rows."""
    [row] = connection.execute(_WAITING).fetchall()
    return Waiting(*row)


def merge_queued(connection: "Connection[Any]", longer_than: float = MERGE_SECONDS) -> None:
    """Keep each bucket once of what has been queued for so many seconds, unless somebody refreshes."""
    connection.execute("SELECT merge_queued_rollups(%s)", [timedelta(seconds=longer_than)])


def check(connection: "Connection[Any]", chunk: timedelta = CHUNK) -> Iterator[Checked]:
    """Compare all rollups with the rows, a part at a time, beside whoever writes, but for queued buckets."""
    [(first, end)] = connection.execute(_BOUNDS).fetchall()
    if first is None:
        return
    since = first
    while since < end:
        until = min(datetime.combine(since.astimezone(UTC).date(), since.min.time(), UTC) + chunk, end)
        differences = [
            Difference(table, *row)
            for table, made_by in _ROLLED_UP.items()
            for row in connection.execute(
                _DIFFERENCES.format(table=table, made_by=made_by), {"since": since, "until": until}
            ).fetchall()
        ]
        yield Checked((until - first) / (end - first), differences)
        since = until


def repair(connection: "Connection[Any]") -> Iterator[Checked]:
    """Queue every bucket that differs, and make anew all that is queued by now.

    What others who write hold up for too long stays queued: it is read from the rows, and comes by itself.
    """
    for checked in check(connection):
        buckets = sorted({difference.bucket for difference in checked.differences})
        connection.execute("INSERT INTO rollup_queue (bucket) SELECT unnest(%s::timestamptz[])", [buckets])
        yield checked
    refresher, deadline = Refresher(connection), time.monotonic() + REPAIR_SECONDS
    [(end,)] = connection.execute("SELECT clock_timestamp()").fetchall()
    while connection.execute(_STILL_QUEUED, [end]).fetchall() == [(True,)] and time.monotonic() < deadline:
        if not refresher.refresh():
            time.sleep(0.05)  # whoever writes has to end: there is nothing to wait on
