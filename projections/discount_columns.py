"""A discount as the columns that each table with one has, and back from them."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from projections.billing_fields import Coupon, Discount, decimal_text
from projections.projection import Row

COLUMNS = ("name", "coupon_id", "duration", "percent_off", "amounts_off", "products", "ends_at")


def columns(discount: Discount) -> dict[str, object]:
    """`duration` and what follows from it are null where the discount only names its coupon."""
    coupon = discount.coupon
    percent = coupon.percent_off if coupon else None
    return {
        "name": discount.name,
        "coupon_id": discount.coupon_id,
        "duration": coupon and coupon.duration,
        "percent_off": None if percent is None else decimal_text(_decimal(percent)),
        "amounts_off": dict(coupon.amounts_off) if coupon else None,
        "products": sorted(coupon.products) if coupon and coupon.products is not None else None,
        "ends_at": discount.ends_at,
    }


def discount_of(row: Row) -> Discount:
    """The discount that `columns` made these of; its name is its id."""
    ends_at = row["ends_at"]
    return Discount(
        id=row["name"],
        coupon_id=row["coupon_id"],
        coupon=coupon_of(row),
        ends_at=datetime.fromisoformat(ends_at) if isinstance(ends_at, str) else ends_at,
    )


def coupon_of(row: Row) -> Coupon | None:
    """Its coupon; None where that is known only by its id."""
    if row["duration"] is None:
        return None
    percent, products = row["percent_off"], row["products"]
    return Coupon(
        id=row["coupon_id"],
        duration=row["duration"],
        percent_off=None if percent is None else Fraction(percent),
        amounts_off=row["amounts_off"],
        products=None if products is None else frozenset(products),
    )


def _decimal(percent: Fraction) -> Decimal:
    """Exactly: it was read from a decimal number."""
    return Decimal(percent.numerator) / percent.denominator
