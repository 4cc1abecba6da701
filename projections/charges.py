"""Charges: one row for each attempt to take money, as Stripe last described it."""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import customer_of, id_of, metadata, nested, optional, required, required_instant
from projections.payment_fields import (
    Method,
    amount_captured,
    amount_given_back,
    billing_email,
    currency,
    is_disputed,
    payer,
)
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    charge = event.object
    method = Method.read(charge)
    outcome = nested(charge, "outcome")
    yield {
        "id": required(charge, "id", str),
        "payment_intent_id": id_of(charge, "payment_intent"),
        "customer_id": customer_of(charge),
        "invoice_id": id_of(charge, "invoice"),
        "amount": required(charge, "amount", int),
        "amount_captured": amount_captured(charge),
        "amount_refunded": amount_given_back(charge, event.api_version),
        "currency": currency(charge),
        "status": required(charge, "status", str),
        "paid": required(charge, "paid", bool),
        "captured": optional(charge, "captured", bool),
        "disputed": is_disputed(charge),
        "failure_code": optional(charge, "failure_code", str),
        "failure_message": optional(charge, "failure_message", str),
        "outcome_type": optional(outcome, "type", str),
        "outcome_reason": optional(outcome, "reason", str),
        "outcome_rule_id": id_of(outcome, "rule"),
        "network_status": optional(outcome, "network_status", str),
        "risk_level": optional(outcome, "risk_level", str),
        "risk_score": optional(outcome, "risk_score", int),
        "seller_message": optional(outcome, "seller_message", str),
        "payment_method_type": method.type,
        "card_brand": method.brand,
        "card_country": method.country,
        "card_fingerprint": method.fingerprint,
        "card_funding": method.funding,
        "card_last4": method.last4,
        "three_d_secure_result": method.three_d_secure,
        "balance_transaction_id": id_of(charge, "balance_transaction"),
        "failure_balance_transaction_id": id_of(charge, "failure_balance_transaction"),
        "billing_email": billing_email(charge),
        "receipt_email": optional(charge, "receipt_email", str),
        "payer": payer(charge),
        "metadata": metadata(charge),
        "created_at": required_instant(charge, "created"),
    }


PROJECTION = Projection(table="charges", reads=("charge",), fold=fold)
