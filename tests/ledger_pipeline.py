"""Subscriptions and discounts told to a pipeline, and the ledger that follows."""

from collections.abc import Iterator
from random import Random
from typing import Any

from ingest.event import Event
from tests.billing_objects import DAY, NOON, Object, coupon, discount, event, item, items, subscription
from tests.pipeline import Pipeline

TABLES = (
    "subscription_versions",
    "discount_versions",
    "shown_discounts",
    "customer_discounts",
    "mrr_movements",
)


def ledger(pipeline: Pipeline) -> list[tuple[str, str, int]]:
    rows = sorted(
        pipeline.rows("mrr_movements"), key=lambda row: (row["customer_id"], row["currency"], row["at"])
    )
    return [(row["customer_id"], row["kind"], row["amount"]) for row in rows]


def created(name: str = "sub_1", **state: Any) -> Event:
    return event("customer.subscription.created", subscription(id=name, **state))


def updated(name: str = "sub_1", days: int = 1, **state: Any) -> Event:
    return event("customer.subscription.updated", subscription(id=name, **state), NOON + days * DAY)


def run(pipeline: Pipeline, *events: Event) -> list[tuple[str, str, int]]:
    pipeline.deliver(*events)
    pipeline.run()
    assert [] == pipeline.rows("mrr_ledger_residual")
    return ledger(pipeline)


def quantity(many: int) -> dict[str, Any]:
    return {"items": items(item(quantity=many))}


def discounted(customer: str, since: int, of: Object, **more: Any) -> Object:
    told = discount(of, discount_id=f"di_{customer}_{since}", **more)
    return told | {"customer": customer, "subscription": None, "start": NOON + since * DAY}


def given_discount(customer: str, since: int, of: Object, **more: Any) -> Event:
    return event("customer.discount.created", discounted(customer, since, of, **more), NOON + since * DAY)


def discounts_of(customer: str, random: Random, *, days: int) -> Iterator[Event]:
    """A customer's discounts of every kind in so many days, some deleted, replaced, or only named."""
    for since in sorted(random.sample(range(1, days), min(5, days - 1))):
        off = random.choice(
            [
                coupon(percent_off=33.3),
                coupon(amount_off=7_00, currency_options={"eur": {"amount_off": 6_00}}),
                coupon(percent_off=50, duration="repeating"),
                coupon(percent_off=100),
                coupon(percent_off=20, duration="once"),
                "WELCOME",
            ]
        )
        repeating = isinstance(off, dict) and off["duration"] == "repeating"
        end = NOON + (since + days // 3) * DAY if repeating else None
        yield given_discount(customer, since, off, end=end)
        if random.random() < 0.5:
            until = since + random.randint(0, days // 2)
            over = discounted(customer, since, off, end=end)
            yield event("customer.discount.deleted", over, NOON + until * DAY)
