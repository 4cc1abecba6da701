"""What a request is made of: the types of its fields, and what all commands have in common.

A command's class says where it is posted (`path`; the fields that it names stand in the URL, the others in
the body) and what its job is (`kind`). `job_command` is what the job carries.
"""

import string
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ingest import money

Plan = Literal["basic", "pro", "enterprise"]
BillingCycle = Literal["month", "year"]
Prices = Mapping[str, tuple[str, str]]
"""Price ids, each with its plan and billing cycle, as the settings have them."""

RESERVED_METADATA = frozenset({"source", "job_id", "user_id", "plan_type", "order_id"})
METADATA_KEYS = 50 - len(RESERVED_METADATA)

Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Email = Annotated[str, Field(max_length=512, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
Currency = Annotated[str, Field(pattern=r"^[a-z]{3}$", description="ISO 4217, in lower case")]
Minor = Annotated[int, Field(ge=1, le=money.MAXIMUM, description="in the currency's minor unit")]
StripeId = Annotated[str, Field(max_length=255, pattern=r"^[A-Za-z0-9_.-]+$")]
PaymentIntentId = Annotated[str, Field(max_length=255, pattern=r"^pi_[A-Za-z0-9_]+$")]
ChargeId = Annotated[str, Field(max_length=255, pattern=r"^(ch|py)_[A-Za-z0-9_]+$")]
SubscriptionId = Annotated[str, Field(max_length=255, pattern=r"^sub_[A-Za-z0-9_]+$")]
MetadataKey = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\[\]\x00-\x1f\x7f]+$")]
MetadataValue = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Field(
        max_length=METADATA_KEYS, description=f"keys of your own; not {', '.join(sorted(RESERVED_METADATA))}"
    ),
]


class NoPrice(Exception):
    """The plan is not sold at this billing cycle here: set the variable that the message names."""

    fields = ("plan_type", "billing_cycle")


class Command(BaseModel):
    """One request."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: ClassVar[str]
    path: ClassVar[str]
    summary: ClassVar[str]
    example: ClassVar[dict[str, Any]]

    @classmethod
    def path_fields(cls) -> tuple[str, ...]:
        """The fields that stand in the URL."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(cls.path) if name)

    def asked(self) -> dict[str, Any]:
        """What is asked for, the same however it is written: what an idempotency key stands for."""
        return self.model_dump(exclude_none=True)

    def job_command(self, prices: Prices) -> dict[str, Any]:
        """The same, as the job takes it. Raises NoPrice."""
        return self.asked()

    @field_validator("metadata", check_fields=False)
    @classmethod
    def _leaves_our_metadata_alone(cls, metadata: dict[str, str] | None) -> dict[str, str] | None:
        if metadata and (taken := RESERVED_METADATA & metadata.keys()):
            raise PydanticCustomError(
                "reserved", "{keys}: set by the service itself", {"keys": ", ".join(sorted(taken))}
            )
        return metadata


class Priced(Command):
    """A command that names a price: by plan and billing cycle, or by its id."""

    plan_type: Plan | None = None
    billing_cycle: BillingCycle | None = Field(None, description="with plan_type: month unless given")
    price_id: StripeId | None = None
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _names_one_price(self) -> Self:
        at_most_one(self, "plan_type", "price_id")
        if self.billing_cycle and not self.plan_type:
            raise PydanticCustomError(
                "without_plan", "a billing_cycle goes with a plan_type", {"fields": ("billing_cycle",)}
            )
        return self

    def asked(self) -> dict[str, Any]:
        """Without the plan's price, which may be another one when the request is sent again."""
        asked = super().asked()
        return asked | {"billing_cycle": self.billing_cycle or "month"} if self.plan_type else asked

    def job_command(self, prices: Prices) -> dict[str, Any]:
        """With the id of the price, and the plan that it stands for where that is known."""
        command = super().job_command(prices)
        if self.plan_type:
            command["price_id"] = price_of(self.plan_type, command["billing_cycle"], prices)
        elif self.price_id and self.price_id in prices:
            command["plan_type"], command["billing_cycle"] = prices[self.price_id]
        return command


def price_of(plan: str, cycle: str, prices: Prices) -> str:
    """The id of a plan's price. Raises NoPrice."""
    for price, sold in prices.items():
        if sold == (plan, cycle):
            return price
    sold_here = ", ".join(f"{plan} by {cycle}" for plan, cycle in sorted(prices.values())) or "none"
    variable = f"STRIPE_PRICE_{plan.upper()}_{cycle.upper()}LY"
    raise NoPrice(f"{plan} by {cycle} has no price here ({variable} is not set); sold are: {sold_here}")


def exactly_one(command: Command, *fields: str) -> None:
    """For validators: raises PydanticCustomError, which names the fields."""
    if sum(getattr(command, field) is not None for field in fields) != 1:
        raise PydanticCustomError("exactly_one", "give exactly one of {fields}", {"fields": fields})


def at_most_one(command: Command, *fields: str) -> None:
    """For validators: raises PydanticCustomError, which names the fields."""
    if sum(getattr(command, field) is not None for field in fields) > 1:
        raise PydanticCustomError("at_most_one", "give at most one of {fields}", {"fields": fields})
