"""The ledger in the database: gathered from subscriptions that several drains hold, and never out of step."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from ingest.event import Event
from tests.billing_objects import DAY, NOON, event, item, items, price, subscription
from tests.pipeline import Pipeline, delivered
from workers.dead_letters import retry
from workers.drain import Drain
from workers.rebuild import Rebuild
from workers.simulator import simulate

TABLES = ("subscription_versions", "mrr_movements")


def ledger(pipeline: Pipeline) -> list[tuple[str, str, int]]:
    rows = sorted(
        pipeline.rows("mrr_movements"), key=lambda row: (row["customer_id"], row["currency"], row["at"])
    )
    return [(row["customer_id"], row["kind"], row["amount"]) for row in rows]


def created(name: str = "sub_1", **state: Any) -> Event:
    return event("customer.subscription.created", subscription(id=name, **state))


def updated(name: str = "sub_1", days: int = 1, **state: Any) -> Event:
    return event("customer.subscription.updated", subscription(id=name, **state), NOON + days * DAY)


def run(pipeline: Pipeline, *events: Event) -> list[tuple[str, str, int]]:
    pipeline.deliver(*events)
    pipeline.run()
    assert [] == pipeline.rows("mrr_ledger_residual")
    return ledger(pipeline)


def quantity(many: int) -> dict[str, Any]:
    return {"items": items(item(quantity=many))}


# ------------------------------------------------------------------ what touches what


def test_a_late_event_changes_what_followed_from_its_absence(pipeline: Pipeline) -> None:
    first, late, last = created(), updated(days=10, **quantity(5)), updated(days=20, **quantity(3))
    assert [("cus_1", "new", 20_00), ("cus_1", "expansion", 40_00)] == run(pipeline, first, last)
    assert [
        ("cus_1", "new", 20_00),
        ("cus_1", "expansion", 80_00),
        ("cus_1", "contraction", -40_00),
    ] == run(pipeline, late)


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


# ------------------------------------------------------------------ several drains at once


def test_four_drains_at_once_leave_the_ledger_that_one_does(pipeline: Pipeline) -> None:
    many = [
        each
        for number in range(40)
        for each in (
            created(f"sub_{number}", customer=f"cus_{number % 3}"),
            *(
                updated(f"sub_{number}", days, customer=f"cus_{number % 3}", **quantity(days + number))
                for days in range(1, 6)
            ),
        )
    ]
    Random(0).shuffle(many)
    few = pipeline.settings.model_copy(update={"drain_batch": 4})
    expected = (run(pipeline, *many), pipeline.tables(TABLES))
    for _ in range(3):
        pipeline.forget()
        pipeline.deliver(*many)
        drains = [Drain(few) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            counts = list(pool.map(lambda drain: drain.run(workers=4), drains))
        for drain in drains:
            drain.close()
        assert len(many) == sum(counts)
        assert expected == (ledger(pipeline), pipeline.tables(TABLES))
        assert [] == pipeline.rows("mrr_ledger_residual")


# ------------------------------------------------------------------ a whole business


@pytest.fixture
def business(pipeline: Pipeline) -> tuple[Pipeline, list[Event], Any]:
    """A year of subscriptions, several a customer, in two of Stripe's API versions, and their ledger."""
    events = []
    for seed, version in ((3, "2026-10-28.endive"), (4, "2020-08-27")):
        for body in simulate(seed=seed, payments=1, subscriptions=30, api_version=version).bodies():
            told = json.loads(body)
            if told["data"]["object"]["object"] == "subscription":
                shared = crc32(told["data"]["object"]["id"].encode()) % 12
                told["data"]["object"]["customer"] = f"cus_{shared}"
                events.append(delivered(told))
    run(pipeline, *events)
    kinds = {kind for _, kind, _ in ledger(pipeline)}
    assert {"new", "reactivation", "expansion", "contraction", "churn"} <= kinds
    return pipeline, events, pipeline.tables(TABLES)


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=strategies.data())
def test_a_years_ledger_is_the_same_in_any_order_and_any_batches(
    business: Any, data: strategies.DataObject
) -> None:
    pipeline, events, tables = business
    random = data.draw(strategies.randoms(use_true_random=False))
    deliveries = [*events, *random.choices(events, k=len(events) // 5)]
    random.shuffle(deliveries)
    pipeline.forget()
    for some in batches(deliveries, random):
        run(pipeline, *some)
    assert tables == pipeline.tables(TABLES)


def batches(deliveries: Sequence[Event], random: Random) -> Iterator[Sequence[Event]]:
    start = 0
    while start < len(deliveries):
        size = random.randint(1, len(deliveries))
        yield deliveries[start : start + size]
        start += size


PERIOD = """
SELECT currency,
    (coalesce(sum(amount) FILTER (WHERE at < %(since)s), 0)) AS start,
    (coalesce(sum(amount) FILTER (WHERE at >= %(since)s AND at < %(until)s), 0)) AS moved,
    (SELECT coalesce(sum(mrr_after), 0) FROM (
        SELECT DISTINCT ON (account, livemode, customer_id) mrr_after FROM mrr_movements AS last
        WHERE last.currency = movement.currency AND at < %(until)s
        ORDER BY account, livemode, customer_id, at DESC, kind = 'opening'
    ) AS ends) AS end
FROM mrr_movements AS movement GROUP BY currency
"""


def test_start_and_movements_make_the_end_for_every_currency_and_any_period(business: Any) -> None:
    pipeline, events, _ = business
    first, last = min(e.created_at for e in events), max(e.created_at for e in events)
    random = Random(0)
    for _ in range(20):
        since, until = sorted(first + random.random() * (last - first) for _ in range(2))
        sums = pipeline.database.execute(PERIOD, {"since": since, "until": until}).fetchall()
        assert len(sums) > 1
        for row in sums:
            assert row["end"] == row["start"] + row["moved"]


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE mrr_movements SET amount = amount + 1 WHERE kind = 'new' AND amount > 0",
        "UPDATE mrr_movements SET mrr_after = mrr_after - 1 WHERE kind = 'churn'",
        "DELETE FROM mrr_movements WHERE kind = 'expansion'",
        "DELETE FROM subscription_versions WHERE number = 0",
    ],
)
def test_a_ledger_that_is_wrong_shows_a_residual(business: Any, fault: Any) -> None:
    pipeline, _, _ = business
    pipeline.database.execute(fault)
    assert pipeline.rows("mrr_ledger_residual")
