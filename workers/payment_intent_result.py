"""What the client of a job about a PaymentIntent is told."""

from workers.job_attempt import Made
from workers.stripe_client import Object

SHOWN = (
    *("id", "object", "status", "amount", "amount_capturable", "amount_received"),
    *("currency", "customer", "capture_method", "cancellation_reason"),
)


def made(intent: Object) -> Made:
    return Made({name: intent.get(name) for name in SHOWN}, intent.get("client_secret"))
