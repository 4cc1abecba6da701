"""How an outcome of a payment is told, in SQL: whose it is, and the outbox' row.

A payment is of the client that its own metadata name, else those of the subscription whose invoice it pays,
else those of its customer. Each look-up stands by itself (LIMIT, OFFSET 0), on an index of its own: for young
tables there are no statistics by which a join could be planned.
"""

PAID = """
SELECT intent.account, intent.livemode, intent.id, intent.status, intent.amount, intent.currency,
    intent.customer_id, intent.order_id, billed.id AS subscription_id,
    coalesce(intent.user_id, billed.user_id, customer.user_id) AS user_id,
    coalesce(intent.plan_type, billed.plan_type) AS plan_type,
    coalesce(intent.origin, billed.origin, customer.origin) AS origin
FROM payment_intents AS intent
LEFT JOIN LATERAL (
    SELECT user_id, metadata ->> 'source' AS origin FROM customers
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
WHERE intent.account = outcomes.account AND intent.livemode = outcomes.livemode AND intent.id = outcomes.id
    AND (outcomes.outcome = 'failed' OR intent.status = 'succeeded')
LIMIT 1
"""
"""The payment of `outcomes` (account, livemode, id, outcome), where that is so."""

TELL = """
INSERT INTO outbox (kind, account, livemode, origin, subject, cause, object_id, message)
SELECT 'payment', paid.account, paid.livemode, paid.origin,
    CASE WHEN paid.user_id IS NULL THEN paid.id ELSE jsonb_build_array(paid.origin, paid.user_id)::text END,
    outcomes.cause, paid.id,
    jsonb_build_object(
        'payment_intent_id', paid.id, 'outcome', outcomes.outcome, 'amount', paid.amount,
        'currency', paid.currency, 'user_id', paid.user_id, 'customer_id', paid.customer_id,
        'order_id', paid.order_id, 'plan_type', paid.plan_type, 'subscription_id', paid.subscription_id,
        'error_code', error ->> 'code', 'decline_code', error ->> 'decline_code'
    )
"""
"""The outbox' row of `outcomes` (with cause and error) and `paid`."""
