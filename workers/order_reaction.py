"""Telling a shop of its orders' payments: that one succeeded or failed, was refunded or disputed.

Only payments that were made here for a shop's order are told of: with Stripe's key, so of its account and
mode, and marked with the shop and the order's id. WooCommerce's own Stripe plugin marks its payments
otherwise (`projections.payment_fields.Purpose`), and sees to its orders itself.

What is told follows from a payment and its refunds and disputes, whose partitions may be drained at the same
time. So a lock is taken on the payment once their rows are written, and what it guards is read afterwards: of
two transactions that concern one payment, the second sees the first's rows.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ingest.refusal import Refusal
from ingest.settings import DEFAULT_SOURCE, Settings
from projections.heads import Standing
from workers.rate_limit import is_live
from workers.reaction import Reaction

KIND = "order"


class NoKey(Refusal):
    """A shop is told of payments that were made with STRIPE_SECRET_KEY: set it for the drain, too."""


# Advisory locks of class 4, with 1,024 slots. A dispute or a refund without its payment is of no order's.
_LOCK = """
WITH touched AS (
    SELECT * FROM unnest(%(objects)s::text[], %(ids)s::text[]) AS touched (object, id)
), concerned AS (
    SELECT id AS intent FROM touched WHERE object = 'payment_intent'
    UNION
    SELECT payment_intent_id FROM charges JOIN touched USING (id)
    WHERE object = 'charge' AND account = %(account)s AND livemode = %(livemode)s
    UNION
    SELECT payment_intent_id FROM refunds JOIN touched USING (id)
    WHERE object = 'refund' AND account = %(account)s AND livemode = %(livemode)s
    UNION
    SELECT payment_intent_id FROM disputes JOIN touched USING (id)
    WHERE object = 'dispute' AND account = %(account)s AND livemode = %(livemode)s
), slots AS MATERIALIZED (
    SELECT intent, hashtext(intent) & 1023 AS slot FROM concerned WHERE intent IS NOT NULL ORDER BY slot
)
SELECT intent, pg_advisory_xact_lock(4, slot) FROM slots
"""
# A failed attempt is named by its charge, where one was made, since two events may tell of it; and nobody who
# heard of the success is told of a failure that comes late. A refund that fails is told to who heard of it.
_TELL = """
WITH ours AS (
    SELECT * FROM payment_intents
    WHERE account = %(account)s AND livemode = %(livemode)s AND id = ANY(%(intents)s)
        AND replace(lower(origin), '-', '_') = ANY(%(shops)s) AND order_id ~ '^[1-9][0-9]{0,17}$'
), attempts AS (
    SELECT ours.*, event_id, coalesce(payload_clean, payload)::jsonb
        #> '{data,object,last_payment_error}' AS error
    FROM ours
    JOIN unnest(%(failed)s::text[], %(failures)s::text[]) AS failed (id, event_id) USING (id)
    JOIN events USING (event_id)
    WHERE status NOT IN ('succeeded', 'canceled')
), given_back AS (
    SELECT ours.*, refund.id AS refund_id, refund.amount AS refund_amount, refund.currency AS refund_currency,
        refund.status AS refund_status, refund.created_at AS at
    FROM ours
    JOIN all_refunds AS refund
        ON refund.account = ours.account AND refund.livemode = ours.livemode
        AND refund.charge_id = ours.latest_charge_id
), contested AS (
    SELECT ours.*, dispute.id AS dispute_id, dispute.amount AS dispute_amount,
        dispute.currency AS dispute_currency, dispute.status AS dispute_status,
        dispute.reason AS dispute_reason, dispute.created_at AS at
    FROM ours
    JOIN disputes AS dispute
        ON dispute.account = ours.account AND dispute.livemode = ours.livemode
        AND dispute.charge_id = ours.latest_charge_id
), outcomes (id, origin, order_id, step, at, outcome, reference, amount, currency, reason) AS (
    SELECT id, origin, order_id, 1, created_at, 'failed', coalesce(error ->> 'charge', event_id), amount,
        currency, coalesce(error ->> 'decline_code', error ->> 'code')
    FROM attempts
    UNION ALL
    SELECT id, origin, order_id, 2, created_at, 'paid', id, amount_received, currency, NULL
    FROM ours WHERE status = 'succeeded'
    UNION ALL
    SELECT id, origin, order_id, 3, at, 'refunded', refund_id, refund_amount, refund_currency, NULL
    FROM given_back WHERE refund_status = 'succeeded'
    UNION ALL
    SELECT id, origin, order_id, 4, at, 'refund_failed', refund_id, refund_amount, refund_currency, NULL
    FROM given_back
    WHERE refund_status IN ('failed', 'canceled') AND EXISTS (
        SELECT FROM outbox AS known
        WHERE known.kind = %(kind)s AND known.account = %(account)s AND known.livemode = %(livemode)s
            AND known.object_id = given_back.id AND known.cause = concat('refunded ', refund_id)
    )
    UNION ALL
    SELECT id, origin, order_id, 5, at, 'inquiry', dispute_id, dispute_amount, dispute_currency,
        dispute_reason
    FROM contested WHERE dispute_status LIKE 'warning%%' OR dispute_status = 'prevented'
    UNION ALL
    SELECT id, origin, order_id, 6, at, 'disputed', dispute_id, dispute_amount, dispute_currency,
        dispute_reason
    FROM contested WHERE NOT (dispute_status LIKE 'warning%%' OR dispute_status = 'prevented')
    UNION ALL
    SELECT id, origin, order_id, 7, at, concat('dispute_', dispute_status), dispute_id, dispute_amount,
        dispute_currency, dispute_reason
    FROM contested WHERE dispute_status IN ('won', 'lost')
)
INSERT INTO outbox (kind, account, livemode, origin, subject, cause, object_id, message)
SELECT %(kind)s, %(account)s, %(livemode)s, origin, concat_ws(' ', 'order', origin, order_id),
    concat_ws(' ', outcome, reference), id,
    jsonb_build_object(
        'order_id', order_id::bigint, 'payment_intent_id', id, 'outcome', outcome, 'reference', reference,
        'amount', amount, 'currency', currency, 'reason', reason
    )
