"""Fetch the client secret of what an earlier job made: it was asked for when it was no longer kept."""

from workers import payment_intent_result, subscription_result
from workers.job_attempt import Attempt, Made
from workers.stripe_client import plain


def perform(attempt: Attempt) -> Made:
    """Only the secret: it is told with the result of the job that made the object."""
    object_id = attempt.command["id"]
    if attempt.command["object"] == "payment_intent":
        made = payment_intent_result.made(plain(attempt.v1.payment_intents.retrieve(object_id)))
    else:
        subscription = attempt.v1.subscriptions.retrieve(object_id, {"expand": subscription_result.EXPAND})
        made = subscription_result.made(plain(subscription))
    return Made({}, made.client_secret)
