"""Telling of payments: that one succeeded, once, and of each attempt that failed before."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from ingest.settings import Settings
from projections.heads import Standing
from workers.reaction import Reaction

# Whichever event shows first that it succeeded: the cause is the payment's, not the event's. Two events may
# tell of one failed attempt, so its charge names it, where one was made. Who has heard of the success is told
# of no failure that comes late.
_TELL = """
WITH arrived AS (
    SELECT told.*, coalesce(events.payload_clean, events.payload)::jsonb
        #> '{data,object,last_payment_error}' AS error
    FROM unnest(%(accounts)s::text[], %(livemodes)s::boolean[], %(ids)s::text[], %(event_ids)s::text[],
        %(types)s::text[], %(instants)s::timestamptz[])
        AS told (account, livemode, id, event_id, type, at)
    JOIN events USING (event_id)
), outcomes AS (
    SELECT DISTINCT account, livemode, id, 'succeeded' AS outcome, NULL AS attempt, NULL::jsonb AS error,
        max(at) OVER (PARTITION BY account, livemode, id) AS at
    FROM arrived
    UNION ALL
    SELECT account, livemode, id, 'failed', coalesce(error ->> 'charge', event_id), error, at
    FROM arrived
    WHERE type = 'payment_intent.payment_failed'
)
INSERT INTO outbox (kind, account, livemode, origin, subject, cause, object_id, message)
SELECT 'payment', paid.account, paid.livemode, paid.origin,
    CASE WHEN paid.user_id IS NULL THEN paid.id ELSE jsonb_build_array(paid.origin, paid.user_id)::text END,
    concat_ws(' ', paid.id, outcome, attempt),
    paid.id,
    jsonb_build_object(
        'payment_intent_id', paid.id, 'outcome', outcome, 'amount', paid.amount, 'currency', paid.currency,
        'user_id', paid.user_id, 'customer_id', paid.customer_id, 'order_id', paid.order_id,
        'plan_type', paid.plan_type, 'subscription_id', paid.subscription_id,
        'error_code', error ->> 'code', 'decline_code', error ->> 'decline_code'
    )
FROM outcomes
CROSS JOIN LATERAL (
    SELECT payments.account, payments.livemode, payments.id, payments.status, amount, payments.currency,
        payments.user_id, payments.customer_id, payments.order_id, payments.plan_type, subscription_id,
        coalesce(payments.origin, subscriptions.origin) AS origin
    FROM payments
    LEFT JOIN subscriptions
        ON subscriptions.account = payments.account AND subscriptions.livemode = payments.livemode
        AND subscriptions.id = payments.subscription_id
    WHERE payments.account = outcomes.account AND payments.livemode = outcomes.livemode
        AND payments.id = outcomes.id
    OFFSET 0
) AS paid
WHERE (outcome = 'failed' OR paid.status = 'succeeded')
    AND (%(audience)s::text[] IS NULL OR replace(lower(paid.origin), '-', '_') = ANY(%(audience)s))
    AND NOT EXISTS (
        SELECT FROM outbox AS known
        WHERE known.object_id = paid.id AND known.account = paid.account AND known.livemode = paid.livemode
            AND known.kind = 'payment' AND known.message ->> 'outcome' = 'succeeded'
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
            "accounts": [identity.account for identity, _ in arrived],
            "livemodes": [identity.livemode for identity, _ in arrived],
            "ids": [identity.object_id for identity, _ in arrived],
            "event_ids": [event.id for _, event in arrived],
            "types": [event.type for _, event in arrived],
            "instants": [event.created_at for _, event in arrived],
            "audience": settings.callback_origins,
        }
        connection.execute(_TELL, columns)

    return Reaction(frozenset({"payment_intent"}), react)
