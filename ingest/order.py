"""A WooCommerce order, as far as its payment goes: its own status and total, and nobody's name or address."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ingest import money

PAYMENT_METHOD = "hooklog"
"""The orders that are paid through this service name it as their payment method."""

AWAITING_PAYMENT = frozenset({"pending", "failed"})
CLOSED = frozenset({"cancelled", "completed", "processing", "refunded", "trash"})
"""Other statuses (on-hold, drafts, the shop's own) say neither: a payment that has begun is left alone."""

FIELDS = (
    *("id", "number", "order_key", "status", "payment_method", "total", "currency"),
    *("date_created_gmt", "date_modified_gmt", "date_paid_gmt", "transaction_id"),
)
"""What is asked of the shop."""

Wish = Literal["pay", "close", "leave"]


class MalformedOrder(Exception):
    """It is no order of WooCommerce's: the message names the fields."""


def _utc(value: object) -> object:
    """WooCommerce's …_gmt fields name no zone."""
    return f"{value}Z" if isinstance(value, str) and not value.endswith("Z") else value


Instant = Annotated[AwareDatetime, BeforeValidator(_utc)]


class Order(BaseModel):
    """`total` is in major units, `currency` as WooCommerce writes it (EUR); both are for `amount`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int = Field(ge=1)
    number: str
    order_key: str = Field(min_length=1)
    status: str
    payment_method: str
    total: str = Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")
    currency: str = Field(pattern=r"^[A-Za-z]{3}$")
    date_created_gmt: Instant
    date_modified_gmt: Instant
    date_paid_gmt: Instant | None = None
    transaction_id: str = ""

    @classmethod
    def read(cls, order: object) -> Self:
        """Read what WooCommerce's REST API and webhooks call an order. Raises MalformedOrder."""
        try:
            return cls.model_validate(order)
        except ValidationError as error:
            fields = sorted({str(one["loc"][0]) if one["loc"] else "itself" for one in error.errors()})
            raise MalformedOrder(f"this is no order: see {', '.join(fields)}") from None

    @property
    def paid_here(self) -> bool:
        """Whether the order is to be paid through this service."""
        return self.payment_method == PAYMENT_METHOD

    @property
    def wish(self) -> Wish:
        """What should become of the order's payment."""
        if self.paid_here and self.status in AWAITING_PAYMENT and Decimal(self.total) > 0:
            return "pay"
        return "close" if self.status in CLOSED or not self.paid_here else "leave"

    @property
    def stripe_currency(self) -> str:
        return self.currency.lower()

    @property
    def amount(self) -> int:
        """The total in Stripe's minor units. Raises money.BadAmount."""
        amount = money.minor(self.total, self.stripe_currency)
        money.refuse_below_minimum(amount, self.stripe_currency)
        return amount

    @property
    def modified_at(self) -> datetime:
        return self.date_modified_gmt

    def essence(self) -> str:
        """What of an order decides about its payment: while it stays the same, nothing is to be done."""
        return f"pay {self.total} {self.currency}" if self.wish == "pay" else self.wish
