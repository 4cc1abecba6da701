"""The worked examples that the vendors published: from events to the figures that analysts ask for."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.billing_objects import coupon, discount
from tests.pipeline import Pipeline
from tests.revenue import ask, ask_all, becomes, begins, day, ends, happen, of

MOVEMENTS = ("opening", "new", "reactivation", "expansion", "contraction", "churn")


def mrr(pipeline: Pipeline, on: float) -> Any:
    [row] = ask(pipeline, "mrr_as_of", day(on))
    return row["mrr"]


def moved(row: dict[str, Any]) -> dict[str, int]:
    """What is not zero of a waterfall's movements."""
    return {kind: row[kind] for kind in MOVEMENTS if row[kind]}


def test_a_hundred_at_100_dollars_a_month_and_fifty_at_600_a_year_come_to_12_500(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        *(begins(f"cus_{number}", of(100_00)) for number in range(100)),
        *(begins(f"cus_year_{number}", of(600_00, "year")) for number in range(50)),
    )
    [row] = ask(pipeline, "mrr_as_of", day(1))
    assert (12_500_00, 150, 0) == (row["mrr"], row["customers"], row["incomplete"])


def test_start_1000_new_100_expansion_50_contraction_40_and_churn_60_end_at_1050(pipeline: Pipeline) -> None:
    """The published 1,045 has a rate change of -5 besides, which only a converted waterfall books."""
    happen(
        pipeline,
        begins("cus_1", of(400_00), on=-1),
        begins("cus_2", of(540_00), on=-1),
        begins("cus_3", of(60_00), on=-1),
        becomes("cus_1", of(450_00), on=1),
        becomes("cus_2", of(500_00), on=2),
        ends("cus_3", of(60_00), on=3),
        begins("cus_4", of(100_00), on=4),
    )
    row = ask_all(pipeline, "mrr_waterfall", day(0), day(30))
    assert (1000_00, 1050_00) == (row["mrr_start"], row["mrr_end"])
    assert {"new": 100_00, "expansion": 50_00, "contraction": -40_00, "churn": -60_00} == moved(row)


def test_a_thousand_subscribers_with_100_new_and_100_churned_churn_by_9_1_per_cent_in_stripes_way(
    pipeline: Pipeline,
) -> None:
    item = of(10_00)
    happen(
        pipeline,
        *(begins(f"cus_{number}", item, on=-10) for number in range(1000)),
        *(begins(f"cus_{number}", item, on=10) for number in range(1000, 1100)),
        *(ends(f"cus_{number}", item, on=20) for number in range(100)),
    )
    row = ask_all(pipeline, "churn_metrics", day(0), day(30))
    assert (1000, 100, 100) == (
        row["active_30_days_ago"],
        row["new_in_30_days"],
        row["churned_in_30_days"],
    )
    assert Fraction(100, 1100) == Fraction(row["subscriber_churn_rate_stripe"]).limit_denominator(10**6)
    assert Decimal("9.1") == round(100 * row["subscriber_churn_rate_stripe"], 1)
    assert Decimal("0.1") == row["customer_churn_rate"]


def test_cancelling_120_a_year_and_moving_from_50_to_25_a_month_loses_35(pipeline: Pipeline) -> None:
    happen(
        pipeline,
        begins("cus_1", of(120_00, "year")),
        begins("cus_2", of(50_00)),
        ends("cus_1", of(120_00, "year"), on=10),
        becomes("cus_2", of(25_00), on=10),
    )
    row = ask_all(pipeline, "mrr_waterfall", day(5), day(30))
    assert -35_00 == row["churn"] + row["contraction"]
    assert (60_00, 25_00) == (row["mrr_start"], row["mrr_end"])


def test_gold_and_silver(pipeline: Pipeline) -> None:
    gold, silver = of(500_00, "year", quantity=4), of(30_00, name="si_2", quantity=2)
    happen(
        pipeline,
        begins("cus_1", gold),
        becomes("cus_1", gold, silver, on=10),
        becomes("cus_1", gold, on=20),
        becomes("cus_1", gold, on=40, cancel_at_period_end=True),
        ends("cus_1", gold, on=365, cancel_at_period_end=True),
    )
    told = [
        (day(0), {"new": 166_67}),
        (day(10), {"expansion": 60_00}),
        (day(20), {"contraction": -60_00}),
        (day(40), {}),
        (day(365), {"churn": -166_67}),
    ]
    for at, movements in told:
        row = ask_all(pipeline, "mrr_waterfall", at, at.replace(hour=23))
        assert movements == moved(row)


def test_100_dollars_with_churn_10_contraction_10_and_expansion_10_churn_20_per_cent_gross_and_10_net(
    pipeline: Pipeline,
) -> None:
    happen(
        pipeline,
        *(begins(f"cus_{number}", of(amount)) for number, amount in enumerate((10_00, 30_00, 60_00))),
        ends("cus_0", of(10_00), on=10),
        becomes("cus_1", of(20_00), on=10),
        becomes("cus_2", of(70_00), on=10),
    )
    row = ask_all(pipeline, "churn_metrics", day(5), day(30))
    assert 100_00 == row["mrr_start"]
    assert (Decimal("0.2"), Decimal("0.1")) == (row["gross_mrr_churn_rate"], row["net_mrr_churn_rate"])
    assert (Decimal("0.8"), Decimal("0.9")) == (
        row["gross_revenue_retention"],
        row["net_revenue_retention"],
    )


def test_500_dollars_off_a_year_take_41_67_off_a_month(pipeline: Pipeline) -> None:
    off = discount(coupon(amount_off=500_00))
    happen(
        pipeline,
        begins("cus_1", of(1200_00, "year")),
        becomes("cus_1", of(1200_00, "year"), on=1, discounts=[off]),
    )
    row = ask_all(pipeline, "mrr_waterfall", day(0.5), day(2))
    assert {"contraction": -41_67} == moved(row)


def test_ten_dollars_a_week_are_43_33_a_month(pipeline: Pipeline) -> None:
    happen(pipeline, begins("cus_1", of(10_00, "week")))
    assert 43_33 == mrr(pipeline, on=1)


def test_fifty_dollars_every_two_months_are_25_a_month(pipeline: Pipeline) -> None:
    happen(pipeline, begins("cus_1", of(50_00, count=2)))
    assert 25_00 == mrr(pipeline, on=1)


def test_four_dollars_a_week_off_twelve_take_17_33_off_the_52_a_month(pipeline: Pipeline) -> None:
    off = discount(coupon(amount_off=4_00))
    happen(
        pipeline,
        begins("cus_1", of(12_00, "week")),
        becomes("cus_1", of(12_00, "week"), on=1, discounts=[off]),
    )
    assert 52_00 == mrr(pipeline, on=0.5)
    row = ask_all(pipeline, "mrr_waterfall", day(0.5), day(2))
    assert {"contraction": -17_33} == moved(row)
