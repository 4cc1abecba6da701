"""Tables filled with payments by the server itself, without events: for what is measured on many rows."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg

AT_ONCE = 500_000
TABLES = "payment_intents, charges, refunds, disputes"
ROLLUPS = "payment_rollups, failure_rollups, settlement_rollups"

# Of a hundred payments 92 are paid, eight of them by a second charge; five fail, and three are never tried.
# Ids grow with time, as Stripe's do; a fifth of the payers are guests, and each pays eight times or so.
_PAYMENTS = """
CREATE TEMP TABLE filled ON COMMIT DROP AS
SELECT n, 'pi_' || token AS intent, 'ch_' || token AS charge, at, amount, dice,
    CASE WHEN dice < 92 THEN 'succeeded' ELSE 'requires_payment_method' END AS status,
    CASE WHEN dice < 97 THEN 'ch_' || token END AS latest,
    CASE WHEN payer %% 5 > 0 THEN 'cus_' || payer END AS customer,
    'payer' || payer || '@example.com' AS email,
    CASE n %% 3 WHEN 0 THEN 'usd' ELSE 'eur' END AS currency,
    CASE n %% 4 WHEN 0 THEN 'platform' ELSE 'shop' END AS origin,
    CASE n %% 4 WHEN 0 THEN (ARRAY['basic', 'pro', 'enterprise'])[1 + n %% 3] END AS plan,
    CASE n %% 10 WHEN 0 THEN 'sepa_debit' ELSE 'card' END AS method
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
    LATERAL (SELECT lpad(to_hex(n), 8, '0') || left(md5(n::text), 16) AS token,
        %(since)s::timestamptz + (n * %(step)s * interval '1 second') AS at,
        500 + (n * 7919) %% 20000 AS amount, (n * 104729) %% 100 AS dice,
        (n * 15485863) %% %(payers)s AS payer) AS made
"""
_INTENTS = """
INSERT INTO payment_intents (account, livemode, id, source, amount, amount_received, amount_capturable,
    currency,
    status, customer_id, latest_charge_id, payment_method_type, capture_method, last_error_code,
    last_error_decline_code, plan_type, origin, metadata, created_at, updated_at, stale)
SELECT 'default', true, intent, 'default', amount, CASE status WHEN 'succeeded' THEN amount ELSE 0 END,
    0, currency,
    status, customer, latest, method, 'automatic_async',
    CASE WHEN dice BETWEEN 92 AND 96 THEN 'card_declined' END,
    CASE WHEN dice BETWEEN 92 AND 96 THEN 'insufficient_funds' END, plan, origin,
    jsonb_build_object('source', origin), at, at, false
FROM filled
"""
_CHARGES = """
INSERT INTO charges (account, livemode, id, source, payment_intent_id, customer_id, amount, amount_captured,
    amount_refunded, currency, status, paid, captured, disputed, failure_code, outcome_type, outcome_reason,
    network_status, risk_level, payment_method_type, card_brand, card_country, card_funding, card_last4,
    billing_email, payer, metadata, created_at, updated_at, stale)
SELECT 'default', true, id, 'default', intent, customer, amount, CASE WHEN paid THEN amount ELSE 0 END,
    CASE WHEN paid AND dice < 3 THEN amount ELSE 0 END, currency,
    CASE WHEN paid THEN 'succeeded' ELSE 'failed' END, paid, paid, paid AND n % 200 = 7,
    CASE WHEN NOT paid THEN 'card_declined' END,
    CASE WHEN paid THEN 'authorized' ELSE 'issuer_declined' END,
    CASE WHEN NOT paid THEN (ARRAY['insufficient_funds', 'do_not_honor', 'expired_card'])[1 + n % 3] END,
    CASE WHEN paid THEN 'approved_by_network' ELSE 'declined_by_network' END, 'normal', method,
    CASE method WHEN 'card' THEN (ARRAY['visa', 'mastercard', 'amex'])[1 + n % 3] END,
    CASE method WHEN 'card' THEN (ARRAY['DE', 'US', 'FR', 'GB'])[1 + n % 4] END,
    CASE method WHEN 'card' THEN 'credit' END, CASE method WHEN 'card' THEN '4242' END,
    email, coalesce(customer, email), jsonb_build_object('source', origin), at, at, false
