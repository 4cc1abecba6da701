"""How a PaymentIntent is paid, or not: what shop and platform have in common.

Each function leaves the events that Stripe makes of one step. The order of the calls is what truly happened
first; `late` is where Stripe's clock tells it otherwise.
"""

from dataclasses import replace

from workers.simulator.payment_facts import Charge, Failure, Intent, Method
from workers.simulator.wallet import authorized, declined
from workers.simulator.world import World


def succeed(world: World, intent: Intent, method: Method, three_d_secure: str | None = None) -> Intent:
    """The money is taken at once."""
    charge = world.make(
        "charge.succeeded",
        replace(
            _attempt(world, intent, method),
            outcome=authorized(world),
            captured=True,
            amount_captured=intent.amount,
            three_d_secure=three_d_secure,
        ),
    )
    return world.change(
        "payment_intent.succeeded",
        intent,
        status="succeeded",
        amount_received=intent.amount,
        charges=(charge, *intent.charges),
        method=method,
        failure=None,
    )


def settle(world: World, charge: Charge) -> Charge:
    """Captured asynchronously, a charge learns of its balance transaction only seconds later."""
    return world.change("charge.updated", charge, balance_transaction=world.ids.new("txn"))


def decline(world: World, intent: Intent, method: Method, three_d_secure: str | None = None) -> Intent:
    """An attempt fails; the intent waits for another payment method."""
    charge = _attempt(world, intent, method)
    outcome, failure = declined(world, method, charge.id)
    charge = world.make(
        "charge.failed",
        replace(charge, status="failed", outcome=outcome, failure=failure, three_d_secure=three_d_secure),
    )
    return world.change(
        "payment_intent.payment_failed",
        intent,
        status="requires_payment_method",
        charges=(charge, *intent.charges),
        method=None,
        failure=failure,
    )


def fail_authentication(world: World, intent: Intent, method: Method) -> Intent:
    """The customer does not pass 3-D Secure: no charge is made at all."""
    return world.change(
        "payment_intent.payment_failed",
        intent,
        status="requires_payment_method",
        method=None,
        failure=Failure(
            "payment_intent_authentication_failure",
            None,
            "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a "
            "new PaymentMethod to attempt to fulfill this PaymentIntent again.",
            None,
            method,
        ),
    )


def authorize(world: World, intent: Intent, method: Method) -> Intent:
    """The money is held until it is captured, for seven days."""
    charge = world.make(
        "charge.succeeded", replace(_attempt(world, intent, method), outcome=authorized(world))
    )
    return world.change(
        "payment_intent.amount_capturable_updated",
        intent,
        status="requires_capture",
        amount_capturable=intent.amount,
        charges=(charge, *intent.charges),
        method=method,
    )


def capture(world: World, intent: Intent, amount: int) -> Intent:
    """Take what was held, or part of it; the rest is released, which Stripe books as a refund."""
    charge = world.change(
        "charge.captured",
        intent.charges[0],
        captured=True,
        amount_captured=amount,
        amount_refunded=intent.amount - amount,
        balance_transaction=world.ids.new("txn"),
    )
    return world.change(
        "payment_intent.succeeded",
        intent,
        status="succeeded",
        amount_received=amount,
        amount_capturable=0,
        charges=(charge, *intent.charges[1:]),
    )


def release(world: World, intent: Intent, reason: str) -> Intent:
    """What was held is given back, asked for or (`automatic`) because nobody captured it."""
    kind = "charge.expired" if reason == "automatic" else "charge.refunded"
    charge = world.change(kind, intent.charges[0], amount_refunded=intent.amount)
    return cancel(world, replace(intent, charges=(charge, *intent.charges[1:])), reason)


def cancel(world: World, intent: Intent, reason: str) -> Intent:
    """It will never be paid."""
    return world.change(
        "payment_intent.canceled",
        intent,
        status="canceled",
        amount_capturable=0,
        canceled_at=world.now,
        cancellation_reason=reason,
    )


def debit(world: World, intent: Intent, method: Method) -> Intent:
    """A bank debit: it takes days until anybody knows whether the money comes."""
    charge = world.make("charge.pending", replace(_attempt(world, intent, method), status="pending"))
    return world.change(
        "payment_intent.processing",
        intent,
        status="processing",
        charges=(charge, *intent.charges),
        method=method,
    )


def clear(world: World, intent: Intent) -> Intent:
    """The bank paid."""
    charge = world.change(
        "charge.succeeded",
        intent.charges[0],
        status="succeeded",
        captured=True,
        amount_captured=intent.amount,
        balance_transaction=world.ids.new("txn"),
    )
    return world.change(
        "payment_intent.succeeded",
        intent,
        status="succeeded",
        amount_received=intent.amount,
        charges=(charge,),
    )


def bounce(world: World, intent: Intent) -> Intent:
    """The bank did not pay."""
    charge = intent.charges[0]
    failure = Failure(
        "insufficient_funds", None, "The bank account has insufficient funds.", charge.id, charge.method
    )
    charge = world.change("charge.failed", charge, status="failed", failure=failure)
    return world.change(
        "payment_intent.payment_failed",
        intent,
        status="requires_payment_method",
        charges=(charge,),
        method=None,
        failure=failure,
    )


def _attempt(world: World, intent: Intent, method: Method) -> Charge:
    return Charge(
        id=world.ids.new("ch"),
        created=world.now,
        intent_id=intent.id,
        customer_id=intent.customer_id,
        invoice_id=intent.invoice_id,
        amount=intent.amount,
        currency=intent.currency,
        status="succeeded",
        captured=False,
        method=method,
        outcome=None,
        description=intent.description,
        receipt_email=intent.receipt_email,
        ship_to=intent.ship_to,
        metadata=intent.metadata,
    )
