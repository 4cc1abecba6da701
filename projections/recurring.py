"""The monthly recurring amount of a subscription: what its terms come to a month, exactly.

A year is 12 months, a week 12/52 of one and a day 12/365. Licensed items count with their quantity, metered
ones do not: usage is reported apart. Discounts that last (forever, or repeating and not yet over) subtract,
an item's own before the subscription's, in their order; what comes off once does not. Taxes, fees and
prorations are no part of it. All of it is rational arithmetic, so that sums over subscriptions stay exact;
round once, at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from projections.billing_fields import Coupon, Discount, Price, Tier
from projections.subscription_fields import Item, Subscription

COUNTING_STATUSES = frozenset({"active", "past_due"})
UNCOLLECTED = frozenset({"void", "mark_uncollectible"})
"""Ways to pause collection that give up the money. A `keep_as_draft` puts it off, and still counts."""

MONTHS = {"day": Fraction(12, 365), "week": Fraction(12, 52), "month": Fraction(1), "year": Fraction(12)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What other objects tell of those that a subscription only names by id.

    Webhooks name discounts since basil (2025-03-31), coupons since clover (2025-09-30), and leave the tiers
    of prices out since 2020-08-27. `inherited` are the customer's discounts.
    """

    discounts: Mapping[str, Discount] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    tiers: Mapping[str, tuple[Tier, ...]] = field(default_factory=dict)
    inherited: tuple[Discount, ...] = ()


NOTHING = Known()


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyAmount:
    """Minor units of `currency` a month, exactly.

    `missing` is what it rests on that is known only by its id (`coupon WELCOME`, `discount di_1`,
    `tiers price_1`) or not at all (`items` past the first ones, a kind of `interval` that came later): it
    leaves that out. `metered` where usage is billed beside it.
    """

    currency: str
    exact: Fraction
    missing: frozenset[str] = frozenset()
    metered: bool = False

    @property
    def incomplete(self) -> bool:
        """Whether it leaves something out."""
        return bool(self.missing)

    def __round__(self) -> int:
        """Whole minor units, half to even. Sum `exact` first: rounding each one adds up the errors."""
        return round(self.exact)

    @property
    def free(self) -> bool:
        """Whether it surely bills nothing."""
        return self.exact == 0 and not self.incomplete and not self.metered


class DiscountEnd(NamedTuple):
    """The instant at which a discount is over, and its one stable name."""

    at: datetime
    name: str


class Unknown(LookupError):
    """The amount rests on something that is known only by its id, or not at all; the message names it."""


def monthly_amount(subscription: Subscription, at: datetime, known: Known = NOTHING) -> MonthlyAmount:
    """What the subscription's terms come to a month at the instant `at`, whether or not its status counts."""
    amounts, missing = _list_amounts(subscription, known)
    priced = [item for item in subscription.items if item.id in amounts]
    applied = [(discount, [item]) for item in priced for discount in item.discounts]
    applied += [(discount, priced) for discount in _own_or_inherited(subscription, known)]
    for discount, items in applied:
        try:
            _take_off(discount, items, amounts, subscription.currency, at, known)
        except Unknown as unknown:
            missing.add(str(unknown))
    return _sum(subscription, amounts, missing)


def list_amount(subscription: Subscription, known: Known = NOTHING) -> MonthlyAmount:
    """The monthly amount before all discounts."""
    return _sum(subscription, *_list_amounts(subscription, known))


def counts(subscription: Subscription, at: datetime, known: Known = NOTHING) -> bool:
    """Whether it is recurring revenue at the instant `at`: in a counting status, collected, and not free."""
    return collected(subscription) and not monthly_amount(subscription, at, known).free


def collected(subscription: Subscription) -> bool:
    """Whether what it comes to counts at all: its status does, and nobody gave up the money."""
    return subscription.status in COUNTING_STATUSES and subscription.collection_pause not in UNCOLLECTED


def counted_unseen(subscription: Subscription) -> bool:
    """Whether one that is first heard of when it is over had counted: unless its trial came to nothing."""
    ended_at, trial_end = subscription.ended_at, subscription.trial_end
    if subscription.status != "canceled" or ended_at is None or monthly_amount(subscription, ended_at).free:
        return False
    return trial_end is None or ended_at > trial_end


