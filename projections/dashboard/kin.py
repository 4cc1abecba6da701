"""Which objects belong to a life: what was asked for, and what is linked to it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from projections.dashboard.reader import Reader

MOST_OBJECTS = 5000

_KIN = """
WITH mine AS (SELECT %(account)s::text AS account, %(livemode)s::boolean AS livemode),
its_subscriptions AS (
    SELECT id FROM subscriptions JOIN mine USING (account, livemode) WHERE customer_id = %(customer)s
    UNION SELECT %(subscription)s
),
bills AS (
    SELECT id FROM invoices JOIN mine USING (account, livemode) WHERE customer_id = %(customer)s
    UNION
    SELECT invoices.id FROM its_subscriptions AS its
    JOIN invoices ON invoices.subscription_id = its.id JOIN mine USING (account, livemode)
    UNION SELECT %(invoice)s
),
bills_paid AS (
    SELECT told.payment_intent_id, told.charge_id FROM bills
    JOIN invoice_payments AS told ON told.invoice_id = bills.id JOIN mine USING (account, livemode)
    UNION
    SELECT payment_intent_id, charge_id FROM bills
    JOIN invoices USING (id) JOIN mine USING (account, livemode)
),
named AS (
    SELECT %(charge)s::text AS id
    UNION SELECT charge_id FROM refunds JOIN mine USING (account, livemode) WHERE id = %(refund)s
    UNION SELECT charge_id FROM disputes JOIN mine USING (account, livemode) WHERE id = %(dispute)s
),
intents AS (
    SELECT id FROM payment_intents JOIN mine USING (account, livemode) WHERE customer_id = %(customer)s
    UNION
    SELECT id FROM payment_intents JOIN mine USING (account, livemode)
    WHERE order_number = %(order)s AND (%(shop)s::text IS NULL OR coalesce(origin, source) = %(shop)s)
    UNION
    SELECT id FROM payment_intents JOIN mine USING (account, livemode)
    WHERE order_id = %(order)s AND (%(shop)s::text IS NULL OR coalesce(origin, source) = %(shop)s)
    UNION
    SELECT payment_intent_id FROM named JOIN charges USING (id) JOIN mine USING (account, livemode)
    UNION SELECT payment_intent_id FROM bills_paid
    UNION
    SELECT told.id FROM bills
    JOIN payment_intents AS told ON told.invoice_id = bills.id JOIN mine USING (account, livemode)
    UNION SELECT %(payment_intent)s
),
attempts AS (
    SELECT charges.id FROM intents
    JOIN charges ON charges.payment_intent_id = intents.id JOIN mine USING (account, livemode)
    UNION SELECT id FROM charges JOIN mine USING (account, livemode) WHERE payer = %(customer)s
    UNION SELECT charge_id FROM bills_paid
    UNION
    SELECT told.id FROM bills
    JOIN charges AS told ON told.invoice_id = bills.id JOIN mine USING (account, livemode)
    UNION SELECT id FROM named
),
given_back AS (
    SELECT refunds.id FROM attempts
    JOIN refunds ON refunds.charge_id = attempts.id JOIN mine USING (account, livemode)
    UNION SELECT %(refund)s
),
contested AS (
    SELECT disputes.id FROM attempts
    JOIN disputes ON disputes.charge_id = attempts.id JOIN mine USING (account, livemode)
    UNION SELECT %(dispute)s
),
settled AS (
    SELECT told.id
    FROM (SELECT id FROM attempts UNION SELECT id FROM given_back UNION SELECT id FROM contested) AS moved
    JOIN balance_transactions AS told ON told.source_id = moved.id JOIN mine USING (account, livemode)
),
all_bills AS (
    SELECT id FROM bills
    UNION
    SELECT invoice_id FROM intents
    JOIN payment_intents USING (id) JOIN mine USING (account, livemode)
    UNION
    SELECT invoice_id FROM intents
    JOIN invoice_payments AS told ON told.payment_intent_id = intents.id JOIN mine USING (account, livemode)
    UNION
    SELECT invoices.id FROM intents
    JOIN invoices ON invoices.payment_intent_id = intents.id JOIN mine USING (account, livemode)
    UNION
    SELECT invoice_id FROM attempts JOIN charges USING (id) JOIN mine USING (account, livemode)
),
found AS (
    SELECT %(object)s::text AS object, %(id)s::text AS id
    UNION SELECT 'payment_intent', id FROM intents
    UNION SELECT 'charge', id FROM attempts
    UNION SELECT 'refund', id FROM given_back
    UNION SELECT 'dispute', id FROM contested
    UNION SELECT 'balance_transaction', id FROM settled
    UNION SELECT 'invoice', id FROM all_bills
    UNION
    SELECT 'invoice_payment', told.id FROM all_bills
    JOIN invoice_payments AS told ON told.invoice_id = all_bills.id JOIN mine USING (account, livemode)
    UNION SELECT 'subscription', id FROM its_subscriptions
    UNION
    SELECT 'subscription', subscription_id FROM all_bills
    JOIN invoices USING (id) JOIN mine USING (account, livemode)
)
SELECT object, id FROM found WHERE id IS NOT NULL AND object <> 'order'
ORDER BY (object, id) = (%(object)s, %(id)s) DESC, object, id
LIMIT %(most)s
"""
_NEWEST = """
SELECT data FROM stripe_objects
WHERE object = %(object)s AND id = %(id)s AND account = %(account)s AND livemode = %(livemode)s
"""
_NAMED = """
SELECT object, id FROM stripe_objects
WHERE id = ANY(%(ids)s) AND object = ANY(%(roots)s) AND account = %(account)s AND livemode = %(livemode)s
"""
_OWNERS = """
WITH wanted AS (
    SELECT %(account)s::text AS account, %(livemode)s::boolean AS livemode, id
    FROM unnest(%(ids)s::text[]) AS id
), paid AS (
    SELECT customer_id, order_number, order_id FROM payment_intents JOIN wanted USING (account, livemode, id)
)
SELECT 'customer' AS object, customer_id AS id FROM paid
UNION SELECT 'customer', customer_id FROM charges JOIN wanted USING (account, livemode, id)
UNION SELECT 'customer', customer_id FROM invoices JOIN wanted USING (account, livemode, id)
UNION SELECT 'customer', customer_id FROM subscriptions JOIN wanted USING (account, livemode, id)
UNION SELECT 'order', coalesce(order_number, order_id) FROM paid
ORDER BY object, id LIMIT %(most)s
"""

_WHERE = """
SELECT DISTINCT account, livemode, NULL AS shop FROM events WHERE object_id = %(id)s AND object = %(object)s
"""
_WHERE_ORDERS = """
SELECT account, livemode, coalesce(origin, source) AS shop FROM payment_intents WHERE order_number = %(id)s
UNION
SELECT account, livemode, coalesce(origin, source) FROM payment_intents WHERE order_id = %(id)s
"""

ROOTS = ("customer", "subscription", "invoice", "payment_intent", "charge", "refund", "dispute", "order")
"""What others are linked to."""

_NAMING = ("payment_intent", "charge", "invoice", "subscription", "refund", "dispute", "source")
"""Fields by which any other object, as a checkout.session, says what it is about."""

_MOST_OWNERS = 12

Key = tuple[str, str]


class Place(NamedTuple):
    """One account, live or test: ids repeat between them. The number of an order repeats between shops, too:
    `shop` is its client or endpoint, None where there is one alone."""

    account: str
    livemode: bool
    shop: str | None = None


class Kin(NamedTuple):
    """As (object type, id), what was asked for first; `cut` where there are more than MOST_OBJECTS."""

    objects: list[Key]
    cut: bool


async def places(reader: Reader, kind: str, name: str) -> list[Place]:
    """Where there is such an object; nowhere where it is unknown. Raises psycopg.Error."""
    query = _WHERE_ORDERS if kind == "order" else _WHERE
    rows = await reader.rows(query, {"object": kind, "id": name})
    shops = Counter((row["account"], row["livemode"]) for row in rows)
    found = {
        Place(*where, row["shop"] if shops[where] > 1 else None)
        for row in rows
        for where in [(row["account"], row["livemode"])]
    }
    return sorted(found, key=lambda at: (at.account != "default", at.account, at.livemode, at.shop or ""))


async def of(reader: Reader, kind: str, name: str, at: Place) -> Kin:
    """What belongs to its life. Raises psycopg.Error."""
    asked = {**at._asdict(), "object": kind, "id": name, "most": MOST_OBJECTS + 1}
    roots = {kind: name} if kind in ROOTS else await _named(reader, asked)
    rows = await reader.rows(_KIN, {**dict.fromkeys(ROOTS), **roots, **asked})
    objects = [(str(row["object"]), str(row["id"])) for row in rows]
    return Kin(objects[:MOST_OBJECTS], len(objects) > MOST_OBJECTS)


async def owners(reader: Reader, objects: list[Key], at: Place) -> list[Key]:
    """Whose these objects are: customers and orders, as (kind, name). Raises psycopg.Error."""
    asked = {"ids": [name for _, name in objects], "account": at.account, "livemode": at.livemode}
    rows = await reader.rows(_OWNERS, {**asked, "most": _MOST_OWNERS})
    return [(row["object"], row["id"]) for row in rows if row["id"]]


async def _named(reader: Reader, asked: Mapping[str, Any]) -> dict[str, str]:
    """What an object says that it is about, of the kinds that others are linked to."""
    rows = await reader.rows(_NEWEST, asked)
    data = (rows[0]["data"] if rows else None) or {}
    said = [each.get("id") if isinstance(each, dict) else each for each in map(data.get, _NAMING)]
    ids = [each for each in said if isinstance(each, str)]
    found = await reader.rows(_NAMED, {**asked, "ids": ids, "roots": list(ROOTS)}) if ids else []
    return {row["object"]: row["id"] for row in found}
