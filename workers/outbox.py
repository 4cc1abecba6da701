"""The outbox: what other systems are to be told, written with the rows and delivered afterwards.

A row is claimed by a lease, not by a lock, so that no transaction waits for another system: it is tried again
if its deliverer dies. So each is delivered at least once, and its id tells a receiver that it had it before.
Rows of one subject go one after the other; one that was given up holds up none.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ingest.payload import dump

LEASE = timedelta(minutes=2)
"""How long one attempt may take; its deliverer's own time-outs are shorter."""

PATIENCE = timedelta(days=3)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=10)


class Undelivered(Exception):
    """The receiver did not take it: it is tried again. The message quotes nothing of the answer."""

    def __init__(self, problem: str, pause: timedelta = timedelta(0)) -> None:
        super().__init__(problem)
        self.pause = pause
        """How long the receiver asks to be left alone."""


@dataclass(frozen=True)
class Message:
    """One row that was claimed. `attempts` counts this one; `origin` is null for what was made elsewhere."""

    id: int
    kind: str
    account: str
    livemode: bool
    origin: str | None
    subject: str
    cause: str
    object_id: str | None
    message: Mapping[str, Any]
    due_at: datetime
    attempts: int

    @property
    def key(self) -> str:
        """The same at every attempt, and for this cause alone, even where the database was lost."""
        cause = [self.kind, self.account, self.livemode, self.subject, self.cause]
        return f"msg_{blake2b(dump(cause).encode(), digest_size=16).hexdigest()}"


Deliver = Callable[[Message], None]
"""Delivers one message, in a thread of its own, well within the lease. Raises Undelivered."""

_CLAIM = """
UPDATE outbox SET attempts = attempts + 1, try_at = clock_timestamp() + %(lease)s,
    give_up_at = coalesce(give_up_at, clock_timestamp() + %(patience)s)
WHERE id IN (
    SELECT id FROM outbox AS waiting
    WHERE delivered_at IS NULL AND dead_at IS NULL AND kind = ANY(%(kinds)s)
        AND due_at <= clock_timestamp() AND coalesce(try_at, due_at) <= clock_timestamp()
        AND NOT EXISTS (
            SELECT FROM outbox AS earlier
            WHERE earlier.subject = waiting.subject AND earlier.account = waiting.account
                AND earlier.livemode = waiting.livemode
                AND (earlier.due_at, earlier.id) < (waiting.due_at, waiting.id)
                AND earlier.delivered_at IS NULL AND earlier.dead_at IS NULL
        )
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, account, livemode, origin, subject, cause, object_id, message, due_at, attempts
"""
_DELIVERED = """
UPDATE outbox SET delivered_at = clock_timestamp(), problem = NULL WHERE id = %s AND delivered_at IS NULL
"""
# Who lost his lease has lost his say: another attempt is under way.
_FAILED = """
UPDATE outbox SET problem = %(problem)s, try_at = clock_timestamp() + %(pause)s,
    dead_at = CASE WHEN clock_timestamp() > give_up_at THEN clock_timestamp() END
WHERE id = %(id)s AND attempts = %(attempts)s AND delivered_at IS NULL
RETURNING dead_at IS NOT NULL
"""


def claim(connection: "Connection[Any]", limit: int, kinds: Sequence[str]) -> list[Message]:
    """Up to `limit` messages that are due and that nobody else delivers now, each for the lease."""
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        asked = {"limit": limit, "lease": LEASE, "patience": PATIENCE, "kinds": list(kinds)}
        return sorted(cursor.execute(_CLAIM, asked).fetchall(), key=lambda message: message.due_at)


def delivered(connection: "Connection[Any]", message: Message) -> None:
    """Note that the receiver took it."""
    connection.execute(_DELIVERED, [message.id])


def failed(connection: "Connection[Any]", message: Message, failure: Undelivered) -> bool:
    """Put it off, or give it up where it was tried for long enough; returns whether it was given up."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        asked = {
            "id": message.id,
            "attempts": message.attempts,
            "problem": str(failure),
            "pause": max(failure.pause, pause_after(message.attempts)),
        }
        row = cursor.execute(_FAILED, asked).fetchone()
    return row is not None and row[0] is True


def pause_after(attempts: int) -> timedelta:
    """Twice as long after each attempt, at random down to half of it, so that not all come back at once."""
    doubled = FIRST_PAUSE * (1 << min(attempts - 1, 20))
    share: float = random.uniform(0.5, 1)  # noqa: S311 - no secret
    return min(doubled, LONGEST_PAUSE) * share


class Dead(NamedTuple):
    """A message that was given up: what it is, why it is told, and how its delivery failed last."""

    kind: str
    origin: str | None
    cause: str
    object_id: str | None
    problem: str
    dead_at: datetime


_DEAD = """
SELECT kind, origin, cause, object_id, problem, dead_at FROM outbox
WHERE dead_at IS NOT NULL ORDER BY dead_at, id
"""
_COUNT = """
SELECT count(*) FILTER (WHERE dead_at IS NULL AND due_at <= clock_timestamp()),
    count(*) FILTER (WHERE dead_at IS NOT NULL)
FROM outbox WHERE delivered_at IS NULL
"""


def dead(connection: "Connection[Any]") -> list[Dead]:
    """What was given up, the oldest first."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [Dead(*row) for row in cursor.execute(_DEAD).fetchall()]


def counts(connection: "Connection[Any]") -> tuple[int, int]:
    """How many messages are due and not yet delivered, and how many were given up."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        [(waiting, given_up)] = cursor.execute(_COUNT).fetchall()
    return waiting, given_up


_RETRY = """
UPDATE outbox SET dead_at = NULL, try_at = NULL, give_up_at = NULL
WHERE dead_at IS NOT NULL AND (%(object_id)s::text IS NULL OR object_id = %(object_id)s)
RETURNING id
"""


def retry(connection: "Connection[Any]", object_id: str | None = None) -> int:
    """Have what was given up delivered again (all, or what tells of one object); returns how many."""
    return connection.execute(_RETRY, {"object_id": object_id}).rowcount
