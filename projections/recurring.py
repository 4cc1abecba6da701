"""The monthly recurring amount of a subscription: what its terms come to a month, exactly.

A year is 12 months, a week 12/52 of one and a day 12/365. Licensed items count with their quantity, metered
ones do not: usage is reported apart. Discounts that last (forever, or repeating and not yet over) subtract,
an item's own before the subscription's, in their order; what comes off once does not: unless the configured
rules say otherwise. Taxes, fees and prorations are no part of it. All of it is rational arithmetic, so that
sums over subscriptions stay exact; round once, at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from projections.billing_fields import Discount, Price, Tier
from projections.discounting import Part, Unknown, counting_coupon, less
from projections.revenue_rules import DEFAULT, Rules
from projections.subscription_fields import Item, Subscription

COUNTING_STATUSES = frozenset({"active", "past_due"})
UNCOLLECTED = frozenset({"void", "mark_uncollectible"})
"""Ways to pause collection that give up the money. A `keep_as_draft` puts it off, and still counts."""

MONTHS = {"day": Fraction(12, 365), "week": Fraction(12, 52), "month": Fraction(1), "year": Fraction(12)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyAmount:
    """Minor units of `currency` a month, exactly.

    `missing` is what it rests on that is known only by its id (`coupon WELCOME`, `discount di_1`,
    `tiers price_1`) or not at all (`items` past the first ones, a kind of `interval` that came later): it
    leaves that out. `metered` where usage is billed beside it, `listed` where it comes to anything before
    discounts. `parts` add up to it, and are what its customer's discount comes off; None where it has one of
    its own, so that the customer's does not.
    """

    currency: str
    exact: Fraction
    missing: frozenset[str] = frozenset()
    metered: bool = False
    listed: bool
    parts: tuple[Part, ...] | None = None

    @property
    def incomplete(self) -> bool:
        """Whether it leaves something out."""
        return bool(self.missing)

    def __round__(self) -> int:
        """Whole minor units, half to even. Sum `exact` first: rounding each one adds up the errors."""
        return round(self.exact)

    @property
    def free(self) -> bool:
        """Whether it surely is no recurring revenue: usage alone is, at whatever amount."""
        return self.exact == 0 and not self.incomplete and (self.listed or not self.metered)


class DiscountEnd(NamedTuple):
    """The instant at which a discount is over, and its one stable name."""

    at: datetime
    name: str


def monthly_amount(subscription: Subscription, at: datetime, rules: Rules = DEFAULT) -> MonthlyAmount:
    """What the subscription's terms come to a month at the instant `at`, whether or not its status counts.

    Of its customer's discounts only those count that are at hand: see `parts`.
    """
    parts, missing = _list_parts(subscription)
    before = dict(parts)

    def take_off(discount: Discount, item_ids: Sequence[str]) -> None:
        try:
            coupon = counting_coupon(discount, at, rules)
            if coupon is not None:
                left = less(coupon, [parts[each] for each in item_ids], subscription.currency)
                parts.update(zip(item_ids, left, strict=True))
        except Unknown as unknown:
            missing.add(str(unknown))

    for item in subscription.items:
        for discount in item.discounts if item.id in parts else ():
            take_off(discount, [item.id])
    standing = _standing(subscription, at)
    for discount in standing:
        take_off(discount, list(parts))
    return _sum(subscription, parts, missing, before=before, inherits=not standing)


def list_amount(subscription: Subscription) -> MonthlyAmount:
    """The monthly amount before all discounts."""
    parts, missing = _list_parts(subscription)
    return _sum(subscription, parts, missing, before=parts)


def collected(subscription: Subscription) -> bool:
    """Whether what it comes to counts at all: its status does, and nobody gave up the money."""
    return subscription.status in COUNTING_STATUSES and subscription.collection_pause not in UNCOLLECTED


def counted_unseen(subscription: Subscription, rules: Rules = DEFAULT) -> bool:
    """Whether one that is first heard of when it is over had counted: unless its trial came to nothing."""
    ended_at, trial_end = subscription.ended_at, subscription.trial_end
    if subscription.status != "canceled" or ended_at is None:
        return False
    if monthly_amount(subscription, ended_at, rules).free:
        return False
    return trial_end is None or ended_at > trial_end


def discount_ends(subscription: Subscription, after: datetime) -> list[DiscountEnd]:
    """When past `after` the amount changes by itself, though no event comes; in order."""
    listed = [discount for item in subscription.items for discount in item.discounts]
    listed += (*subscription.discounts, *subscription.inherited)
    ends = {(each.ends_at, each.name) for each in listed if each.ends_at and each.name}
    return sorted(DiscountEnd(at, name) for at, name in ends if at > after)


def _list_parts(subscription: Subscription) -> tuple[dict[str, Part], set[str]]:
    """What each licensed item comes to before discounts, by its id, and what is missing."""
    parts: dict[str, Part] = {}
    missing = set() if subscription.items_complete else {"items"}
    for item in subscription.items:
        if not item.metered:
            try:
                months = _months(item.price)
                amount = _period_amount(item, subscription.currency) / months
                parts[item.id] = Part(item.price.product_id, months, amount)
            except Unknown as unknown:
                missing.add(str(unknown))
    return parts, missing


def _sum(
    subscription: Subscription,
    parts: Mapping[str, Part],
    missing: set[str],
    *,
    before: Mapping[str, Part],
    inherits: bool = False,
) -> MonthlyAmount:
    return MonthlyAmount(
        currency=subscription.currency,
        exact=sum((each.amount for each in parts.values()), Fraction(0)),
        missing=frozenset(missing),
        metered=any(item.metered for item in subscription.items),
        listed=any(each.amount for each in before.values()),
        parts=tuple(parts.values()) if inherits else None,
    )


def _months(price: Price) -> Fraction:
    """How many months a billing period has."""
    if price.interval not in MONTHS or price.interval_count is None:
        raise Unknown("interval")
    return MONTHS[price.interval] * price.interval_count


def _period_amount(item: Item, currency: str) -> Fraction:
    """What the item's quantity costs a billing period, before discounts, in minor units of `currency`."""
    price, quantity = item.price, item.quantity
    if price.currency != currency:  # a price in several currencies shows its default one
        raise Unknown("currency")
    if quantity is None:
        raise Unknown("quantity")
    if price.billing_scheme == "tiered":
        if not price.tiers or price.tiers_mode not in _BY_TIERS_MODE:
            raise Unknown(f"tiers {price.id}")
        return _BY_TIERS_MODE[price.tiers_mode](price.tiers, quantity)
    if price.unit_amount is None:
        raise Unknown("unit_amount")
    if price.package:
        packages = Fraction(quantity, price.package.divide_by)
        quantity = ceil(packages) if price.package.round == "up" else floor(packages)
    return quantity * Fraction(price.unit_amount)


def _volume(tiers: Sequence[Tier], quantity: int) -> Fraction:
    """The whole quantity at the rate of the one tier that it falls into."""
    for tier in tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return quantity * Fraction(tier.unit_amount) + Fraction(tier.flat_amount)
    raise Unknown("tiers")


def _graduated(tiers: Sequence[Tier], quantity: int) -> Fraction:
    """Each unit at the rate of its own tier, and the flat amount of every tier that is reached."""
    total, below = Fraction(0), 0
    for tier in tiers:
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += (top - below) * Fraction(tier.unit_amount) + Fraction(tier.flat_amount)
        below = top
        if below == quantity:
            return total
    raise Unknown("tiers")


_BY_TIERS_MODE = {"volume": _volume, "graduated": _graduated}


def _standing(subscription: Subscription, at: datetime) -> list[Discount]:
    """Its own discounts that are not over at `at`; where it has none, those of its customer's at hand."""
    for discounts in (subscription.discounts, subscription.inherited):
        standing = [each for each in discounts if each.ends_at is None or each.ends_at > at]
        if standing:
            return standing
    return []
