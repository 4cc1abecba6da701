"""How a subscription is billed: its first invoice, its renewals, and what happens when nobody pays."""

from dataclasses import replace

from workers.simulator import checkout, invoicing
from workers.simulator.billing_facts import Coupon, Discount, Invoice, Span, Subscription
from workers.simulator.payment_facts import Intent
from workers.simulator.periods import period_from
from workers.simulator.subscriber import Subscriber
from workers.simulator.world import DAY, HOUR, Story

NOTICE = 3 * DAY
"""How long before a renewal, or before a trial ends, Stripe announces it."""


def subscribe(who: Subscriber, planned: Subscription, coupon: Coupon | None = None) -> Story:
    """The first invoice is paid before anything is told of the subscription."""
    world = who.world
    if coupon is not None:
        planned = replace(planned, discounts=(who.redeem(coupon, planned.id),))
    now = Span(world.now, world.now)
    invoice = who.draft(planned, "subscription_create", now, who.lines(planned, planned.period))
    intent = None
    if invoice.amount_due:
        intent = invoicing.new_intent(world, invoice, "Subscription creation")
        intent = world.make("payment_intent.created", intent, late=world.random.randrange(2))
        intent = checkout.succeed(world, intent, who.method)
    who.change_customer(currency=planned.currency, default_method_id=planned.default_method_id)
    begin(who, replace(planned, latest_invoice_id=invoice.id))
    invoice = invoicing.bill_at_once(world, invoice, intent, who.next_number())
    if intent is not None:
        yield from _book(who, invoice, intent)


def begin(who: Subscriber, subscription: Subscription) -> None:
    """The subscription is told of, and from now on it renews by itself."""
    who.subscription = who.world.make("customer.subscription.created", subscription)
    who.world.begin(_renewals(who, subscription.id))


def finalize(who: Subscriber, invoice: Invoice, description: str) -> tuple[Invoice, Intent | None]:
    """The invoice is fixed, with an intent to collect what is due; a credit goes to the balance."""
    intent = None
    if invoice.amount_due:
        intent = invoicing.new_intent(who.world, invoice, description)
        intent = who.world.make("payment_intent.created", intent)
    invoice = invoicing.finalize(who.world, invoice, intent, who.next_number())
    who.change_customer(balance=invoice.ending_balance)
    return invoice, intent


def collect(who: Subscriber, invoice: Invoice, intent: Intent | None) -> Story:
    """Try until it is paid, or until Stripe gives up."""
    while intent is not None and who.refusals:
        who.refusals -= 1
        intent = checkout.decline(who.world, intent, who.method)
        invoice = invoicing.fail(who.world, invoice, intent)
        if who.subscription.status == "active":
            who.change(status="past_due")
        who.change_customer(delinquent=True)
        if invoice.next_attempt is None:
            _give_up(who, invoice, intent)
            return
        yield invoice.next_attempt - who.world.now
        if not who.has(invoice.subscription_id):
            return
    yield from settle(who, invoice, intent)


def settle(who: Subscriber, invoice: Invoice, intent: Intent | None) -> Story:
    """The invoice is paid, and the subscription is active again if it was not."""
    if intent is not None:
        intent = checkout.succeed(who.world, intent, who.method)
    invoice = invoicing.pay(who.world, invoice, intent)
    if who.subscription.status in ("past_due", "unpaid", "incomplete"):
        who.change(status="active")
    who.change_customer(delinquent=False)
    if intent is not None:
        yield from _book(who, invoice, intent)


def _book(who: Subscriber, invoice: Invoice, intent: Intent) -> Story:
    """What Stripe tells seconds after a payment."""
    yield 3
    checkout.settle(who.world, intent.charges[0])
    yield who.world.random.randrange(11, 20)
    invoicing.record(who.world, invoice, intent)


def _give_up(who: Subscriber, invoice: Invoice, intent: Intent) -> None:
    if who.patience == "unpaid":
        who.unpaid = invoice, intent
        who.change(status="unpaid")
        return
    who.end(cancellation=who.subscription.cancellation._replace(reason="payment_failed"))
    invoicing.write_off(who.world, invoice)


