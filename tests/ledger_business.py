"""The events of a business: a year of subscriptions, several a customer, and of their discounts."""

import json
from datetime import UTC, datetime
from random import Random
from zlib import crc32

from ingest.event import Event
from projections.invoice_fields import invoice_subscription
from tests.billing_objects import NOON
from tests.ledger_pipeline import discounts_of
from tests.pipeline import delivered
from workers.simulator import simulate


def business_events() -> list[Event]:
    """In two of Stripe's API versions, of twelve customers."""
    events: list[Event] = []
    opened = datetime.fromtimestamp(NOON, UTC)
    for seed, version in ((3, "2026-10-28.endive"), (4, "2020-08-27")):
        business = simulate(seed=seed, payments=1, subscriptions=30, api_version=version, start=opened)
        for body in business.bodies():
            told = json.loads(body)
            subject = told["data"]["object"]
            if subject["object"] == "subscription":
                subject["customer"] = shared(subject["id"])
            elif subject["object"] == "customer":
                subject["id"] = shared(subject["id"])
            elif subject["object"] == "discount":
                subject["customer"] = shared(subject["customer"])
            elif told["type"] == "invoice.paid":
                subject["customer"] = shared(invoice_subscription(subject) or "")
            else:
                continue
            events.append(delivered(told))
    for number in range(12):
        events += discounts_of(f"cus_{number}", Random(number), days=100)
    return events


def shared(object_id: str) -> str:
    """One of twelve customers."""
    return f"cus_{crc32(object_id.encode()) % 12}"
