"""The ledger in the database: gathered from subscriptions that several drains hold, and never out of step."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ingest.event import Identity
from projections import heads
from tests.billing_objects import DAY, NOON, coupon, event, item, items, price, subscription
from tests.ledger_pipeline import created, discounted, given_discount, ledger, quantity, run, updated
from tests.pipeline import Pipeline, delivered
from workers.dead_letters import retry
from workers.rebuild import Rebuild

# ------------------------------------------------------------------ what touches what


def test_a_late_event_changes_what_followed_from_its_absence(pipeline: Pipeline) -> None:
    first, late, last = created(), updated(days=10, **quantity(5)), updated(days=20, **quantity(3))
    assert [("cus_1", "new", 20_00), ("cus_1", "expansion", 40_00)] == run(pipeline, first, last)
    assert [
        ("cus_1", "new", 20_00),
        ("cus_1", "expansion", 80_00),
        ("cus_1", "contraction", -40_00),
    ] == run(pipeline, late)


def test_a_late_event_writes_nothing_but_what_it_changes(pipeline: Pipeline) -> None:
    written = "SELECT customer_id, at, amount, xmin::text AS by FROM mrr_movements ORDER BY customer_id, at"
    told = [created(), *(updated(days=days, **quantity(days)) for days in (5, 20, 30))]
    run(pipeline, *told, created("sub_2", customer="cus_2"))
    before = pipeline.database.execute(written).fetchall()
    run(pipeline, updated(days=10, **quantity(8)))
    after = pipeline.database.execute(written).fetchall()
    changed = [(row["at"].timestamp() - NOON) // DAY for row in after if row not in before]
    assert [10, 20] == changed
    assert 4 == len([row for row in before if row in after])


def test_a_customer_has_one_ledger_for_all_subscriptions_a_currency(pipeline: Pipeline) -> None:
    francs = item(of=price("price_chf", 7_00) | {"currency": "chf"})
    assert [("cus_1", "new", 7_00), ("cus_1", "new", 20_00), ("cus_1", "expansion", 20_00)] == run(
        pipeline,
        created(),
        created("sub_2", items=items(francs), currency="chf"),
        event("customer.subscription.created", subscription(id="sub_3"), NOON + DAY),
    )


def test_a_subscription_that_changes_hands_changes_both_ledgers(pipeline: Pipeline) -> None:
    assert [("cus_1", "new", 20_00)] == run(pipeline, created())
    moved = updated(customer="cus_2")
    assert [("cus_1", "new", 20_00), ("cus_1", "churn", -20_00), ("cus_2", "new", 20_00)] == run(
        pipeline, moved
    )
    assert [moved.id] * 2 == [
        row["cause"] for row in pipeline.rows("mrr_movements") if row["at"] == moved.created_at
    ]


def test_a_subscription_that_never_was_the_customers_leaves_no_trace(pipeline: Pipeline) -> None:
    told = created()
    assert [("cus_1", "new", 20_00)] == run(pipeline, told)
    other = {**told.body, "api_version": "2027-01-01", "data": {"object": subscription(customer="cus_2")}}
    assert [("cus_2", "new", 20_00)] == run(pipeline, delivered(json.dumps(other).encode()))


def test_one_that_loses_its_rows_leaves_the_ledger_until_it_is_digested(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = created()
    assert [("cus_1", "new", 20_00)] == run(pipeline, told)
    broken = {**told.body, "api_version": "2027-01-01", "data": {"object": subscription(items=None)}}
    assert [] == run(pipeline, delivered(json.dumps(broken).encode()))
    assert [] == pipeline.rows("subscription_versions")
    pipeline.database.execute("UPDATE events SET payload = %s", [told.raw.decode()])
    assert {True} == {gone for _, gone in retry(pipeline.settings)}
    assert [("cus_1", "new", 20_00)] == ledger(pipeline)


def test_an_amount_beyond_all_bounds_is_a_dead_letter_and_the_ledger_goes_on(pipeline: Pipeline) -> None:
    huge = updated(items=items(item(of=price(amount=10**14), quantity=100)))
    assert [("cus_1", "new", 20_00), ("cus_2", "new", 20_00)] == run(
        pipeline, created(), created("sub_2", customer="cus_2"), huge
    )
    assert {"sub_1"} == {row["object_id"] for row in pipeline.rows("dead_letters")}
    assert [True, False] == [row["stale"] for row in sorted(pipeline.rows("mrr_movements"), key=repr)]
    rebuild = Rebuild(pipeline.settings)
    list(rebuild.run())
    assert {0} == set(rebuild.differences.values())


def test_the_ledger_can_be_rebuilt_by_its_own_name(pipeline: Pipeline) -> None:
    run(pipeline, created())
    pipeline.database.execute("UPDATE mrr_movements SET amount = 1")
    rebuild = Rebuild(pipeline.settings, ["mrr_movements"])
    list(rebuild.run())
    assert 1 == rebuild.differences["mrr_movements"]
    assert [("cus_1", "new", 20_00)] == ledger(pipeline)


def test_a_scheduled_cancellation_shows_until_it_takes_effect(pipeline: Pipeline) -> None:
    asked = {"cancel_at_period_end": True, "cancel_at": NOON + 30 * DAY, "canceled_at": NOON + DAY}
    run(pipeline, created(), created("sub_2"), updated(**asked))
    [due] = pipeline.rows("scheduled_churn")
    assert ("sub_1", 20_00, NOON + 30 * DAY) == (
        due["subscription_id"],
        due["monthly_amount"],
        due["due_at"].timestamp(),
    )
    run(pipeline, updated(days=30, status="canceled", ended_at=NOON + 30 * DAY, **asked))
    assert [] == pipeline.rows("scheduled_churn")


@pytest.mark.parametrize(
    ("reason", "voluntary"),
    [(None, True), ("cancellation_requested", True), ("payment_failed", False), ("moon", None)],
)
def test_a_scheduled_cancellation_says_why_and_whether_the_customer_wants_it(
    pipeline: Pipeline, reason: str | None, voluntary: bool | None
) -> None:
    why = {"reason": reason, "feedback": "too_expensive", "comment": "Too dear."}
    asked = {"cancel_at_period_end": True, "canceled_at": NOON, "cancellation_details": why}
    run(pipeline, created(**asked))
    [due] = pipeline.rows("scheduled_churn")
    assert (reason, voluntary, "too_expensive", "Too dear.") == (
        due["reason"], due["voluntary"], due["feedback"], due["comment"],
    )  # fmt: skip


def test_what_is_due_is_rounded_as_the_ledger_rounds(pipeline: Pipeline) -> None:
    asked = {"cancel_at_period_end": True, "cancel_at": NOON + 30 * DAY, "canceled_at": NOON}
    half = items(item(of=price(amount=30, interval="year")))  # 2.5 a month
    assert [("cus_1", "new", 2)] == run(pipeline, created(items=half, **asked))
    assert [2] == [row["monthly_amount"] for row in pipeline.rows("scheduled_churn")]


def test_what_costs_nothing_by_the_customers_discount_has_nothing_to_lose(pipeline: Pipeline) -> None:
    asked = {"cancel_at_period_end": True, "cancel_at": NOON + 30 * DAY, "canceled_at": NOON}
    run(pipeline, given_discount("cus_1", 0, coupon(percent_off=100)), created(**asked))
    assert [] == pipeline.rows("scheduled_churn")


# ------------------------------------------------------------------ customers' discounts


@pytest.mark.parametrize(
    "off, of, complete",
    [
        (coupon(amount_off=5_00, currency="jpy"), price(), False),
        (coupon(amount_off=5_00, currency="jpy", applies_to={"products": ["prod_x"]}), price(), True),
        ("WELCOME", price(), False),
        ("WELCOME", price(recurring={"usage_type": "metered"}), True),
    ],
)
def test_what_a_discount_leaves_open_is_told_alike_by_ledger_spans_and_what_is_due(
    pipeline: Pipeline, off: Any, of: Any, complete: bool
) -> None:
    asked = {"cancel_at_period_end": True, "cancel_at": NOON + 30 * DAY, "canceled_at": NOON}
    told = created(items=items(item(of=of)), **asked)
    run(pipeline, given_discount("cus_1", -1, off), told)
    assert complete == (True not in {row["incomplete_after"] for row in pipeline.rows("mrr_movements")})
    assert [not complete] == [row["incomplete"] for row in pipeline.rows("subscription_mrr")]
    assert [not complete] == [row["monthly_amount_incomplete"] for row in pipeline.rows("scheduled_churn")]


def test_a_discount_heard_of_late_changes_all_of_its_customers_subscriptions(pipeline: Pipeline) -> None:
    assert [("cus_1", "new", 20_00), ("cus_1", "expansion", 20_00)] == run(
        pipeline, created(), event("customer.subscription.created", subscription(id="sub_2"), NOON + 9 * DAY)
    )
    half = given_discount("cus_1", 5, coupon(percent_off=50))
    assert [
        ("cus_1", "new", 20_00),
        ("cus_1", "contraction", -10_00),
        ("cus_1", "expansion", 10_00),
    ] == run(pipeline, half)
    over = discounted("cus_1", 5, coupon(percent_off=50))
    ended = event("customer.discount.deleted", over, NOON + 12 * DAY)
    assert ("cus_1", "expansion", 20_00) == run(pipeline, ended)[-1]


def test_a_subscription_that_changes_hands_takes_the_discount_of_whom_it_is(pipeline: Pipeline) -> None:
    assert [("cus_1", "new", 20_00), ("cus_1", "churn", -20_00), ("cus_2", "new", 10_00)] == run(
        pipeline,
        given_discount("cus_2", 0, coupon(percent_off=50)),
        created(),
        updated(customer="cus_2"),
    )


def test_customers_without_a_discount_have_no_history_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = heads.load

    def noted(connection: Any, objects: Sequence[Identity]) -> Any:
        read.extend(each.object for each in objects)
        return load(connection, objects)

    monkeypatch.setattr(heads, "load", noted)
    for balance in range(3):
        told = {"id": "cus_1", "object": "customer", "created": NOON, "discount": None, "balance": balance}
        pipeline.deliver(event("customer.updated", told, NOON + balance))
        pipeline.run()
    assert [] == read
    shown = told | {"discount": discounted("cus_1", 1, coupon(9))}
    run(pipeline, event("customer.updated", shown, NOON + DAY, {"discount": None}))
    assert ["customer"] == read
    assert 1 == len(pipeline.rows("shown_discounts"))
