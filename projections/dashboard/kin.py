"""Which objects belong to a life: what was asked for, and what is linked to it."""

from typing import NamedTuple

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
    UNION SELECT id FROM payment_intents JOIN mine USING (account, livemode) WHERE order_number = %(order)s
    UNION SELECT id FROM payment_intents JOIN mine USING (account, livemode) WHERE order_id = %(order)s
    UNION
    SELECT payment_intent_id FROM named JOIN charges USING (id) JOIN mine USING (account, livemode)
    UNION SELECT payment_intent_id FROM bills_paid
    UNION SELECT %(payment_intent)s
),
attempts AS (
    SELECT charges.id FROM intents
    JOIN charges ON charges.payment_intent_id = intents.id JOIN mine USING (account, livemode)
    UNION SELECT id FROM charges JOIN mine USING (account, livemode) WHERE payer = %(customer)s
    UNION SELECT charge_id FROM bills_paid
    UNION SELECT id FROM named
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
    UNION
    SELECT 'refund', refunds.id FROM attempts
    JOIN refunds ON refunds.charge_id = attempts.id JOIN mine USING (account, livemode)
    UNION
    SELECT 'dispute', disputes.id FROM attempts
    JOIN disputes ON disputes.charge_id = attempts.id JOIN mine USING (account, livemode)
    UNION SELECT 'invoice', id FROM all_bills
    UNION
    SELECT 'invoice_payment', told.id FROM all_bills
    JOIN invoice_payments AS told ON told.invoice_id = all_bills.id JOIN mine USING (account, livemode)
    UNION SELECT 'subscription', id FROM its_subscriptions
    UNION
    SELECT 'subscription', subscription_id FROM all_bills
    JOIN invoices USING (id) JOIN mine USING (account, livemode)
)
SELECT object, id FROM found WHERE id IS NOT NULL AND object <> 'order' LIMIT %(most)s
"""

_WHERE = """
SELECT DISTINCT account, livemode FROM events
WHERE object_id = %(id)s AND object = %(object)s
"""

_WHERE_ORDERS = """
SELECT account, livemode FROM payment_intents WHERE order_number = %(id)s
UNION SELECT account, livemode FROM payment_intents WHERE order_id = %(id)s
"""

ROOTS = ("customer", "subscription", "invoice", "payment_intent", "charge", "refund", "dispute", "order")
"""What others are linked to; any other object's life is its own events."""


class Place(NamedTuple):
    """One account, live or test: ids repeat between them."""

    account: str
    livemode: bool


class Kin(NamedTuple):
    """The objects as (object type, id); `cut` where there are more than MOST_OBJECTS."""

    objects: list[tuple[str, str]]
    cut: bool


async def places(reader: Reader, kind: str, name: str) -> list[Place]:
    """Where there is such an object; nowhere where it is unknown. Raises psycopg.Error."""
    query = _WHERE_ORDERS if kind == "order" else _WHERE
    rows = await reader.rows(query, {"object": kind, "id": name})
    return sorted((Place(**row) for row in rows), key=lambda at: (at.account != "default", at))


async def of(reader: Reader, kind: str, name: str, at: Place) -> Kin:
    """What belongs to its life. Raises psycopg.Error."""
    asked = dict.fromkeys(ROOTS) | ({kind: name} if kind in ROOTS else {})
    rows = await reader.rows(
        _KIN, {**asked, **at._asdict(), "object": kind, "id": name, "most": MOST_OBJECTS + 1}
    )
    objects = [(str(row["object"]), str(row["id"])) for row in rows]
    return Kin(objects[:MOST_OBJECTS], len(objects) > MOST_OBJECTS)
