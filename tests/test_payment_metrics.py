"""The figures of payments: exact, on histories small enough to add up by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg.errors import InvalidParameterValue

from tests.events import event
from tests.paying import APRIL, BLOCKED, DECLINED, MARCH, MAY, at, charge, figures, intent, paid
from tests.payments import DISPUTE, REFUND


def test_a_payment_that_failed_twice_and_then_succeeded_is_one_payment_and_three_attempts(metrics):
    [row] = metrics(
        intent("1", "succeeded", at(1)),
        charge("1a", at(1), payment_intent="pi_1", **DECLINED),
        charge("1b", at(1), payment_intent="pi_1", **DECLINED),
        charge("1", at(1)),
    )
    assert figures(row, "payments", "attempted", "succeeded", "failed", "attempts") == [1, 1, 1, 0, 3]
    assert figures(row, "payment_success_rate", "payment_failure_rate") == [1, 0]
    assert row["attempt_success_rate"] == pytest.approx(Decimal(1) / 3)
    assert figures(row, "gross", "net", "average") == [1000, 1000, 1000]


def test_what_was_never_tried_counts_as_made_alone(metrics):
    [row] = metrics(*paid("1", at(1)), intent("2", "requires_payment_method", at(2), latest_charge=None))
    assert figures(row, "payments", "attempted", "succeeded") == [2, 1, 1]
    assert figures(row, "payment_success_rate", "payment_conversion_rate") == [1, 0.5]


def test_a_failed_payment_waits_for_another_try_or_was_canceled_after_an_error(metrics):
    error = {"code": "card_declined", "decline_code": "insufficient_funds"}
    [row] = metrics(
        intent("1", "requires_payment_method", at(1), last_payment_error=error),
        charge("1", at(1), **DECLINED),
        intent("2", "canceled", at(1), last_payment_error=error),
        charge("2", at(1), **DECLINED),
        intent("3", "canceled", at(1)),  # authorised, and released
        charge("3", at(1), captured=False, amount_captured=0, amount_refunded=1000),
        intent("4", "processing", at(1)),
        charge("4", at(1), status="pending", paid=False, captured=False, amount_captured=0),
        intent("5", "canceled", at(1)),  # given up during the next try, which had cleared the error
        charge("5", at(1), **DECLINED),
    )
    assert figures(row, "attempted", "succeeded", "failed") == [5, 0, 3]
    assert figures(row, "payment_failure_rate", "payment_success_rate") == [Decimal("0.6"), 0]


def test_an_uncaptured_authorisation_is_no_revenue(metrics):
    [row] = metrics(
        intent("1", "requires_capture", at(1)), charge("1", at(1), captured=False, amount_captured=0)
    )
    assert figures(row, "gross", "net", "paid_charges", "average") == [0, 0, 0, None]
    assert figures(row, "attempts", "successful_attempts", "refunded") == [1, 1, 0]


@pytest.mark.parametrize("version, counted", [("2024-06-20", 550), ("2025-03-31.basil", 150)])
def test_of_a_partial_capture_only_what_was_captured_is_revenue_and_the_rest_is_no_refund(
    metrics, version, counted
):
    told = charge("1", at(1), amount_captured=600, amount_refunded=counted) | {"api_version": version}
    [row] = metrics(intent("1", "succeeded", at(1)), told)
    assert figures(row, "gross", "refunded", "net", "refund_rate") == [600, 150, 450, 1]
    assert row["refund_rate_by_amount"] == 0.25


@pytest.mark.parametrize("status, when_told", [("pending", True), ("pending", False), ("failed", False)])
def test_what_a_bank_has_not_paid_yet_or_refused_in_the_end_is_no_revenue(metrics, status, when_told):
    debit = {"payment_method_details": {"type": "sepa_debit"}, "status": status, "paid": when_told}
    [row] = metrics(intent("1", "processing", at(1)), charge("1", at(1), **debit))
    assert figures(row, "gross", "net", "paid_charges", "customers") == [0, 0, 0, 0]


def test_a_refund_that_failed_after_the_charge_had_counted_it_gives_nothing_back(metrics):
    def refund(name: str, amount: int, status: str) -> dict[str, Any]:
        told = {"id": f"re_{name}", "charge": "ch_1", "amount": amount, "status": status, "created": at(2)}
        return event("refund.updated", REFUND | told)

    events = [*paid("1", at(1), amount_refunded=700), refund("1", 300, "succeeded")]
    [row] = metrics(*events, refund("2", 400, "pending"))
    assert figures(row, "refunded", "net") == [700, 300]
    [row] = metrics(refund("2", 400, "failed") | {"created": at(3)})
    assert figures(row, "refunded", "net") == [300, 700]
    [row] = metrics(charge("1", at(1), amount_refunded=300) | {"created": at(4)})
    assert figures(row, "refunded", "net") == [300, 700]


def test_charges_without_a_payment_intent_are_in_the_money_and_no_payments(metrics):
    [row] = metrics(*paid("1", at(1)), charge("2", at(2), payment_intent=None, amount_captured=500))
    assert figures(row, "payments", "attempts", "paid_charges", "gross", "average") == [1, 2, 2, 1500, 750]


def test_net_is_gross_less_refunds_less_lost_disputes_by_the_date_of_the_charge(metrics):
    rows = metrics(
        *paid("1", at(1), amount_refunded=300),
        *paid("2", at(2), disputed=True),
        *paid("3", at(3), disputed=True),
        event("refund.created", REFUND | {"charge": "ch_1", "amount": 300, "created": at(2, month=4)}),
        event("charge.dispute.closed", DISPUTE | {"id": "du_2", "charge": "ch_2", "amount": 1000,
                                                  "status": "lost", "created": at(3, month=4)}),
        event("charge.dispute.closed", DISPUTE | {"id": "du_3", "charge": "ch_3", "amount": 1000,
                                                  "status": "won", "created": at(3, month=4)}),
        until=MAY,
    )  # fmt: skip
    assert [figures(row, "gross", "refunded", "disputed", "net") for row in rows] == [
        [3000, 300, 1000, 1700],
        [0, 0, 0, 0],
    ]


def test_the_issuers_approval_leaves_out_what_was_blocked_before_it_reached_him(metrics):
    [row] = metrics(
        *paid("1", at(1)),
        charge("2", at(1), **DECLINED),
        charge("3", at(1), **BLOCKED),
        charge("4", at(1), payment_method_details={"type": "sepa_debit"}),
    )
    assert row["authorization_rate"] == 0.5
    assert row["attempt_success_rate"] == 0.5


def test_a_rate_of_nothing_is_null_and_never_zero(metrics):
    [row] = metrics(intent("1", "requires_payment_method", at(1), latest_charge=None))
    rates = [name for name in row if name.endswith(("_rate", "_amount", "average", "per_customer"))]
    assert {name for name in rates if row[name] is not None} == {"payment_conversion_rate"}


def test_currencies_never_share_a_sum_and_have_no_holes(metrics):
    rows = metrics(
        *paid("1", at(1)), *paid("2", at(2, month=4), amount_captured=700),
        intent("3", "succeeded", at(3, month=4), currency="usd"), charge("3", at(3, month=4), currency="usd"),
        until=MAY,
    )  # fmt: skip
    assert [figures(row, "period_start", "currency", "gross", "average") for row in rows] == [
        [MARCH, "eur", 1000, 1000],
        [MARCH, "usd", 0, None],
        [APRIL, "eur", 700, 700],
        [APRIL, "usd", 1000, 1000],
    ]
    [row] = metrics(until=MAY, by="all", currency="usd")
    assert figures(row, "currency", "gross") == ["usd", 1000]


def test_an_empty_range_has_no_rows(metrics):
    assert metrics(*paid("1", at(1)), until=MARCH) == []


def test_test_data_are_told_where_there_is_nothing_else_and_say_so(metrics):
    [row] = metrics(*paid("1", at(1)))
    assert row["livemode"] is False
    live = [each | {"livemode": True} for each in paid("2", at(1), amount_captured=200)]
    [row] = metrics(*live)
    assert figures(row, "livemode", "gross") == [True, 200]
    [row] = metrics(livemode=False)
    assert figures(row, "livemode", "gross") == [False, 1000]


def test_a_range_is_exact_to_the_second_at_both_ends(metrics):
    since, until = (
        datetime(2026, 3, 10, 12, minute, second, tzinfo=UTC) for minute, second in ((7, 1), (52, 9))
    )
    inside = [(7, 1), (15, 0), (44, 59), (52, 8)]
    outside = [(7, 0), (52, 9)]
    events = [
        each
        for minute, second in inside + outside
        for each in paid(f"{minute}_{second}", at(10, minute=minute) + second)
    ]
    [row] = metrics(*events, since=since, until=until, by="day")
    assert figures(row, "payments", "attempts", "gross") == [4, 4, 4000]
    [row] = metrics(since=since, until=since + timedelta(seconds=2), by="day")
    assert row["payments"] == 1


@pytest.mark.parametrize(
    "zone, first",
    [
        ("UTC", 9),
        ("Asia/Kolkata", 10),
        ("America/New_York", 8),
        ("Pacific/Chatham", 10),
        ("Asia/Kathmandu", 10),
    ],
)
def test_a_payment_belongs_to_the_day_of_the_time_zone_that_is_asked_for(metrics, zone, first):
    moment = at(9, hour=19, minute=0) if first != 8 else at(9, hour=3)
    rows = metrics(*paid("1", moment), by="day", time_zone=zone, since=datetime(2026, 3, 7, tzinfo=UTC))
    [day] = [row["period_start"] for row in rows if row["payments"]]
    assert day.astimezone(ZoneInfo(zone)).day == first


def test_the_day_when_clocks_change_has_all_of_its_hours(metrics):
    # In Berlin the 29th lasts from 23:00 UTC to 22:00 UTC.
    rows = metrics(
        *paid("1", at(28, hour=22, minute=59)), *paid("2", at(28, hour=23)),
        *paid("3", at(29, hour=21, minute=59)), *paid("4", at(29, hour=22)),
        by="day", time_zone="Europe/Berlin",
    )  # fmt: skip
    assert [row["payments"] for row in rows if row["payments"]] == [1, 2, 1]


def test_a_week_is_counted_from_monday(metrics):
    rows = metrics(*paid("1", at(8)), *paid("2", at(9)), by="week")  # a Sunday and a Monday
    assert [(row["period_start"].day, row["payments"]) for row in rows if row["payments"]] == [(2, 1), (9, 1)]


def test_payments_are_split_by_what_is_known_of_them(metrics, pipeline):
    by_shop = intent("1", "succeeded", at(1), metadata={"source": "shop", "plan_type": "pro"})
    pipeline.deliver(*paid("2", at(2), payment_method_details={"type": "sepa_debit"}), source="eu")

    def split(by: str) -> list[list[Any]]:
        rows = metrics(split=by)
        return [figures(row, "split_value", "payments", "attempts", "gross") for row in rows]

    metrics(by_shop, charge("1", at(1)))
    assert split("origin") == [[None, 1, 1, 1000], ["shop", 1, 1, 1000]]
    assert split("plan") == [[None, 1, 1, 1000], ["pro", 1, 1, 1000]]
    assert split("payment_method") == [["card", 1, 1, 1000], ["sepa_debit", 1, 1, 1000]]
    assert split("source") == [["default", 1, 1, 1000], ["eu", 1, 1, 1000]]
    [row] = metrics(source="eu")
    assert figures(row, "payments", "gross", "split_value") == [1, 1000, None]


def test_an_unknown_split_is_an_error_that_names_those_there_are(metrics):
    with pytest.raises(InvalidParameterValue, match="source, origin, plan, payment_method"):
        metrics(split="colour")


# ------------------------------------------------------------------ what is not known yet


def test_what_a_payment_only_names_is_told_beside_the_figures(metrics):
    [row] = metrics(intent("1", "succeeded", at(1)))
    assert figures(row, "gross", "unseen_charges") == [0, 1]
    [row] = metrics(charge("1", at(1), disputed=True))
    assert figures(row, "gross", "unseen_charges", "unseen_disputes") == [1000, 0, 1]
    [row] = metrics(event("charge.dispute.created", DISPUTE | {"charge": "ch_1", "created": at(2)}))
    assert figures(row, "disputed", "unseen_disputes") == [0, 0]


@pytest.mark.parametrize(
    "of", ["payment_metrics", "payment_failures", "refund_metrics", "dispute_metrics", "balance_metrics"]
)
def test_analysts_may_ask(metrics, database, of):
    database.execute("SET ROLE hooklog_analyst")
    assert database.execute(f"SELECT * FROM {of}('2026-01-01', '2026-02-01')").fetchall() == []
