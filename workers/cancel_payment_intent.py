"""Cancel a PaymentIntent that is not paid; what it holds is released."""

from typing import Any

from workers import payment_intent_result
from workers.job_attempt import Attempt, Made, given
from workers.ownership import own
from workers.stripe_client import Object


def perform(attempt: Attempt) -> Made:
    command, intents = attempt.command, attempt.v1.payment_intents
    intent_id = command["payment_intent"]
    intent = own(attempt, intents.retrieve, intent_id)
    parameters: Any = given(cancellation_reason=command.get("reason"))

    def canceled() -> Object | None:
        return intent if intent["status"] == "canceled" else None

    return payment_intent_result.made(
        attempt.change(lambda options: intents.cancel(intent_id, parameters, options), look=canceled)
    )
