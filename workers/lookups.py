"""Lookups: what Stripe is to be asked for, since events only name it.

One is written down in the transaction that folded what names it, and is gone once what Stripe told has come
through the log into the tables: so none is lost to an outage or a kill, on either side, and none is asked for
twice at a time. A row is claimed by a lease, so no transaction waits for Stripe.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ingest.event import Identity
from ingest.payload import dump
from projections.columns import columns

LEASE = timedelta(minutes=5)
"""How long a lookup is one worker's, and how long what it told may take through the log; then longer."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(hours=1)

JOB = "lookup"
"""What the names of the jobs begin with that an observation gives for a lookup's."""


@dataclass(frozen=True)
class Lookup:
    """One row that was claimed; `attempts` counts this one."""

    account: str
    livemode: bool
    object: str
    object_id: str
    number: int
    names: Sequence[str]
    source: str
    named_at: datetime
    attempts: int

    @property
    def identity(self) -> Identity:
        return Identity(self.account, self.livemode, self.object, self.object_id)

    @property
    def job(self) -> str:
        """The job that its observation bears: the same at every attempt."""
        return f"{JOB}{self.number}"


class Want(NamedTuple):
    """What events name and the tables lack: `names` of the object's, or none where all of it is missing."""

    account: str
    livemode: bool
    object: str
    object_id: str
    names: list[str]
    source: str
    named_at: datetime

    @property
    def identity(self) -> Identity:
        return Identity(self.account, self.livemode, self.object, self.object_id)


_KEY = "account, livemode, object, object_id"
_IDENTITIES = f"unnest(%s::text[], %s::boolean[], %s::text[], %s::text[]) AS each ({_KEY})"

# One that is known, whether it is under way or was asked for in vain, is asked again only for more names, or
# for what an answer left of them.
# Rows are taken in one order by all, so that two drains which want the same never wait for each other.
_WANT = """
INSERT INTO lookups AS kept (account, livemode, object, object_id, names, source, named_at)
SELECT account, livemode, object, object_id, names, source, named_at
FROM jsonb_to_recordset(%(wanted)s) AS new (account text, livemode boolean, object text, object_id text,
    names text[], source text, named_at timestamptz)
WHERE NOT EXISTS (
    SELECT FROM lookups AS known
    WHERE known.account = new.account AND known.livemode = new.livemode AND known.object = new.object
        AND known.object_id = new.object_id AND new.names <@ known.names
        AND (known.names <@ new.names OR known.number <> ALL(%(answered)s))
)
ORDER BY account, livemode, object, object_id
ON CONFLICT (account, livemode, object, object_id) DO UPDATE
SET number = excluded.number, names = excluded.names, source = excluded.source, named_at = excluded.named_at,
    wanted_at = excluded.wanted_at, try_at = excluded.try_at, attempts = 0, problem = NULL, gone_at = NULL
WHERE NOT excluded.names <@ kept.names
    OR (kept.number = ANY(%(answered)s) AND NOT kept.names <@ excluded.names)
"""
_FOUND = f"""
DELETE FROM lookups WHERE ({_KEY}) IN (
    SELECT {_KEY} FROM lookups JOIN {_IDENTITIES} USING ({_KEY}) ORDER BY {_KEY} FOR UPDATE
)
"""  # noqa: S608 (constants)
_IN_VAIN = """
UPDATE lookups SET gone_at = clock_timestamp(), problem = 'Stripe told it without what is missing'
WHERE number = ANY(%s) AND gone_at IS NULL
"""

# The observation of another question may have brought it meanwhile.
_CLAIM = """
WITH due AS (
    SELECT account, livemode, object, object_id FROM lookups
    WHERE gone_at IS NULL AND object = %(object)s AND try_at <= clock_timestamp() AND livemode = %(livemode)s
        AND (account = %(account)s OR account LIKE 'acct\\_%%')
    ORDER BY try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), known AS (
    DELETE FROM lookups USING due JOIN balance_transactions AS told
        ON told.account = due.account AND told.livemode = due.livemode AND told.id = due.object_id
    WHERE lookups.account = due.account AND lookups.livemode = due.livemode AND lookups.object = due.object
        AND lookups.object_id = due.object_id AND due.object = 'balance_transaction'
    RETURNING due.account, due.livemode, due.object, due.object_id
)
UPDATE lookups SET attempts = attempts + 1,
    try_at = clock_timestamp() + %(lease)s * power(2, least(attempts, 4))
FROM (TABLE due EXCEPT TABLE known) AS due
WHERE lookups.account = due.account AND lookups.livemode = due.livemode AND lookups.object = due.object
    AND lookups.object_id = due.object_id
RETURNING lookups.account, lookups.livemode, lookups.object, lookups.object_id, number, names, source,
    named_at, attempts
"""
# Who lost his lease has lost his say: another attempt is under way.
_PUT_OFF = """
UPDATE lookups SET try_at = clock_timestamp() + %(pause)s, problem = coalesce(%(problem)s, problem),
    attempts = attempts - (%(problem)s::text IS NULL)::integer
WHERE number = %(number)s AND attempts = %(attempts)s
"""
_GONE = """
UPDATE lookups SET gone_at = clock_timestamp(), problem = 'Stripe does not know it'
WHERE number = %s AND attempts = %s
"""

