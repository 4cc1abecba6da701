"""Capture what a PaymentIntent holds: all of it, or the command's amount."""

from typing import Any

from workers import payment_intent_result
from workers.job_attempt import Attempt, Made, given
from workers.ownership import own
from workers.stripe_client import Object


def perform(attempt: Attempt) -> Made:
    command, intents = attempt.command, attempt.v1.payment_intents
    intent_id = command["payment_intent"]
    held = own(attempt, intents.retrieve, intent_id)
    parameters: Any = given(amount_to_capture=command.get("amount"))

    def captured() -> Object | None:
        return held if held["status"] == "succeeded" else None

    return payment_intent_result.made(
        attempt.change(lambda options: intents.capture(intent_id, parameters, options), look=captured)
    )
