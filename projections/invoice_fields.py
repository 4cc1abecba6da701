"""Reading invoices and their lines across Stripe's API versions, as billing_fields reads what is sold."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from projections.billing_fields import Price, minor_units
from projections.fields import Object, id_of, nested, optional, required


def invoice_status(invoice: Object) -> str:
    """draft, open, paid, void or uncollectible; invoices of before 2018-11 say so by three flags."""
    status = optional(invoice, "status", str)
    if status is not None:
        return status
    if optional(invoice, "forgiven", bool):
        return "uncollectible"
    if required(invoice, "paid", bool):
        return "paid"
    return "open" if optional(invoice, "attempted", bool) or optional(invoice, "closed", bool) else "draft"


def invoice_subscription(invoice: Object) -> str | None:
    """The subscription that it bills, if one."""
    details = nested(invoice, "parent", "subscription_details")  # since basil
    return id_of(details, "subscription") or id_of(invoice, "subscription")


def tax(owner: Object, plural: str) -> int | None:
    """The sum of an invoice's or a line's taxes, in minor units; None where no tax rate applied.

    `plural` is its name since basil (`total_taxes`, `taxes`); before, it ended in `tax_amounts`, and an
    invoice of before 2018-12 has only the sum.
    """
    taxes = optional(owner, plural, list)
    if taxes is None:
        taxes = optional(owner, plural.replace("taxes", "tax_amounts"), list)
    if not taxes:
        return optional(owner, "tax", int)
    return sum(required(each, "amount", int) for each in taxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where an invoice line comes from and what it was priced at."""

    type: str | None
    price_id: str | None
    product_id: str | None
    unit_amount: Decimal | None
    proration: bool
    subscription_id: str | None
    subscription_item_id: str | None
    invoice_item_id: str | None

    @classmethod
    def read(cls, source: Object) -> "Line":
        """Read where a line comes from, by `parent` and `pricing` (since basil) or by its own fields."""
        kind = optional(nested(source, "parent"), "type", str)
        origin = nested(source, "parent", kind) if kind else source
        details = nested(source, "pricing", "price_details")
        inline = details.get("price") or source.get("price") or source.get("plan")
        price = Price.read(inline) if isinstance(inline, dict) else None
        return cls(
            type=_LINE_TYPES.get(kind, kind) if kind else optional(source, "type", str),
            price_id=price.id if price else id_of(details, "price") or id_of(source, "price"),
            product_id=price.product_id if price else id_of(details, "product"),
            unit_amount=price.unit_amount if price else minor_units(nested(source, "pricing"), "unit_amount"),
            proration=optional(origin, "proration", bool) or False,
            subscription_id=id_of(origin, "subscription") or id_of(source, "subscription"),
            subscription_item_id=id_of(origin, "subscription_item"),
            invoice_item_id=id_of(origin, "invoice_item"),
        )


_LINE_TYPES = {"invoice_item_details": "invoiceitem", "subscription_item_details": "subscription"}


def invoice_lines(invoice: Object) -> Iterator[Object]:
    """The lines that the rendering brings: Stripe embeds the first ten, and says whether there are more."""
    return iter(required(required(invoice, "lines", dict), "data", list))
