"""Wanting what the tables named before there were lookups: once a database, when an observer first starts."""

from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ingest.event import Identity
from workers import lookups
from workers.lookup_reaction import wanted
from workers.lookups import Want

CHUNK = 1000

_SEEDED = "SELECT FROM configuration WHERE name = 'lookups'"
_REMEMBER = "INSERT INTO configuration (name, value) VALUES ('lookups', 'seeded') ON CONFLICT DO NOTHING"

# By the time they are from, since that is the order in which they are asked for.
_NAMING = """
SELECT account, livemode, object, id FROM (
    SELECT account, livemode, 'charge' AS object, id, created_at FROM charges
    WHERE balance_transaction_id IS NOT NULL
    UNION ALL
    SELECT account, livemode, 'refund', id, created_at FROM refunds
    UNION ALL
    SELECT account, livemode, 'dispute', id, created_at FROM disputes
    UNION ALL
    SELECT account, livemode, 'invoice', id, created_at FROM invoices WHERE NOT lines_complete
    UNION ALL
    SELECT DISTINCT account, livemode, 'subscription', subscription_id, created_at FROM subscription_versions
    WHERE missing <> '[]'
    UNION ALL
    SELECT account, livemode, 'discount', discount_id, min(valid_from) FROM discount_versions
    WHERE coupon_id IS NOT NULL AND duration IS NULL GROUP BY account, livemode, discount_id
) AS naming
ORDER BY created_at, id
"""
# Rows from before what is missing had names: what is told lets them be folded anew.
_NAMELESS = """
SELECT account, livemode, 'subscription', subscription_id, ARRAY['terms'], min(source), max(updated_at)
FROM subscription_versions WHERE monthly_amount_incomplete AND missing = '[]'
GROUP BY account, livemode, subscription_id
"""


def seed(connection: "Connection[Any]") -> bool:
    """Want all that the tables name and do not have, unless that was done; returns whether it was now."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        if cursor.execute(_SEEDED).fetchone() is not None:
            return False
    with connection.transaction(), connection.cursor("naming", row_factory=tuple_row) as naming:
        naming.execute(_NAMING)
        while rows := naming.fetchmany(CHUNK):
            lookups.want(connection, wanted(connection, [Identity(*row) for row in rows]))
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        lookups.want(connection, [Want(*row) for row in cursor.execute(_NAMELESS).fetchall()])
        cursor.execute(_REMEMBER)
    return True
