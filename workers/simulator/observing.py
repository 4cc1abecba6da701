"""What would be seen at Stripe where events only name it: a stack without Stripe has nobody to ask.

Everything follows from the events alone, so the same business is seen the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workers.simulator.world import DAY

Body = Mapping[str, Any]

PERCENT, FIXED = 29, 30
"""What a charge costs: so many thousandths of it, and a fixed amount in minor units."""

CLEARING = 2 * DAY


def observed(events: Iterable[Body]) -> Iterator[Body]:
    """The events, and after each that first names a balance transaction the observation of it."""
    seen: set[str] = set()
    for event in events:
        yield event
        for transaction in _named(event["data"]["object"], event["created"]):
            if transaction["id"] not in seen:
                seen.add(transaction["id"])
                yield _observation(event, transaction)


def _named(subject: Body, now: int) -> Iterator[Body]:
    """The balance transactions that an object names."""
    match subject["object"]:
        case "charge" if name := subject["balance_transaction"]:
            amount = subject["amount_captured"]
            yield _transaction(name, now, subject, "charge", amount, amount * PERCENT // 1000 + FIXED)
        case "refund":
            if name := subject["balance_transaction"]:
                yield _transaction(name, subject["created"], subject, "refund", -subject["amount"])
            if name := subject.get("failure_balance_transaction"):
                yield _transaction(name, now, subject, "refund_failure", subject["amount"])
        case "dispute":
            yield from subject["balance_transactions"]


def _transaction(name: str, now: int, subject: Body, kind: str, amount: int, fee: int = 0) -> Body:
    return {
        "id": name,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + CLEARING,
        "created": now,
        "currency": subject["currency"],
        "description": subject.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "net": amount - fee,
        "reporting_category": kind,
        "source": subject["id"],
        "status": "pending",
        "type": kind,
    }


def _observation(event: Body, transaction: Body) -> Body:
    """As the observer appends it: of the same account, and of live or test data as the event is."""
    envelope = {name: event[name] for name in ("account", "livemode", "object") if name in event}
    return {
        **envelope,
        "id": f"obs_lookup_{transaction['id']}",
        "type": "balance_transaction.observed",
        "api_version": event["api_version"],
        "created": transaction["created"],
        "observation": {"job": "lookup", "creation": True},
        "data": {"object": dict(transaction)},
    }
