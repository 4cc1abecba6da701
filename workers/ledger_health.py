"""Whether the MRR ledger adds up, and how much of it is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

_RESIDUALS = "SELECT count(*) FROM mrr_ledger_residual"
# Of each customer's movements the last one by now.
_INCOMPLETE = """
SELECT count(*), count(*) FILTER (WHERE incomplete_after) FROM (
    SELECT DISTINCT ON (account, livemode, customer_id, currency) mrr_after, incomplete_after
    FROM mrr_movements WHERE at <= now()
    ORDER BY account, livemode, customer_id, currency, at DESC, kind = 'opening'
) AS latest
WHERE mrr_after <> 0 OR incomplete_after
"""
# Of what counts now, and of the discounts that stand: names as `coupon WELCOME`, each once an account.
_MISSING = """
SELECT split_part(name, ' ', 1), count(DISTINCT (account, livemode, name)) FROM (
    SELECT account, livemode, name FROM subscription_versions
    CROSS JOIN LATERAL jsonb_array_elements_text(missing) AS name WHERE valid_to IS NULL AND counts
    UNION ALL
    SELECT account, livemode, coalesce('coupon ' || coupon_id, 'discount ' || name) FROM customer_discounts
    WHERE subtracts IS NULL AND coalesce(until, 'infinity') > now()
) AS named
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class LedgerHealth:
    """`residuals` are instants at which a customer's ledger does not add up: there must be none.

    `paying` are customers with MRR, once a currency; of `incomplete` ones a part is not known. `missing` is
    how many of each kind of thing are not: coupon, discount, tiers, items, interval, …
    """

    residuals: int
    paying: int
    incomplete: int
    missing: Mapping[str, int]


def examine(connection: "Connection[Any]") -> LedgerHealth:
    """Ask the database; `connection` gives rows as tuples."""
    [(residuals,)] = connection.execute(_RESIDUALS).fetchall()
    [(paying, incomplete)] = connection.execute(_INCOMPLETE).fetchall()
    missing: dict[str, int] = dict(connection.execute(_MISSING).fetchall())
    return LedgerHealth(residuals, paying, incomplete, missing)
