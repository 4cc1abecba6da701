"""PaymentIntents: one row each, as Stripe last described it."""

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
from projections.payment_fields import Purpose, currency, intent_payment_method, intent_status, latest_charge
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    intent = event.object
    method_id, method_type = intent_payment_method(intent)
    error = nested(intent, "last_payment_error")
    yield {
        "id": required(intent, "id", str),
        "amount": required(intent, "amount", int),
        "amount_received": optional(intent, "amount_received", int),
        "amount_capturable": optional(intent, "amount_capturable", int),
        "currency": currency(intent),
        "status": intent_status(intent),
        "customer_id": customer_of(intent),
        "latest_charge_id": latest_charge(intent),
        "invoice_id": id_of(intent, "invoice"),
        "payment_method_id": method_id,
        "payment_method_type": method_type,
        "capture_method": optional(intent, "capture_method", str),
        "cancellation_reason": optional(intent, "cancellation_reason", str),
        "canceled_at": instant(intent, "canceled_at"),
        "last_error_code": optional(error, "code", str),
        "last_error_decline_code": optional(error, "decline_code", str),
        "last_error_message": optional(error, "message", str),
        "receipt_email": optional(intent, "receipt_email", str),
        **Purpose.read(intent)._asdict(),
        "metadata": metadata(intent),
        "created_at": required_instant(intent, "created"),
    }


PROJECTION = Projection(table="payment_intents", reads=("payment_intent",), fold=fold)
