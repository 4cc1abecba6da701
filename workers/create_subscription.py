"""A subscription that begins when its first invoice is paid, with the client secret to pay it."""

from typing import Any

from workers import subscription_result
from workers.customers import customer_of
from workers.job_attempt import Attempt, Made, given


def perform(attempt: Attempt) -> Made:
    command, subscriptions = attempt.command, attempt.v1.subscriptions
    customer = customer_of(attempt)
    coupon = command.get("coupon")
    parameters: Any = given(
        customer=customer,
        items=[given(price=command["price_id"], quantity=command.get("quantity"))],
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
        trial_period_days=command.get("trial_days") or None,
        discounts=[{"coupon": coupon}] if coupon else None,
        metadata=attempt.metadata(user_id=command.get("user_id"), plan_type=command.get("plan_type")),
        expand=subscription_result.EXPAND,
    )
    subscription = attempt.create(
        lambda options: subscriptions.create(parameters, options),
        look=lambda: attempt.made_by_this_job(
            subscriptions,
            customer=customer,
            status="all",
            expand=[f"data.{path}" for path in subscription_result.EXPAND],
        ),
    )
    return subscription_result.made(subscription)
