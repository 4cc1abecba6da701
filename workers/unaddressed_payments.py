"""Payments of which it is not known yet whose they are, and telling of them when it is.

A subscription's payment names nobody: its invoice does, by a link of its own that Stripe tells seconds
later, and in whatever order. So an outcome without an origin is kept, for as long as a message is tried, and
looked at again when something of its customer, or its link, arrives. Only clients with a callback of their
own are told then: whoever is told of everything was told at once.

Those objects are in several partitions, which may be drained at the same time. So locks are taken once their
rows are written, of the payments and then of the customers, each in one order for all; and what they guard is
read in later statements. Of two transactions that concern one payment, the second sees what the first wrote.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from projections.heads import Standing
from workers.outbox import PATIENCE
from workers.payment_outcome import PAID, TELL

ADDRESSED_BY = ("invoice_payment", "invoice", "subscription", "customer")
"""The objects that may say whose a payment is."""

_TOUCHED = """
WITH touched AS (
    SELECT * FROM unnest(%(accounts)s::text[], %(livemodes)s::boolean[], %(objects)s::text[], %(ids)s::text[])
        AS touched (account, livemode, object, id)
), concerned_payments AS (
    SELECT account, livemode, id FROM touched WHERE object = 'payment_intent'
    UNION
    SELECT account, livemode, link.payment_intent_id
    FROM touched JOIN invoice_payments AS link USING (account, livemode, id)
    WHERE object = 'invoice_payment' AND link.payment_intent_id IS NOT NULL
), concerned_customers AS (
    SELECT account, livemode, id FROM touched WHERE object = 'customer'
    UNION
    SELECT account, livemode, billed.customer_id
    FROM touched JOIN subscriptions AS billed USING (account, livemode, id)
    WHERE object = 'subscription' AND billed.customer_id IS NOT NULL
    UNION
    SELECT account, livemode, invoice.customer_id
    FROM touched JOIN invoices AS invoice USING (account, livemode, id)
    WHERE object = 'invoice' AND invoice.customer_id IS NOT NULL
)"""
# Advisory locks of two classes, 5 for payments and 6 for customers, with 1,024 slots each.
_LOCK_PAYMENTS = f"""{_TOUCHED}, slots AS MATERIALIZED (
    SELECT DISTINCT hashtext(id) & 1023 AS slot FROM concerned_payments ORDER BY slot
)
SELECT pg_advisory_xact_lock(5, slot) FROM slots
"""  # noqa: S608 (constants)
_LOCK_CUSTOMERS = f"""{_TOUCHED}, slots AS MATERIALIZED (
    SELECT DISTINCT hashtext(customer_id) & 1023 AS slot FROM (
        SELECT id AS customer_id FROM concerned_customers
        UNION ALL
        SELECT intent.customer_id
        FROM concerned_payments JOIN payment_intents AS intent USING (account, livemode, id)
        WHERE intent.customer_id IS NOT NULL
    ) AS concerned
    ORDER BY slot
)
SELECT pg_advisory_xact_lock(6, slot) FROM slots
"""  # noqa: S608 (constants)
_TELL = f"""{_TOUCHED}, outcomes AS (
    SELECT kept.*
    FROM concerned_payments JOIN unaddressed_payments AS kept USING (account, livemode, id)
    UNION
    SELECT kept.*
    FROM concerned_customers AS one
    JOIN unaddressed_payments AS kept
        ON kept.account = one.account AND kept.livemode = one.livemode AND kept.customer_id = one.id
), addressed AS MATERIALIZED (
    SELECT outcomes.*, paid.origin FROM outcomes CROSS JOIN LATERAL ({PAID}) AS paid
    WHERE paid.origin IS NOT NULL
), settled AS (
    DELETE FROM unaddressed_payments AS kept USING addressed
    WHERE kept.account = addressed.account AND kept.livemode = addressed.livemode
        AND kept.id = addressed.id AND kept.cause = addressed.cause
)
{TELL}
FROM addressed AS outcomes
CROSS JOIN LATERAL ({PAID}) AS paid
WHERE replace(lower(paid.origin), '-', '_') = ANY(%(audience)s)
    AND NOT EXISTS (
        SELECT FROM (SELECT * FROM outbox WHERE object_id = paid.id OFFSET 0) AS known
        WHERE known.account = paid.account AND known.livemode = paid.livemode AND known.kind = 'payment'
            AND known.cause IN (outcomes.cause, concat(paid.id, ' succeeded'))
            AND replace(lower(known.origin), '-', '_') = replace(lower(paid.origin), '-', '_')
        OFFSET 0
    )
ORDER BY outcomes.outcome, outcomes.at
ON CONFLICT (kind, account, livemode, subject, cause) DO NOTHING
"""  # noqa: S608 (constants)
_FORGET = "DELETE FROM unaddressed_payments WHERE kept_at < clock_timestamp() - %s::interval"


class Unaddressed:
    """The payments that wait for an address. `audience` has the labels of the clients to be told."""

    def __init__(self, audience: list[str]) -> None:
        self.audience = audience

    def lock(self, connection: "Connection[Any]", standings: Sequence[Standing]) -> None:
        """Take the locks of what these objects concern."""
        if self.audience:
            connection.execute(_LOCK_PAYMENTS, self._columns(standings))
            connection.execute(_LOCK_CUSTOMERS, self._columns(standings))

    def tell(self, connection: "Connection[Any]", standings: Sequence[Standing]) -> None:
        """Tell of those that these objects gave an address, once per cause; forget what nobody claimed."""
        if self.audience:
            connection.execute(_TELL, self._columns(standings))
            connection.execute(_FORGET, [PATIENCE])

    def _columns(self, standings: Sequence[Standing]) -> dict[str, Any]:
        return {
            "accounts": [one.identity.account for one in standings],
            "livemodes": [one.identity.livemode for one in standings],
            "objects": [one.identity.object for one in standings],
            "ids": [one.identity.object_id for one in standings],
            "audience": self.audience,
        }
