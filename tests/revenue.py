"""Customers whose subscriptions begin, change and end on given days, and what the functions say of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.event import Event
from tests.billing_objects import DAY, NOON, Object, event, item, price, subscription
from tests.pipeline import Pipeline

START = datetime.fromtimestamp(NOON, UTC)


def day(number: float) -> datetime:
    """Noon of a day; day 0 is 14 November 2023, nearly."""
    return START + timedelta(days=number)


def of(amount: int, interval: str = "month", count: int = 1, name: str = "si_1", quantity: int = 1) -> Object:
    """An item that costs so many cents an interval."""
    priced = price(f"price_{amount}_{interval}", amount, interval, recurring={"interval_count": count})
    return item(name, quantity=quantity, of=priced)


def begins(customer: str, *items: Object, on: float = 0, name: str | None = None, **state: Any) -> Event:
    at = round(NOON + on * DAY)
    subject = subscription(*items, id=name or f"sub_{customer}", customer=customer, created=at, **state)
    return event("customer.subscription.created", subject, at)


def becomes(
    customer: str,
    *items: Object,
    on: float,
    name: str | None = None,
    previous: Object | None = None,
    **state: Any,
) -> Event:
    subject = subscription(*items, id=name or f"sub_{customer}", customer=customer, **state)
    return event("customer.subscription.updated", subject, round(NOON + on * DAY), previous)


def ends(customer: str, *items: Object, on: float, name: str | None = None, **state: Any) -> Event:
    at = round(NOON + on * DAY)
    gone = {"status": "canceled", "ended_at": at, "canceled_at": at} | state
    subject = subscription(*items, id=name or f"sub_{customer}", customer=customer, **gone)
    return event("customer.subscription.deleted", subject, at)


def happen(pipeline: Pipeline, *events: Event) -> None:
    """Deliver and drain; nothing is a dead letter, and the ledger adds up."""
    pipeline.deliver(*events)
    pipeline.run()
    assert [] == pipeline.rows("dead_letters")
    assert [] == pipeline.rows("mrr_ledger_residual")


def ask(pipeline: Pipeline, function: str, *given: Any, **named: Any) -> list[dict[str, Any]]:
    """The rows of a function of schema.sql; the events of tests are test data, and nothing else is there."""
    places = [*["%s"] * len(given), *(f'"{name}" => %s' for name in named)]
    query = f"SELECT * FROM {function}({', '.join(places)})"
    return pipeline.database.execute(query, [*given, *named.values()]).fetchall()


def ask_all(pipeline: Pipeline, function: str, since: datetime, until: datetime, **named: Any) -> Any:
    """The one row of a range as one period, in one currency."""
    [row] = ask(pipeline, function, since, until, by="all", **named)
    return row
