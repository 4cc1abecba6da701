"""Payment versions: what each event told of a PaymentIntent, a charge or a dispute, for looking back.

A row follows from its event alone, and from its place among those of its second; so events that come after
all others only add rows. What was so at an instant is told by the last row in the order of `phase`,
`terminal`, `at`, `tie`, which is the causal one, among those whose `at` is not after it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from ingest.event import Event
from projections.causality import prefix
from projections.fields import customer_of, id_of, optional, required, required_instant
from projections.payment_fields import (
    Method,
    Purpose,
    amount_captured,
    amount_given_back,
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
                **_TOLD[event.object_type](event),
                "source": event.source,
                "updated_at": event.created_at,
            }


def _of_intent(event: Event) -> Row:
    intent = event.object
    return {
        "status": intent_status(intent),
        "amount_received": optional(intent, "amount_received", int),
        "customer_id": customer_of(intent),
        "charge_id": latest_charge(intent),
        "payment_method_type": intent_payment_method(intent)[1],
        "origin": Purpose.read(intent).origin,
    }


def _of_charge(event: Event) -> Row:
    charge = event.object
    return {
        "status": required(charge, "status", str),
        "charge_id": required(charge, "id", str),
        "payment_method_type": Method.read(charge).type,
        "amount_captured": amount_captured(charge),
        "amount_refunded": amount_given_back(charge, event.api_version),
    }


def _of_dispute(event: Event) -> Row:
    dispute = event.object
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
