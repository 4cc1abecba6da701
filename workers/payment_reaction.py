"""Telling of payments: that one succeeded, once, and of each attempt that failed before.

Whose a payment is may be known only later, by an invoice, a subscription or a customer: see
`workers.unaddressed_payments`.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from ingest.settings import DEFAULT_SOURCE, Settings
from projections.heads import Standing
from workers.payment_outcome import PAID, TELL
from workers.reaction import Reaction
from workers.unaddressed_payments import ADDRESSED_BY, Unaddressed

FAILED = "payment_intent.payment_failed"

# Whichever event shows first that it succeeded: the cause is the payment's, not the event's. Two events may
# tell of one failed attempt, so its charge names it, where one was made.
_ARRIVED = """
WITH arrived AS (
    SELECT told.*, coalesce(events.payload_clean, events.payload)::jsonb
        #> '{data,object,last_payment_error}' AS error
    FROM unnest(%(account)s::text[], %(livemode)s::boolean[], %(id)s::text[], %(event_id)s::text[],
        %(failed)s::boolean[], %(at)s::timestamptz[])
        AS told (account, livemode, id, event_id, failed, at)
    CROSS JOIN LATERAL (
        SELECT payload, payload_clean FROM events WHERE event_id = told.event_id LIMIT 1
    ) AS events
), outcomes AS (
    SELECT DISTINCT account, livemode, id, 'succeeded' AS outcome, concat(id, ' succeeded') AS cause,
        NULL::jsonb AS error, NULL::timestamptz AS at
    FROM arrived
    UNION ALL
    SELECT DISTINCT ON (account, livemode, cause) account, livemode, id, 'failed',
        concat_ws(' ', id, 'failed', coalesce(error ->> 'charge', event_id)) AS cause, error, at
    FROM arrived
    WHERE failed
)
"""
# Who has heard of the success is told of no failure that comes late.
_TELL = f"""{_ARRIVED} {TELL}
FROM outcomes
CROSS JOIN LATERAL ({PAID}) AS paid
WHERE (%(audience)s::text[] IS NULL OR replace(lower(paid.origin), '-', '_') = ANY(%(audience)s))
    AND NOT EXISTS (
        SELECT FROM (SELECT * FROM outbox WHERE object_id = paid.id OFFSET 0) AS known
        WHERE known.account = paid.account AND known.livemode = paid.livemode AND known.kind = 'payment'
            AND known.cause IN (outcomes.cause, concat(paid.id, ' succeeded'))
        OFFSET 0
    )
ORDER BY outcomes.outcome, outcomes.at
ON CONFLICT (kind, account, livemode, subject, cause) DO NOTHING
"""  # noqa: S608 (constants)
_KEEP = f"""{_ARRIVED}
INSERT INTO unaddressed_payments (account, livemode, id, outcome, cause, error, at, customer_id)
SELECT outcomes.*, paid.customer_id
FROM outcomes
CROSS JOIN LATERAL ({PAID}) AS paid
WHERE paid.origin IS NULL
ON CONFLICT DO NOTHING
"""  # noqa: S608 (constants)


def reaction(settings: Settings) -> Reaction | None:
    """Tell the clients that have a callback."""
    if not settings.callbacks:
        return None
    unaddressed = Unaddressed(sorted(settings.callbacks.keys() - {DEFAULT_SOURCE}))

    def react(connection: "Connection[Any]", standings: Sequence[Standing]) -> None:
        arrived = [
            (one.identity, event)
            for one in standings
            if one.identity.object == "payment_intent"
            for event in one.arrived
        ]
        columns = {
            "account": [identity.account for identity, _ in arrived],
            "livemode": [identity.livemode for identity, _ in arrived],
            "id": [identity.object_id for identity, _ in arrived],
            "event_id": [event.id for _, event in arrived],
            "failed": [event.type == FAILED for _, event in arrived],
            "at": [event.created_at for _, event in arrived],
            "audience": settings.callback_origins,
        }
        unaddressed.lock(connection, standings)
        if arrived:
            connection.execute(_TELL, columns)
            if unaddressed.audience:
                connection.execute(_KEEP, columns)
        unaddressed.tell(connection, standings)

    reads = {"payment_intent", *(ADDRESSED_BY if unaddressed.audience else ())}
    return Reaction(frozenset(reads), react)
