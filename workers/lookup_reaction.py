"""Writing down what is to be looked up at Stripe: whatever the rows that were just folded only name.

It holds whether or not there is a key to ask with, so that `status` tells how much is missing, and a key that
comes later finds it.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ingest.event import Event, Identity
from ingest.settings import Settings
from projections.causality import observed
from projections.columns import columns
from projections.heads import Standing
from workers import lookups
from workers.lookups import JOB, Want
from workers.reaction import Reaction

NAMING = frozenset({"charge", "discount", "dispute", "invoice", "refund", "subscription"})
FETCHED = frozenset({"balance_transaction", "discount", "invoice", "subscription"})

# Each look-up stands by itself, on the primary key: for young tables there are no statistics by which a join
# could be planned. Items and lines past the tenth are missing in one event, and in the next one anew.
_WANTED = """
WITH arrived AS (
    SELECT * FROM unnest(%s::text[], %s::boolean[], %s::text[], %s::text[])
        AS told (account, livemode, object, id)
), naming AS (
    SELECT arrived.account, arrived.livemode, named.*
    FROM arrived CROSS JOIN LATERAL (
        SELECT source, updated_at, ARRAY[balance_transaction_id, failure_balance_transaction_id] AS ids
        FROM charges
        WHERE arrived.object = 'charge' AND charges.account = arrived.account
            AND charges.livemode = arrived.livemode AND charges.id = arrived.id
        UNION ALL
        SELECT source, updated_at, ARRAY[balance_transaction_id, failure_balance_transaction_id]
        FROM charge_refunds AS refund
        WHERE arrived.object = 'charge' AND refund.account = arrived.account
            AND refund.livemode = arrived.livemode AND refund.charge_id = arrived.id
        UNION ALL
        SELECT source, updated_at, ARRAY[balance_transaction_id, failure_balance_transaction_id]
        FROM refunds AS refund
        WHERE arrived.object = 'refund' AND refund.account = arrived.account
            AND refund.livemode = arrived.livemode AND refund.id = arrived.id
        UNION ALL
        SELECT source, updated_at, ARRAY(SELECT jsonb_array_elements_text(balance_transaction_ids))
        FROM disputes AS dispute
        WHERE arrived.object = 'dispute' AND dispute.account = arrived.account
            AND dispute.livemode = arrived.livemode AND dispute.id = arrived.id
    ) AS named
)
SELECT account, livemode, 'balance_transaction', named_id, ARRAY[]::text[], min(source), min(updated_at)
FROM naming CROSS JOIN LATERAL unnest(ids) AS named_id
WHERE named_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM balance_transactions AS known
    WHERE known.account = naming.account AND known.livemode = naming.livemode AND known.id = named_id
)
GROUP BY account, livemode, named_id
UNION ALL
SELECT arrived.account, arrived.livemode, 'invoice', arrived.id,
    ARRAY[concat('lines ', extract(epoch FROM invoice.updated_at)::bigint)], invoice.source,
    invoice.updated_at
FROM arrived CROSS JOIN LATERAL (
    SELECT source, updated_at FROM invoices
    WHERE arrived.object = 'invoice' AND invoices.account = arrived.account
        AND invoices.livemode = arrived.livemode AND invoices.id = arrived.id AND NOT lines_complete
) AS invoice
UNION ALL
SELECT arrived.account, arrived.livemode, 'subscription', arrived.id, missing.names, missing.source,
    missing.updated_at
FROM arrived CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT CASE name WHEN 'items' THEN concat('items ', event_id) ELSE name END) AS names,
        min(source) AS source, max(updated_at) AS updated_at
    FROM subscription_versions AS version
    CROSS JOIN LATERAL jsonb_array_elements_text(version.missing) AS name
    WHERE arrived.object = 'subscription' AND version.account = arrived.account
        AND version.livemode = arrived.livemode AND version.subscription_id = arrived.id
) AS missing
WHERE missing.names IS NOT NULL
UNION ALL
SELECT arrived.account, arrived.livemode, 'discount', arrived.id, missing.names, missing.source,
    missing.updated_at
FROM arrived CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT concat('coupon ', coupon_id)) AS names, min(source) AS source,
        max(updated_at) AS updated_at
    FROM discount_versions AS version
    WHERE arrived.object = 'discount' AND version.account = arrived.account
        AND version.livemode = arrived.livemode AND version.discount_id = arrived.id
        AND version.coupon_id IS NOT NULL AND version.duration IS NULL
) AS missing
WHERE missing.names IS NOT NULL
"""


def reaction(_: Settings) -> Reaction:
    """Want what is only named, and forget what came."""
    return Reaction(NAMING | FETCHED, react)


def react(connection: "Connection[Any]", standings: Sequence[Standing]) -> None:
    """Bring the lookups up to date with the rows of these objects."""
    arrived = [one.identity for one in standings]
    found = wanted(connection, arrived)
    missing = {each.identity for each in found}
    looked = {one.identity for one in standings if one.newest and observed(one.newest)}
    answered = [number for one in standings for event in one.arrived if (number := question(event))]
    lookups.want(connection, [each for each in found if askable(each, looked)], answered)
    complete = [each for each in arrived if each.object in FETCHED and each not in missing]
    lookups.settle(connection, complete, answered)


def wanted(connection: "Connection[Any]", naming: Sequence[Identity]) -> list[Want]:
    """What the rows of these objects name and the tables lack."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [Want(*row) for row in cursor.execute(_WANTED, columns(naming)).fetchall()]


def askable(want: Want, looked: Collection[Identity]) -> bool:
    """Whether asking may help: what we saw last with more items or lines than we take has no more to give."""
    if want.object == "subscription":
        return not all(name.startswith("items obs_") for name in want.names)
    return want.object != "invoice" or want.identity not in looked


def question(event: Event) -> int | None:
    """The number of the lookup that an observation answers; None of any other event."""
    seen = event.body.get("observation") if observed(event) else None
    job = seen.get("job") if isinstance(seen, dict) else None
    asked = re.fullmatch(rf"{JOB}([0-9]{{1,18}})", job) if isinstance(job, str) else None
    return int(asked[1]) if asked else None
