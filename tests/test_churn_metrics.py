"""Rates and their windows: what is in a period, who is lost in it, and what thirty days are told of."""

from decimal import Decimal

from tests.pipeline import Pipeline
from tests.revenue import ask, ask_all, becomes, begins, day, ends, happen, of

MONTH = of(10_00)


def test_a_period_has_its_first_instant_and_not_its_last(pipeline: Pipeline) -> None:
    happen(pipeline, begins("cus_1", MONTH, on=0), becomes("cus_1", of(30_00), on=10))
    told = [
        ask_all(pipeline, "mrr_waterfall", day(since), day(until)) for since, until in ((0, 10), (10, 20))
    ]
    assert [(0, 10_00, 0, 10_00), (10_00, 0, 20_00, 30_00)] == [
        (row["mrr_start"], row["new"], row["expansion"], row["mrr_end"]) for row in told
    ]


def test_stripes_rate_is_that_of_the_last_thirty_days_however_long_the_period(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        *(begins(f"cus_{number}", MONTH, on=0) for number in range(4)),
        ends("cus_0", MONTH, on=10),
        ends("cus_1", MONTH, on=35),
        begins("cus_4", MONTH, on=40),
        begins("cus_0", MONTH, on=50, name="sub_again"),
        ends("cus_4", MONTH, on=59),
    )
    for since in (0, 58):  # of sixty days, and of two
        row = ask_all(pipeline, "churn_metrics", day(since), day(60))
        assert (3, 2, 2) == (row["active_30_days_ago"], row["new_in_30_days"], row["churned_in_30_days"])
        assert Decimal("0.4") == row["subscriber_churn_rate_stripe"]
    assert 1 == row["churned_customers"]


def test_who_leaves_and_comes_back_in_a_period_has_churned_and_is_not_lost(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        *(begins(f"cus_{number}", MONTH, on=0) for number in range(4)),
        ends("cus_0", MONTH, on=10),
        ends("cus_1", MONTH, on=10),
        begins("cus_1", MONTH, on=20, name="sub_again"),
        begins("cus_4", MONTH, on=11),  # and this one was not there at the start
        ends("cus_4", MONTH, on=12),
    )
    row = ask_all(pipeline, "churn_metrics", day(5), day(30))
    assert (4, 1, Decimal("0.25"), 3) == (
        row["customers_start"],
        row["lost_customers"],
        row["customer_churn_rate"],
        row["churned_customers"],
    )
    assert (10_00, -30_00) == (row["reactivation"], row["churn"])
    assert (Decimal("0.75"), Decimal("0.5")) == (row["gross_mrr_churn_rate"], row["net_mrr_churn_rate"])


def test_what_was_found_is_neither_gained_nor_new_mrr(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        becomes("cus_1", of(50_00), on=1, previous={"metadata": {}}),
        begins("cus_2", of(40_00), on=2),
        becomes("cus_2", of(20_00), on=3),
    )
    row = ask_all(pipeline, "quick_ratio", day(0), day(9))
    assert (40_00, 20_00, Decimal(2)) == (row["gained"], row["lost"], row["quick_ratio"])
    assert 50_00 == ask_all(pipeline, "mrr_waterfall", day(0), day(9))["opening"]


def test_revenue_per_customer_is_by_customer_and_currency_unrounded(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        *(begins(f"cus_{number}", of(amount), on=0) for number, amount in enumerate((10_00, 10_00, 5_00))),
        begins("cus_0", of(1_00), on=0, name="sub_more"),
    )
    row = ask_all(pipeline, "arpu", day(0), day(9))
    assert (26_00, 3) == (row["mrr_end"], row["customers_end"])
    assert Decimal("866.6666666667") == round(row["arpu"], 10)
    assert [(26_00, 3)] * 2 == [
        (row["mrr"], row["customers"]) for row in ask(pipeline, "mrr_daily", day(0), day(0.6))
    ]
