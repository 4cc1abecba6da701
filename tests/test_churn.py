"""Churn: which subscriptions stopped counting, when, and what is known of why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from ingest.event import Event
from projections.causality import order
from projections.churn import PROJECTION
from projections.projection import Plan
from tests.billing_objects import DAY, NOON, Object, coupon, discount, event, item, price, subscription

CONFIGURED = {"price_pro": Plan("pro", "month")}
ASKED = {"reason": "cancellation_requested", "feedback": "too_expensive", "comment": "Too dear."}


def churn(*events: Event) -> list[dict[str, Any]]:
    return [dict(row) for row in PROJECTION.rows(order(events), CONFIGURED)]


def at(days: float) -> int:
    return int(NOON + days * DAY)


def days_after(instant: datetime) -> float:
    return (instant.timestamp() - NOON) / DAY


def created(**state: Any) -> Event:
    return event("customer.subscription.created", subscription(**state))


def became(days: float, previous: Object, **state: Any) -> Event:
    """The subscription was changed so many days after noon of the first."""
    return event("customer.subscription.updated", subscription(**state), at(days), previous)


def ended(days: float, **state: Any) -> Event:
    gone = {"status": "canceled", "ended_at": at(days), "canceled_at": at(days)} | state
    return event("customer.subscription.deleted", subscription(**gone), at(days))


def test_a_cancellation_churns_when_it_takes_effect_not_when_it_was_requested():
    scheduled = {"cancel_at_period_end": True, "cancel_at": at(30), "canceled_at": at(10)}
    [row] = churn(
        created(metadata={"user_id": "u_1"}),
        became(10, {"cancel_at_period_end": False}, **scheduled),
        ended(30, **scheduled, cancellation_details=ASKED, metadata={"user_id": "u_1"}),
    )
    assert (30, 10) == (days_after(row["churned_at"]), days_after(row["requested_at"]))
    assert ("canceled", True, "cancellation_requested") == (row["cause"], row["voluntary"], row["reason"])
    assert ("too_expensive", "Too dear.") == (row["feedback"], row["comment"])
    assert ("pro", "price_pro", "month", 1) == (
        row["plan_type"],
        row["price_id"],
        row["interval"],
        row["interval_count"],
    )
    assert (2000, "usd", False) == (row["monthly_amount"], row["currency"], row["monthly_amount_incomplete"])
    assert ("u_1", "30 days 0 seconds") == (row["user_id"], row["lived"])


@pytest.mark.parametrize("status", ["unpaid", "paused"])
def test_what_goes_unpaid_or_paused_has_churned_by_then(status):
    stopped = became(40, {"status": "past_due"}, status=status)
    early = churn(created(), became(30, {"status": "active"}, status="past_due"), stopped)
    late = churn(created(), became(30, {"status": "active"}, status="past_due"), stopped, ended(60))
    for [row] in (early, late):
        assert (40, status) == (days_after(row["churned_at"]), row["cause"])


def test_what_counts_again_has_no_row():
    assert [] == churn(
        created(),
        became(40, {"status": "active"}, status="unpaid"),
        became(50, {"status": "unpaid"}, status="active"),
    )


def test_what_counts_again_and_stops_again_churned_the_last_time():
    [row] = churn(
        created(),
        became(40, {"status": "active"}, status="unpaid"),
        became(50, {"status": "unpaid"}, status="active"),
        ended(70),
    )
    assert (70, "canceled") == (days_after(row["churned_at"]), row["cause"])


@pytest.mark.parametrize(
    "first, last",
    [
        ({"status": "incomplete"}, {"status": "incomplete_expired", "ended_at": at(1)}),
        ({"status": "trialing", "trial_end": at(14)}, {"status": "canceled", "trial_end": at(14)}),
        ({"status": "incomplete"}, {"status": "canceled"}),
        (
            {"discounts": [discount(coupon(percent_off=100))]},
            {"discounts": [discount(coupon(percent_off=100))]},
        ),
    ],
)
def test_what_never_counted_is_no_churn(first, last):
    assert [] == churn(created(**first), ended(14, **last))


def test_a_past_due_subscription_still_counts():
    assert [] == churn(created(), became(30, {"status": "active"}, status="past_due"))


@pytest.mark.parametrize("behavior, rows", [("void", 1), ("mark_uncollectible", 1), ("keep_as_draft", 0)])
def test_a_pause_of_collection_churns_where_it_gives_up_the_money(behavior, rows):
    paused = became(5, {"pause_collection": None}, pause_collection={"behavior": behavior})
    found = churn(created(), paused)
    assert rows == len(found)
    assert all(row["cause"] == "collection_paused" for row in found)
    assert [] == churn(created(), paused, became(9, {"pause_collection": {"behavior": behavior}}))


def test_what_costs_nothing_any_more_has_churned():
    free = became(5, {"discounts": []}, discounts=[discount(coupon(percent_off=100))])
    [row] = churn(created(), free)
    assert (5, "free", 2000) == (days_after(row["churned_at"]), row["cause"], row["monthly_amount"])


@pytest.mark.parametrize(
    "before, details, voluntary",
    [
        ({}, {"reason": "cancellation_requested"}, True),
        ({}, {"reason": "payment_disputed"}, False),
        ({"status": "past_due"}, {"reason": "payment_failed"}, False),
        ({"cancel_at_period_end": True}, {"reason": "payment_failed"}, False),
        ({}, {"reason": "a_reason_of_2031"}, None),
        ({"cancel_at_period_end": True}, None, True),
        ({"cancel_at": at(20)}, None, True),
        ({"status": "past_due"}, None, False),
        ({}, None, None),
    ],
)
def test_the_customers_choice_is_told_by_stripes_reason_else_by_the_circumstances(before, details, voluntary):
    [row] = churn(
        created(), became(10, {"latest_invoice": "in_0"}, **before), ended(20, cancellation_details=details)
    )
    assert voluntary is row["voluntary"]
    assert (row["requested_at"] is None) == (voluntary is False)


def test_a_portal_that_sets_only_cancel_at_has_requested_it_then():
    [row] = churn(created(), became(8, {"cancel_at": None}, cancel_at=at(30)), ended(30, cancel_at=at(30)))
    assert 8 == days_after(row["requested_at"])


def test_what_was_taken_back_is_no_request():
    [row] = churn(
        created(),
        became(3, {"cancel_at": None}, cancel_at=at(30)),
        became(4, {"cancel_at": at(30)}),
        became(9, {"cancel_at": None}, cancel_at=at(30)),
        ended(30, cancel_at=at(30)),
    )
    assert 9 == days_after(row["requested_at"])


def test_it_paid_what_its_last_counting_terms_came_to():
    yearly = item(of=price("price_year", 240_00, "year"), quantity=2)
    [row] = churn(created(), became(5, {}, items={"data": [yearly]}), ended(9, items={"data": [item()]}))
    assert (40_00, "year") == (row["monthly_amount"], row["interval"])


def test_an_amount_that_rests_on_an_unknown_coupon_says_so():
    [row] = churn(created(discounts=["di_1"]), ended(9, discounts=["di_1"]))
    assert row["monthly_amount_incomplete"] is True


@pytest.mark.parametrize(
    "only, rows",
    [
        (ended(20), 1),
        (ended(20, trial_end=at(20)), 0),
        (ended(20, trial_end=at(6)), 1),
        (became(20, {"status": "active"}, status="unpaid"), 1),
        (became(20, {"status": "trialing"}, status="unpaid"), 0),
        (became(20, {"metadata": {"a": "b"}}, status="unpaid"), 0),
        (became(25, {"metadata": {"a": "b"}}, status="canceled", ended_at=at(20)), 1),
    ],
)
def test_a_subscription_first_heard_of_late_churned_where_its_past_is_told(only, rows):
    found = churn(only)
    assert rows == len(found)
    assert all(days_after(row["churned_at"]) == 20 for row in found)


def test_what_is_learned_after_the_end_is_added():
    late = became(31, {"cancellation_details": {"comment": None}}, status="canceled", ended_at=at(30),
                  canceled_at=at(30), cancellation_details=ASKED)  # fmt: skip
    [row] = churn(created(), ended(30, cancellation_details={"reason": "cancellation_requested"}), late)
    assert (30, "Too dear.") == (days_after(row["churned_at"]), row["comment"])


def test_it_needs_what_every_subscription_has():
    broken: Sequence[Event] = [
        event("customer.subscription.deleted", {"object": "subscription", "id": "sub_1"})
    ]
    with pytest.raises(KeyError):
        churn(*broken)
