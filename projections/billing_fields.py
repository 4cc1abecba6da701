"""Reading prices and discounts across Stripe's API versions, 2017 to 2026-10-28.endive.

The same facts come out whichever version rendered them. Where a version says a thing by another name, both
names are read here and nowhere else; the rules are those of Stripe's changelog for the version named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple

from projections.fields import Object, id_of, instant, metadata, nested, optional, required

# ------------------------------------------------------------------ prices, and the plans before them


class Tier(NamedTuple):
    """One step of a tiered price: both amounts in minor units; `up_to` is None for the last."""

    up_to: int | None
    unit_amount: Decimal
    flat_amount: Decimal


class PackageSize(NamedTuple):
    """A price for packages: the quantity is divided by `divide_by`, and rounded `up` or `down`."""

    divide_by: int
    round: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A `price`, or the `plan` that stood for it until 2020 and stands beside it since.

    `unit_amount` is in minor units and may be broken; it is None where tiers decide. `tiers` is None where
    the rendering leaves them out, as it does since 2020-08-27 unless they are expanded.
    """

    id: str
    currency: str
    type: str
    product_id: str | None = None
    unit_amount: Decimal | None = None
    billing_scheme: str = "per_unit"
    tiers_mode: str | None = None
    tiers: tuple[Tier, ...] | None = None
    package: PackageSize | None = None
    interval: str | None = None
    interval_count: int | None = None
    usage_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Object) -> "Price":
        """Read a `price` or a `plan` object."""
        plan = source.get("object") == "plan"
        recurring = source if plan else nested(source, "recurring")
        tiers = optional(source, "tiers", list)
        interval = optional(recurring, "interval", str)
        return cls(
            id=required(source, "id", str),
            currency=required(source, "currency", str),
            type="recurring" if plan else required(source, "type", str),
            product_id=id_of(source, "product"),
            unit_amount=minor_units(source, "amount" if plan else "unit_amount"),
            billing_scheme=optional(source, "billing_scheme", str) or "per_unit",
            tiers_mode=optional(source, "tiers_mode", str),
            tiers=None if tiers is None else tuple(map(_tier, tiers)),
            package=_package(source, "transform_usage" if plan else "transform_quantity"),
            interval=interval,
            interval_count=optional(recurring, "interval_count", int),
            # Before metered billing, in 2018, every plan was licensed and none said so.
            usage_type=optional(recurring, "usage_type", str) or (interval and "licensed"),
            metadata=metadata(source),
        )

    def terms(self) -> dict[str, object]:
        """What it costs, as the columns that each table with a price in it has."""
        whole = self.unit_amount is not None and self.unit_amount == int(self.unit_amount)
        return {
            "product_id": self.product_id,
            "currency": self.currency,
            "unit_amount": int(self.unit_amount) if whole and self.unit_amount is not None else None,
            "unit_amount_decimal": decimal_text(self.unit_amount),
            "billing_scheme": self.billing_scheme,
            "tiers_mode": self.tiers_mode,
            "interval": self.interval,
            "interval_count": self.interval_count,
            "usage_type": self.usage_type,
        }


def decimal_text(amount: Decimal | None) -> str | None:
    """An amount for a `numeric` column: `12.5`, never `1.25E+1` nor `12.50`."""
    return None if amount is None else f"{amount.normalize():f}"


def _tier(source: Object) -> Tier:
    unit = minor_units(source, "unit_amount")
    if unit is None:  # as tiers were first called, in 2018
        unit = minor_units(source, "amount")
    return Tier(
        optional(source, "up_to", int), unit or Decimal(0), minor_units(source, "flat_amount") or Decimal(0)
    )


def _package(source: Object, name: str) -> PackageSize | None:
    package = optional(source, name, dict)
    return (
        PackageSize(required(package, "divide_by", int), required(package, "round", str)) if package else None
    )


