"""Telling of payments: that one succeeded, once, and of each attempt that failed before."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from ingest.settings import Settings
from projections.heads import Standing
from workers.reaction import Reaction

FAILED = "payment_intent.payment_failed"

# Whichever event shows first that it succeeded: the cause is the payment's, not the event's. Two events may
# tell of one failed attempt, so its charge names it, where one was made. Who has heard of the success is told
# of no failure that comes late. Each look-up stands by itself (LIMIT, OFFSET 0), on an index of its own: for
# young tables there are no statistics by which a join could be planned.
_TELL = """
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
INSERT INTO outbox (kind, account, livemode, origin, subject, cause, object_id, message)
SELECT 'payment', paid.account, paid.livemode, paid.origin,
    CASE WHEN paid.user_id IS NULL THEN paid.id ELSE jsonb_build_array(paid.origin, paid.user_id)::text END,
    outcomes.cause, paid.id,
    jsonb_build_object(
        'payment_intent_id', paid.id, 'outcome', outcome, 'amount', paid.amount, 'currency', paid.currency,
        'user_id', paid.user_id, 'customer_id', paid.customer_id, 'order_id', paid.order_id,
        'plan_type', paid.plan_type, 'subscription_id', paid.subscription_id,
        'error_code', error ->> 'code', 'decline_code', error ->> 'decline_code'
    )
FROM outcomes
CROSS JOIN LATERAL (
    SELECT intent.account, intent.livemode, intent.id, intent.status, intent.amount, intent.currency,
        intent.customer_id, intent.order_id, billed.id AS subscription_id,
        coalesce(intent.user_id, billed.user_id, customer.user_id) AS user_id,
        coalesce(intent.plan_type, billed.plan_type) AS plan_type,
        coalesce(intent.origin, billed.origin) AS origin
    FROM payment_intents AS intent
    LEFT JOIN LATERAL (
        SELECT user_id FROM customers
        WHERE account = intent.account AND livemode = intent.livemode AND id = intent.customer_id LIMIT 1
    ) AS customer ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(intent.invoice_id, min(invoice_id)) AS invoice_id FROM (
            SELECT account, livemode, invoice_id FROM invoice_payments
            WHERE payment_intent_id = intent.id OFFSET 0
        ) AS link
        WHERE account = intent.account AND livemode = intent.livemode
    ) AS linked ON true
    LEFT JOIN LATERAL (
        SELECT subscription_id FROM invoices
        WHERE account = intent.account AND livemode = intent.livemode AND id = linked.invoice_id LIMIT 1
    ) AS invoice ON true
    LEFT JOIN LATERAL (
        SELECT id, user_id, plan_type, origin FROM subscriptions
        WHERE account = intent.account AND livemode = intent.livemode AND id = invoice.subscription_id LIMIT 1
    ) AS billed ON true
    WHERE intent.account = outcomes.account AND intent.livemode = outcomes.livemode
        AND intent.id = outcomes.id
    LIMIT 1
) AS paid
WHERE (outcome = 'failed' OR paid.status = 'succeeded')
    AND (%(audience)s::text[] IS NULL OR replace(lower(paid.origin), '-', '_') = ANY(%(audience)s))
    AND NOT EXISTS (
        SELECT FROM (SELECT * FROM outbox WHERE object_id = paid.id OFFSET 0) AS known
        WHERE known.account = paid.account AND known.livemode = paid.livemode AND known.kind = 'payment'
            AND known.cause IN (outcomes.cause, concat(paid.id, ' succeeded'))
        OFFSET 0
    )
ORDER BY outcome, at
ON CONFLICT (kind, account, livemode, subject, cause) DO NOTHING
"""


def reaction(settings: Settings) -> Reaction | None:
    """Tell the clients that have a callback."""
    if not settings.callbacks:
        return None

    def react(connection: "Connection[Any]", standings: Sequence[Standing]) -> None:
        arrived = [(one.identity, event) for one in standings for event in one.arrived]
        columns = {
            "account": [identity.account for identity, _ in arrived],
            "livemode": [identity.livemode for identity, _ in arrived],
            "id": [identity.object_id for identity, _ in arrived],
            "event_id": [event.id for _, event in arrived],
            "failed": [event.type == FAILED for _, event in arrived],
            "at": [event.created_at for _, event in arrived],
            "audience": settings.callback_origins,
        }
        connection.execute(_TELL, columns)

    return Reaction(frozenset({"payment_intent"}), react)
