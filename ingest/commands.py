"""What clients may ask for: one model a call, which refuses what it does not know."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ingest import money
from ingest.command import (
    ChargeId,
    Command,
    Currency,
    Email,
    Metadata,
    Minor,
    Name,
    PaymentIntentId,
    Priced,
    StripeId,
    SubscriptionId,
    Text,
    at_most_one,
    exactly_one,
)


class CreatePaymentIntent(Command):
    kind = "create_payment_intent"
    path = "/payment-intents"
    summary = "Make a PaymentIntent with automatic payment methods"
    example: ClassVar = {
        "total": "12.50",
        "currency": "eur",
        "order_id": "1001",
        "customer_email": "jenny@example.com",
    }

    currency: Currency
    amount: Minor | None = None
    total: Annotated[str, Field(max_length=20, description='in major units, such as "12.50"')] | None = None
    customer_id: StripeId | None = None
    user_id: Name | None = None
    order_id: Name | None = None
    customer_email: Email | None = None
    metadata: Metadata | None = None
    capture_method: Literal["automatic", "automatic_async", "manual"] | None = None
    request_three_d_secure: Literal["automatic", "any", "challenge"] | None = None

    @field_validator("amount", "total")
    @classmethod
    def _is_an_amount_of_its_currency(cls, value: int | str | None, info: ValidationInfo) -> int | str | None:
        currency = info.data.get("currency")
        if value is not None and currency is not None:
            try:
                amount = (
                    money.check_minor(value, currency)
                    if isinstance(value, int)
                    else money.minor(value, currency)
                )
                money.refuse_below_minimum(amount, currency)
            except money.BadAmount as error:
                raise PydanticCustomError("amount", "{reason}", {"reason": str(error)}) from None
        return value

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        exactly_one(self, "amount", "total")
        at_most_one(self, "customer_id", "user_id")
        return self

    def asked(self) -> dict[str, Any]:
        """With the amount in minor units, however it was given."""
        asked = super().asked()
        if (total := asked.pop("total", None)) is not None:
            asked["amount"] = money.minor(total, self.currency)
        return asked


class CapturePaymentIntent(Command):
    kind = "capture_payment_intent"
    path = "/payment-intents/{payment_intent}/capture"
    summary = "Capture an authorized PaymentIntent, whole or in part"
    example: ClassVar = {"amount": 1000}

    payment_intent: PaymentIntentId
    amount: Minor | None = None


class CancelPaymentIntent(Command):
    kind = "cancel_payment_intent"
    path = "/payment-intents/{payment_intent}/cancel"
    summary = "Cancel a PaymentIntent that has not succeeded"
    example: ClassVar = {"reason": "abandoned"}

    payment_intent: PaymentIntentId
    reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = None


class CreateSubscription(Priced):
    kind = "create_subscription"
    path = "/subscriptions"
    summary = "Make a Subscription that begins with its first payment"
    example: ClassVar = {
        "user_id": "42",
        "email": "jenny@example.com",
        "plan_type": "pro",
        "billing_cycle": "year",
    }

    user_id: Name | None = None
    email: Email | None = None
    customer_id: StripeId | None = None
    trial_days: Annotated[int, Field(ge=1, le=730)] | None = None
    coupon: StripeId | None = None
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        exactly_one(self, "user_id", "customer_id")
        exactly_one(self, "plan_type", "price_id")
        if self.email and not self.user_id:
            raise PydanticCustomError("without_user", "an email goes with a user_id", {"fields": ("email",)})
        return self


class ChangeSubscription(Priced):
    kind = "change_subscription"
    path = "/subscriptions/{subscription}/change"
    summary = "Change a Subscription's plan or quantity"
    example: ClassVar = {"plan_type": "enterprise", "billing_cycle": "month", "proration": "always_invoice"}

    subscription: SubscriptionId
    proration: Literal["create_prorations", "always_invoice", "none"] = "create_prorations"

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.plan_type or self.price_id or self.quantity):
            fields = ("plan_type", "price_id", "quantity")
            raise PydanticCustomError("no_change", "give one of {fields}", {"fields": fields})
        return self


class CancelSubscription(Command):
    kind = "cancel_subscription"
    path = "/subscriptions/{subscription}/cancel"
    summary = "Cancel a Subscription, now or when its period ends"
    example: ClassVar = {"at_period_end": True, "reason": "too expensive"}

    subscription: SubscriptionId
    at_period_end: bool = Field(True, description="false cancels at once")
    reason: Text | None = None


class ResumeSubscription(Command):
    kind = "resume_subscription"
    path = "/subscriptions/{subscription}/resume"
    summary = "Take back a cancellation at the period's end, or resume a paused Subscription"
    example: ClassVar[dict[str, Any]] = {}

    subscription: SubscriptionId


class CreateRefund(Command):
    kind = "create_refund"
    path = "/refunds"
    summary = "Refund a payment, whole or in part"
    example: ClassVar = {
        "payment_intent": "pi_3Q0PvK2eZvKYlo2C1dXJzYtH",
        "amount": 500,
        "reason": "requested_by_customer",
    }

    payment_intent: PaymentIntentId | None = None
    charge: ChargeId | None = None
    amount: Minor | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        exactly_one(self, "payment_intent", "charge")
        return self


class CreateCustomer(Command):
    kind = "create_customer"
    path = "/customers"
    summary = "Get or make the customer of a user: one for each source and user"
    example: ClassVar = {"user_id": "42", "email": "jenny@example.com", "name": "Jenny Rosen"}

    user_id: Name
    email: Email | None = None
    name: Name | None = None
    metadata: Metadata | None = None


COMMANDS: tuple[type[Command], ...] = (
    CreatePaymentIntent,
    CapturePaymentIntent,
    CancelPaymentIntent,
    CreateSubscription,
    ChangeSubscription,
    CancelSubscription,
    ResumeSubscription,
    CreateRefund,
    CreateCustomer,
)
