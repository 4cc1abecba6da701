"""The ledger: the published examples, and what a movement is called. Amounts are dollars' cents a month."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.event import Event
from tests.billing_objects import DAY, NOON, Object, coupon, discount, event, item, price, subscription
from tests.ledgers import movements

LATER, LAST = NOON + 30 * DAY, NOON + 60 * DAY


def told(*events: Event) -> list[tuple[int, str, int]]:
    """Each movement as the day after noon of the first, its kind, and its amount."""
    return [(day(row["at"]), row["kind"], row["amount"]) for row in movements(*events)]


def day(instant: datetime) -> int:
    return (instant - datetime.fromtimestamp(NOON, UTC)) // timedelta(days=1)


def begins(*each: Object, at: int = NOON, **state: Any) -> Event:
    return event("customer.subscription.created", subscription(*each, created=at, **state), at)


def becomes(*each: Object, at: int = LATER, before: Object | None = None, **state: Any) -> Event:
    return event("customer.subscription.updated", subscription(*each, **state), at, before)


def ends(*each: Object, at: int = LAST, **state: Any) -> Event:
    gone = {"status": "canceled", "ended_at": at, "canceled_at": NOON} | state
    return event("customer.subscription.deleted", subscription(*each, **gone), at + 1)


def of(amount: int, interval: str = "month", count: int = 1, name: str = "si_1", quantity: int = 1) -> Object:
    priced = price(f"price_{amount}", amount, interval, recurring={"interval_count": count})
    return item(name, quantity=quantity, of=priced)


# ------------------------------------------------------------------ the published examples


def test_a_hundred_monthly_and_fifty_yearly_subscribers_come_to_12_500_dollars() -> None:
    ledgers = [told(begins(of(100_00)))] * 100 + [told(begins(of(600_00, "year")))] * 50
    assert 12_500_00 == sum(amount for ledger in ledgers for _, _, amount in ledger)


def test_cancelling_120_a_year_and_moving_from_50_to_25_a_month_loses_35() -> None:
    lost = told(
        begins(of(120_00, "year"), id="sub_1"),
        ends(of(120_00, "year"), id="sub_1", at=LATER),
        begins(of(50_00), id="sub_2"),
        becomes(of(25_00), id="sub_2"),
    )
    assert [(0, "new", 60_00), (30, "contraction", -35_00)] == lost


def test_gold_and_silver() -> None:
    gold, silver = of(500_00, "year", quantity=4), of(30_00, name="si_2", quantity=2)
    assert [
        (0, "new", 166_67),
        (10, "expansion", 60_00),
        (20, "contraction", -60_00),
        (365, "churn", -166_67),
    ] == told(
        begins(gold),
        becomes(gold, silver, at=NOON + 10 * DAY),
        becomes(gold, at=NOON + 20 * DAY),
        becomes(gold, at=NOON + 40 * DAY, cancel_at_period_end=True, cancel_at=NOON + 365 * DAY),
        ends(gold, at=NOON + 365 * DAY),
    )


def test_100_at_the_start_with_10_churned_contracted_and_expanded() -> None:
    ledgers = [
        told(begins(of(10_00)), ends(of(10_00), at=LATER)),
        told(begins(of(30_00)), becomes(of(20_00))),
        told(begins(of(60_00)), becomes(of(70_00))),
    ]
    moved = {kind: sum(a for its in ledgers for _, k, a in its if k == kind) for kind in KINDS}
    assert {"new": 100_00, "churn": -10_00, "contraction": -10_00, "expansion": 10_00} == {
        kind: amount for kind, amount in moved.items() if amount
    }
    assert 20 == -100 * (moved["churn"] + moved["contraction"]) / moved["new"]
    assert 10 == -100 * (moved["churn"] + moved["contraction"] + moved["expansion"]) / moved["new"]


KINDS = ("opening", "new", "reactivation", "expansion", "contraction", "churn")


def test_start_1000_new_100_expansion_50_contraction_40_churn_60_end_1050() -> None:
    ledgers = [
        told(begins(of(400_00), at=NOON - DAY), becomes(of(450_00))),
        told(begins(of(540_00), at=NOON - DAY), becomes(of(500_00))),
        told(begins(of(60_00), at=NOON - DAY), ends(of(60_00), at=LATER)),
        told(begins(of(100_00), at=LATER)),
    ]
    entries = [entry for ledger in ledgers for entry in ledger]
    start = sum(amount for at, _, amount in entries if at < 0)
    moved = [(kind, amount) for at, kind, amount in entries if at >= 0]
    expected = [("expansion", 50_00), ("contraction", -40_00), ("churn", -60_00), ("new", 100_00)]
    assert (1_000_00, expected) == (start, moved)
    assert 1_050_00 == start + sum(amount for _, amount in moved)  # in one currency there is no fx


@pytest.mark.parametrize(
    ("priced", "monthly"),
    [(of(10_00, "week"), 43_33), (of(50_00, "month", 2), 25_00), (of(12_00, "week"), 52_00)],
)
def test_what_is_billed_by_another_interval(priced: Object, monthly: int) -> None:
    assert [(0, "new", monthly)] == told(begins(priced))


def test_500_off_a_year_takes_41_67_and_4_off_a_week_17_33() -> None:
    yearly = [discount(coupon(amount_off=500_00))]
    weekly = [discount(coupon(amount_off=4_00))]
    assert [(0, "new", 100_00), (30, "contraction", -41_67)] == told(
        begins(of(1200_00, "year")), becomes(of(1200_00, "year"), discounts=yearly)
    )
    assert [(0, "new", 52_00), (30, "contraction", -17_33)] == told(
        begins(of(12_00, "week")), becomes(of(12_00, "week"), discounts=weekly)
    )


# ------------------------------------------------------------------ what a movement is called


def test_a_trial_is_new_once_it_counts() -> None:
    assert [(30, "new", 20_00)] == told(begins(status="trialing"), becomes(before={"status": "trialing"}))


@pytest.mark.parametrize("status", ["incomplete_expired", "canceled"])
def test_what_never_counted_does_not_churn(status: str) -> None:
    assert [] == told(begins(status="incomplete"), becomes(status=status, before={"status": "incomplete"}))


def test_after_any_gap_it_is_a_reactivation() -> None:
    assert [(0, "new", 20_00), (30, "churn", -20_00), (60, "reactivation", 20_00)] == told(
        begins(), becomes(status="unpaid", before={"status": "active"}), becomes(at=LAST)
    )
    assert [(0, "new", 20_00), (30, "churn", -20_00), (60, "reactivation", 20_00)] == told(
        begins(), ends(at=LATER), begins(id="sub_2", at=LAST)
    )


def test_past_due_counts_and_giving_up_the_money_does_not() -> None:
    paused = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    draft = {"pause_collection": {"behavior": "keep_as_draft", "resumes_at": None}}
    assert [(0, "new", 20_00)] == told(begins(), becomes(status="past_due", before={"status": "active"}))
    assert [(0, "new", 20_00)] == told(begins(), becomes(**draft))
    assert [(0, "new", 20_00), (30, "churn", -20_00)] == told(begins(), becomes(**paused))


def test_a_coupon_for_all_of_it_is_a_churn() -> None:
    free = [discount(coupon(percent_off=100))]
    assert [(0, "new", 20_00), (30, "churn", -20_00)] == told(begins(), becomes(discounts=free))


def test_swapping_an_item_is_one_upgrade() -> None:
    [_, moved] = movements(begins(of(20_00)), becomes(of(50_00, name="si_2")))
    assert ("expansion", 30_00, 20_00, 50_00) == (
        moved["kind"],
        moved["amount"],
        moved["mrr_before"],
        moved["mrr_after"],
    )
    assert (["sub_1"], "price_5000") == (moved["subscription_ids"], moved["price_id"])


def test_all_of_one_second_nets_out_even_over_subscriptions() -> None:
    [_, moved] = movements(
        begins(of(20_00)), ends(of(20_00), at=LATER), begins(of(35_00), id="sub_2", at=LATER)
    )
    assert ("expansion", 15_00, ["sub_1", "sub_2"]) == (
        moved["kind"],
        moved["amount"],
        moved["subscription_ids"],
    )


def test_a_cancellation_churns_at_its_end_not_when_it_is_asked_for_or_told() -> None:
    scheduled = {"cancel_at_period_end": True, "cancel_at": LAST, "canceled_at": LATER}
    gone = ends(**scheduled)
    assert LAST + 1 == gone.created_at.timestamp()
    assert [(0, "new", 20_00), (60, "churn", -20_00)] == told(begins(), becomes(**scheduled), gone)
    assert gone.id == movements(begins(), becomes(**scheduled), gone)[-1]["cause"]


# ------------------------------------------------------------------ an unknown past


def test_what_was_found_is_an_opening_and_only_what_follows_is_a_change() -> None:
    before = {"items": {"object": "list", "data": [of(20_00)], "has_more": False}}
    assert [(30, "opening", 20_00), (30, "expansion", 30_00)] == told(becomes(of(50_00), before=before))
    assert [(30, "opening", 20_00)] == told(becomes(of(20_00), before={"latest_invoice": "in_0"}))


def test_an_end_with_nothing_before_it_opens_and_churns_at_once() -> None:
    assert [(60, "opening", 20_00), (60, "churn", -20_00)] == told(ends())


def test_what_had_counted_before_it_was_heard_of_comes_back_as_a_reactivation() -> None:
    paused = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    assert [(30, "reactivation", 20_00)] == told(becomes(before={"status": "unpaid"}))
    assert [(30, "reactivation", 20_00)] == told(becomes(before=paused))


def test_a_trial_that_was_not_seen_to_begin_is_new_when_it_counts() -> None:
    assert [(30, "new", 20_00)] == told(becomes(before={"status": "trialing"}))


# ------------------------------------------------------------------ coupons that end, and what is not known


def test_a_repeating_coupons_end_is_written_ahead() -> None:
    half = discount(coupon(percent_off=50, duration="repeating"), end=LATER)
    [new, end] = movements(begins(discounts=[half]))
    assert (10_00, 10_00, "expansion") == (new["amount"], end["amount"], end["kind"])
    assert (30, "discount_end:di_1") == (day(end["at"]), end["cause"])


def test_an_end_that_something_forestalls_never_comes() -> None:
    half = discount(coupon(percent_off=50, duration="repeating"), end=LAST)
    assert [(0, "new", 10_00), (30, "churn", -10_00)] == told(
        begins(discounts=[half]), ends(at=LATER, discounts=[half])
    )


def test_a_renewal_at_a_coupons_end_is_the_cause() -> None:
    half = discount(coupon(percent_off=50, duration="repeating"), end=LATER)
    renewed = becomes(before={"latest_invoice": "in_0"})
    [_, end] = movements(begins(discounts=[half]), renewed)
    assert (renewed.id, 10_00) == (end["cause"], end["amount"])


def test_a_customers_discount_holds_where_it_is_at_hand_and_there_is_no_other() -> None:
    whose = {"id": "cus_1", "object": "customer", "discount": discount(coupon(percent_off=10))}
    own = discount(coupon(percent_off=50), discount_id="di_2")
    assert [(0, "new", 18_00)] == told(begins(customer=whose))
    assert [(0, "new", 10_00)] == told(begins(customer=whose, discounts=[own]))


def test_a_coupon_for_once_changes_nothing() -> None:
    assert [(0, "new", 20_00)] == told(begins(discounts=[discount(coupon(percent_off=50, duration="once"))]))


def test_what_rests_on_something_unknown_says_so_while_it_does() -> None:
    new, unknown, known = movements(begins(), becomes(discounts=["di_unknown"]), becomes(of(20_00), at=LAST))
    assert [(20_00, False, False), (0, True, True), (0, True, False)] == [
        (row["amount"], row["incomplete"], row["incomplete_after"]) for row in (new, unknown, known)
    ]


# ------------------------------------------------------------------ laws


@st.composite
def lives(draw: st.DrawFn) -> list[Event]:
    """A few subscriptions of one customer, each through some states; several within one second."""
    events = []
    for number in range(draw(st.integers(1, 3))):
        at = NOON
        for place in range(draw(st.integers(1, 5))):
            at += draw(st.sampled_from([0, 0, 1, DAY, 40 * DAY]))
            kind = "created" if place == 0 and draw(st.booleans()) else "updated"
            off = draw(st.sampled_from([None, "forever", "repeating"]))
            told = discount(
                coupon(percent_off=33.3, duration=off), end=at + 20 * DAY if off == "repeating" else None
            )
            state = subscription(
                of(draw(st.integers(0, 50_00)), draw(st.sampled_from(["week", "month", "year", "day"]))),
                id=f"sub_{number}",
                currency="usd",
                created=NOON,
                status=draw(st.sampled_from(["active", "active", "past_due", "unpaid", "trialing"])),
                discounts=[told] if off else [],
            )
            events.append(event(f"customer.subscription.{kind}", state, at))
    return events


@given(events=lives(), random=st.randoms(use_true_random=False))
def test_movements_form_one_chain_and_do_not_depend_on_the_order_of_versions(
    events: list[Event], random: Any
) -> None:
    found = movements(*events)
    assert chain_of(found)
    random.shuffle(events)
    assert found == movements(*events)


def chain_of(found: Iterable[dict[str, Any]]) -> bool:
    """Whether each movement takes up where the last one left off, in order of time, none for nothing."""
    mrr, last = 0, None
    for row in found:
        assert (mrr, row["amount"]) == (row["mrr_before"], row["mrr_after"] - row["mrr_before"])
        assert row["amount"] or row["incomplete"]
        assert last is None or last <= (row["at"], row["kind"] != "opening")
        assert (row["amount"] < 0) == (row["kind"] in ("contraction", "churn")) or not row["amount"]
        mrr, last = row["mrr_after"], (row["at"], row["kind"] != "opening")
    return True
