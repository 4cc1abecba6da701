"""Balance transactions: one row each, what a charge, refund, dispute or payout put on the balance or took.

No webhook tells of them. Charges, refunds and disputes name theirs, and what was seen at Stripe when one was
asked for enters by the log, as an observation.
"""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import id_of, instant, optional, required, required_instant
from projections.payment_fields import currency, exchange_rate
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    transaction = event.object
    yield {
        "id": required(transaction, "id", str),
        "type": required(transaction, "type", str),
        "reporting_category": optional(transaction, "reporting_category", str),
        "amount": required(transaction, "amount", int),
        "fee": required(transaction, "fee", int),
        "net": required(transaction, "net", int),
        "currency": currency(transaction),
        "exchange_rate": exchange_rate(transaction),
        "status": optional(transaction, "status", str),
        "available_on": instant(transaction, "available_on"),
        "source_id": id_of(transaction, "source"),
        "created_at": required_instant(transaction, "created"),
    }


PROJECTION = Projection(table="balance_transactions", reads=("balance_transaction",), fold=fold)
