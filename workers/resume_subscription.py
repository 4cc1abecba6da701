"""Take back a scheduled cancellation, or let a paused subscription go on."""

from typing import Any

from workers import subscription_result
from workers.job_attempt import Attempt, Made
from workers.ownership import own
from workers.stripe_client import Object


def perform(attempt: Attempt) -> Made:
    subscriptions = attempt.v1.subscriptions
    subscription_id = attempt.command["subscription"]
    now = own(attempt, subscriptions.retrieve, subscription_id)
    # A portal may have set only the instant, and taking back needs the field that was set.
    scheduled_by_instant = now.get("cancel_at") and not now["cancel_at_period_end"]
    kept: Any = {"cancel_at": ""} if scheduled_by_instant else {"cancel_at_period_end": False}

    def resumed() -> Object | None:
        return now if now["status"] == "active" and not now.get("cancel_at") else None

    if now["status"] == "paused":
        subscription = attempt.change(
            lambda options: subscriptions.resume(subscription_id, None, options), look=resumed
        )
    else:
        subscription = attempt.change(
            lambda options: subscriptions.update(subscription_id, kept, options), look=resumed
        )
    return subscription_result.made(subscription)
