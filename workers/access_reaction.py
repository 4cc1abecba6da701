"""Telling who has access: users are looked at whose subscriptions or customers events have come for.

A user's access follows from several objects, whose partitions may be drained at the same time. So, once
their rows are written, locks are taken, the customers' and then the users', each in one order for all; and
what they guard is read in later statements. Of two transactions that concern one user, the second sees what
the first one wrote.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from ingest.payload import dump
from ingest.settings import Settings
from projections.access import Access, Due, retold
from projections.heads import Standing
from workers.reaction import Reaction


class User(NamedTuple):
    """Whose access it is, and the event because of which it is looked at."""

    account: str
    livemode: bool
    origin: str | None
    user_id: str
    subject: str
    cause: str


class Touched(NamedTuple):
    """A subscription or customer that changed, and why: an event and its instant, or what else it was."""

    account: str
    livemode: bool
    object: str
    id: str
    cause: str
    at: datetime | None


# Advisory locks of two classes, 1 for customers and 2 for users, with 1,024 slots each.
_LOCK_CUSTOMERS = """
WITH touched AS (
    SELECT * FROM unnest(%(account)s::text[], %(livemode)s::boolean[], %(object)s::text[], %(id)s::text[])
        AS touched (account, livemode, object, id)
), slots AS MATERIALIZED (
    SELECT DISTINCT hashtext(customer_id) & 1023 AS slot FROM (
        SELECT id AS customer_id FROM touched WHERE object = 'customer'
        UNION ALL
        SELECT customer_id FROM subscriptions JOIN touched USING (account, livemode, id)
        WHERE touched.object = 'subscription' AND customer_id IS NOT NULL
    ) AS concerned
    ORDER BY slot
)
SELECT pg_advisory_xact_lock(1, slot) FROM slots
"""
# Also those whom the outbox told of one of these subscriptions, which may be another user's by now.
_LOCK_USERS = """
WITH touched AS (
    SELECT * FROM unnest(%(account)s::text[], %(livemode)s::boolean[], %(object)s::text[], %(id)s::text[],
        %(cause)s::text[], %(at)s::timestamptz[])
        AS touched (account, livemode, object, id, cause, at)
), concerned AS (
    SELECT account, livemode, id, cause, at FROM touched WHERE object = 'subscription'
    UNION ALL
    SELECT billed.account, billed.livemode, billed.id, cause, at
    FROM touched
    JOIN subscriptions AS billed
        ON billed.account = touched.account AND billed.livemode = touched.livemode
        AND billed.customer_id = touched.id
    WHERE touched.object = 'customer'
), users AS (
    SELECT DISTINCT ON (account, livemode, subject) *
    FROM (
        SELECT billed.account, billed.livemode, billed.origin, named.user_id,
            jsonb_build_array(billed.origin, named.user_id)::text AS subject,
            concerned.cause, at
        FROM concerned
        JOIN subscriptions AS billed USING (account, livemode, id)
        LEFT JOIN customers
            ON customers.account = billed.account AND customers.livemode = billed.livemode
            AND customers.id = billed.customer_id
        CROSS JOIN LATERAL (SELECT coalesce(billed.user_id, customers.user_id) AS user_id) AS named
        WHERE named.user_id IS NOT NULL
        UNION ALL
        SELECT told.account, told.livemode, told.origin, told.message ->> 'user_id', told.subject,
            concerned.cause, at
        FROM concerned
        JOIN outbox AS told
            ON told.object_id = concerned.id AND told.account = concerned.account
            AND told.livemode = concerned.livemode AND told.kind = 'access'
    ) AS found
    WHERE %(audience)s::text[] IS NULL OR replace(lower(origin), '-', '_') = ANY(%(audience)s)
    ORDER BY account, livemode, subject, at DESC, cause
), slots AS MATERIALIZED (
    SELECT *, hashtext(subject) & 1023 AS slot FROM users ORDER BY slot
)
SELECT account, livemode, origin, user_id, subject, cause, pg_advisory_xact_lock(2, slot) FROM slots
"""
_WANTED = """
WITH wanted AS (
    SELECT * FROM unnest(%(accounts)s::text[], %(livemodes)s::boolean[], %(origins)s::text[],
        %(user_ids)s::text[], %(subjects)s::text[])
        WITH ORDINALITY AS wanted (account, livemode, origin, user_id, subject, n)
)"""
# OFFSET 0 keeps a query by itself, so that each user's rows are found by an index.
_TIMELINES = f"""{_WANTED}, bounds AS (
    SELECT n, bound.at
    FROM wanted
    CROSS JOIN LATERAL (
        SELECT access_from, access_until FROM subscription_access AS one
        WHERE one.account = wanted.account AND one.livemode = wanted.livemode
            AND one.origin IS NOT DISTINCT FROM wanted.origin AND one.user_id = wanted.user_id
        OFFSET 0
    ) AS granted
    CROSS JOIN LATERAL (VALUES (granted.access_from), (granted.access_until)) AS bound (at)
), instants AS (
    SELECT n, statement_timestamp() AS at FROM wanted
    UNION
    SELECT n, at FROM bounds WHERE at > statement_timestamp()
)
SELECT n, at, plan_type, coalesce(has_access, false), access_until, coalesce(reason, 'none'), subscription_id
FROM instants
JOIN wanted USING (n)
LEFT JOIN LATERAL (
    SELECT * FROM user_access_at(instants.at, by_newest_facts => true) AS one
    WHERE one.account = wanted.account AND one.livemode = wanted.livemode
        AND one.origin IS NOT DISTINCT FROM wanted.origin AND one.user_id = wanted.user_id
    OFFSET 0
) AS had ON true
ORDER BY n, at
"""  # noqa: S608 (constants)
_TOLD = f"""{_WANTED}
SELECT n, due_at, message
FROM wanted
CROSS JOIN LATERAL (
    (
        SELECT due_at, message FROM outbox
        WHERE kind = 'access' AND outbox.account = wanted.account AND outbox.livemode = wanted.livemode
            AND outbox.subject = wanted.subject AND due_at <= %(now)s
        ORDER BY due_at DESC LIMIT 1
    )
    UNION ALL
    SELECT due_at, message FROM outbox
    WHERE kind = 'access' AND outbox.account = wanted.account AND outbox.livemode = wanted.livemode
        AND outbox.subject = wanted.subject AND due_at > %(now)s
) AS told
ORDER BY n, due_at
"""  # noqa: S608 (constants)
_UNPLAN = """
DELETE FROM outbox WHERE kind = 'access' AND account = %s AND livemode = %s AND subject = %s AND due_at > %s
"""
# An event causes more than one telling where its body was replaced, or where it is folded once more.
_TELL = """
INSERT INTO outbox (kind, account, livemode, origin, subject, cause, object_id, message, due_at)
SELECT 'access', new.account, new.livemode, new.origin, new.subject,
    CASE WHEN EXISTS (
        SELECT FROM outbox AS known
        WHERE (known.kind, known.account, known.livemode, known.subject, known.cause)
            = ('access', new.account, new.livemode, new.subject, new.cause)
    ) THEN concat_ws(' ', new.cause, new.due_at) ELSE new.cause END,
    new.object_id, new.message, new.due_at
