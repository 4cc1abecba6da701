"""Whether the MRR ledger adds up, and how much of it is known."""

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


@dataclass(frozen=True)
class LedgerHealth:
    """`residuals` are instants at which a customer's ledger does not add up: there must be none.

    `paying` are customers with MRR, once a currency; of `incomplete` ones a part is known only by its id.
    """

    residuals: int
    paying: int
    incomplete: int


def examine(connection: "Connection[Any]") -> LedgerHealth:
    """Ask the database; `connection` gives rows as tuples."""
    [(residuals,)] = connection.execute(_RESIDUALS).fetchall()
    [(paying, incomplete)] = connection.execute(_INCOMPLETE).fetchall()
    return LedgerHealth(residuals, paying, incomplete)