def discount_ends(subscription: Subscription, after: datetime, known: Known = NOTHING) -> list[DiscountEnd]:
    """When past `after` the amount changes by itself, though no event comes; in order."""
    listed = [discount for item in subscription.items for discount in item.discounts]
    listed += _own_or_inherited(subscription, known)
    resolved = [_resolved(discount, known) for discount in listed]
    ends = {(each.ends_at, each.name) for each in resolved if each.ends_at and each.name}
    return sorted(DiscountEnd(at, name) for at, name in ends if at > after)


def _list_amounts(subscription: Subscription, known: Known) -> tuple[dict[str, Fraction], set[str]]:
    """The monthly amount of each licensed item before discounts, by its id, and what is missing."""
    amounts: dict[str, Fraction] = {}
    missing = set() if subscription.items_complete else {"items"}
    for item in subscription.items:
        if not item.metered:
            try:
                amounts[item.id] = _period_amount(item, subscription.currency, known) / _months(item.price)
            except Unknown as unknown:
                missing.add(str(unknown))
    return amounts, missing


def _sum(subscription: Subscription, amounts: Mapping[str, Fraction], missing: set[str]) -> MonthlyAmount:
    return MonthlyAmount(
        currency=subscription.currency,
        exact=sum(amounts.values(), Fraction(0)),
        missing=frozenset(missing),
        metered=any(item.metered for item in subscription.items),
    )


def _months(price: Price) -> Fraction:
    """How many months a billing period has."""
    if price.interval not in MONTHS or price.interval_count is None:
        raise Unknown("interval")
    return MONTHS[price.interval] * price.interval_count


def _period_amount(item: Item, currency: str, known: Known) -> Fraction:
    """What the item's quantity costs a billing period, before discounts, in minor units of `currency`."""
    price, quantity = item.price, item.quantity
    if price.currency != currency:  # a price in several currencies shows its default one
        raise Unknown("currency")
    if quantity is None:
        raise Unknown("quantity")
    if price.billing_scheme == "tiered":
        tiers = price.tiers or known.tiers.get(price.id)
        if not tiers or price.tiers_mode not in _BY_TIERS_MODE:
            raise Unknown(f"tiers {price.id}")
        return _BY_TIERS_MODE[price.tiers_mode](tiers, quantity)
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


def _own_or_inherited(subscription: Subscription, known: Known) -> tuple[Discount, ...]:
    return subscription.discounts or subscription.inherited or known.inherited


def _resolved(discount: Discount, known: Known) -> Discount:
    if discount.id is None or discount.coupon_id is not None:
        return discount
    return known.discounts.get(discount.id, discount)


def _take_off(
    discount: Discount,
    items: Sequence[Item],
    amounts: dict[str, Fraction],
    currency: str,
    at: datetime,
    known: Known,
) -> None:
    """Subtract a discount that lasts from the monthly `amounts` of those `items` that it applies to."""
    coupon = _lasting_coupon(discount, at, known)
    if coupon is None:
        return
    eligible = [item for item in items if coupon.products is None or item.price.product_id in coupon.products]
    total = sum((amounts[item.id] for item in eligible), Fraction(0))
    if total == 0:
        return
    kept = 1 - min(Fraction(1), _monthly_off(coupon, eligible, total, currency) / total)
    for item in eligible:
        amounts[item.id] *= kept


def _lasting_coupon(discount: Discount, at: datetime, known: Known) -> Coupon | None:
    """The discount's coupon where it comes off at `at` and on later invoices; None where once, or over."""
    discount = _resolved(discount, known)
    if discount.ends_at is not None and discount.ends_at <= at:
        return None
    coupon = discount.coupon or known.coupons.get(discount.coupon_id or "")
    if coupon is None:
        raise Unknown(f"coupon {discount.coupon_id}" if discount.coupon_id else f"discount {discount.id}")
    if coupon.duration not in ("once", "repeating", "forever"):
        raise Unknown("duration")
    return None if coupon.duration == "once" else coupon


def _monthly_off(coupon: Coupon, items: Sequence[Item], total: Fraction, currency: str) -> Fraction:
    """What comes off `total` a month. An amount comes off each invoice, one for every shortest period."""
    if coupon.percent_off is not None:
        return total * coupon.percent_off / 100
    if currency not in coupon.amounts_off:
        raise Unknown(f"coupon {coupon.id}")
    periods: list[Fraction] = [_months(item.price) for item in items]
    return coupon.amounts_off[currency] / min(periods)
