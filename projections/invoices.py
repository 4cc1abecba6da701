"""Invoices: one row each, as Stripe last described it. A draft that was deleted leaves none."""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import (
    customer_of,
    id_of,
    instant,
    metadata,
    nested,
    optional,
    required,
    required_instant,
)
from projections.invoice_fields import invoice_status, invoice_subscription, tax
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    if event.type == "invoice.deleted":
        return
    invoice = event.object
    status = invoice_status(invoice)
    due = required(invoice, "amount_due", int)
    paid = optional(invoice, "amount_paid", int)
    remaining = optional(invoice, "amount_remaining", int)
    # Before 2018 neither was told: an invoice was paid whole or not at all.
    whole = due if status == "paid" else 0
    moments = nested(invoice, "status_transitions")
    yield {
        "id": required(invoice, "id", str),
        "number": optional(invoice, "number", str),
        "status": status,
        "currency": required(invoice, "currency", str),
        "amount_due": due,
        "amount_paid": whole if paid is None else paid,
        "amount_remaining": due - whole if remaining is None else remaining,
        "subtotal": required(invoice, "subtotal", int),
        "tax": tax(invoice, "total_taxes"),
        "total": required(invoice, "total", int),
        "customer_id": customer_of(invoice),
        "customer_email": optional(invoice, "customer_email", str),
        "subscription_id": invoice_subscription(invoice),
        "payment_intent_id": id_of(invoice, "payment_intent"),
        "charge_id": id_of(invoice, "charge"),
        "billing_reason": optional(invoice, "billing_reason", str),
        # `billing` until 2019-10-17.
        "collection_method": optional(invoice, "collection_method", str) or optional(invoice, "billing", str),
        "attempt_count": optional(invoice, "attempt_count", int),
        "next_payment_attempt_at": instant(invoice, "next_payment_attempt"),
        "due_at": instant(invoice, "due_date"),
        # `finalized_at` stood on the invoice until 2019-03-14.
        "finalized_at": instant(moments, "finalized_at") or instant(invoice, "finalized_at"),
        "paid_at": instant(moments, "paid_at"),
        "voided_at": instant(moments, "voided_at"),
        "marked_uncollectible_at": instant(moments, "marked_uncollectible_at"),
        "period_start": instant(invoice, "period_start"),
        "period_end": instant(invoice, "period_end"),
        "lines_complete": not optional(nested(invoice, "lines"), "has_more", bool),
        "user_id": metadata(invoice).get("user_id"),
        "metadata": metadata(invoice),
        # `date` until 2019-03-14.
        "created_at": instant(invoice, "date") or required_instant(invoice, "created"),
    }


PROJECTION = Projection(table="invoices", reads=("invoice",), fold=fold)
