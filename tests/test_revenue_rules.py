"""The rules that merchants may choose: what each changes in the ledger, and that churn follows it."""

from typing import Any

import pytest

from ingest.event import Event
from projections.causality import order
from projections.churn import PROJECTION as CHURN
from projections.revenue_rules import Rules
from tests.billing_objects import DAY, NOON, coupon, discount, event, invoice, line, subscription
from tests.ledgers import movements


def at(day: float) -> int:
    return int(NOON + day * DAY)


def day(instant: Any) -> float:
    return (instant.timestamp() - NOON) / DAY


def begins(**state: Any) -> Event:
    return event("customer.subscription.created", subscription(**state))


def becomes(when: float, before: Any = None, **state: Any) -> Event:
    return event("customer.subscription.updated", subscription(**state), at(when), before)


def ends(when: float, **state: Any) -> Event:
    gone = {"status": "canceled", "ended_at": at(when), "canceled_at": at(when)} | state
    return event("customer.subscription.deleted", subscription(**gone), at(when))


def told(rules: Rules, *events: Event) -> list[tuple[float, str, int]]:
    return [(day(row["at"]), row["kind"], row["amount"]) for row in movements(*events, rules=rules)]


def churned(rules: Rules, *events: Event) -> list[tuple[float, str, bool | None, int]]:
    rows = CHURN.rows(order([each for each in events if each.object_type == "subscription"]), {}, rules)
    return [(day(row["churned_at"]), row["cause"], row["voluntary"], row["monthly_amount"]) for row in rows]


# ------------------------------------------------------------------ past due

PATIENT = Rules(past_due_days=14)
LATE = {"status": "past_due"}


def test_past_due_counts_for_so_many_days_and_its_end_is_written_ahead() -> None:
    events = [begins(), becomes(30, {"status": "active"}, **LATE)]
    assert [(0, "new", 20_00), (44, "churn", -20_00)] == told(PATIENT, *events)
    assert "past_due_end:sub_1" == movements(*events, rules=PATIENT)[-1]["cause"]
    assert [(44, "past_due", False, 20_00)] == churned(PATIENT, *events)
    assert ([(0, "new", 20_00)], []) == (told(Rules(), *events), churned(Rules(), *events))


def test_the_days_are_counted_from_when_it_went_past_due() -> None:
    events = [begins(), becomes(30, **LATE), becomes(40, **LATE, latest_invoice="in_2"), becomes(50, **LATE)]
    assert [(0, "new", 20_00), (44, "churn", -20_00)] == told(PATIENT, *events)
    assert [(44, "past_due", False, 20_00)] == churned(PATIENT, *events)


def test_who_pays_in_time_never_churned_and_who_pays_later_comes_back() -> None:
    late = becomes(30, **LATE)
    assert [(0, "new", 20_00)] == told(PATIENT, begins(), late, becomes(43))
    assert [] == churned(PATIENT, begins(), late, becomes(43))
    back = [(0, "new", 20_00), (44, "churn", -20_00), (50, "reactivation", 20_00)]
    assert back == told(PATIENT, begins(), late, becomes(50))
    assert [] == churned(PATIENT, begins(), late, becomes(50))


@pytest.mark.parametrize(
    ("ended", "churn"), [(40, (40, "canceled")), (44, (44, "canceled")), (60, (44, "past_due"))]
)
def test_a_cancellation_before_that_is_the_end(ended: int, churn: tuple[int, str]) -> None:
    events = [begins(), becomes(30, **LATE), ends(ended)]
    assert [(0, "new", 20_00), (churn[0], "churn", -20_00)] == told(PATIENT, *events)
    assert [churn] == [row[:2] for row in churned(PATIENT, *events)]


def test_no_days_at_all_make_it_churn_at_once() -> None:
    events = [begins(), becomes(30, **LATE)]
    assert [(0, "new", 20_00), (30, "churn", -20_00)] == told(Rules(past_due_days=0), *events)
    assert [(30, "past_due")] == [row[:2] for row in churned(Rules(past_due_days=0), *events)]


# ------------------------------------------------------------------ discounts


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("none", [20_00] * 3),
        ("forever", [10_00, 20_00, 20_00]),
        ("lasting", [10_00, 10_00, 20_00]),
        ("all", [10_00] * 3),
    ],
)
def test_which_coupons_come_off(rule: str, left: list[int]) -> None:
    for duration, amount in zip(("forever", "repeating", "once"), left, strict=True):
        end = at(60) if duration == "repeating" else None
        half = discount(coupon(percent_off=50, duration=duration), end=end)
        rules = Rules(discounts=rule)
        assert amount == movements(begins(discounts=[half]), rules=rules)[0]["mrr_after"]
        whole = half | {"customer": "cus_1", "subscription": None}
        of_customer = event("customer.discount.created", whole)
        assert amount == movements(begins(), of_customer, rules=rules)[0]["mrr_after"]
        gone = churned(rules, begins(discounts=[half]), ends(30, discounts=[half]))
        assert [amount] == [row[3] for row in gone]


