"""Disputes and inquiries: one row each, as Stripe last described it.

What was withdrawn and reinstated is read from the balance transactions that the dispute itself lists: these
only grow, so its newest event tells of all, whatever order the events of the funds come in.
"""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import id_of, instant, metadata, nested, optional, required, required_instant
from projections.payment_fields import Funds, currency
from projections.projection import Projection, Row

_WON = {"won": True, "lost": False}


def fold(event: Event) -> Iterator[Row]:
    dispute = event.object
    status = required(dispute, "status", str)
    funds = Funds.read(dispute)
    yield {
        "id": required(dispute, "id", str),
        "charge_id": id_of(dispute, "charge"),
        "payment_intent_id": id_of(dispute, "payment_intent"),
        "amount": required(dispute, "amount", int),
        "currency": currency(dispute),
        "status": status,
        "reason": optional(dispute, "reason", str),
        "evidence_due_at": instant(nested(dispute, "evidence_details"), "due_by"),
        "won": _WON.get(status),
        "funds_withdrawn": funds.withdrawn,
        "funds_reinstated": funds.reinstated,
        "dispute_fee": funds.fee,
        "funds_currency": funds.currency,
        "balance_transaction_ids": funds.transactions,
        "metadata": metadata(dispute),
        "created_at": required_instant(dispute, "created"),
    }


PROJECTION = Projection(table="disputes", reads=("dispute",), fold=fold)
