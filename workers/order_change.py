"""What a shop's order should be told of a payment, given how the order stands. Pure.

WooCommerce counts processing and completed orders as paid. A completed one is never taken back from there:
the goods are gone, so what happens afterwards is a note for the people of the shop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ingest import money
from ingest.order import AWAITING_PAYMENT, Order

REFUND_MARK = "hooklog_stripe_refund"
"""The key of a refund's meta data that names Stripe's refund, so that none is written down twice."""


@dataclass(frozen=True)
class Change:
    """What to write, in this order: fields of the order, a refund, a note for the people of the shop."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    refund: Mapping[str, Any] | None = None
    note: str | None = None


NOTHING = Change()


def change_of(order: Order, told: Mapping[str, Any]) -> Change:
    """The change for what is told: `outcome`, `reference` (the Stripe object's id), `amount` and so on."""
    amount = f"{money.major(told['amount'], told['currency'])} {told['currency'].upper()}"
    why = f" ({told['reason']})" if told["reason"] else ""
    match told["outcome"]:
        case "paid":
            return _paid(order, told, amount)
        case "failed":
            if not order.paid_here or order.status not in AWAITING_PAYMENT:
                return NOTHING
            return Change(_status("failed", order), note=f"A payment of {amount} failed at Stripe{why}.")
        case "refunded" if order.paid_here:
            return Change(refund=_refund(told))
        case "refunded":
            return Change(note=f"{amount} of a payment that was made earlier were refunded at Stripe.")
        case "refund_failed":
            return Change(note=f"A refund of {amount} failed at Stripe: the customer did not get the money.")
        case "inquiry":
            return Change(note=f"The bank of the customer asks about {amount}{why}. No money has moved.")
        case "disputed":
            return Change(
                _status("on-hold", order) if order.status == "processing" and order.paid_here else {},
                note=f"The customer disputes {amount}{why}. Answer at Stripe, before you deliver.",
            )
        case "dispute_won":
            return Change(
                _status("processing", order) if _held_for_dispute(order) else {},
                note=f"The dispute over {amount} is won.",
            )
        case "dispute_lost":
            return Change(
                _status("failed", order) if _held_for_dispute(order) else {},
                note=f"The dispute over {amount} is lost: the customer has the money back.",
            )
    raise ValueError(f"no outcome of a payment is called {told['outcome']}")


def _paid(order: Order, told: Mapping[str, Any], amount: str) -> Change:
    intent = told["payment_intent_id"]
    if not order.paid_here:
        return Change(note=f"{amount} were paid at Stripe ({intent}), but the order is paid in another way.")
    paid = Decimal(money.major(told["amount"], told["currency"]))
    if (paid, told["currency"]) != (Decimal(order.total), order.stripe_currency):
        total = f"{order.total} {order.currency}"
        return Change(
            _status("on-hold", order) if order.status in AWAITING_PAYMENT else {},
            note=f"{amount} were paid at Stripe ({intent}), but the order costs {total}.",
        )
    if order.status in AWAITING_PAYMENT:
        # Without a status: the shop decides whether there is anything to process.
        return Change({"set_paid": True, "transaction_id": intent})
    if order.transaction_id == intent and order.date_paid_gmt:
        return NOTHING
    return Change(
        note=f"{amount} were paid at Stripe ({intent}) when the order, {order.status}, did not await it."
    )


def _refund(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "amount": money.major(told["amount"], told["currency"]),
        "reason": "Refunded at Stripe",
        "api_refund": False,  # the money is on its way already
        "meta_data": [{"key": REFUND_MARK, "value": told["reference"]}],
    }


def _status(status: str, order: Order) -> Mapping[str, Any]:
    return {} if order.status == status else {"status": status}


def _held_for_dispute(order: Order) -> bool:
    return order.paid_here and order.status == "on-hold" and order.date_paid_gmt is not None
