"""Invoice payments: which PaymentIntent or charge paid which invoice, since basil (2025-03-31).

Invoices of older versions bear the link themselves; the view `invoice_payment_links` has both.
"""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import id_of, instant, nested, optional, required
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    link = event.object
    payment = nested(link, "payment")
    moments = nested(link, "status_transitions")
    yield {
        "id": required(link, "id", str),
        "invoice_id": id_of(link, "invoice"),
        "payment_intent_id": id_of(payment, "payment_intent"),
        "charge_id": id_of(payment, "charge"),
        "status": required(link, "status", str),
        "currency": required(link, "currency", str),
        "amount_requested": required(link, "amount_requested", int),
        "amount_paid": optional(link, "amount_paid", int),
        "is_default": optional(link, "is_default", bool),
        "paid_at": instant(moments, "paid_at"),
        "canceled_at": instant(moments, "canceled_at"),
        "created_at": instant(link, "created"),
    }


PROJECTION = Projection(table="invoice_payments", reads=("invoice_payment",), fold=fold)
