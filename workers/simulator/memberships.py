"""What becomes of a subscription: each plot is one way that the life of a subscriber can go.

Dealt from a deck, 38 subscriptions hold every plot.
"""

from collections.abc import Callable
from dataclasses import replace

from workers.simulator import amendments, billing, checkout, invoicing
from workers.simulator.billing_facts import Invoice, Span
from workers.simulator.payment_facts import Intent
from workers.simulator.subscriber import Subscriber
from workers.simulator.world import DAY, HOUR, Story

Plot = Callable[[Subscriber], Story]


def monthly(who: Subscriber) -> Story:
    plan_type = who.world.random.choice(("basic", "basic", "pro", "enterprise"))
    yield from billing.subscribe(who, who.plan(plan_type, quantity=1 if plan_type == "basic" else 5))


def yearly(who: Subscriber) -> Story:
    plan_type = who.world.random.choice(("basic", "pro", "enterprise"))
    yield from billing.subscribe(who, who.plan(plan_type, "year"))


def trial(*, behavior: str = "create_invoice", with_method: bool = True) -> Plot:
    """Two weeks for nothing, and then `behavior`, if there is nothing to pay with."""

    def plot(who: Subscriber) -> Story:
        now = who.world.now
        span = Span(now, now + 14 * DAY)
        method = who.method.id if with_method else None
        planned = who.plan(
            "pro",
            status="trialing",
            period=span,
            trial=span,
            trial_end_behavior=behavior,
            default_method_id=method,
        )
        yield from billing.subscribe(who, planned)
        if behavior == "pause":
            yield 20 * DAY
            yield from billing.resume(who)

    return plot


def trial_left(who: Subscriber) -> Story:
    yield from trial()(who)
    yield 5 * DAY
    amendments.leave(who, "unused")


def upgraded(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("basic"))
    yield 11 * DAY
    yield from amendments.switch(who, "pro", "month")
    yield 33 * DAY
    yield from amendments.switch(who, "enterprise", "year")


def downgraded(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("enterprise", quantity=3))
    yield 17 * DAY
    yield from amendments.switch(who, "basic", "month", at_once=False)


def growing(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("enterprise", quantity=4))
    yield 6 * DAY
    amendments.resize(who, 9)
    yield 6 * DAY
    amendments.add(who, "support")
    amendments.add(who, "calls")  # in the same second
    yield 40 * DAY
    amendments.drop(who)
    amendments.resize(who, 14)
    amendments.resize(who, 7)


def discounted_for_ever(who: Subscriber) -> Story:
    coupon = who.catalogue.coupon(f"PARTNER{who.number}", "Partner", duration="forever", percent_off=25.5)
    yield from billing.subscribe(who, who.plan("pro"), coupon)


def discounted_for_months(who: Subscriber) -> Story:
    coupon = who.catalogue.coupon(
        f"LAUNCH{who.number}", "Launch", duration="repeating", duration_in_months=2, percent_off=50.0
    )
    yield from billing.subscribe(who, who.plan("basic"), coupon)


def discounted_once(who: Subscriber) -> Story:
    coupon = who.catalogue.coupon(
        f"HELLO{who.number}", "Hello", duration="once", amount_off=500, currency=who.currency
    )
    yield from billing.subscribe(who, who.plan("pro"), coupon)


def discounted_as_customer(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("pro"))
    yield 10 * DAY
    coupon = who.catalogue.coupon(f"LOYAL{who.number}", "Loyal", duration="forever", percent_off=10.0)
    discount = who.redeem(coupon)
    who.change_customer(discount=discount)
    yield 40 * DAY
    better = who.catalogue.coupon(f"LOYALER{who.number}", "Loyaler", duration="forever", percent_off=15.0)
    discount = who.world.change("customer.discount.updated", discount, coupon=better)
    who.change_customer(discount=discount)
    yield 40 * DAY
    who.world.repeat("customer.discount.deleted", discount)
    who.change_customer(discount=None)


def refused(times: int, patience: str = "canceled") -> Plot:
    """A renewal is declined so many times; after the fourth Stripe gives up."""

    def plot(who: Subscriber) -> Story:
        who.patience = patience
        yield from billing.subscribe(who, who.plan("basic"))
        who.refusals = times
        if patience == "unpaid":
            yield 75 * DAY
            amendments.delete_drafts(who)
            if who.unpaid is not None:
                yield HOUR
                yield from billing.settle(who, *who.unpaid)

    return plot


def left(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("pro"))
    yield 40 * DAY
    amendments.leave(who, "too_expensive", "Half of it would do.")
    yield 2 * DAY
    who.change(metadata=who.subscription.metadata | {"survey": "answered"})


def left_later(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("basic"))
    yield 36 * DAY
    amendments.leave_later(who, "missing_features")


