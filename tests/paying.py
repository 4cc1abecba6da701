"""Events of payments of 1,000 euro cents in March 2026, for figures that can be added up by hand."""

from datetime import UTC, datetime
from typing import Any

from tests.events import event
from tests.payments import CARD_DETAILS, CHARGE, INTENT

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def at(day: int, month: int = 3, hour: int = 12, minute: int = 0) -> int:
    return int(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp())


def intent(name: str, status: str, when: int, **changes: Any) -> dict[str, Any]:
    """An event that tells a PaymentIntent of 1,000 euro cents; paid by `ch_<name>` where it was tried."""
    subject = INTENT | {
        "id": f"pi_{name}",
        "amount": 1000,
        "status": status,
        "customer": None,
        "latest_charge": f"ch_{name}",
        "last_payment_error": None,
        "metadata": {},
        "created": when,
    }
    return event("payment_intent.updated", subject | changes, created=when)


def charge(name: str, when: int, **changes: Any) -> dict[str, Any]:
    """An event that tells a charge of 1,000 euro cents by card, captured, nothing of it given back."""
    subject = CHARGE | {
        "id": f"ch_{name}",
        "payment_intent": f"pi_{name}",
        "amount": 1000,
        "amount_captured": 1000,
        "amount_refunded": 0,
        "payment_method_details": {"type": "card", "card": CARD_DETAILS},
        "created": when,
    }
    return event("charge.updated", subject | changes, created=when)


DECLINED: dict[str, Any] = {
    "status": "failed",
    "paid": False,
    "captured": False,
    "amount_captured": 0,
    "failure_code": "card_declined",
    "outcome": {
        "type": "issuer_declined",
        "network_status": "declined_by_network",
        "reason": "insufficient_funds",
    },
}
BLOCKED: dict[str, Any] = DECLINED | {
    "outcome": {"type": "blocked", "network_status": "not_sent_to_network", "reason": "highest_risk_level"},
}


def paid(name: str, when: int, **changes: Any) -> list[dict[str, Any]]:
    """A PaymentIntent that succeeded and its charge; `changes` are the charge's."""
    return [intent(name, "succeeded", when), charge(name, when, **changes)]


def transaction(
    name: str, source: str | None, amount: int, fee: int, when: int, **changes: Any
) -> dict[str, Any]:
    subject = {
        "id": f"txn_{name}", "object": "balance_transaction",
        "amount": amount, "fee": fee, "net": amount - fee, "currency": "eur",
        "type": "charge", "reporting_category": "charge", "status": "available",
        "source": source, "created": when,
    }  # fmt: skip
    return event("balance_transaction.observed", subject | changes, created=when)


def figures(row: dict[str, Any], *names: str) -> list[Any]:
    return [row[name] for name in names]
