"""Objects of payments as Stripe sends them, with what every API version has, and how one is folded."""

from datetime import UTC, datetime
from typing import Any

import orjson

from ingest.event import Event
from projections.projection import Projection, Row
from tests.events import NOW, event

AT = datetime.fromtimestamp(NOW, UTC)


def rows(projection: Projection, subject: dict[str, Any], kind: str = "x.updated") -> list[Row]:
    """What a projection makes of an event of `kind` about `subject`."""
    body = orjson.dumps(event(kind, subject))
    return projection.rows([Event.read(body, source="default")], {})


def row(projection: Projection, subject: dict[str, Any], kind: str = "x.updated") -> Row:
    """The same where it is one row."""
    [only] = rows(projection, subject, kind)
    return only


INTENT: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1250,
    "amount_received": 0,
    "amount_capturable": 0,
    "currency": "eur",
    "customer": "cus_1",
    "status": "requires_payment_method",
    "capture_method": "automatic",
    "payment_method_types": ["card"],
    "created": NOW,
    "metadata": {"user_id": "7", "plan_type": "pro", "order_id": "o1", "source": "shop"},
    "last_payment_error": {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "No funds.",
        "payment_method": {"id": "pm_1", "type": "card"},
    },
}

CARD = {"country": "US", "fingerprint": "fp", "funding": "credit", "last4": "0005"}
CARD_DETAILS = {"brand": "amex", **CARD}
CHARGE: dict[str, Any] = {
    "id": "ch_1",
    "object": "charge",
    "amount": 1250,
    "amount_refunded": 250,
    "currency": "eur",
    "customer": None,
    "status": "succeeded",
    "paid": True,
    "captured": True,
    "created": NOW,
    "metadata": {},
    "balance_transaction": "txn_1",
    "failure_code": None,
    "failure_message": None,
    "outcome": {
        "type": "authorized",
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete.",
    },
}

REFUND: dict[str, Any] = {
    "id": "re_1",
    "object": "refund",
    "amount": 250,
    "charge": "ch_1",
    "currency": "eur",
    "created": NOW,
    "metadata": {},
    "reason": "requested_by_customer",
    "status": "succeeded",
}

DISPUTE: dict[str, Any] = {
    "id": "du_1",
    "object": "dispute",
    "amount": 1250,
    "charge": "ch_1",
    "currency": "eur",
    "created": NOW,
    "status": "needs_response",
    "reason": "fraudulent",
    "evidence_details": {"due_by": NOW},
    "balance_transactions": [{"id": "txn_2", "amount": -1400, "fee": 1500, "currency": "usd"}],
    "metadata": {},
}

CUSTOMER: dict[str, Any] = {
    "id": "cus_1",
    "object": "customer",
    "email": "ada@example.com",
    "currency": "eur",
    "delinquent": False,
    "created": NOW,
    "metadata": {"user_id": "7"},
}

BALANCE_TRANSACTION: dict[str, Any] = {
    "id": "txn_1",
    "object": "balance_transaction",
    "amount": 1361,
    "available_on": NOW,
    "created": NOW,
    "currency": "usd",
    "exchange_rate": 1.0888,
    "fee": 69,
    "net": 1292,
    "reporting_category": "charge",
    "source": "ch_1",
    "status": "pending",
    "type": "charge",
}
