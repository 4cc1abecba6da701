"""Who stays, which trials convert and which payments recover: cohorts, trials, dunning, checked by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.errors import InvalidParameterValue

from ingest.event import Event
from tests.billing_objects import DAY, NOON, coupon, discount, event, invoice
from tests.pipeline import Pipeline
from tests.revenue import ask, ask_all, becomes, begins, day, ends, happen, of

MONTH = of(10_00)


def pays(customer: str, on: float, amount: int = 10_00) -> Event:
    at = round(NOON + on * DAY)
    paid = invoice(
        id=f"in_{customer}_{on}",
        customer=customer,
        created=at,
        amount_paid=amount,
        status="paid",
        status_transitions={"finalized_at": at, "paid_at": at, "voided_at": None},
        parent={"type": "subscription_details", "subscription_details": {"subscription": f"sub_{customer}"}},
    )
    return event("invoice.paid", paid, at)


# ------------------------------------------------------------------ cohorts: day 0 is 14 November 2023

SINCE, UNTIL = datetime(2023, 11, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)


def cohorts(pipeline: Pipeline, **named: Any) -> dict[tuple[str, int], tuple[int, int, int, int]]:
    """By month and months later: of so many customers, so many, of so much MRR, so much."""
    return {
        (f"{row['cohort']:%b}", row["months"]): (
            row["cohort_customers"],
            row["customers"],
            row["cohort_mrr"],
            row["mrr"],
        )
        for row in ask(pipeline, "retention_cohorts", SINCE, UNTIL, **named)
    }


def test_a_cohort_is_followed_month_by_month(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        *(begins(name, MONTH) for name in ("cus_1", "cus_2", "cus_3")),
        *(pays(name, on=0) for name in ("cus_1", "cus_2", "cus_3")),
        ends("cus_2", MONTH, on=20),  # in December
        becomes("cus_3", of(30_00), on=50),  # in January
        begins("cus_4", MONTH, on=20),
        pays("cus_4", on=20),
    )
    assert cohorts(pipeline) == {
        ("Nov", 0): (3, 3, 30_00, 30_00),
        ("Nov", 1): (3, 2, 30_00, 20_00),
        ("Nov", 2): (3, 2, 30_00, 40_00),
        ("Dec", 0): (1, 1, 10_00, 10_00),
        ("Dec", 1): (1, 1, 10_00, 10_00),
    }
    [row] = [
        row
        for row in ask(pipeline, "retention_cohorts", SINCE, UNTIL)
        if (row["cohort"].month, row["months"]) == (11, 2)
    ]
    assert share(2, 3) == round(row["customer_retention"], 10)
    assert share(4, 3) == round(row["mrr_retention"], 10)
    assert UNTIL == row["as_of"]


def share(part: int, whole: int) -> Decimal:
    return round(Decimal(part) / whole, 10)


def test_a_cohort_is_that_of_the_first_payment_not_of_the_first_mrr(pipeline: Pipeline) -> None:
    happen(pipeline, begins("cus_1", MONTH), pays("cus_1", on=0, amount=0), pays("cus_1", on=30))
    assert [("Dec", 0), ("Dec", 1)] == list(cohorts(pipeline))


def test_without_any_invoice_the_first_mrr_stands_for_the_first_payment(pipeline: Pipeline) -> None:
    happen(pipeline, begins("cus_1", MONTH))
    assert [("Nov", 0), ("Nov", 1), ("Nov", 2)] == list(cohorts(pipeline))


def test_who_has_not_paid_or_was_found_paying_is_in_no_cohort_and_is_counted(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        begins("cus_1", MONTH),
        pays("cus_1", on=0),
        begins("cus_2", MONTH),
        pays("cus_2", on=0, amount=0),
        becomes("cus_3", MONTH, on=1, previous={"metadata": {}}),
        pays("cus_3", on=1),
    )
    rows = ask(pipeline, "retention_cohorts", SINCE, UNTIL)
    assert {(1, 2)} == {(row["cohort_customers"], row["customers_without_cohort"]) for row in rows}


def test_who_pays_only_after_the_range_has_not_paid_by_then(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        begins("cus_1", MONTH),
        pays("cus_1", on=0),
        begins("cus_2", MONTH),
        pays("cus_2", on=30),  # in December
    )
    [row] = ask(pipeline, "retention_cohorts", SINCE, datetime(2023, 12, 1, tzinfo=UTC))
    assert (1, 1) == (row["cohort_customers"], row["customers_without_cohort"])


def test_a_month_begins_at_midnight_of_its_time_zone(pipeline: Pipeline) -> None:
    late = (datetime(2023, 11, 30, 23, 30, tzinfo=UTC) - day(0)) / timedelta(days=1)
    happen(pipeline, begins("cus_1", MONTH, on=late), pays("cus_1", on=late))
    for zone, first in (("UTC", SINCE), ("Europe/Berlin", datetime(2023, 11, 30, 23, tzinfo=UTC))):
        rows = ask(pipeline, "retention_cohorts", SINCE, UNTIL, time_zone=zone)
        assert {first} == {row["cohort"] for row in rows}


# ------------------------------------------------------------------ trials


def trial(customer: str, on: float = 0) -> Event:
    return begins(customer, MONTH, on=on, status="trialing", trial_end=round(NOON + (on + 14) * DAY))


def test_trials_that_count_within_seven_days_are_converted(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        *(trial(f"cus_{number}") for number in range(5)),
        becomes("cus_0", MONTH, on=14),
        becomes("cus_1", MONTH, on=14, status="paused"),
        becomes("cus_1", MONTH, on=20.9),
        becomes("cus_2", MONTH, on=14, status="paused"),
        becomes("cus_2", MONTH, on=21.1),
        ends("cus_3", MONTH, on=5),
    )
    row = ask_all(pipeline, "trial_conversion", day(0), day(30))
    assert (4, 2, Decimal("0.5"), 0) == (
        row["trials_ended"],
        row["converted"],
        row["trial_conversion_rate"],
        row["undecided"],
    )


def test_a_trial_counts_in_the_period_in_which_it_ended(pipeline: Pipeline) -> None:
    happen(pipeline, trial("cus_1"), becomes("cus_1", MONTH, on=14))
    rows = ask(pipeline, "trial_conversion", day(0), day(20), by="week")
    assert [0, 0, 1, 0] == [row["trials_ended"] for row in rows]
    assert [None, None, 1, None] == [row["trial_conversion_rate"] for row in rows]


def test_a_trial_that_ended_free_is_not_converted(pipeline: Pipeline) -> None:
    free = [discount(coupon(percent_off=100))]
    happen(pipeline, trial("cus_1"), becomes("cus_1", MONTH, on=14, discounts=free))
    assert 0 == ask_all(pipeline, "trial_conversion", day(0), day(30))["trial_conversion_rate"]


def test_a_trial_that_ended_just_now_may_yet_count(pipeline: Pipeline) -> None:
    now = (datetime.now(UTC) - day(0)) / timedelta(days=1)
    happen(pipeline, trial("cus_1", on=now - 15), becomes("cus_1", MONTH, on=now - 1, status="paused"))
    row = ask_all(pipeline, "trial_conversion", day(now - 3), day(now + 3))
    assert (1, 0, 1) == (row["trials_ended"], row["converted"], row["undecided"])


# ------------------------------------------------------------------ dunning


def test_recovered_are_those_who_left_past_due_for_active(pipeline: Pipeline) -> None:
    names = [f"cus_{number}" for number in range(5)]
    happen(
        pipeline,
        *(begins(name, MONTH) for name in names),
        *(becomes(name, MONTH, on=30, status="past_due") for name in names),
        becomes("cus_0", MONTH, on=33),
        becomes("cus_1", MONTH, on=33),
        ends("cus_2", MONTH, on=40),
        becomes("cus_3", MONTH, on=40, status="unpaid"),
    )
    row = ask_all(pipeline, "dunning_recovery", day(25), day(45))
    assert Decimal("0.5") == row["dunning_recovery_rate"]
    assert {"past_due": 5, "left_past_due": 4, "recovered": 2, "canceled": 1, "unpaid": 1} == {
        name: row[name] for name in ("past_due", "left_past_due", "recovered", "canceled", "unpaid")
    }
    assert 1 == row["still_past_due"]
    calm = ask_all(pipeline, "dunning_recovery", day(41), day(45))
    assert (1, 0, None) == (calm["past_due"], calm["left_past_due"], calm["dunning_recovery_rate"])


# ------------------------------------------------------------------ what is and what is not told


def test_a_discounts_end_is_in_no_figure_before_it_comes(pipeline: Pipeline) -> None:
    now = (datetime.now(UTC) - day(0)) / timedelta(days=1)
    half = discount(
        coupon(percent_off=50, duration="repeating", duration_in_months=3), end=round(NOON + (now + 5) * DAY)
    )
    happen(pipeline, begins("cus_1", MONTH, on=now - 2, discounts=[half]))
    row = ask_all(pipeline, "mrr_waterfall", day(now - 5), day(now + 20))
    assert (5_00, 0, 5_00) == (row["new"], row["expansion"], row["mrr_end"])
    assert day(now + 20) == row["period_end"]
    assert [5_00] == [row["mrr"] for row in ask(pipeline, "mrr_as_of", day(now + 4))]
    assert [10_00] == [row["mrr"] for row in ask(pipeline, "mrr_as_of", day(now + 6))]
    daily = ask(pipeline, "mrr_daily", day(now - 5), day(now + 20))
    assert {5_00} == {row["mrr"] for row in daily if row["customers"]}
    assert max(row["period_start"] for row in daily) <= datetime.now(UTC)


def test_customers_without_a_known_coupon_are_counted_beside_the_figure(pipeline: Pipeline) -> None:
    happen(pipeline, begins("cus_1", MONTH, discounts=["di_unknown"]), begins("cus_2", MONTH))
    [row] = ask(pipeline, "mrr_as_of", day(1))
    assert (20_00, 2, 1) == (row["mrr"], row["customers"], row["incomplete"])
    for function in ("mrr_waterfall", "churn_metrics", "arpu", "ltv", "quick_ratio"):
        assert 1 == ask_all(pipeline, function, day(-1), day(2))["incomplete"], function


def test_every_other_figure_says_how_much_of_it_is_not_known(pipeline: Pipeline) -> None:
    unknown = {"discounts": ["di_unknown"]}
    happen(
        pipeline, trial("cus_1"), becomes("cus_1", MONTH, on=14, **unknown), begins("cus_2", MONTH, **unknown)
    )
    begun, over = day(-1), day(25)
    assert [2] == [row["incomplete"] for row in ask(pipeline, "mrr_daily", day(20), day(21))[:1]]
    assert [2] == [row["incomplete"] for row in ask(pipeline, "mrr_by_plan", day(20))]
    assert {2} == {
        row["incomplete"] for row in ask(pipeline, "retention_cohorts", SINCE, SINCE + timedelta(30))
    }
    assert 2 == ask_all(pipeline, "subscription_metrics", begun, over)["incomplete"]
    assert 1 == ask_all(pipeline, "trial_conversion", begun, over)["incomplete"]
    assert [True, True] == [row["incomplete"] for row in ask(pipeline, "subscriptions_as_of", day(20))]
    happen(pipeline, ends("cus_1", MONTH, on=22, **unknown), ends("cus_2", MONTH, on=23, **unknown))
    assert 2 == ask_all(pipeline, "churn_reasons", begun, over)["incomplete"]
    assert [True, True] == [row["incomplete"] for row in ask(pipeline, "churned_customers", begun, over)]


def test_what_divides_by_nothing_is_null(pipeline: Pipeline) -> None:
    happen(pipeline, begins("cus_1", MONTH, on=1))
    row = ask_all(pipeline, "churn_metrics", day(0), day(2))
    rates = [name for name in row if name.endswith(("_rate", "_retention"))]
    assert {None} == {row[name] for name in rates}
    assert 0 == row["subscriber_churn_rate_stripe"]
    assert ask_all(pipeline, "ltv", day(0), day(2))["ltv"] is None
    assert ask_all(pipeline, "quick_ratio", day(0), day(2))["quick_ratio"] is None


def test_ltv_divides_by_the_rate_as_it_is(pipeline: Pipeline) -> None:
    names = [f"cus_{number}" for number in range(3)]
    happen(pipeline, *(begins(name, MONTH) for name in names), ends("cus_0", MONTH, on=10))
    row = ask_all(pipeline, "ltv", day(1), day(30))
    assert (10_00, 30_00) == (row["arpu"], row["ltv"])


def test_a_split_that_is_none_is_an_error(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidParameterValue, match="status, plan, interval"):
        ask(pipeline, "subscription_metrics", day(0), day(1), split="colour")
    with pytest.raises(InvalidParameterValue, match="reason, feedback"):
        ask(pipeline, "churn_reasons", day(0), day(1), split="colour")
