"""Payment versions: what each event told of a PaymentIntent, a charge or a dispute, for looking back.

A row follows from its event alone, and from its place among those of its second; so events that come after
all others only add rows. What was so at an instant is told by the last row in the order of `phase`,
`terminal`, `at`, `tie`, which is the causal one, among those whose `at` is not after it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from ingest.event import Event
from projections.causality import prefix
from projections.fields import Object, customer_of, id_of, optional, required, required_instant
from projections.payment_fields import (
    Method,
    Purpose,
    amount_captured,
    currency,
    intent_payment_method,
    intent_status,
    latest_charge,
)
from projections.projection import Projection, Row


def fold(events: Sequence[Event]) -> Iterator[Row]:
    for marks, tied in groupby(events, key=prefix):
        for tie, event in enumerate(tied):
            subject = event.object
            yield {
                "event_id": event.id,
                "object": event.object_type,
                "phase": marks.phase,
                "terminal": marks.terminal,
                "at": event.created_at,
                "tie": tie,
                "amount": required(subject, "amount", int),
                "currency": currency(subject),
                "created_at": required_instant(subject, "created"),
                **_TOLD[event.object_type](subject),
                "source": event.source,
                "updated_at": event.created_at,
            }


def _of_intent(intent: Object) -> Row:
    return {
        "status": intent_status(intent),
        "amount_received": optional(intent, "amount_received", int),
        "customer_id": customer_of(intent),
        "charge_id": latest_charge(intent),
        "payment_method_type": intent_payment_method(intent)[1],
        "origin": Purpose.read(intent).origin,
    }


def _of_charge(charge: Object) -> Row:
    captured, back = amount_captured(charge), required(charge, "amount_refunded", int)
    return {
        "status": required(charge, "status", str),
        "charge_id": required(charge, "id", str),
        "payment_method_type": Method.read(charge).type,
        "amount_captured": captured,
        # Stripe counts as refunded what was authorised and never captured, too.
        "amount_refunded": back - min(back, max(required(charge, "amount", int) - captured, 0)),
    }


def _of_dispute(dispute: Object) -> Row:
    return {"status": required(dispute, "status", str), "charge_id": id_of(dispute, "charge")}


_TOLD = {"payment_intent": _of_intent, "charge": _of_charge, "dispute": _of_dispute}

PROJECTION = Projection(
    table="payment_versions",
    reads=("payment_intent", "charge", "dispute"),
    fold=fold,
    key=("event_id",),
    history=True,
    appends=True,
)