# A key is told apart by its digest alone.
_KEY_CHANGED = """
INSERT INTO configuration AS kept (name, value) VALUES (%(name)s, %(digest)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE kept.value <> excluded.value
RETURNING true
"""
_WANT_AGAIN = """
UPDATE lookups SET gone_at = NULL, problem = NULL, attempts = 0, try_at = clock_timestamp()
WHERE gone_at IS NOT NULL AND livemode = %(livemode)s
"""


def want(connection: "Connection[Any]", wanted: Sequence[Want], answered: Collection[int] = ()) -> None:
    """Write down what is missing, in the transaction that found it so, and where answers came."""
    if wanted:
        document = dump([each._asdict() for each in wanted])
        connection.execute(_WANT, {"wanted": document, "answered": list(answered)})


def settle(connection: "Connection[Any]", complete: Collection[Identity], answered: Collection[int]) -> None:
    """Forget what is complete now; what was answered and still stands was asked for in vain."""
    if complete:
        connection.execute(_FOUND, columns(complete))
    if answered:
        connection.execute(_IN_VAIN, [list(answered)])


def claim(
    connection: "Connection[Any]", kind: str, limit: int, *, account: str, livemode: bool
) -> list[Lookup]:
    """Up to `limit` lookups of a kind that are due and nobody else's, each for the lease.

    `account` is the one that the key belongs to; what Connect events named (`acct_…`) can be asked for by it.
    """
    asked = {"object": kind, "limit": limit, "lease": LEASE, "account": account, "livemode": livemode}
    with connection.cursor(row_factory=class_row(Lookup)) as cursor:
        return sorted(cursor.execute(_CLAIM, asked).fetchall(), key=lambda each: each.named_at)


def failed(connection: "Connection[Any]", lookup: Lookup, problem: str, pause: float = 0.0) -> None:
    """Try it again later, and not before `pause` seconds. It is never given up: Stripe may come back."""
    longer = max(timedelta(seconds=pause), pause_after(lookup.attempts))
    _put_off(connection, lookup, longer, problem)


def let_rest(connection: "Connection[Any]", lookup: Lookup, pause: float = 0.0) -> None:
    """Try it again, since it was not its turn yet."""
    _put_off(connection, lookup, timedelta(seconds=pause), None)


def gone(connection: "Connection[Any]", lookup: Lookup) -> None:
    """Stripe does not know it (any more): it is not asked for again."""
    connection.execute(_GONE, [lookup.number, lookup.attempts])


def want_again(connection: "Connection[Any]", key: str, *, livemode: bool) -> int:
    """Where the key is another one than before, ask again for what that did not know; returns how many.

    It may have been another account's, to which all of it was unknown.
    """
    digest = blake2b(key.encode(), digest_size=16).hexdigest()
    asked = {"name": f"lookups_key_{'live' if livemode else 'test'}", "digest": digest, "livemode": livemode}
    with connection.transaction():
        if not connection.execute(_KEY_CHANGED, asked).fetchall():
            return 0
        return connection.execute(_WANT_AGAIN, asked).rowcount


def pause_after(attempts: int) -> timedelta:
    """Twice as long after each attempt, at random down to half of it, so that not all come back at once."""
    doubled = FIRST_PAUSE * (1 << min(attempts - 1, 16))
    share: float = random.uniform(0.5, 1)  # noqa: S311 - no secret
    return min(doubled, LONGEST_PAUSE) * share


def _put_off(connection: "Connection[Any]", lookup: Lookup, pause: timedelta, problem: str | None) -> None:
    asked = {"number": lookup.number, "attempts": lookup.attempts, "pause": pause, "problem": problem}
    connection.execute(_PUT_OFF, asked)


@dataclass(frozen=True)
class LookupCounts:
    """`wanted` are not answered yet, of which Stripe failed to answer `failing`; `gone` it does not know."""

    wanted: int
    failing: int
    gone: int


_COUNT = """
SELECT count(*) FILTER (WHERE gone_at IS NULL),
    count(*) FILTER (WHERE gone_at IS NULL AND problem IS NOT NULL),
    count(*) FILTER (WHERE gone_at IS NOT NULL)
FROM lookups
"""


def counts(connection: "Connection[Any]") -> LookupCounts:
    """How many there are."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        [row] = cursor.execute(_COUNT).fetchall()
    return LookupCounts(*row)
