"""One business told in each API version: every fact in the place that the version gives it."""

from collections import defaultdict

import pytest

from ingest.event import Event
from projections.causality import order
from projections.subscription_history import PROJECTION
from tests.pipeline import delivered
from tests.simulated import business, told
from workers.simulator import VERSIONS


@pytest.mark.parametrize(
    ("version", "kind", "there", "absent"),
    [
        ("2020-08-27", "payment_intent.succeeded", {"charges", "invoice"}, {"customer_account"}),
        ("2022-11-15", "payment_intent.succeeded", {"latest_charge", "invoice"}, {"charges"}),
        ("2025-03-31.basil", "payment_intent.succeeded", {"latest_charge"}, {"charges", "invoice"}),
        ("2020-08-27", "charge.refunded", {"refunds", "invoice"}, set()),
        ("2022-11-15", "charge.refunded", {"invoice"}, {"refunds"}),
        ("2025-03-31.basil", "charge.refunded", set(), {"refunds", "invoice"}),
        (
            "2024-06-20",
            "invoice.paid",
            {"payment_intent", "charge", "paid", "subscription", "tax"},
            {"parent"},
        ),
        (
            "2025-03-31.basil",
            "invoice.paid",
            {"parent", "total_taxes"},
            {"payment_intent", "charge", "paid", "subscription", "tax", "discount"},
        ),
        (
            "2020-08-27",
            "customer.subscription.created",
            {"current_period_end", "discount"},
            {"discounts", "billing_mode"},
        ),
        (
            "2024-06-20",
            "customer.subscription.created",
            {"current_period_end", "discount", "discounts"},
            set(),
        ),
        (
            "2025-03-31.basil",
            "customer.subscription.created",
            {"discounts", "billing_mode"},
            {"current_period_end", "discount"},
        ),
        ("2025-03-31.basil", "customer.discount.created", {"coupon"}, {"source"}),
        ("2025-09-30.clover", "customer.discount.created", {"source"}, {"coupon"}),
        ("2026-10-28.endive", "customer.subscription.paused", {"status_details", "customer_account"}, set()),
        ("2025-09-30.clover", "customer.subscription.paused", set(), {"status_details", "customer_account"}),
        ("2026-10-28.endive", "invoice.upcoming", {"lines"}, {"id"}),
    ],
)
def test_a_version_has_its_fields_in_their_places(
    version: str, kind: str, there: set[str], absent: set[str]
) -> None:
    objects = told(business(version=version), kind)
    assert objects
    for each in objects:
        assert there <= each.keys()
        assert set() == absent & each.keys()


def test_periods_and_prices_of_lines_move_to_where_a_version_has_them() -> None:
    old, new = business(version="2024-06-20"), business(version="2025-03-31.basil")
    for before, after in zip(
        told(old, "customer.subscription.created"), told(new, "customer.subscription.created"), strict=True
    ):
        assert before["current_period_end"] == after["items"]["data"][0]["current_period_end"]
    for before, after in zip(told(old, "invoice.paid"), told(new, "invoice.paid"), strict=True):
        assert before["subscription"] == after["parent"]["subscription_details"]["subscription"]
        for line, moved in zip(before["lines"]["data"], after["lines"]["data"], strict=True):
            assert line["price"]["id"] == moved["pricing"]["price_details"]["price"]
            details = moved["parent"]["subscription_item_details"] or moved["parent"]["invoice_item_details"]
            assert line["proration"] == details["proration"]


def test_only_new_versions_link_invoices_to_payments_by_an_object() -> None:
    assert [] == told(business(version="2024-06-20"), "invoice_payment.paid")
    linked = {each["invoice"] for each in told(business(), "invoice_payment.paid")}
    paid = {each["id"] for each in told(business(), "invoice.paid") if each["amount_paid"]}
    assert paid == linked


def test_one_event_is_told_in_two_versions_under_one_id() -> None:
    old, new = business(version="2025-03-31.basil").events, business().events
    assert [event["id"] for event in old] == [event["id"] for event in new]
    assert {"2025-03-31.basil"} == {event["api_version"] for event in old}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_seen_at_stripe_completes_all_amounts_and_is_no_change(version: str) -> None:
    simulation = business(version=version)
    lives: defaultdict[str, list[Event]] = defaultdict(list)
    for each in map(delivered, simulation.observed):
        if each.object_type == "subscription":
            lives[each.object["id"]].append(each)
    looks = 0
    for its in lives.values():
        told = [each for each in its if not each.type.endswith(".observed")]
        looks += len(its) - len(told)
        seen, unseen = PROJECTION.rows(order(its), {}), PROJECTION.rows(order(told), {})
        assert [row["event_id"] for row in unseen] == [row["event_id"] for row in seen]
        assert [row["valid_from"] for row in unseen] == [row["valid_from"] for row in seen]
        assert not any(row["missing"] for row in seen)
    assert looks > 5
