"""What events only name is filled in from whatever event of the subscription tells it, earlier or later."""

from datetime import UTC, datetime
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest

from ingest.event import Event
from projections import churn, subscription_changes
from projections.billing_fields import Coupon
from projections.causality import order
from projections.subscription_history import PROJECTION
from tests.billing_objects import DAY, NOON, Object, coupon, discount, event, item, items, price, subscription
from tests.test_ledger import movements
from workers.observations import observation

LATER, LAST = NOON + 30 * DAY, NOON + 60 * DAY

HALF = coupon(percent_off=50)
TIERS = [{"up_to": 5, "unit_amount": 7_00}, {"up_to": None, "unit_amount": 6_00}]


def tiered(tiers: list[Object] | None = None) -> Object:
    told = {} if tiers is None else {"tiers": tiers}
    return price("price_seats", None, billing_scheme="tiered", tiers_mode="volume", **told)


def created(*each: Object, **state: Any) -> Event:
    return event("customer.subscription.created", subscription(*each, **state))


def updated(at: int, *each: Object, **state: Any) -> Event:
    return event("customer.subscription.updated", subscription(*each, **state), at)


def ended(at: int, *each: Object, **state: Any) -> Event:
    gone = subscription(*each, status="canceled", ended_at=at, **state)
    return event("customer.subscription.deleted", gone, at)


def seen(at: int, *each: Object, **state: Any) -> Event:
    read_at = datetime.fromtimestamp(at, UTC)
    return Event.read(observation("lookup1", subscription(*each, **state), read_at=read_at), source="default")


def versions(*events: Event) -> list[tuple[str, int, list[str]]]:
    """Of each version its event, its monthly amount, and what that leaves out."""
    rows = PROJECTION.rows(order(events), {})
    return [(row["event_id"], row["monthly_amount"], row["missing"]) for row in rows]


def ledger(*events: Event) -> list[tuple[datetime, str, int, bool]]:
    return [(row["at"], row["kind"], row["amount"], row["incomplete"]) for row in movements(*events)]


# ------------------------------------------------------------------ what is missing has a name


@pytest.mark.parametrize(
    "state, missing",
    [
        ({"discounts": ["di_1"]}, ["discount di_1"]),
        ({"discounts": [discount("WELCOME")]}, ["coupon WELCOME"]),
        ({"items": items(item(of=tiered()))}, ["tiers price_seats"]),
        ({"items": items(item(discounts=["di_2"]), has_more=True)}, ["discount di_2", "items"]),
        ({"discounts": [discount(coupon(amount_off=500) | {"currency": "eur"})]}, ["coupon coupon_1"]),
        ({"discounts": [discount(HALF)]}, []),
    ],
    ids=["discount", "coupon", "tiers", "items", "currency", "nothing"],
)
def test_what_an_amount_leaves_out_is_named(state: Object, missing: list[str]) -> None:
    [(_, _, told)] = versions(created(**state))
    assert missing == told


# ------------------------------------------------------------------ one look resolves the whole history


NAMED_AND_TOLD: list[Any] = [
    pytest.param({"discounts": ["di_1"]}, {"discounts": [discount(HALF)]}, 10_00, id="discount"),
    pytest.param({"discounts": [discount("coupon_1")]}, {"discounts": [discount(HALF)]}, 10_00, id="coupon"),
    pytest.param(
        {"items": items(item(of=tiered(), quantity=2))},
        {"items": items(item(of=tiered(TIERS), quantity=2))},
        14_00,
        id="tiers",
    ),
    pytest.param(
        {"items": items(item(discounts=["di_1"]))},
        {"items": items(item(discounts=[discount(HALF)]))},
        10_00,
        id="an item's discount",
    ),
    pytest.param(
        {"items": items(item(), has_more=True)}, {"items": items(item(), item("si_2"))}, 40_00, id="items"
    ),
]


@pytest.mark.parametrize("named, told, amount", NAMED_AND_TOLD)
def test_a_look_tells_what_was_so_from_the_start_and_is_no_version(
    named: Object, told: Object, amount: int
) -> None:
    first, look = created(**named), seen(LATER, **told)
    for arrived in permutations([first, look]):
        assert [(first.id, amount, [])] == versions(*arrived)
        assert [(datetime.fromtimestamp(NOON, UTC), "new", amount, False)] == ledger(*arrived)


def test_whatever_the_order_of_arrival_all_versions_are_complete() -> None:
    named, told = {"discounts": ["di_1"]}, {"discounts": [discount(HALF)]}
    events = [
        created(**named),
        seen(NOON + 5, **told),
        updated(LATER, item(quantity=2), **named),
        ended(LAST, item(quantity=2), **named),
    ]
    expected = [(events[0].id, 10_00, []), (events[2].id, 20_00, []), (events[3].id, 20_00, [])]
    for arrived in permutations(events):
        assert expected == versions(*arrived)


