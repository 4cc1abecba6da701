"""What is so about the catalogue, subscriptions and invoices, in no API version yet.

A fact never changes; what happens to an object makes a new fact that shares what stayed the same. Amounts
are in minor units, times in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from workers.simulator.payment_facts import Customer

Metadata = dict[str, str]


class Span(NamedTuple):
    """From one second to another."""

    start: int
    end: int


class Cancellation(NamedTuple):
    """Why a subscription ends: Stripe's reason, and what the customer chose and wrote."""

    reason: str | None = None
    feedback: str | None = None
    comment: str | None = None


class CollectionPause(NamedTuple):
    """`pause_collection`: the status stays what it was."""

    behavior: str
    resumes_at: int | None


NOT_CANCELED = Cancellation()


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is sold; merchants may choose its id, and use it again after a deletion."""

    id: str
    created: int
    name: str
    active: bool = True
    description: str | None = None
    default_price_id: str | None = None
    updated: int
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What it costs. With `tiers` of (up to, unit amount) it has no unit amount of its own."""

    id: str
    created: int
    product_id: str
    currency: str
    unit_amount: int | None
    interval: str
    interval_count: int = 1
    usage_type: str = "licensed"
    tiers: tuple[tuple[int | None, int], ...] = ()
    active: bool = True
    nickname: str | None = None
    lookup_key: str | None = None
    metadata: Metadata = field(default_factory=dict)

    def amount(self, quantity: int) -> int:
        """What a period costs for so many: tiered prices by volume."""
        if self.unit_amount is not None:
            return self.unit_amount * quantity
        unit = next(unit for up_to, unit in self.tiers if up_to is None or quantity <= up_to)
        return unit * quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recurring price, as the older half of the API tells it."""

    price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """Per cent or an amount off, once, for so many months, or forever; its id is the merchant's choice."""

    id: str
    created: int
    name: str
    duration: str
    duration_in_months: int | None = None
    percent_off: float | None = None
    amount_off: int | None = None
    currency: str | None = None
    times_redeemed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A coupon at work, on a subscription or else on a customer."""

    id: str
    coupon: Coupon
    customer_id: str
    subscription_id: str | None
    start: int
    end: int | None

    def off(self, amount: int) -> int:
        """What it takes off an amount."""
        if amount <= 0:
            return 0
        if self.coupon.percent_off is not None:
            return round(amount * self.coupon.percent_off / 100)
        return min(amount, self.coupon.amount_off or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One price of a subscription; metered ones have no quantity."""

    id: str
    created: int
    price: Price
    quantity: int | None = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a customer pays again and again."""

    id: str
    created: int
    customer_id: str
    status: str
    currency: str
    items: tuple[Item, ...]
    period: Span
    anchor: int
    trial: Span | None = None
    trial_end_behavior: str = "create_invoice"
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    ended_at: int | None = None
    cancellation: Cancellation = NOT_CANCELED
    pause: CollectionPause | None = None
    paused_at: int | None = None
    paused_why: str | None = None
    default_method_id: str | None = None
    latest_invoice_id: str | None = None
    discounts: tuple[Discount, ...] = ()
    days_until_due: int | None = None
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of an invoice, before tax; `item_id` is the subscription item's that it bills."""

    id: str
    amount: int
    description: str
    price: Price | None
    quantity: int | None
    period: Span
    item_id: str | None = None
    invoice_item_id: str | None = None
    proration: bool = False
    discount: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What is owed for a period. `tax_percent` is added to what remains after discounts."""

    id: str
    created: int
    customer: Customer
    currency: str
    status: str
    billing_reason: str
    period: Span
    lines: tuple[Line, ...]
    subscription_id: str | None = None
    subscription_metadata: Metadata = field(default_factory=dict)
    discounts: tuple[Discount, ...] = ()
    tax_percent: int = 0
    tax_rate_id: str | None = None
    starting_balance: int = 0
    attempts: int = 0
    next_attempt: int | None = None
    auto_advance: bool = True
    due_date: int | None = None
    days_until_due: int | None = None
    number: str | None = None
    amount_paid: int = 0
    intent_id: str | None = None
    charge_id: str | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    uncollectible_at: int | None = None
    metadata: Metadata = field(default_factory=dict)

    @property
    def subtotal(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def discounted(self) -> int:
        return sum(line.discount for line in self.lines)

    @property
    def tax(self) -> int:
        return sum(self.tax_on(line) for line in self.lines)

    def tax_on(self, line: Line) -> int:
        return self.tax_percent * (line.amount - line.discount) // 100

    @property
    def total(self) -> int:
        return self.subtotal - self.discounted + self.tax

    @property
    def amount_due(self) -> int:
        """What is to be collected: a negative total becomes credit on the customer's balance."""
        return max(0, self.total + self.starting_balance)

    @property
    def ending_balance(self) -> int:
        return min(0, self.total + self.starting_balance)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceItem:
    """Something to bill with an invoice; prorations make them by themselves."""

    id: str
    created: int
    customer_id: str
    invoice_id: str | None
    subscription_id: str | None
    amount: int
    currency: str
    description: str
    price: Price | None
    quantity: int
    period: Span
    proration: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePayment:
    """Which intent paid which invoice: since 2025-03-31.basil the only link between them."""

    id: str
    created: int
    invoice_id: str
    intent_id: str
    amount: int
    currency: str
    paid_at: int
