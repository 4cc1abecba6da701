"""What a discount takes off a monthly amount, exactly: a share of it, or so much of each invoice."""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from projections.billing_fields import Coupon, Discount
from projections.revenue_rules import Rules

DURATIONS = frozenset({"once", "repeating", "forever"})


class Unknown(LookupError):
    """The amount rests on something that is known only by its id, or not at all; the message names it."""


class Part(NamedTuple):
    """What an item, or all of one product and one billing period, comes to a month.

    `months` has the billing period: 12 of a year, 12/52 of a week.
    """

    product_id: str | None
    months: Fraction
    amount: Fraction


def counting_coupon(discount: Discount, at: datetime, rules: Rules) -> Coupon | None:
    """The discount's coupon where it subtracts at `at`; None where it is over, or of a kind that does not.

    Raises Unknown.
    """
    if not rules.durations or (discount.ends_at is not None and discount.ends_at <= at):
        return None
    coupon = discount.coupon
    if coupon is None:
        raise Unknown(f"coupon {discount.coupon_id}" if discount.coupon_id else f"discount {discount.id}")
    if coupon.duration not in DURATIONS:
        raise Unknown("duration")
    return coupon if coupon.duration in rules.durations else None


def less(coupon: Coupon, parts: Sequence[Part], currency: str) -> list[Part]:
    """The parts once the coupon came off those that it applies to, in proportion. Raises Unknown."""
    eligible = [each for each in parts if coupon.products is None or each.product_id in coupon.products]
    total = sum((each.amount for each in eligible), Fraction(0))
    if total == 0:
        return list(parts)
    kept = 1 - min(Fraction(1), _monthly_off(coupon, eligible, total, currency) / total)
    return [each._replace(amount=each.amount * kept) if each in eligible else each for each in parts]


def _monthly_off(coupon: Coupon, parts: Sequence[Part], total: Fraction, currency: str) -> Fraction:
    """What comes off `total` a month. An amount comes off each invoice, one for every shortest period."""
    if coupon.percent_off is not None:
        return total * coupon.percent_off / 100
    if currency not in coupon.amounts_off:
        raise Unknown(f"coupon {coupon.id}")
    return coupon.amounts_off[currency] / min(each.months for each in parts)
