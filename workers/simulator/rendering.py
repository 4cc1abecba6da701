"""A change told as a Stripe event, in whichever API version an account or an endpoint speaks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from workers.simulator import billing_facts, payment_facts
from workers.simulator.dialect import BASIL, Dialect
from workers.simulator.shapes.balance import balance
from workers.simulator.shapes.charge import charge
from workers.simulator.shapes.customer import attachment, customer
from workers.simulator.shapes.discount import coupon, discount
from workers.simulator.shapes.dispute import dispute
from workers.simulator.shapes.invoice import invoice, invoice_payment
from workers.simulator.shapes.invoice_line import invoice_item
from workers.simulator.shapes.payment_intent import payment_intent
from workers.simulator.shapes.price import plan, price, product
from workers.simulator.shapes.refund import refund
from workers.simulator.shapes.shape import Shape
from workers.simulator.shapes.subscription import subscription
from workers.simulator.world import Change

CHAINED = {"charge.refunded", "charge.dispute.closed"}
"""Types that carry `previous_attributes` besides those that end in `.updated`."""

_SHAPES: dict[type, Callable[[Any, Dialect], Shape]] = {
    billing_facts.Coupon: coupon,
    billing_facts.Discount: discount,
    billing_facts.Invoice: invoice,
    billing_facts.InvoiceItem: invoice_item,
    billing_facts.InvoicePayment: invoice_payment,
    billing_facts.Plan: plan,
    billing_facts.Price: price,
    billing_facts.Product: product,
    billing_facts.Subscription: subscription,
    payment_facts.Attachment: attachment,
    payment_facts.Balance: balance,
    payment_facts.Charge: charge,
    payment_facts.Customer: customer,
    payment_facts.Dispute: dispute,
    payment_facts.Intent: payment_intent,
    payment_facts.Refund: refund,
}


def events(changes: Iterable[Change], dialect: Dialect, account: str | None) -> Iterator[dict[str, Any]]:
    """The events as Stripe would send them, but for those that a version did not know yet."""
    return (event(change, dialect, account) for change in changes if told_in(change, dialect))


def told_in(change: Change, dialect: Dialect) -> bool:
    """Whether the version knew of such events already."""
    return not (change.kind == "invoice_payment.paid" and dialect.before(BASIL))


def event(change: Change, dialect: Dialect, account: str | None) -> dict[str, Any]:
    """The event as Stripe would send it; it shares nothing with other events, so it may be altered."""
    shape = _SHAPES[type(change.after)]
    data: dict[str, Any] = {"object": shape(change.after, dialect)}
    if change.before is not None and (change.kind.endswith(".updated") or change.kind in CHAINED):
        data["previous_attributes"] = previous_attributes(shape(change.before, dialect), data["object"])
    told = {
        "id": change.event_id,
        "object": "event",
        "api_version": dialect.version,
        "created": change.created,
        "data": data,
        "livemode": dialect.livemode,
        "pending_webhooks": 1,
        "request": {
            "id": change.request_id,
            "idempotency_key": change.request_id and f"key-{change.request_id}",
        },
        "type": change.kind,
    }
    if account is not None:
        told["account"] = account
    return told


def previous_attributes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What changed, as it was: of nested objects the changed keys only, arrays whole, null for a new key."""
    changed: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            changed[key] = previous_attributes(old, value)
        else:
            changed[key] = old
    changed.update((key, value) for key, value in before.items() if key not in after)
    return changed
