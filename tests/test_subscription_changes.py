"""What happened to subscriptions, one row a change."""

from typing import Any

import pytest

from ingest.event import Event
from projections.causality import order
from projections.projection import Plan
from projections.subscription_changes import PROJECTION
from tests.billing_objects import (
    DAY,
    NEWEST,
    NOON,
    OLDEST,
    Object,
    event,
    item,
    items,
    price,
    subscription,
    subscription_2017,
)

CONFIGURED = {"price_basic": Plan("basic", "month"), "price_pro": Plan("pro", "month"),
              "price_pro_year": Plan("pro", "year")}  # fmt: skip
BASIC, PRO = item(of=price("price_basic", 900)), item(of=price("price_pro", 2000))
TIERED = {"billing_scheme": "tiered", "metadata": {"plan_type": "enterprise"}}
ENTERPRISE = item(of=price("price_enterprise", None, **TIERED))
PRO_YEARLY = item(of=price("price_pro_year", 200_00, "year"))


def changes(*events: Event) -> list[dict[str, Any]]:
    return [dict(row) for row in PROJECTION.rows(order(events), CONFIGURED)]


def kinds(*events: Event) -> list[str]:
    return [row["event_type"] for row in changes(*events)]


def created(*each: Object, **state: Any) -> Event:
    return event("customer.subscription.created", subscription(*each, **state))


def became(days: int, previous: Object, *each: Object, **state: Any) -> Event:
    return event("customer.subscription.updated", subscription(*each, **state), NOON + days * DAY, previous)


def ended(days: int, **state: Any) -> Event:
    gone = subscription(**{"status": "canceled", "ended_at": NOON + days * DAY} | state)
    return event("customer.subscription.deleted", gone, NOON + days * DAY)


@pytest.mark.parametrize(
    "status, told",
    [
        ("active", ["created", "activated"]),
        ("trialing", ["created", "trial_started"]),
        ("incomplete", ["created"]),
        ("hibernating", ["created", "hibernating"]),
    ],
)
def test_a_birth_tells_what_it_was_born_as(status, told):
    assert told == kinds(created(status=status))


def test_what_has_been_tells_its_own_event_and_stays_as_it_is_when_more_comes():
    first, second = created(BASIC), became(3, {}, PRO)
    then, now = changes(first), changes(first, second)
    assert now[: len(then)] == then
    assert [row["updated_at"] for row in now] == [first.created_at] * len(then) + [second.created_at]


@pytest.mark.parametrize(
    "before, after, told",
    [
        ("incomplete", "active", ["activated"]),
        ("incomplete", "incomplete_expired", ["expired"]),
        ("trialing", "active", ["trial_ended", "activated"]),
        ("trialing", "past_due", ["trial_ended", "past_due"]),
        ("trialing", "paused", ["trial_ended", "paused"]),
        ("active", "past_due", ["past_due"]),
        ("past_due", "active", ["recovered"]),
        ("past_due", "unpaid", ["unpaid"]),
        ("unpaid", "active", ["recovered"]),
        ("paused", "active", ["resumed"]),
        ("active", "canceled", ["cancelled"]),
        ("paused", "canceled", ["cancelled"]),
        ("active", "hibernating", ["hibernating"]),
    ],
)
def test_a_status_that_changes_tells_what_happened(before, after, told):
    birth = kinds(created(status=before))
    assert birth + told == kinds(created(status=before), became(1, {"status": before}, status=after))


@pytest.mark.parametrize(
    "before, after, told",
    [
        (BASIC, PRO, "upgraded"),
        (PRO, BASIC, "downgraded"),
        (PRO, PRO_YEARLY, "interval_changed"),
        (BASIC, PRO_YEARLY, "upgraded"),
        (BASIC, item(of=price("price_other", 900)), "plan_changed"),
        (BASIC, item(of=price("price_tiered", None, billing_scheme="tiered")), "plan_changed"),
        (PRO, PRO | {"quantity": 5}, "quantity_changed"),
        (BASIC | {"quantity": 9}, PRO, "upgraded"),
        (PRO, ENTERPRISE, "upgraded"),
        (ENTERPRISE, PRO, "downgraded"),
        (PRO, item(of=price("price_other", 900)), "downgraded"),
        (item(of=price("price_old", 900)), item(of=price("price_new", 901)), "upgraded"),
        (item(of=price("price_old", 900)), item(of=price("price_new", 9000, "year")), "interval_changed"),
    ],
)
def test_a_change_of_the_item_is_told_by_its_plan_else_by_what_it_comes_to(before, after, told):
    previous = {"items": items(before)}
    *_, row = changes(created(before), became(1, previous, after))
    assert told == row["event_type"]