def test_what_comes_off_in_no_case_need_not_be_known() -> None:
    [row] = movements(begins(discounts=["di_unknown"]), rules=Rules(discounts="none"))
    assert (20_00, False) == (row["amount"], row["incomplete"])
    named = event("customer.discount.created", discount("coupon_1") | {"customer": "cus_1"})
    assert [False] == [
        each["incomplete"] for each in movements(begins(), named, rules=Rules(discounts="none"))
    ]


# ------------------------------------------------------------------ trials

PAID = Rules(trial="first_payment")
TRIAL = {"trial_start": NOON, "trial_end": at(14)}


def paid(when: float, amount: int = 20_00, **more: Any) -> Event:
    moments = {"finalized_at": at(when), "paid_at": at(when), "voided_at": None}
    told = invoice(line(), amount_paid=amount, status_transitions=moments, **more)
    return event("invoice.paid", told, at(when))


def test_after_a_trial_it_counts_from_the_first_payment() -> None:
    trial = [begins(status="trialing", **TRIAL), becomes(14, {"status": "trialing"}, **TRIAL)]
    assert [(14, "new", 20_00)] == told(Rules(), *trial, paid(16))
    assert [] == told(PAID, *trial)
    [row] = movements(*trial, paid(46, id="in_2"), paid(16), rules=PAID)
    assert (16, "new", 20_00, "first_payment:in_1") == (
        day(row["at"]),
        row["kind"],
        row["amount"],
        row["cause"],
    )


def test_what_costs_nothing_or_came_with_the_subscription_is_no_payment_for_it() -> None:
    trial = [begins(status="trialing", **TRIAL), becomes(14, {"status": "trialing"}, **TRIAL)]
    free, fee = paid(1, 0), paid(1, billing_reason="subscription_create")
    assert [] == told(PAID, *trial, free, fee)
    other = {"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_2"}}}
    assert [] == told(PAID, *trial, paid(16, **other))


def test_who_never_pays_after_a_trial_is_no_churn() -> None:
    lost = [
        begins(status="trialing", **TRIAL),
        becomes(14, {"status": "trialing"}, **TRIAL),
        becomes(15, {"status": "active"}, status="past_due", **TRIAL),
        ends(30, **TRIAL),
    ]
    assert [] == told(PAID, *lost)
    assert [(20, "new", 20_00), (30, "churn", -20_00)] == told(PAID, *lost, paid(20))


def test_without_a_trial_and_where_its_past_is_unknown_it_counts_at_once() -> None:
    assert [(0, "new", 20_00)] == told(PAID, begins())
    assert [(30, "opening", 20_00)] == told(PAID, becomes(30, {"latest_invoice": "in_0"}, **TRIAL))


# ------------------------------------------------------------------ churn

AT_REQUEST = Rules(churn_at="request")
ASKED = {"cancel_at_period_end": True, "cancel_at": at(60), "canceled_at": at(40)}


def test_a_cancellation_may_churn_when_it_is_asked_for() -> None:
    events = [begins(), becomes(40, {"cancel_at": None}, **ASKED), ends(60, **ASKED)]
    for some in (events[:2], events):
        assert [(0, "new", 20_00), (40, "churn", -20_00)] == told(AT_REQUEST, *some)
        assert [(40, "cancellation_requested", True, 20_00)] == churned(AT_REQUEST, *some)
    assert [(60, "canceled", True, 20_00)] == churned(Rules(), *events)


def test_who_thinks_again_comes_back() -> None:
    events = [begins(), becomes(40, **ASKED), becomes(45)]
    assert [(0, "new", 20_00), (40, "churn", -20_00), (45, "reactivation", 20_00)] == told(
        AT_REQUEST, *events
    )
    assert [] == churned(AT_REQUEST, *events)


def test_what_is_made_for_a_fixed_term_churns_at_its_end() -> None:
    term = {"cancel_at": at(60), "canceled_at": NOON}
    events = [begins(**term), becomes(30, {"latest_invoice": "in_0"}, **term), ends(60, **term)]
    assert [(0, "new", 20_00), (60, "churn", -20_00)] == told(AT_REQUEST, *events)
    assert [(60, "canceled")] == [row[:2] for row in churned(AT_REQUEST, *events)]


def test_what_was_found_on_its_way_out_has_churned_before() -> None:
    assert [] == told(AT_REQUEST, becomes(50, {"latest_invoice": "in_0"}, **ASKED))
    assert [(55, "reactivation", 20_00)] == told(
        AT_REQUEST, becomes(50, {"latest_invoice": "in_0"}, **ASKED), becomes(55)
    )


def test_a_cancellation_at_once_is_both() -> None:
    for rules in (Rules(), AT_REQUEST):
        assert [(0, "new", 20_00), (30, "churn", -20_00)] == told(rules, begins(), ends(30))
        assert [(30, "canceled")] == [row[:2] for row in churned(rules, begins(), ends(30))]
