"""Hand-written events, for tests that say in each field what they mean."""

from itertools import count
from typing import Any

numbers = count()
NOW = 1_790_000_000


def event(kind: str, subject: dict[str, Any], *, created: int = NOW, **envelope: Any) -> dict[str, Any]:
    """A Stripe event of this type about `subject`; `previous` gives its previous_attributes."""
    data: dict[str, Any] = {"object": subject}
    if (previous := envelope.pop("previous", None)) is not None:
        data["previous_attributes"] = previous
    return {
        "id": f"evt_{next(numbers):06}",  # which grow as text, too: it decides between what is of one second
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        **envelope,
    }


def intent(status: str = "requires_payment_method", **fields: Any) -> dict[str, Any]:
    """A PaymentIntent."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1250,
        "amount_received": 0,
        "amount_capturable": 0,
        "currency": "eur",
        "customer": None,
        "status": status,
        "created": NOW,
        "livemode": False,
        "metadata": {},
        **fields,
    }


def customer(**fields: Any) -> dict[str, Any]:
    """A customer."""
    return {
        "id": "cus_1",
        "object": "customer",
        "email": "ada@example.com",
        "name": "Ada",
        "created": NOW,
        "livemode": False,
        "metadata": {},
        **fields,
    }