def _renewals(who: Subscriber, subscription_id: str) -> Story:
    """From period to period, until the subscription is over or another took its place."""
    while who.has(subscription_id):
        if who.subscription.status in ("paused", "incomplete"):
            yield HOUR
            continue
        due = who.subscription.period.end
        yield max(0, due - NOTICE - who.world.now)
        if _is_due(who, subscription_id, due):
            _announce(who)
            yield due - who.world.now
        if _is_due(who, subscription_id, due):
            yield from _renew(who)


def _is_due(who: Subscriber, subscription_id: str, due: int) -> bool:
    now = who.subscription
    return who.has(subscription_id) and now.period.end == due and now.status not in ("paused", "incomplete")


def _announce(who: Subscriber) -> None:
    subscription = who.subscription
    if subscription.status == "trialing":
        who.world.repeat("customer.subscription.trial_will_end", subscription)
    if subscription.cancel_at is None and subscription.status != "unpaid":
        lines = (*who.pending, *who.lines(subscription, subscription.period))
        preview = who.draft(subscription, "upcoming", subscription.period, lines)
        who.world.make("invoice.upcoming", replace(preview, id=""))


def _renew(who: Subscriber) -> Story:
    """The period advances before anybody pays; an hour later the invoice is fixed."""
    world, last = who.world, who.subscription
    if last.cancel_at is not None and last.cancel_at <= world.now:
        who.end()
        return
    trial_over = last.status == "trialing"
    if trial_over and last.default_method_id is None:
        _end_without_payment_method(who)
        return
    anchor = world.now if trial_over else last.anchor
    renewed = replace(
        last,
        status="active" if trial_over else last.status,
        period=period_from(last.period.end, last.items[0].price.interval, anchor),
        anchor=anchor,
        discounts=_running(who, last),
    )
    lines = (*who.pending, *who.lines(renewed, renewed.period))
    keep_draft = renewed.status == "unpaid" or (last.pause and last.pause.behavior == "keep_as_draft")
    invoice = who.draft(renewed, "subscription_cycle", last.period, lines, auto_advance=not keep_draft)
    who.pending = ()
    who.become(replace(renewed, latest_invoice_id=invoice.id))
    invoice = world.make("invoice.created", invoice)
    if keep_draft:
        who.drafts.append(invoice)
        return
    yield HOUR
    if not who.has(invoice.subscription_id):
        return
    invoice, intent = finalize(who, invoice, "Subscription update")
    if last.pause is not None:
        (invoicing.void if last.pause.behavior == "void" else invoicing.write_off)(world, invoice)
        return
    yield from collect(who, invoice, intent)


def _running(who: Subscriber, last: Subscription) -> tuple[Discount, ...]:
    """The discounts that work on: a coupon for once has worked, one for some months ends with them."""
    running = []
    for discount in last.discounts:
        if discount.coupon.duration == "once":
            who.world.repeat("customer.discount.deleted", discount)
        elif discount.end is None or discount.end > who.world.now:
            running.append(discount)
    return tuple(running)


def pause(who: Subscriber, why: str) -> None:
    """The subscription stops: asked for, or because a trial ended and there is nothing to pay with."""
    who.change(status="paused", paused_at=who.world.now, paused_why=why)
    who.world.repeat("customer.subscription.paused", who.subscription)


def resume(who: Subscriber) -> Story:
    """The subscription goes on, in a new period that begins now."""
    world, last = who.world, who.subscription
    resumed = replace(
        last,
        status="active",
        period=period_from(world.now, last.items[0].price.interval),
        anchor=world.now,
        paused_at=None,
        paused_why=None,
        default_method_id=who.method.id,
    )
    now = Span(world.now, world.now)
    invoice = who.draft(resumed, "subscription_cycle", now, who.lines(resumed, resumed.period))
    who.become(replace(resumed, latest_invoice_id=invoice.id))
    world.repeat("customer.subscription.resumed", who.subscription)
    yield from bill(who, invoice)


def bill(who: Subscriber, invoice: Invoice) -> Story:
    """An invoice that is made, fixed and collected within a second."""
    invoice = who.world.make("invoice.created", invoice)
    invoice, intent = finalize(who, invoice, "Subscription update")
    yield from collect(who, invoice, intent)


def _end_without_payment_method(who: Subscriber) -> None:
    if who.subscription.trial_end_behavior == "pause":
        pause(who, "trial_end_without_payment_method")
    else:
        who.end()
