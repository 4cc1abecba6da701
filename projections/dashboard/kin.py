"""Which objects belong to a life: what was asked for, and what is linked to it."""

from collections import Counter
from typing import NamedTuple

from projections.dashboard import naming
from projections.dashboard.naming import Key, Place
from projections.dashboard.reader import Reader

MOST_OBJECTS = 5000

_KIN = """
WITH mine AS (SELECT %(account)s::text AS account, %(livemode)s::boolean AS livemode),
its_subscriptions AS (
    SELECT id FROM subscriptions JOIN mine USING (account, livemode) WHERE customer_id = ANY (%(customer)s)
    UNION SELECT unnest(%(subscription)s::text[])
),
bills AS (
    SELECT id FROM invoices JOIN mine USING (account, livemode) WHERE customer_id = ANY (%(customer)s)
    UNION
    SELECT invoices.id FROM its_subscriptions AS its
    JOIN invoices ON invoices.subscription_id = its.id JOIN mine USING (account, livemode)
    UNION SELECT unnest(%(invoice)s::text[])
),
bills_paid AS (
    SELECT told.payment_intent_id, told.charge_id FROM bills
    JOIN invoice_payments AS told ON told.invoice_id = bills.id JOIN mine USING (account, livemode)
    UNION
    SELECT payment_intent_id, charge_id FROM bills
    JOIN invoices USING (id) JOIN mine USING (account, livemode)
),
named AS (
    SELECT unnest(%(charge)s::text[]) AS id
    UNION SELECT charge_id FROM refunds JOIN mine USING (account, livemode) WHERE id = ANY (%(refund)s)
    UNION SELECT charge_id FROM disputes JOIN mine USING (account, livemode) WHERE id = ANY (%(dispute)s)
),
intents AS (
    SELECT id FROM payment_intents JOIN mine USING (account, livemode) WHERE customer_id = ANY (%(customer)s)
    UNION
    SELECT id FROM payment_intents JOIN mine USING (account, livemode)
    WHERE order_number = ANY (%(order)s) AND (%(shop)s::text IS NULL OR coalesce(origin, source) = %(shop)s)
    UNION
    SELECT id FROM payment_intents JOIN mine USING (account, livemode)
    WHERE order_id = ANY (%(order)s) AND (%(shop)s::text IS NULL OR coalesce(origin, source) = %(shop)s)
    UNION
    SELECT payment_intent_id FROM named JOIN charges USING (id) JOIN mine USING (account, livemode)
    UNION SELECT payment_intent_id FROM bills_paid
    UNION
    SELECT told.id FROM bills
    JOIN payment_intents AS told ON told.invoice_id = bills.id JOIN mine USING (account, livemode)
    UNION SELECT unnest(%(payment_intent)s::text[])
),
attempts AS (
    SELECT charges.id FROM intents
    JOIN charges ON charges.payment_intent_id = intents.id JOIN mine USING (account, livemode)
    UNION SELECT id FROM charges JOIN mine USING (account, livemode) WHERE payer = ANY (%(customer)s)
    UNION SELECT charge_id FROM bills_paid
    UNION
    SELECT told.id FROM bills
    JOIN charges AS told ON told.invoice_id = bills.id JOIN mine USING (account, livemode)
    UNION SELECT id FROM named
),
given_back AS (
    SELECT refunds.id FROM attempts
    JOIN refunds ON refunds.charge_id = attempts.id JOIN mine USING (account, livemode)
    UNION SELECT unnest(%(refund)s::text[])
),
contested AS (
    SELECT disputes.id FROM attempts
    JOIN disputes ON disputes.charge_id = attempts.id JOIN mine USING (account, livemode)
    UNION SELECT unnest(%(dispute)s::text[])
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
    SELECT 'payment_intent' AS object, id FROM intents
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
SELECT object, id FROM found WHERE id IS NOT NULL AND (object, id) <> (%(object)s, %(id)s)
-- Of too many the earliest of each kind, as Stripe's ids grow: payments and their charges.
ORDER BY row_number() OVER (PARTITION BY object ORDER BY id), object LIMIT %(most)s
"""
_IS_KNOWN = """
SELECT FROM events
WHERE object = %(object)s AND object_id = %(id)s AND account = %(account)s AND livemode = %(livemode)s LIMIT 1
"""
_OWNERS = """
WITH wanted AS (
    SELECT %(account)s::text AS account, %(livemode)s::boolean AS livemode, id
    FROM unnest(%(ids)s::text[]) AS id
), paid AS (
    SELECT account, livemode, customer_id, order_number, order_id, coalesce(origin, source) AS shop
    FROM payment_intents JOIN wanted USING (account, livemode, id)
)
SELECT 'customer' AS object, customer_id AS id, NULL AS shop FROM paid
UNION SELECT 'customer', customer_id, NULL FROM charges JOIN wanted USING (account, livemode, id)
UNION SELECT 'customer', customer_id, NULL FROM invoices JOIN wanted USING (account, livemode, id)
UNION SELECT 'customer', customer_id, NULL FROM subscriptions JOIN wanted USING (account, livemode, id)
UNION SELECT 'order', coalesce(order_number, order_id), shop FROM paid
ORDER BY object, id, shop LIMIT %(most)s
"""

