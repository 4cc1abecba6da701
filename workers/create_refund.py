"""A refund of a payment, of all that is left of it or of the command's amount."""

from typing import Any

from workers.job_attempt import Attempt, Made, given
from workers.ownership import own

SHOWN = ("id", "object", "status", "amount", "currency", "payment_intent", "charge", "reason")


def perform(attempt: Attempt) -> Made:
    command, refunds = attempt.command, attempt.v1.refunds
    if "charge" in command:
        own(attempt, attempt.v1.charges.retrieve, command["charge"], "payment_intent")
    else:
        own(attempt, attempt.v1.payment_intents.retrieve, command["payment_intent"])
    paid = given(payment_intent=command.get("payment_intent"), charge=command.get("charge"))
    parameters: Any = {
        **paid,
        **given(amount=command.get("amount"), reason=command.get("reason")),
        "metadata": attempt.metadata(),
    }
    refund = attempt.create(
        lambda options: refunds.create(parameters, options),
        look=lambda: attempt.made_by_this_job(refunds, **paid),
    )
    return Made({name: refund.get(name) for name in SHOWN})