def test_an_upgrade_shows_the_plan_the_price_and_the_amount_before_and_after():
    *_, row = changes(
        created(BASIC, metadata={"user_id": "u_1"}), became(1, {}, PRO, metadata={"user_id": "u_1"})
    )
    sides = [("plan_type", "basic", "pro"), ("price_id", "price_basic", "price_pro"), ("quantity", 1, 1),
             ("monthly_amount", 900, 2000)]  # fmt: skip
    assert sides == [(name, row[f"{name}_before"], row[f"{name}_after"]) for name, _, _ in sides]
    assert ("cus_1", "u_1", "usd", "active") == (
        row["customer_id"],
        row["user_id"],
        row["currency"],
        row["status"],
    )
    assert NOON + DAY == row["created_at"].timestamp()


def test_items_that_come_or_go_are_told_as_such():
    extra = item("si_2", of=price("price_support"))
    told = kinds(created(PRO), became(1, {}, PRO, extra), became(2, {}, PRO))
    assert ["created", "activated", "items_changed", "items_changed"] == told


def test_a_coupon_alone_is_no_upgrade():
    assert ["created", "activated"] == kinds(created(PRO), became(1, {}, PRO, discounts=["di_1"]))


def test_a_cancellation_is_scheduled_reverted_and_counted_once_when_it_takes_effect():
    scheduled = {"cancel_at_period_end": True, "canceled_at": NOON + DAY}
    told = changes(
        created(),
        became(1, {"cancel_at_period_end": False}, **scheduled),
        became(2, {"cancel_at_period_end": True}),
        became(3, {"cancel_at": None}, cancel_at=NOON + 30 * DAY),
        ended(30, cancel_at=NOON + 30 * DAY),
        became(
            31, {"metadata": {}}, status="canceled", ended_at=NOON + 30 * DAY, metadata={"why": "unknown"}
        ),
    )
    assert ["cancel_scheduled", "cancel_reverted", "cancel_scheduled", "cancelled"] == [
        row["event_type"] for row in told[2:]
    ]
    assert NOON + 30 * DAY == told[-1]["created_at"].timestamp()


def test_a_cancel_and_an_uncancel_in_one_second_are_both_told():
    asked = became(1, {"cancel_at_period_end": False}, cancel_at_period_end=True)
    told = kinds(created(), asked, became(1, {"cancel_at_period_end": True}))
    assert ["cancel_scheduled", "cancel_reverted"] == told[2:]


def test_a_pause_of_collection_is_a_pause():
    paused = became(1, {"pause_collection": None}, pause_collection={"behavior": "void"})
    told = kinds(created(), paused, became(2, {"pause_collection": {"behavior": "void"}}))
    assert ["paused", "resumed"] == told[2:]


def test_two_events_of_one_fact_are_one_change():
    paused = subscription(status="paused")
    twice = event("customer.subscription.paused", paused, NOON + DAY)
    told = kinds(created(), became(1, {"status": "active"}, status="paused"), twice)
    assert ["created", "activated", "paused"] == told


def test_a_change_is_never_told_twice_under_one_key():
    both = became(1, {}, status="paused", pause_collection={"behavior": "void"})
    told = changes(created(), both)
    assert len(told) == len({(row["event_id"], row["event_type"]) for row in told})


def test_a_birth_that_was_not_seen_has_its_instant_and_no_terms():
    [row] = changes(became(9, {"latest_invoice": "in_0"}))
    assert ("created", NOON) == (row["event_type"], row["created_at"].timestamp())
    assert row.get("plan_type_after") is None


def test_the_first_event_known_tells_its_own_change():
    assert ["created", "past_due"] == kinds(became(9, {"status": "active"}, status="past_due"))


@pytest.mark.parametrize(
    "only",
    [
        ended(20),
        became(25, {"metadata": {}}, status="canceled", ended_at=NOON + 20 * DAY),
        became(20, {"status": "active", "ended_at": None}, status="canceled", ended_at=NOON + 20 * DAY),
    ],
)
def test_an_end_is_told_once_though_it_is_all_that_is_known(only):
    assert ["created", "cancelled"] == kinds(only)
    assert NOON + 20 * DAY == changes(only)[-1]["created_at"].timestamp()


@pytest.mark.parametrize("old", [(True,) * 4, (False,) * 4, (True, False, True, False)])
def test_the_versions_of_the_events_do_not_matter(old):
    life = [
        (0, None, subscription(BASIC, status="trialing")),
        (14, {"status": "trialing"}, subscription(BASIC)),
        (20, {"latest_invoice": "in_0"}, subscription(PRO)),
        (30, {"cancel_at_period_end": False}, subscription(PRO, cancel_at_period_end=True)),
    ]
    events = [
        event(
            "customer.subscription.created" if previous is None else "customer.subscription.updated",
            subscription_2017(state) if as_of_2017 else state,
            NOON + day * DAY,
            previous,
            version=OLDEST if as_of_2017 else NEWEST,
        )
        for as_of_2017, (day, previous, state) in zip(old, life, strict=True)
    ]
    told = ["created", "trial_started", "trial_ended", "activated", "upgraded", "cancel_scheduled"]
    assert told == kinds(*events)
