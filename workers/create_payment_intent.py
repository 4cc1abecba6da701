"""A PaymentIntent with automatic payment methods: one payment, which a checkout collects."""

from typing import Any

from workers import payment_intent_result
from workers.customers import customer_of
from workers.job_attempt import Attempt, Made, given


def perform(attempt: Attempt) -> Made:
    command, intents = attempt.command, attempt.v1.payment_intents
    customer = customer_of(attempt)
    secure = command.get("request_three_d_secure")
    parameters: Any = given(
        amount=command["amount"],
        currency=command["currency"],
        automatic_payment_methods={"enabled": True},
        customer=customer,
        receipt_email=command.get("customer_email"),
        capture_method=command.get("capture_method"),
        payment_method_options={"card": {"request_three_d_secure": secure}} if secure else None,
        metadata=attempt.metadata(order_id=command.get("order_id"), user_id=command.get("user_id")),
    )
    intent = attempt.create(
        lambda options: intents.create(parameters, options),
        look=lambda: attempt.made_by_this_job(intents, customer=customer),
    )
    return payment_intent_result.made(intent)
