"""Cancel a subscription, at the end of the period that is paid or at once."""

from typing import Any

from workers import subscription_result
from workers.job_attempt import Attempt, Made, given
from workers.ownership import own
from workers.stripe_client import Object


def perform(attempt: Attempt) -> Made:
    command, subscriptions = attempt.command, attempt.v1.subscriptions
    subscription_id = command["subscription"]
    now = own(attempt, subscriptions.retrieve, subscription_id)
    at_period_end = command["at_period_end"]
    reason = command.get("reason")
    details = {"comment": reason} if reason else None
    at_once: Any = given(cancellation_details=details)
    scheduling: Any = given(cancel_at_period_end=True, cancellation_details=details)

    def canceled() -> Object | None:
        scheduled = at_period_end and now["cancel_at_period_end"]
        return now if scheduled or now["status"] == "canceled" else None

    if at_period_end:
        subscription = attempt.change(
            lambda options: subscriptions.update(subscription_id, scheduling, options), look=canceled
        )
    else:  # by DELETE, for which Stripe takes no idempotency key
        subscription = attempt.change(
            lambda options: subscriptions.cancel(subscription_id, at_once, options),
            look=canceled,
            look_first=True,
        )
    return subscription_result.made(subscription)