FROM (SELECT %s AS account, %s AS livemode, %s AS origin, %s AS subject, %s AS cause, %s AS object_id,
    %s::jsonb AS message, %s AS due_at) AS new
"""


def reaction(settings: Settings) -> Reaction | None:
    """Tell the clients that have a callback."""
    if not settings.callbacks:
        return None

    def react(connection: "Connection[Any]", standings: Sequence[Standing]) -> None:
        tell(connection, _touched(standings), settings.callback_origins)

    return Reaction(frozenset({"subscription", "customer"}), react)


def tell(connection: "Connection[Any]", touched: Sequence[Touched], audience: list[str] | None) -> None:
    """Write down whose access changed with these objects, and when it will change by itself.

    `audience` has the labels of the origins that want to know, or is None for all.
    """
    columns: dict[str, Any] = {"audience": audience}
    for name, values in zip(Touched._fields, zip(*touched, strict=True), strict=True):
        columns[name] = list(values)
    # By a cursor of its own: in a pipeline its answer might be taken for that to the next statement.
    connection.execute(_LOCK_CUSTOMERS, columns)
    with connection.cursor(row_factory=tuple_row) as cursor:
        users = [User(*row[:-1]) for row in cursor.execute(_LOCK_USERS, columns).fetchall()]
        if not users:
            return
        wanted: dict[str, Any] = {
            "accounts": [user.account for user in users],
            "livemodes": [user.livemode for user in users],
            "origins": [user.origin for user in users],
            "user_ids": [user.user_id for user in users],
            "subjects": [user.subject for user in users],
        }
        rows = cursor.execute(_TIMELINES, wanted).fetchall()
        timelines = _by_user((n, Due(at, Access(*access))) for n, at, *access in rows)
        now = timelines[1][0].at
        told = _by_user(
            (n, Due(at, _access(message)))
            for n, at, message in cursor.execute(_TOLD, wanted | {"now": now}).fetchall()
        )
        for n, user in enumerate(users, 1):
            written = told.get(n, [])
            last = next((due for due in reversed(written) if due.at <= now), None)
            new = retold(timelines[n], last, [due for due in written if due.at > now])
            if new is not None:
                cursor.execute(_UNPLAN, [user.account, user.livemode, user.subject, now])
                cursor.executemany(_TELL, [_row(user, due, now) for due in new])


def _touched(standings: Iterable[Standing]) -> list[Touched]:
    """The objects, each with the newest event that arrived; none did where it only lost one to another."""
    found = []
    for one in standings:
        newest = max(one.arrived, key=lambda event: (event.created, event.id), default=None)
        cause = (newest.id, newest.created_at) if newest else (one.identity.object_id, None)
        found.append(Touched(*one.identity, *cause))
    return found


def _by_user(dues: Iterable[tuple[int, Due]]) -> dict[int, list[Due]]:
    return {n: [due for _, due in group] for n, group in groupby(dues, key=lambda one: one[0])}


def _row(user: User, due: Due, now: datetime) -> tuple[object, ...]:
    """A telling's row. What only time brings has that instant in its cause."""
    cause = user.cause if due.at <= now else f"{user.cause} {due.at.astimezone(UTC):%FT%TZ}"
    message = dump({"user_id": user.user_id, **due.access._asdict()})
    return (
        *(user.account, user.livemode, user.origin, user.subject, cause),
        *(due.access.subscription_id, message, due.at),
    )


def _access(message: Mapping[str, Any]) -> Access:
    told = {field: message[field] for field in Access._fields}
    until = told["access_until"]
    return Access(**told | {"access_until": until and datetime.fromisoformat(until)})
