"""A simulated platform, told in every API version: the same facts make the same rows."""

from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from ingest.event import Event, Identity
from projections import (
    churn,
    invoice_lines,
    invoices,
    plans,
    prices,
    products,
    subscription_changes,
    subscription_items,
    subscriptions,
)
from projections.causality import order
from projections.projection import Projection
from workers.simulator import simulate
from workers.simulator.dialect import VERSIONS

MODULES = [products, prices, plans, invoices, invoice_lines, subscriptions, subscription_items, churn,
           subscription_changes]  # fmt: skip

NOT_IN_EVERY_VERSION = {
    "payment_intent_id", "charge_id",  # an invoice's link to what pays it, an object of its own since basil
    "monthly_amount", "monthly_amount_incomplete", "monthly_amount_before", "monthly_amount_after",
}  # fmt: skip
"""The amounts, since basil names discounts by their ids alone: what they take off is not told."""


@cache
def objects(version: str) -> dict[Identity, list[Event]]:
    """The events of each object, in causal order."""
    found: defaultdict[Identity, list[Event]] = defaultdict(list)
    for body in simulate(seed=11, payments=0, subscriptions=40, days=240).in_version(version).bodies():
        event = Event.read(body, source="default")
        if event.identity:
            found[event.identity].append(event)
    return {identity: order(events) for identity, events in found.items()}


def rows(module: object, version: str) -> list[dict[str, Any]]:
    projection: Projection = vars(module)["PROJECTION"]
    found = [
        {column: value for column, value in row.items() if column not in NOT_IN_EVERY_VERSION}
        for identity, events in objects(version).items()
        if identity.object in projection.reads
        for row in projection.rows(events, {})
    ]
    return sorted(found, key=repr)


@pytest.mark.parametrize("version", VERSIONS[:-1])
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_same_facts_make_the_same_rows_in_every_version(module, version):
    newest = rows(module, VERSIONS[-1])
    assert newest
    assert newest == rows(module, version)


def test_each_subscription_that_ended_was_cancelled_once_and_then():
    ended = {
        (row["id"], row["ended_at"])
        for row in rows(subscriptions, VERSIONS[-1])
        if row["status"] == "canceled"
    }
    told = [
        (row["subscription_id"], row["created_at"])
        for row in rows(subscription_changes, VERSIONS[-1])
        if row["event_type"] == "cancelled"
    ]
    assert ended
    assert sorted(ended) == sorted(told)


def test_what_once_counted_and_does_not_at_the_end_has_churned():
    def counting(event: Event) -> bool:
        pause = event.object["pause_collection"] or {}
        return event.object["status"] in ("active", "past_due") and pause.get("behavior") != "void"

    gone = {
        identity.object_id
        for identity, events in objects(VERSIONS[-1]).items()
        if identity.object == "subscription" and any(map(counting, events)) and not counting(events[-1])
    }
    assert gone
    assert gone == {row["subscription_id"] for row in rows(churn, VERSIONS[-1])}
