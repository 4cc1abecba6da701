"""Every kind of terms in the ledger: what each comes to, and what a change of it moves."""

from typing import Any

import pytest

from ingest.event import Event
from tests.billing_objects import (
    DAY,
    NOON,
    OLDEST,
    Object,
    coupon,
    discount,
    event,
    item,
    price,
    subscription,
    subscription_2017,
)
from tests.ledgers import movements


def at(day: float) -> int:
    return int(NOON + day * DAY)


def begins(*each: Object, **state: Any) -> Event:
    return event("customer.subscription.created", subscription(*each, **state))


def becomes(*each: Object, day: float = 30, before: Object | None = None, **state: Any) -> Event:
    return event("customer.subscription.updated", subscription(*each, **state), at(day), before)


def told(*events: Event) -> list[tuple[float, str, int]]:
    return [((row["at"].timestamp() - NOON) / DAY, row["kind"], row["amount"]) for row in movements(*events)]


def tiered(mode: str, quantity: int) -> Object:
    tiers = [{"up_to": 5, "unit_amount": 7_00}, {"up_to": None, "unit_amount": 6_00}]
    priced = price(amount=None, billing_scheme="tiered", tiers_mode=mode, tiers=tiers)
    return item(quantity=quantity, of=priced)


@pytest.mark.parametrize(("mode", "more"), [("volume", 1_00), ("graduated", 6_00)])
def test_another_seat_moves_it_by_what_its_tier_makes_of_it(mode: str, more: int) -> None:
    assert [(0, "new", 35_00), (30, "expansion", more)] == told(
        begins(tiered(mode, 5)), becomes(tiered(mode, 6))
    )


def test_seats_move_it_by_their_number() -> None:
    assert [(0, "new", 60_00), (30, "contraction", -40_00)] == told(
        begins(item(quantity=3)), becomes(item(quantity=1))
    )


def test_items_of_every_interval_add_up() -> None:
    each = [
        item(f"si_{interval}", of=price(f"price_{interval}", amount, interval))
        for interval, amount in (("day", 12_00), ("week", 12_00), ("month", 12_00), ("year", 12_00))
    ]
    # 365 + 52 + 12 + 1 times a year.
    assert [(0, "new", 430_00)] == told(begins(*each))


@pytest.mark.parametrize(
    ("count", "interval", "monthly"), [(1, "day", 30_42), (14, "day", 2_17), (3, "month", 33)]
)
def test_what_is_billed_every_so_many_intervals(count: int, interval: str, monthly: int) -> None:
    priced = price(amount=1_00, interval=interval, recurring={"interval_count": count})
    assert [(0, "new", monthly)] == told(begins(item(of=priced)))


def test_a_customers_amounts_are_rounded_once_and_not_each() -> None:
    half_a_cent = item(of=price("price_half", 6, "year"))
    assert [(0, "new", 1)] == told(begins(half_a_cent), begins(half_a_cent, id="sub_2"))
    assert [] == told(begins(half_a_cent))  # half to even


def test_metered_prices_move_nothing_and_what_is_added_to_them_is_new() -> None:
    metered = item("si_2", quantity=None, of=price("price_calls", 2, recurring={"usage_type": "metered"}))
    assert [(30, "new", 20_00)] == told(begins(metered), becomes(metered, item()))
    assert [(0, "new", 20_00)] == told(begins(item()), becomes(item(), metered))


@pytest.mark.parametrize("status", ["unpaid", "paused"])
def test_it_churns_before_its_end_where_it_stopped_counting_before(status: str) -> None:
    stopped = becomes(status=status, before={"status": "past_due"})
    gone = event("customer.subscription.deleted", subscription(status="canceled", ended_at=at(60)), at(60))
    assert [(0, "new", 20_00), (30, "churn", -20_00)] == told(begins(), stopped, gone)


def test_a_trial_that_comes_to_nothing_leaves_no_trace() -> None:
    trial = {"trial_start": NOON, "trial_end": at(14)}
    gone = subscription(status="canceled", ended_at=at(14), **trial)
    assert [] == told(
        begins(status="trialing", **trial), event("customer.subscription.deleted", gone, at(14))
    )


# ------------------------------------------------------------------ discounts


def test_the_end_of_an_items_own_discount_is_written_ahead() -> None:
    off = discount(coupon(amount_off=5_00, duration="repeating"), end=at(60), discount_id="di_item")
    [new, end] = movements(begins(item(discounts=[off])))
    assert (15_00, 5_00, "discount_end:di_item") == (new["amount"], end["amount"], end["cause"])


def test_discounts_that_end_one_after_the_other_are_a_movement_each() -> None:
    off = [
        discount(coupon(percent_off=50, duration="repeating"), end=at(30), discount_id="di_1"),
        discount(coupon(amount_off=4_00, duration="repeating"), end=at(60), discount_id="di_2"),
    ]
    rows = movements(begins(discounts=off))
    assert [6_00, 16_00, 20_00] == [row["mrr_after"] for row in rows]
    assert ["discount_end:di_1", "discount_end:di_2"] == [row["cause"] for row in rows[1:]]


def test_a_coupon_for_some_products_comes_off_their_items() -> None:
    other = item("si_2", of=price("price_x", amount=10_00, product="prod_x"))
    bound = discount(coupon(percent_off=50, applies_to={"products": ["prod_x"]}))
    assert [(0, "new", 25_00)] == told(begins(item(), other, discounts=[bound]))


def test_the_ledger_is_the_same_in_every_api_version() -> None:
    repeating = discount(coupon(percent_off=50, duration="repeating"), end=at(60))
    yearly = item(quantity=3, of=price(amount=999_00, interval="year"))
    new = [subscription(yearly, discounts=[repeating]), subscription(item(), discounts=[repeating])]
    old = [subscription_2017(each) for each in new]

    def ledger(states: list[Object], version: str) -> list[tuple[Any, ...]]:
        first, last = states
        events = [
            event("customer.subscription.created", first, NOON, version=version),
            event("customer.subscription.updated", last, at(30), version=version),
        ]
        return [(row["at"], row["kind"], row["amount"]) for row in movements(*events)]

    assert 3 == len(ledger(new, "2026-10-28.endive"))
    assert ledger(new, "2026-10-28.endive") == ledger(old, OLDEST)