def left_by_date(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("pro"))
    yield 36 * DAY
    amendments.leave_later(who, "switched_service", by_date=True)


def stayed(who: Subscriber) -> Story:
    """Cancels and thinks again, first within one second, then after days."""
    yield from billing.subscribe(who, who.plan("pro"))
    yield 12 * DAY
    amendments.leave_later(who, "other")
    amendments.stay(who)
    yield 30 * DAY
    amendments.leave_later(who, "unused")
    yield 3 * DAY
    amendments.stay(who)


def uncollected(behavior: str) -> Plot:
    """`pause_collection` for two months."""

    def plot(who: Subscriber) -> Story:
        yield from billing.subscribe(who, who.plan("basic"))
        yield 10 * DAY
        amendments.stop_collecting(who, behavior)
        yield 60 * DAY
        yield from amendments.collect_again(who)

    return plot


def paused(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("pro"))
    yield 18 * DAY
    billing.pause(who, "pause_requested")
    yield 25 * DAY
    yield from billing.resume(who)


def authenticated(who: Subscriber) -> Story:
    """The first payment needs 3-D Secure: incomplete until then."""
    world = who.world
    intent, invoice = _incomplete(who)
    intent = world.change(
        "payment_intent.requires_action", intent, status="requires_action", method=who.method
    )
    world.repeat("invoice.payment_action_required", invoice)
    yield 90
    yield from billing.settle(who, invoice, intent)


def never_completed(who: Subscriber) -> Story:
    """The first payment never comes: after 23 hours it is too late."""
    world = who.world
    intent, invoice = _incomplete(who)
    yield 23 * HOUR
    who.change(status="incomplete_expired", ended_at=world.now)
    invoicing.void(world, invoice)
    checkout.cancel(world, intent, "void_invoice")


def came_back(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("basic"))
    yield 35 * DAY
    amendments.leave(who, "low_quality")
    yield 21 * DAY
    yield from billing.subscribe(who, who.plan("pro"))


def deleted(who: Subscriber) -> Story:
    yield from billing.subscribe(who, who.plan("basic"))
    yield 44 * DAY
    amendments.delete_customer(who)


def invoiced(*, paid: bool) -> Plot:
    """Invoices by e-mail, due in two weeks."""

    def plot(who: Subscriber) -> Story:
        world = who.world
        planned = who.plan("enterprise", "year", quantity=12, days_until_due=14)
        span = Span(world.now, world.now)
        invoice = who.draft(planned, "subscription_create", span, who.lines(planned, planned.period))
        who.change_customer(currency=planned.currency)
        billing.begin(who, replace(planned, latest_invoice_id=invoice.id))
        invoice = world.make("invoice.created", invoice)
        yield HOUR
        invoice, intent = billing.finalize(who, invoice, "Subscription creation")
        world.repeat("invoice.sent", invoice)
        if paid:
            yield 9 * DAY
            yield from billing.settle(who, invoice, intent)
        else:
            yield 14 * DAY
            world.repeat("invoice.overdue", invoice)
            yield 30 * DAY
            invoicing.write_off(world, invoice)
            amendments.leave(who, "other")

    return plot


def _incomplete(who: Subscriber) -> tuple[Intent, Invoice]:
    world = who.world
    planned = who.plan("basic", status="incomplete")
    span = Span(world.now, world.now)
    invoice = who.draft(planned, "subscription_create", span, who.lines(planned, planned.period))
    billing.begin(who, replace(planned, latest_invoice_id=invoice.id))
    invoice = world.make("invoice.created", invoice)
    invoice, intent = billing.finalize(who, invoice, "Subscription creation")
    assert intent is not None, "a basic plan is never free"
    return intent, invoice


MEMBERSHIPS: dict[Plot, int] = {
    monthly: 6,
    yearly: 4,
    trial(): 1,
    trial(behavior="cancel", with_method=False): 1,
    trial(behavior="pause", with_method=False): 1,
    trial_left: 1,
    upgraded: 1,
    downgraded: 1,
    growing: 1,
    discounted_for_ever: 1,
    discounted_for_months: 1,
    discounted_once: 1,
    discounted_as_customer: 1,
    refused(2): 1,
    refused(4): 1,
    refused(4, "unpaid"): 1,
    left: 1,
    left_later: 1,
    left_by_date: 1,
    stayed: 1,
    uncollected("void"): 1,
    uncollected("mark_uncollectible"): 1,
    uncollected("keep_as_draft"): 1,
    paused: 1,
    authenticated: 1,
    never_completed: 1,
    came_back: 1,
    deleted: 1,
    invoiced(paid=True): 1,
    invoiced(paid=False): 1,
}
"""The plots, and how many cards of each are in the deck."""