_WHERE = """
SELECT DISTINCT account, livemode, NULL AS shop FROM events WHERE object_id = %(id)s AND object = %(object)s
"""
_WHERE_ORDERS = f"""{_WHERE}
UNION
SELECT account, livemode, coalesce(origin, source) AS shop FROM payment_intents WHERE order_number = %(id)s
UNION
SELECT account, livemode, coalesce(origin, source) FROM payment_intents WHERE order_id = %(id)s
"""  # noqa: S608 (constants)

ROOTS = (*naming.NAMED, "order")
"""What others are linked to."""

_MOST_OWNERS = 12


class Kin(NamedTuple):
    """As (object type, id), what was asked for first; `alone` are the places of events that tell of this life
    without an object that belongs to it. `customers` are those that it names; `cut` where there is more than
    MOST_OBJECTS."""

    objects: list[Key]
    alone: list[int]
    customers: list[str]
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
    own = [(kind, name)] if kind != "order" or await reader.rows(_IS_KNOWN, asked) else []
    named = await naming.named_by(reader, (kind, name), at) if kind not in naming.NAMED else []
    roots: dict[str, list[str]] = {kind: [name]} if kind in ROOTS else {}
    for each, its in named:
        if each != "customer":
            roots.setdefault(each, []).append(its)
    rows = await reader.rows(_KIN, {**{each: roots.get(each, []) for each in ROOTS}, **asked})
    objects = [*own, *((row["object"], row["id"]) for row in rows)]
    # A subscription that is here as what was paid for has a life of its own.
    whole = roots.keys() & {"customer", "subscription"}
    telling = [name for kind, name in objects if kind in naming.NAMED and (whole or kind != "subscription")]
    mentions = await naming.of(reader, telling, at, MOST_OBJECTS + 1)
    objects = list(dict.fromkeys([*objects, *(each.key for each in mentions if each.place is None)]))
    alone = [each.place for each in mentions if each.place is not None and each.key not in own]
    return Kin(
        objects[:MOST_OBJECTS],
        alone[:MOST_OBJECTS],
        [its for each, its in named if each == "customer"],
        max(len(objects), len(alone)) > MOST_OBJECTS,
    )


async def owners(reader: Reader, kin: Kin, at: Place) -> list[tuple[Key, Place]]:
    """Whose these objects are: customers and orders, and where. Raises psycopg.Error."""
    asked = {"ids": [name for _, name in kin.objects], "account": at.account, "livemode": at.livemode}
    rows = await reader.rows(_OWNERS, {**asked, "most": _MOST_OWNERS})
    anywhere = at._replace(shop=None)
    found = {("customer", name): anywhere for name in kin.customers}
    for row in rows:
        if row["object"] == "order" and row["id"]:
            known = await places(reader, "order", row["id"])
            here = [place for place in known if place.account == at.account and place.livemode is at.livemode]
            found["order", row["id"]] = next((each for each in here if each.shop == row["shop"]), anywhere)
        elif row["id"]:
            found["customer", row["id"]] = anywhere
    return list(found.items())
