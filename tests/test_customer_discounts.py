"""A customer's own discounts: when each stood, and what it takes off the MRR of which subscriptions."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from ingest.event import Event
from tests.billing_objects import (
    DAY,
    NOON,
    Object,
    coupon,
    discount,
    discount_2020,
    event,
    item,
    items,
    price,
    subscription,
)
from tests.ledgers import discounts, movements


def at(day: float) -> int:
    return int(NOON + day * DAY)


def day(instant: str | datetime | None) -> int | None:
    if instant is None:
        return None
    told = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return (told - datetime.fromtimestamp(NOON, UTC)) // timedelta(days=1)


def half(**more: Any) -> Object:
    return coupon(percent_off=50, **more)


def of_customer(of: Object | str, since: int, *, name: str = "di_1", end: int | None = None) -> Object:
    told = discount(of, discount_id=name, end=None if end is None else at(end))
    return told | {"customer": "cus_1", "subscription": None, "start": at(since)}


def given(of: Object | str, since: int, **more: Any) -> Event:
    return event("customer.discount.created", of_customer(of, since, **more), at(since))


def taken(of: Object | str, since: int, until: int, **more: Any) -> Event:
    return event("customer.discount.deleted", of_customer(of, since, **more), at(until))


def customer(shown: Object | str | None, when: float, previous: Mapping[str, Any] | None = None) -> Event:
    kind = "created" if previous is None else "updated"
    told = {"id": "cus_1", "object": "customer", "created": at(when), "discount": shown}
    return event(f"customer.{kind}", told, at(when), previous)


def subscribed(name: str = "sub_1", when: float = 0, *each: Object, **state: Any) -> Event:
    told = subscription(*each, id=name, created=at(when), **state)
    return event("customer.subscription.created", told, at(when))


def spans(*events: Event) -> list[tuple[int | None, int | None, str]]:
    return [(day(row["since"]), day(row["until"]), row["name"]) for row in discounts(*events)]


def told(*events: Event) -> list[tuple[int | None, str, int]]:
    return [(day(row["at"]), row["kind"], row["amount"]) for row in movements(*events)]


# ------------------------------------------------------------------ which one stands when


def test_a_discount_stands_from_its_creation_to_its_deletion() -> None:
    assert [(5, None, "di_1")] == spans(given(half(), 5))
    assert [(5, 9, "di_1")] == spans(given(half(), 5), taken(half(), 5, 9))


def test_a_deletion_that_is_heard_alone_tells_what_stood_until_then() -> None:
    assert [(5, 9, "di_1")] == spans(taken(half(), 5, 9))


def test_a_repeating_one_ends_by_itself_unless_something_forestalls_that() -> None:
    repeating = half(duration="repeating")
    [row] = discounts(given(repeating, 5, end=65))
    assert (65, "discount_end:di_1") == (day(row["until"]), row["ended_by"])
    assert [(5, 30, "di_1")] == spans(given(repeating, 5, end=65), taken(repeating, 5, 30, end=65))


def test_the_next_discount_replaces_the_last() -> None:
    replaced = given(half(id="better"), 9, name="di_2")
    rows = discounts(given(half(), 5), replaced)
    assert [(5, 9, "di_1"), (9, None, "di_2")] == [
        (day(r["since"]), day(r["until"]), r["name"]) for r in rows
    ]
    assert replaced.id == rows[0]["ended_by"] == rows[1]["cause"]
    late = taken(half(), 5, 12)
    assert [(5, 9, "di_1"), (9, None, "di_2")] == spans(given(half(), 5), replaced, late)


def test_a_change_of_coupon_is_another_span_of_the_same_discount() -> None:
    better = of_customer(half(id="better"), 5)
    changed = event("customer.discount.updated", better, at(9), {"source": {"coupon": half()}})
    for events in permutations([given(half(), 5), changed, taken(half(id="better"), 5, 20)]):
        assert [(5, 9), (9, 20)] == [(day(r["since"]), day(r["until"])) for r in discounts(*events)]


def test_a_change_that_is_heard_first_tells_what_stood_before() -> None:
    changed = event(
        "customer.discount.updated",
        of_customer(half(id="better"), 9, name="di_2"),
        at(9),
        {"id": "di_1", "start": at(5), "source": {"coupon": half()}},
    )
    assert [(5, 9, "di_1"), (9, None, "di_2")] == spans(changed)
    assert [(5, 9, "di_1"), (9, None, "di_2")] == spans(changed, given(half(), 5))


def test_an_old_discount_has_its_coupons_name_and_may_come_again() -> None:
    def old(told: Event) -> Event:
        shown = {k: v for k, v in discount_2020(dict(told.object)).items() if k != "id"}
        return event(told.type, shown, told.created, version="2020-03-02")

    first, gone = old(given(half(), 5)), old(taken(half(), 5, 9))
    again = old(given(half(), 15))
    assert "cus_1" == first.object_id
    for events in permutations([first, gone, again]):
        assert [(5, 9, "coupon_1"), (15, None, "coupon_1")] == spans(*events)


@pytest.mark.parametrize("owner", ["subscription", "subscription_item", "invoice", "checkout_session"])
def test_what_is_not_the_customers_own_is_left_to_its_owner(owner: str) -> None:
    own = of_customer(half(), 5) | {owner: "id_1"}
    assert [] == spans(event("customer.discount.created", own, at(5)))


# ------------------------------------------------------------------ as the customer shows it


def test_a_customer_shows_its_discount_until_it_shows_none() -> None:
    shown = of_customer(half(), 5)
    events = [
        customer(None, 0),
        customer(shown, 5, {"discount": None}),
        customer(None, 9, {"discount": shown}),
    ]
    for some in permutations(events):
        assert [(5, 9, "di_1")] == spans(*some)


def test_what_a_customer_shows_at_first_stood_since_its_start() -> None:
    assert [(5, None, "di_1")] == spans(customer(of_customer(half(), 5), 30, {"balance": 1}))
    gone = customer(None, 30, {"discount": of_customer(half(), 5)})
    assert [(5, 30, "di_1")] == spans(gone)


def test_a_repeating_one_that_a_customer_shows_ends_by_itself() -> None:
    shown = of_customer(half(duration="repeating"), 5, end=65)
    assert [(5, 65, "di_1")] == spans(customer(shown, 5, {"discount": None}))


def test_both_ways_of_telling_make_one_span_and_its_own_event_is_the_cause() -> None:
    shown = of_customer(half(), 5)
    created = given(half(), 5)
    events = [
        created,
        customer(shown, 5, {"discount": None}),
        customer(shown, 7, {"discount": None}),
        taken(half(), 5, 9),
        customer(None, 9, {"discount": shown}),
    ]
    [row] = discounts(*events)
    assert (5, 9, created.id) == (day(row["since"]), day(row["until"]), row["cause"])


def test_a_customer_that_shows_in_that_second_what_was_so_before_changes_nothing() -> None:
    before = customer(of_customer(half(), 5), 9, {"balance": 1})
    after = given(half(id="better"), 9, name="di_2")
    assert [(5, 9, "di_1"), (9, None, "di_2")] == spans(given(half(), 5), before, after)
    assert [(5, 9, "di_1")] == spans(given(half(), 5), before, taken(half(), 5, 9))


def test_a_customer_that_is_deleted_tells_nothing_of_it() -> None:
    gone = event("customer.deleted", {"id": "cus_1", "object": "customer", "deleted": True}, at(9))
    assert [(5, None, "di_1")] == spans(given(half(), 5), gone)


# ------------------------------------------------------------------ what is only named


def test_a_coupon_that_is_only_named_is_incomplete_until_one_of_the_customers_objects_tells_it() -> None:
    named = given("coupon_1", 5)
    [row] = discounts(named)
    assert (None, None) == (row["duration"], row["subtracts"])
    unknown = movements(subscribed(), named)
    assert [(20_00, False), (0, True)] == [(row["amount"], row["incomplete_after"]) for row in unknown]
    seen = customer(of_customer(half(), 5), 30, {})
    assert [(0, "new", 20_00), (5, "contraction", -10_00)] == told(subscribed(), named, seen)
    observed = event("discount.observed", of_customer(half(), 5), at(30))
    assert [(0, "new", 20_00), (5, "contraction", -10_00)] == told(subscribed(), named, observed)


def seen(of: Event, whole: Object) -> Event:
    """What a lookup tells of a discount: as its newest event does, with the coupon in place."""
    told = dict(of.object) | {"source": {"type": "coupon", "coupon": whole}}
    return event("discount.observed", told, of.created)


def test_a_look_at_the_coupon_changes_neither_the_spans_nor_their_causes() -> None:
    named, better = half(id="good"), coupon(percent_off=75, id="better")
    began = given("good", 5)
    changed = event(
        "customer.discount.updated", of_customer("better", 5), at(9), {"source": {"coupon": "good"}}
    )
    gone = taken("better", 5, 20)
    assert [(5, None, "di_1")] == spans(began, seen(began, named))
    assert [(5, 20, "di_1")] == spans(gone, seen(gone, better))
    looks = [seen(began, named), seen(changed, better)]
    for events in permutations([began, changed, gone, *looks]):
        rows = discounts(*events)
        assert [(5, 9, 50, began.id, changed.id), (9, 20, 75, changed.id, gone.id)] == [
            (day(r["since"]), day(r["until"]), int(r["percent_off"]), r["cause"], r["ended_by"]) for r in rows
        ]


def test_a_customer_may_show_a_mere_id() -> None:
    shown = customer("di_1", 5, {"discount": None})
    assert [(5, None, "di_1")] == spans(shown)
    assert [(5, 9, "di_1")] == spans(shown, given(half(), 5), taken(half(), 5, 9))
    assert [(0, "new", 20_00), (5, "contraction", -10_00)] == told(subscribed(), shown, given(half(), 5))


# ------------------------------------------------------------------ what it takes off


def test_it_comes_off_each_subscription_that_has_none_of_its_own() -> None:
    own = [discount(coupon(percent_off=25), discount_id="di_own")]
    assert [
        (0, "new", 20_00),
        (1, "expansion", 15_00),
        (5, "contraction", -10_00),
        (9, "expansion", 10_00),
    ] == told(subscribed(), subscribed("sub_2", 1, discounts=own), given(half(), 5), taken(half(), 5, 9))


def test_it_holds_for_what_is_subscribed_to_later() -> None:
    assert [(5, "new", 10_00), (9, "expansion", 10_00)] == told(
        given(half(), 0), subscribed(when=5), subscribed("sub_2", 9)
    )


def test_its_end_is_written_ahead_under_one_name() -> None:
    [_, end] = movements(subscribed(when=5), given(half(duration="repeating"), 5, end=65))
    assert (65, "expansion", 10_00, "discount_end:di_1") == (
        day(end["at"]),
        end["kind"],
        end["amount"],
        end["cause"],
    )


def test_it_comes_into_its_own_where_the_subscriptions_ends() -> None:
    own = [discount(coupon(percent_off=75, duration="repeating"), discount_id="di_own", end=at(30))]
    assert [(0, "new", 5_00), (30, "expansion", 5_00)] == told(given(half(), 0), subscribed(discounts=own))


def test_for_once_it_takes_off_nothing() -> None:
    assert [(0, "new", 20_00)] == told(subscribed(), given(half(duration="once"), 5))


def test_one_of_the_subscriptions_own_stands_in_its_way_even_for_once() -> None:
    own = [discount(coupon(percent_off=25, duration="once"), discount_id="di_own")]
    assert [(0, "new", 20_00)] == told(subscribed(discounts=own), given(half(), 5))


def test_all_of_it_is_a_churn_and_its_end_a_reactivation() -> None:
    free = coupon(percent_off=100)
    assert [(0, "new", 20_00), (5, "churn", -20_00), (9, "reactivation", 20_00)] == told(
        subscribed(), given(free, 5), taken(free, 5, 9)
    )


@pytest.mark.parametrize(
    ("interval", "amount", "off", "left"),
    [("year", 1200_00, 500_00, 58_33), ("week", 12_00, 4_00, 34_67), ("month", 20_00, 50_00, 0)],
)
def test_an_amount_is_reckoned_by_the_billing_period(interval: str, amount: int, off: int, left: int) -> None:
    priced = item(of=price(amount=amount, interval=interval))
    [*_, last] = movements(subscribed("sub_1", 0, priced), given(coupon(amount_off=off), 5))
    assert left == last["mrr_after"]


def test_a_coupon_for_some_products_leaves_the_others_and_comes_after_the_items_own() -> None:
    bound = half(applies_to={"products": ["prod_x"]})
    own = [discount(coupon(amount_off=4_00), discount_id="di_item")]
    other = item("si_2", of=price("price_x", amount=10_00, product="prod_x"), discounts=own)
    assert [(0, "new", 26_00), (5, "contraction", -3_00)] == told(
        subscribed("sub_1", 0, item(), other), given(bound, 5)
    )


def test_an_amount_in_another_currency_is_taken_in_the_subscriptions_or_is_not_known() -> None:
    euros = {"items": items(item(of=price(currency="eur"))), "currency": "eur"}
    both = coupon(amount_off=4_00, currency_options={"eur": {"amount_off": 3_00}})
    assert [(0, "new", 17_00)] == told(given(both, 0), subscribed(**euros))
    [unknown] = movements(given(coupon(amount_off=4_00), 0), subscribed(**euros))
    assert (20_00, True) == (unknown["amount"], unknown["incomplete"])


def test_it_is_part_of_an_opening_that_it_came_before() -> None:
    found = event("customer.subscription.updated", subscription(), at(9), {"latest_invoice": "in_0"})
    assert [(9, "opening", 10_00)] == told(given(half(), 5), found)
    assert [(9, "opening", 20_00), (12, "contraction", -10_00)] == told(given(half(), 12), found)


def test_the_cause_is_the_discounts_event() -> None:
    began, ended = given(half(), 5), taken(half(), 5, 9)
    assert [began.id, ended.id] == [row["cause"] for row in movements(subscribed(), began, ended)[1:]]
