"""The ledger of a whole business: in any order, by any drains, and adding up over any time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from ingest.event import Event
from tests.conftest import Servers, own_pipeline
from tests.ledger_business import business_events
from tests.ledger_pipeline import TABLES, created, discounts_of, ledger, quantity, run, updated
from tests.pipeline import Pipeline
from workers.drain import Drain
from workers.health import examine
from workers.rebuild import Rebuild

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
    ] + [each for number in range(3) for each in discounts_of(f"cus_{number}", Random(number), days=6)]
    Random(0).shuffle(many)
    few = pipeline.settings.model_copy(update={"drain_batch": 4})
    expected = (run(pipeline, *many), pipeline.tables(TABLES))
    assert len(pipeline.rows("customer_discounts")) > 5
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

Business = tuple[Pipeline, list[Event], Any]
"""With the tables that it makes."""


@pytest.fixture
def business(pipeline: Pipeline) -> Business:
    return told(pipeline)


@pytest.fixture(scope="module")
def finished(servers: Servers) -> Iterator[Business]:
    """For tests that leave it as it is."""
    with own_pipeline(servers) as pipeline:
        yield told(pipeline)


def told(pipeline: Pipeline) -> Business:
    """A year of subscriptions, several a customer, and of discounts, in two of Stripe's API versions."""
    events = business_events()
    run(pipeline, *events)
    kinds = {kind for _, kind, _ in ledger(pipeline)}
    assert {"new", "reactivation", "expansion", "contraction", "churn"} <= kinds
    assert {"repeating", "forever", "once", None} <= {
        row["duration"] for row in pipeline.rows("customer_discounts")
    }
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


def test_start_and_movements_make_the_end_for_every_currency_and_any_period(finished: Business) -> None:
    pipeline, events, _ = finished
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
        "UPDATE customer_discounts SET percent_off = percent_off / 2",
        "UPDATE customer_discounts SET amounts_off = NULL WHERE percent_off IS NULL",
        "DELETE FROM customer_discounts",
    ],
)
def test_a_ledger_that_is_wrong_shows_a_residual(finished: Business, fault: Any) -> None:
    pipeline, _, _ = finished
    assert [] == pipeline.rows("mrr_ledger_residual")
    with pipeline.database.transaction(force_rollback=True):
        pipeline.database.execute(fault)
        assert pipeline.rows("mrr_ledger_residual")


@pytest.mark.parametrize(
    "chosen",
    [
        {"mrr_past_due_days": 3, "mrr_discounts": "all"},
        {"mrr_trial": "first_payment", "mrr_discounts": "none"},
        {"mrr_churn_at": "request", "mrr_discounts": "forever"},
    ],
)
def test_other_rules_ask_for_a_rebuild_which_makes_the_ledger_that_they_would_have_made(
    business: Any, chosen: Any
) -> None:
    pipeline, events, tables = business
    ruled = pipeline.settings.model_copy(update=chosen)
    assert ["MRR_…"] == examine(ruled).rebuild_due
    rebuild = Rebuild(ruled)
    list(rebuild.run())
    assert rebuild.differences["mrr_movements"]
    assert [] == pipeline.rows("mrr_ledger_residual")
    assert [] == examine(ruled).rebuild_due
    rebuilt = pipeline.tables(RULED)
    pipeline.forget()
    pipeline.deliver(*events)
    with Drain(ruled) as drain:
        drain.run()
    assert rebuilt == pipeline.tables(RULED)
    assert tables != rebuilt


RULED = (*TABLES, "trial_payments", "churn", "subscription_changes")