FROM (
    SELECT filled.*, charge AS id, dice < 92 AS paid FROM filled WHERE dice < 97
    UNION ALL
    SELECT filled.*, charge || 'a', false FROM filled WHERE dice < 8
) AS attempt
"""
_REFUNDS = """
INSERT INTO refunds (account, livemode, id, source, charge_id, payment_intent_id, amount, currency,
    status, reason,
    metadata, created_at, updated_at, stale)
SELECT 'default', true, 're_' || n, 'default', charge, intent, amount, currency, 'succeeded',
    'requested_by_customer', '{}', at + interval '2 days', at + interval '2 days', false
FROM filled WHERE dice < 3
"""
_DISPUTES = """
INSERT INTO disputes (account, livemode, id, source, charge_id, payment_intent_id, amount, currency,
    status, reason,
    won, metadata, created_at, updated_at, stale)
SELECT 'default', true, 'du_' || n, 'default', charge, intent, amount, currency,
    CASE n % 3 WHEN 0 THEN 'won' ELSE 'lost' END, 'fraudulent', n % 3 = 0, '{}',
    at + interval '20 days', at + interval '20 days', false
FROM filled WHERE dice < 92 AND n % 200 = 7
"""
# As the refresher would have it in the end.
_ROLLED_UP = """
INSERT INTO payment_rollups
SELECT split.name, bucket_of(fact.at), fact.account, fact.livemode, fact.currency, fact.source,
    fact.split_value,
    {sums}
FROM unnest(%(splits)s::text[]) AS split (name)
CROSS JOIN LATERAL payment_facts(%(since)s, %(until)s, split.name) AS fact
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
_FAILED = "INSERT INTO failure_rollups SELECT * FROM failures_rolled_up(%(since)s, %(until)s)"
_SETTLED = "INSERT INTO settlement_rollups SELECT * FROM settlements_rolled_up(%(since)s, %(until)s)"
_MEASURES = """
SELECT attname FROM pg_attribute
WHERE attrelid = 'payment_rollups'::regclass AND attnum > 7 AND NOT attisdropped ORDER BY attnum
"""
SPLITS = ("none", "origin", "plan", "payment_method")


def fill_payments(
    connection: "psycopg.Connection[Any]",
    payments: int,
    *,
    until: datetime,
    days: int = 365,
    splits: tuple[str, ...] = SPLITS,
    advance: Callable[[float], None] = lambda part: None,
) -> None:
    """So many live payments evenly over the `days` before `until`, with charges, refunds and disputes.

    The rollups are made along, of all splits or those named; statistics are analysed. `connection` is a
    superuser's in autocommit mode, to a database with the schema and nothing else in it. `advance` is told
    which part of the whole was done since it was last told.
    """
    since = until - timedelta(days=days)
    given = {"since": since, "step": days * 86400 / payments, "payers": max(payments // 8, 1)}
    connection.execute("SET session_replication_role = replica")  # no trigger queues what is rolled up here
    for first in range(0, payments, AT_ONCE):
        last = min(first + AT_ONCE, payments) - 1
        with connection.transaction():
            connection.execute(_PAYMENTS, {**given, "first": first, "last": last})
            for statement in (_INTENTS, _CHARGES, _REFUNDS, _DISPUTES):
                connection.execute(statement)
        advance(0.6 * (last + 1 - first) / payments)
    connection.execute(f"VACUUM (ANALYZE) {TABLES}")
    _roll_up(connection, since, until + timedelta(days=30), splits, lambda part: advance(0.4 * part))
    connection.execute("SET session_replication_role = origin")
    connection.execute(f"VACUUM (ANALYZE) {ROLLUPS}")
    connection.execute("CHECKPOINT")


def _roll_up(
    connection: "psycopg.Connection[Any]",
    since: datetime,
    until: datetime,
    splits: tuple[str, ...],
    advance: Callable[[float], None],
) -> None:
    sums = ", ".join(f"sum(fact.{name})" for (name,) in connection.execute(_MEASURES).fetchall())
    statement = _ROLLED_UP.format(sums=sums)
    whole = until - since
    start = since
    while start < until:
        end = min(start + timedelta(days=30), until)
        connection.execute(statement, {"since": start, "until": end, "splits": list(splits)})
        for rest in (_FAILED, _SETTLED):
            connection.execute(rest, {"since": start, "until": end})
        advance((end - start) / whole)
        start = end
