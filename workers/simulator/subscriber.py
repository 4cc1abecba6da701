"""A customer of the platform, the subscription they have, and what it costs."""

from dataclasses import replace
from typing import Any

from workers.simulator import invoicing
from workers.simulator.billing_facts import Coupon, Discount, Invoice, Item, Line, Price, Span, Subscription
from workers.simulator.catalogue import Catalogue
from workers.simulator.payment_facts import Attachment, Customer, Intent
from workers.simulator.people import Person
from workers.simulator.periods import months_after, period_from
from workers.simulator.wallet import new_method
from workers.simulator.world import World

SOLD_IN = ("eur", "gbp", "jpy", "usd")
"""The platform's currencies; everybody else pays in dollars."""

TAXED = {"eur": 19, "gbp": 20}
"""What is added to prices in a currency, in per cent."""


class Subscriber:
    """What is so about one customer now. `subscription` is the newest they had.

    `refusals` is how many of the next attempts to collect will be declined; `patience` what becomes of the
    subscription when Stripe has tried for the last time: canceled or unpaid. `pending` are prorations that
    wait for the next invoice, `drafts` invoices that wait for a person, and `unpaid` is the invoice with
    its intent that Stripe gave up.
    """

    subscription: Subscription

    def __init__(self, world: World, catalogue: Catalogue, number: int) -> None:
        self.world, self.catalogue, self.number = world, catalogue, number
        self.refusals = 0
        self.patience = "canceled"
        self.pending: tuple[Line, ...] = ()
        self.drafts: list[Invoice] = []
        self.unpaid: tuple[Invoice, Intent] | None = None
        self._invoices = 0
        person = Person.meet(world.random, number)
        if person.place.currency not in SOLD_IN:
            person = person._replace(place=person.place._replace(currency="usd"))
        self.method = new_method(world, person)
        self.customer = world.make(
            "customer.created",
            Customer(
                id=world.ids.new("cus"),
                created=world.now,
                person=person,
                metadata={"source": "platform", "user_id": f"user_{number}"},
            ),
        )
        world.make("payment_method.attached", Attachment(method=self.method, customer_id=self.customer.id))

    @property
    def currency(self) -> str:
        """What they pay in."""
        return self.customer.person.place.currency

    def has(self, subscription_id: str | None) -> bool:
        """Whether that subscription is the one they have, and has not ended."""
        current = self.subscription
        return current.id == subscription_id and current.status not in ("canceled", "incomplete_expired")

    def change(self, **changes: Any) -> None:
        """The subscription is no longer as it was."""
        self.become(replace(self.subscription, **changes))

    def become(self, subscription: Subscription) -> None:
        """The subscription is now as given."""
        before, self.subscription = self.subscription, subscription
        self.world.repeat("customer.subscription.updated", subscription, before)

    def end(self, **changes: Any) -> None:
        """The subscription ends now; it lives on as canceled."""
        now, last = self.world.now, self.subscription
        ended: dict[str, Any] = {
            "status": "canceled",
            "ended_at": now,
            "canceled_at": last.canceled_at or now,
        }
        self.subscription = self.world.change("customer.subscription.deleted", last, **ended | changes)

    def change_customer(self, **changes: Any) -> None:
        """The customer is no longer as they were; nothing is told where nothing changed."""
        if any(getattr(self.customer, name) != value for name, value in changes.items()):
            self.customer = self.world.change("customer.updated", self.customer, **changes)

    def item(self, price: Price, quantity: int | None = 1) -> Item:
        """A new item of the subscription."""
        return Item(id=self.world.ids.new("si"), created=self.world.now, price=price, quantity=quantity)

    def plan(
        self, plan_type: str, interval: str = "month", *, quantity: int = 1, **terms: Any
    ) -> Subscription:
        """What a subscription would look like that begins now."""
        world = self.world
        price = self.catalogue.plan(plan_type, interval, self.currency)
        terms = {"status": "active", "default_method_id": self.method.id} | terms
        return Subscription(
            id=world.ids.new("sub"),
            created=world.now,
            customer_id=self.customer.id,
            currency=self.currency,
            items=(self.item(price, quantity),),
            period=terms.pop("period", None) or period_from(world.now, interval),
            anchor=world.now,
            metadata={"plan_type": plan_type, "source": "platform", "user_id": f"user_{self.number}"},
            **terms,
        )

    def redeem(self, coupon: Coupon, subscription_id: str | None = None) -> Discount:
        """A coupon begins to work, on a subscription or else on all the customer's."""
        now, months = self.world.now, coupon.duration_in_months
        return self.world.make(
            "customer.discount.created",
            Discount(
                id=self.world.ids.new("di"),
                coupon=coupon,
                customer_id=self.customer.id,
                subscription_id=subscription_id,
                start=now,
                end=months_after(now, months) if months else None,
            ),
        )

    def lines(self, subscription: Subscription, period: Span) -> tuple[Line, ...]:
        """What a period costs: seats in advance, metered calls afterwards; nothing during a trial."""
        lines = []
        for item in subscription.items:
            quantity = item.quantity
            if quantity is None:
                quantity = self.world.random.randrange(5000) if period.start > item.created else 0
            lines.append(
                Line(
                    id=self.world.ids.new("il"),
                    amount=0 if subscription.status == "trialing" else item.price.amount(quantity),
                    description=f"{quantity} x {item.price.lookup_key}",
                    price=item.price,
                    quantity=quantity,
                    period=period,
                    item_id=item.id,
                )
            )
        return tuple(lines)

    def draft(
        self, subscription: Subscription, reason: str, period: Span, lines: tuple[Line, ...], **terms: Any
    ) -> Invoice:
        """An invoice of which Stripe has not told yet."""
        discounts = subscription.discounts or ((self.customer.discount,) if self.customer.discount else ())
        tax = TAXED.get(subscription.currency, 0)
        return Invoice(
            id=self.world.ids.new("in"),
            created=self.world.now,
            customer=self.customer,
            currency=subscription.currency,
            status="draft",
            billing_reason=reason,
            period=period,
            lines=invoicing.discounted(lines, discounts),
            subscription_id=subscription.id,
            subscription_metadata=subscription.metadata,
            discounts=discounts,
            tax_percent=tax,
            tax_rate_id=f"txr_{subscription.currency}_{tax}" if tax else None,
            starting_balance=self.customer.balance,
            days_until_due=subscription.days_until_due,
            **terms,
        )

    def next_number(self) -> str:
        """An invoice's number, counted by customer."""
        self._invoices += 1
        return f"{self.customer.id[-8:].upper()}-{self._invoices:04d}"