def minor_units(source: Object, name: str) -> Decimal | None:
    """`<name>_decimal`, which is exact, else the whole `name`, which is null for a broken amount."""
    exact = optional(source, f"{name}_decimal", str)
    if exact is None:
        whole = optional(source, name, int)
        return None if whole is None else Decimal(whole)
    try:
        amount = Decimal(exact)
    except InvalidOperation:
        raise ValueError(f"'{name}_decimal' is no decimal number") from None
    if not amount.is_finite():
        raise ValueError(f"'{name}_decimal' is no finite number")
    return amount


# ------------------------------------------------------------------ discounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """What a coupon takes off: a percentage, or an amount of an invoice by currency, in minor units.

    `duration` is `once`, `repeating` or `forever`. `products` is None where it applies to all of them.
    """

    id: str
    duration: str
    percent_off: Fraction | None = None
    amounts_off: Mapping[str, int] = field(default_factory=dict)
    products: frozenset[str] | None = None
    created_at: datetime | None = None

    @classmethod
    def read(cls, source: Object) -> "Coupon":
        percent = source.get("percent_off")
        if isinstance(percent, bool) or not isinstance(percent, int | float | None):
            raise TypeError(f"'percent_off' is a {type(percent).__name__}, expected a number")
        amounts = {
            currency: required(option, "amount_off", int)
            for currency, option in nested(source, "currency_options").items()
        }
        if (amount := optional(source, "amount_off", int)) is not None:
            amounts[required(source, "currency", str)] = amount
        products = optional(nested(source, "applies_to"), "products", list)
        return cls(
            id=required(source, "id", str),
            duration=required(source, "duration", str),
            # The shortest decimal that reads back the same is what the merchant wrote: 33.3 is 333/10.
            percent_off=None if percent is None else Fraction(repr(percent)),
            amounts_off=amounts,
            products=None if products is None else frozenset(products),
            created_at=instant(source, "created"),
        )

    def completed(self, other: "Coupon") -> "Coupon":
        """This coupon with what only `other` tells of it: products and currencies come where asked for.

        One that takes off something else is another, of an id that was used again, and tells nothing of it.
        """
        amounts = {**other.amounts_off, **self.amounts_off}
        same = (self.duration, self.percent_off) == (other.duration, other.percent_off)
        if not same or amounts != {**self.amounts_off, **other.amounts_off}:
            return self
        products = other.products if self.products is None else self.products
        return replace(self, amounts_off=amounts, products=products)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A coupon applied. An id alone leaves all else None; an expanded one can still only name its coupon.

    Discounts have ids since 2020-08-27; before, an owner had one at most, and only its coupon named it.
    """

    id: str | None = None
    coupon_id: str | None = None
    coupon: Coupon | None = None
    started_at: datetime | None = None
    ends_at: datetime | None = None

    @classmethod
    def read(cls, source: Object | str) -> "Discount":
        """Read a discount's id, or the expanded discount of any version."""
        if isinstance(source, str):
            return cls(id=source)
        holder = nested(source, "source") or source  # since 2025-09-30.clover
        coupon = holder.get("coupon")
        return cls(
            id=optional(source, "id", str),
            coupon_id=id_of(holder, "coupon"),
            coupon=Coupon.read(coupon) if isinstance(coupon, dict) else None,
            started_at=instant(source, "start"),
            ends_at=instant(source, "end"),
        )

    @property
    def name(self) -> str | None:
        """The one stable name that it has in its version."""
        return self.id or self.coupon_id


def discounts(owner: Object) -> tuple[Discount, ...]:
    """The discounts of a subscription, an item or a customer, in the order in which they apply.

    Until basil (2025-03-31) the only or last one stands in `discount`, expanded; since 2024 the ids of all
    of them stand beside it.
    """
    latest = optional(owner, "discount", dict)
    expanded = {latest["id"]: latest} if latest and "id" in latest else {}
    listed = optional(owner, "discounts", list) or ([latest] if latest else [])
    return tuple(
        Discount.read(expanded.get(each, each) if isinstance(each, str) else each) for each in listed
    )