def test_a_look_at_another_state_is_a_version() -> None:
    first, look = created(discounts=["di_1"]), seen(LATER, item(quantity=3), discounts=[discount(HALF)])
    assert [(first.id, 10_00, []), (look.id, 30_00, [])] == versions(first, look)


def test_a_look_does_not_put_off_what_follows() -> None:
    state = {"discounts": ["di_1"]}
    rows = PROJECTION.rows([created(**state), seen(LAST, **state), ended(LATER, **state)], {})
    assert LATER == rows[-1]["valid_from"].timestamp()


def test_a_discounts_end_is_known_from_the_start() -> None:
    over = discount(HALF | {"duration": "repeating"}, end=LATER)
    found = ledger(created(discounts=["di_1"]), seen(NOON + 9, discounts=[over]))
    assert [("new", 10_00), ("expansion", 10_00)] == [(kind, amount) for _, kind, amount, _ in found]
    assert LATER == found[1][0].timestamp()


def test_a_repeated_look_changes_nothing() -> None:
    first, state = created(discounts=["di_1"]), {"discounts": [discount(HALF)]}
    assert versions(first, seen(LATER, **state)) == versions(
        first, seen(LATER, **state), seen(LAST, **state), seen(LAST + DAY, **state)
    )


def test_a_customers_discount_that_an_event_brought_along_stays() -> None:
    whose = {"id": "cus_1", "object": "customer", "discount": discount(HALF, discount_id="di_9")}
    first = created(item(of=tiered(), quantity=2), customer=whose)
    [row] = PROJECTION.rows([first, seen(LATER, item(of=tiered(TIERS), quantity=2))], {})
    assert (7_00, []) == (row["monthly_amount"], row["missing"])


def test_churn_and_changes_tell_the_same() -> None:
    named, told = {"discounts": ["di_1"]}, {"discounts": [discount(HALF)]}
    history = order([created(**named), ended(LATER, **named), seen(NOON + 9, **told)])
    [lost] = churn.PROJECTION.rows(history, {})
    assert (10_00, False) == (lost["monthly_amount"], lost["monthly_amount_incomplete"])
    changes = subscription_changes.PROJECTION.rows(history, {})
    assert ["created", "activated", "cancelled"] == [row["event_type"] for row in changes]
    assert 10_00 == changes[-1]["monthly_amount_before"]


# ------------------------------------------------------------------ coupons


def told(**facts: Any) -> Coupon:
    return Coupon.read(coupon(**facts))


def test_a_coupon_is_completed_by_what_was_asked_for() -> None:
    bare = told(amount_off=500)
    whole = told(
        amount_off=500,
        applies_to={"products": ["prod_1"]},
        currency_options={"eur": {"amount_off": 450}, "usd": {"amount_off": 500}},
    )
    assert whole == bare.completed(whole) == whole.completed(bare)


@pytest.mark.parametrize(
    "other",
    [{"percent_off": 10}, {"percent_off": 20, "duration": "once"}, {"amount_off": 20}],
    ids=["percentage", "duration", "kind"],
)
def test_a_coupon_whose_id_was_used_again_tells_nothing_of_the_first(other: Object) -> None:
    first = told(percent_off=20)
    assert first == first.completed(told(**other, applies_to={"products": ["prod_1"]}))


def test_an_event_that_carries_a_coupon_keeps_its_terms_whatever_the_id_means_later() -> None:
    old, new = discount(HALF, discount_id="di_1"), discount(coupon(percent_off=10), discount_id="di_2")
    first, second = created(discounts=[old]), updated(LATER, discounts=[new])
    assert [10_00, 18_00] == [amount for _, amount, _ in versions(first, second)]


@pytest.mark.parametrize("shuffled", list(permutations(range(3))))
def test_products_that_one_look_tells_hold_for_all(shuffled: tuple[int, ...]) -> None:
    limited = discount(HALF | {"applies_to": {"products": ["prod_other"]}})
    events = [
        created(discounts=[discount(HALF)]),
        seen(LATER, discounts=[limited]),
        updated(LAST, discounts=["di_1"]),
    ]
    assert [20_00, 20_00] == [amount for _, amount, _ in versions(*(events[place] for place in shuffled))]


def test_amounts_are_exact() -> None:
    third = discount(coupon(percent_off=33.3))
    row = PROJECTION.rows([created(discounts=["di_1"]), seen(LATER, discounts=[third])], {})[0]
    assert Fraction(2000) * (1 - Fraction("0.333")) == Fraction(row["mrr"][0]["amount"])
