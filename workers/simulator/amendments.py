"""What customers do to a subscription between its renewals: change it, pause it, leave it, think again."""

from dataclasses import replace
from fractions import Fraction

from workers.simulator import billing
from workers.simulator.billing_facts import (
    NOT_CANCELED,
    Cancellation,
    CollectionPause,
    InvoiceItem,
    Item,
    Line,
    Price,
    Span,
    Subscription,
)
from workers.simulator.money import CURRENCIES
from workers.simulator.periods import period_from
from workers.simulator.subscriber import Subscriber
from workers.simulator.world import Story


def switch(who: Subscriber, plan_type: str, interval: str, *, at_once: bool = True) -> Story:
    """Another plan: what is left of the old one is credited, and the new one charged, now or next time."""
    world, last = who.world, who.subscription
    old, *others = last.items
    new = replace(old, price=who.catalogue.plan(plan_type, interval, who.currency))
    changed = replace(last, items=(new, *others))
    prorations = _prorations(who, last, old, None)
    if interval != old.price.interval:  # the period begins anew, paid in full
        changed = replace(changed, period=period_from(world.now, interval), anchor=world.now)
        prorations += who.lines(changed, changed.period)
    else:
        prorations += _prorations(who, last, None, new)
    if not at_once:
        who.pending += prorations
        who.become(changed)
        return
    span = Span(world.now, world.now)
    invoice = who.draft(changed, "subscription_update", span, (*who.pending, *prorations))
    who.pending = ()
    who.become(replace(changed, latest_invoice_id=invoice.id))
    yield from billing.bill(who, invoice)


def resize(who: Subscriber, quantity: int) -> None:
    """More seats, or fewer; the next invoice settles the difference."""
    last = who.subscription
    old, *others = last.items
    new = replace(old, quantity=quantity)
    who.pending += _prorations(who, last, old, new)
    who.change(items=(new, *others))


def add(who: Subscriber, name: str) -> None:
    """One more item."""
    last = who.subscription
    price = who.catalogue.add_on(name, last.items[0].price.interval, who.currency)
    item = who.item(price, None if price.usage_type == "metered" else 1)
    who.pending += _prorations(who, last, None, item)
    who.change(items=(*last.items, item))


def drop(who: Subscriber) -> None:
    """One item less: the one that came last."""
    last = who.subscription
    *kept, dropped = last.items
    who.pending += _prorations(who, last, dropped, None)
    who.change(items=tuple(kept))


def leave(who: Subscriber, feedback: str, comment: str | None = None) -> None:
    """Cancel at once."""
    who.end(cancellation=Cancellation("cancellation_requested", feedback, comment))


def leave_later(who: Subscriber, feedback: str, *, by_date: bool = False) -> None:
    """Cancel at the period's end: `canceled_at` is now. One portal (`by_date`) sets only `cancel_at`."""
    who.change(
        cancel_at_period_end=not by_date,
        cancel_at=who.subscription.period.end,
        canceled_at=None if by_date else who.world.now,
        cancellation=Cancellation("cancellation_requested", feedback),
    )


def stay(who: Subscriber) -> None:
    """Think again before the period ends."""
    who.change(cancel_at_period_end=False, cancel_at=None, canceled_at=None, cancellation=NOT_CANCELED)


def stop_collecting(who: Subscriber, behavior: str) -> None:
    """The status stays what it is; invoices are made, and void, written off or kept as drafts."""
    who.change(pause=CollectionPause(behavior, None))


def collect_again(who: Subscriber) -> Story:
    """Invoices are paid again, and so are the drafts that were kept."""
    who.change(pause=None)
    for draft in who.drafts:
        invoice, intent = billing.finalize(who, draft, "Subscription update")
        yield from billing.collect(who, invoice, intent)
    who.drafts.clear()


def delete_drafts(who: Subscriber) -> None:
    """A person throws the drafts away: they vanish."""
    for draft in who.drafts:
        who.world.repeat("invoice.deleted", draft)
    who.drafts.clear()


def delete_customer(who: Subscriber) -> None:
    """Their subscription ends at once, and then they vanish."""
    who.end()
    who.world.repeat("customer.deleted", who.customer)


def _prorations(
    who: Subscriber, subscription: Subscription, old: Item | None, new: Item | None
) -> tuple[Line, ...]:
    """The rest of the period, of the old item given back and of the new one charged."""
    if subscription.status == "trialing":
        return ()
    now, period = who.world.now, subscription.period
    rest = Fraction(period.end - now, period.end - period.start)
    lines = []
    for item, sign, words in ((old, -1, "Unused time on"), (new, 1, "Remaining time on")):
        if item is None or item.quantity is None:
            continue
        lines.append(
            _item_line(
                who,
                item.price,
                item.quantity,
                sign * rest,
                f"{words} {item.price.lookup_key}",
                Span(now, period.end),
            )
        )
    return tuple(lines)


def _item_line(
    who: Subscriber, price: Price, quantity: int, rest: Fraction, description: str, span: Span
) -> Line:
    step = CURRENCIES[price.currency].step
    amount = round(price.amount(quantity) * rest / step) * step
    item = who.world.make(
        "invoiceitem.created",
        InvoiceItem(
            id=who.world.ids.new("ii"),
            created=who.world.now,
            customer_id=who.customer.id,
            invoice_id=None,
            subscription_id=who.subscription.id,
            amount=amount,
            currency=price.currency,
            description=description,
            price=price,
            quantity=quantity,
            period=span,
            proration=True,
        ),
    )
    return Line(
        id=who.world.ids.new("il"),
        amount=amount,
        description=description,
        price=price,
        quantity=quantity,
        period=span,
        invoice_item_id=item.id,
        proration=True,
    )
