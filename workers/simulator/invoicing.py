"""How an invoice comes to be paid, or not: what Stripe makes of each step.

Within a second an invoice is told of several times: `updated`, with what changed, then what that means.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from workers.simulator.billing_facts import Discount, Invoice, InvoicePayment, Line
from workers.simulator.payment_facts import Intent
from workers.simulator.world import DAY, World

RETRIES = (3 * DAY, 5 * DAY, 7 * DAY)
"""How long Stripe waits before each further attempt to collect."""


def discounted(lines: Iterable[Line], discounts: Iterable[Discount]) -> tuple[Line, ...]:
    """The lines after a discount: a percentage off each, an amount off the first ones that can bear it."""
    lines = tuple(lines)
    for discount in discounts:
        left = discount.coupon.amount_off
        reduced = []
        for line in lines:
            off = 0 if line.proration else discount.off(line.amount)
            if left is not None:
                off = min(off, left)
                left -= off
            reduced.append(replace(line, discount=off))
        lines = tuple(reduced)
    return lines


def new_intent(world: World, invoice: Invoice, description: str) -> Intent:
    """The PaymentIntent that collects an invoice. Stripe copies no metadata to it."""
    return Intent(
        id=world.ids.new("pi"),
        created=world.now,
        amount=invoice.amount_due,
        currency=invoice.currency,
        status="requires_payment_method",
        customer_id=invoice.customer.id,
        invoice_id=invoice.id,
        description=description,
        off_session=True,
    )


def finalize(world: World, invoice: Invoice, intent: Intent | None, number: str) -> Invoice:
    """It gets its number, and nothing on it changes any more."""
    due = invoice.days_until_due
    invoice = world.change(
        "invoice.updated",
        invoice,
        status="open",
        number=number,
        finalized_at=world.now,
        intent_id=intent.id if intent else None,
        due_date=world.now + due * DAY if due else None,
        auto_advance=False,
    )
    return world.repeat("invoice.finalized", invoice)


def pay(world: World, invoice: Invoice, intent: Intent | None) -> Invoice:
    """It is paid: by an intent, or by itself where nothing is due."""
    invoice = world.change("invoice.updated", invoice, **_paid(world, invoice, intent))
    world.repeat("invoice.paid", invoice)
    return world.repeat("invoice.payment_succeeded", invoice)


def bill_at_once(world: World, invoice: Invoice, intent: Intent | None, number: str) -> Invoice:
    """From draft to paid within two seconds, with no `updated` in between."""
    invoice = world.make("invoice.created", invoice)
    invoice = world.change(
        "invoice.finalized",
        invoice,
        status="open",
        number=number,
        finalized_at=world.now,
        intent_id=intent.id if intent else None,
        auto_advance=False,
    )
    invoice = world.change("invoice.paid", invoice, late=1, **_paid(world, invoice, intent))
    return world.repeat("invoice.payment_succeeded", invoice, late=1)


def fail(world: World, invoice: Invoice, intent: Intent) -> Invoice:
    """An attempt to collect failed; Stripe tries again, three times at most."""
    attempts = invoice.attempts + 1
    wait = RETRIES[attempts - 1] if attempts <= len(RETRIES) else None
    invoice = world.change(
        "invoice.updated",
        invoice,
        attempts=attempts,
        next_attempt=wait and world.now + wait,
        charge_id=intent.charges[0].id if intent.charges else None,
    )
    return world.repeat("invoice.payment_failed", invoice)


def void(world: World, invoice: Invoice) -> Invoice:
    """It is not to be paid."""
    invoice = world.change("invoice.updated", invoice, status="void", voided_at=world.now, next_attempt=None)
    return world.repeat("invoice.voided", invoice)


def write_off(world: World, invoice: Invoice) -> Invoice:
    """It will hardly be paid."""
    invoice = world.change(
        "invoice.updated", invoice, status="uncollectible", uncollectible_at=world.now, next_attempt=None
    )
    return world.repeat("invoice.marked_uncollectible", invoice)


def record(world: World, invoice: Invoice, intent: Intent) -> None:
    """Which intent paid which invoice, told when everything else has been."""
    world.make(
        "invoice_payment.paid",
        InvoicePayment(
            id=world.ids.new("inpay"),
            created=intent.created,
            invoice_id=invoice.id,
            intent_id=intent.id,
            amount=invoice.amount_paid,
            currency=invoice.currency,
            paid_at=invoice.paid_at or world.now,
        ),
    )


def _paid(world: World, invoice: Invoice, intent: Intent | None) -> dict[str, Any]:
    return {
        "status": "paid",
        "paid_at": world.now,
        "amount_paid": invoice.amount_due,
        "attempts": invoice.attempts + (intent is not None),
        "next_attempt": None,
        "charge_id": intent.charges[0].id if intent else None,
    }