FROM outcomes
ORDER BY step, at, reference
ON CONFLICT (kind, account, livemode, subject, cause) DO NOTHING
"""


def reaction(settings: Settings) -> Reaction | None:
    """Tell the shops that there are. Raises NoKey."""
    if not settings.shops:
        return None
    if settings.stripe_secret_key is None:
        raise NoKey("a shop is told of payments that were made with STRIPE_SECRET_KEY: set it for the drain")
    account, livemode = settings.account_of(DEFAULT_SOURCE), is_live(settings)
    wish = {"account": account, "livemode": livemode, "shops": list(settings.shops), "kind": KIND}

    def react(connection: "Connection[Any]", standings: Sequence[Standing]) -> None:
        made_here = [
            one for one in standings if (one.identity.account, one.identity.livemode) == (account, livemode)
        ]
        failures = [
            (one.identity.object_id, event.id)
            for one in made_here
            for event in one.arrived
            if event.type == "payment_intent.payment_failed"
        ]
        touched = {
            "objects": [one.identity.object for one in made_here],
            "ids": [one.identity.object_id for one in made_here],
            "failed": [intent for intent, _ in failures],
            "failures": [event for _, event in failures],
        }
        with connection.cursor(row_factory=tuple_row) as cursor:
            intents = [intent for intent, _ in cursor.execute(_LOCK, wish | touched).fetchall()]
            if intents:
                cursor.execute(_TELL, wish | touched | {"intents": intents})

    return Reaction(frozenset({"payment_intent", "charge", "refund", "dispute"}), react)
