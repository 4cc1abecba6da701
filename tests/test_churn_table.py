"""Churn in the database: each subscription's end as the ledger has it, its customer's discount included."""

from collections import defaultdict
from datetime import datetime
from typing import Any

import pytest

from ingest.event import Event
from projections.inheritance import inheritable, spans
from tests.billing_objects import (
    DAY,
    NOON,
    coupon,
    discount,
    event,
    invoice,
    item,
    items,
    line,
    price,
    subscription,
)
from tests.ledger_business import business_events
from tests.ledger_pipeline import created, discounted, given_discount, run, updated
from tests.pipeline import Pipeline
from tests.revenue import ask
from workers.database import apply_schema
from workers.drain import Drain

FREE, HALF = coupon(percent_off=100), coupon(percent_off=50)


def ended(days: int, **state: Any) -> Event:
    gone = subscription(status="canceled", ended_at=NOON + days * DAY, canceled_at=NOON, **state)
    return event("customer.subscription.deleted", gone, NOON + days * DAY)


def taken(since: int, until: int, of: Any) -> Event:
    return event("customer.discount.deleted", discounted("cus_1", since, of), NOON + until * DAY)


def churned(pipeline: Pipeline, *events: Event) -> list[tuple[int, str, int, bool]]:
    run(pipeline, *events)
    return [
        (
            (row["churned_at"].timestamp() - NOON) // DAY,
            row["cause"],
            row["monthly_amount"],
            row["monthly_amount_incomplete"],
        )
        for row in pipeline.rows("churn")
    ]


def why(pipeline: Pipeline) -> list[tuple[str, bool | None]]:
    gone = ask(pipeline, "churned_customers", "-infinity", "infinity")
    return [(row["cause"], row["voluntary"]) for row in gone]


def test_what_is_lost_is_less_what_the_customers_discount_took_off(pipeline: Pipeline) -> None:
    assert [(30, "canceled", 10_00, False)] == churned(
        pipeline, created(), given_discount("cus_1", 5, HALF), ended(30)
    )
    assert -10_00 == pipeline.rows("mrr_movements")[-1]["amount"]


def test_a_discount_that_began_or_ended_at_another_time_took_off_nothing(pipeline: Pipeline) -> None:
    over, late = taken(5, 20, HALF), given_discount("cus_1", 40, HALF)
    assert [(30, "canceled", 20_00, False)] == churned(pipeline, created(), ended(30), over, late)


def test_a_coupon_that_is_known_by_its_id_alone_leaves_it_incomplete(pipeline: Pipeline) -> None:
    named = given_discount("cus_1", 5, "WELCOME")
    assert [(30, "canceled", 20_00, True)] == churned(pipeline, created(), named, ended(30))


def test_what_the_customers_discount_makes_free_has_churned_and_comes_back_with_its_end(
    pipeline: Pipeline,
) -> None:
    assert [(5, "free", 20_00, False)] == churned(pipeline, created(), given_discount("cus_1", 5, FREE))
    [row] = pipeline.rows("churn")
    assert ("cus_1", "price_pro", "month", 5) == (
        row["customer_id"], row["price_id"], row["interval"], row["lived"].days,
    )  # fmt: skip
    assert [("free", None)] == why(pipeline)
    assert [] == churned(pipeline, taken(5, 9, FREE))
    assert [(30, "canceled", 20_00, False)] == churned(pipeline, ended(30))


def test_it_churned_when_it_became_free_and_not_when_that_ended(pipeline: Pipeline) -> None:
    free = given_discount("cus_1", 5, FREE)
    assert [(5, "free", 20_00, False)] == churned(pipeline, created(), free, ended(30))
    assert [None] == [row["voluntary"] for row in pipeline.rows("churn")]
    assert [("free", None)] == why(pipeline)


def test_what_was_free_from_the_start_never_counted(pipeline: Pipeline) -> None:
    assert [] == churned(pipeline, given_discount("cus_1", -1, FREE), created(), ended(30))


def test_what_stopped_and_came_back_to_be_free_is_told_by_what_stopped_it(pipeline: Pipeline) -> None:
    unpaid, free = updated(days=9, status="unpaid"), given_discount("cus_1", 15, FREE)
    assert [(9, "unpaid", 20_00, False)] == churned(pipeline, created(), unpaid, free, updated(days=20))


def test_what_is_metered_alone_stops_when_it_ends(pipeline: Pipeline) -> None:
    calls = items(
        item("si_2", quantity=None, of=price("price_calls", 2, recurring={"usage_type": "metered"}))
    )
    free, metered = given_discount("cus_1", 5, FREE), updated(days=3, items=calls)
    assert [] == churned(pipeline, created(), metered, free)
    assert [(30, "canceled", 0, False)] == churned(pipeline, ended(30, items=calls))


@pytest.mark.parametrize("own", [True, False])
def test_what_a_discount_makes_free_has_churned_though_usage_is_billed_on(
    pipeline: Pipeline, own: bool
) -> None:
    usage = price("price_calls", 2, recurring={"usage_type": "metered"})
    both = items(item(), item("si_2", quantity=None, of=usage))
    of_its_own = updated(days=5, items=both, discounts=[discount(FREE)])
    free = of_its_own if own else given_discount("cus_1", 5, FREE)
    assert [(5, "free", 20_00, False)] == churned(pipeline, created(items=both), free)
    assert -20_00 == pipeline.rows("mrr_movements")[-1]["amount"]
    assert ["free"] == [cause for cause, _ in why(pipeline)]


def test_a_trial_that_was_never_paid_for_is_no_churn_where_payment_counts(pipeline: Pipeline) -> None:
    trial = {"trial_start": NOON, "trial_end": NOON + 7 * DAY}
    paid = {"finalized_at": NOON + 8 * DAY, "paid_at": NOON + 8 * DAY, "voided_at": None}
    ruled = pipeline.settings.model_copy(update={"mrr_trial": "first_payment"})
    pipeline = Pipeline(ruled, pipeline.database, pipeline.redis)
    assert [] == churned(
        pipeline, created(status="trialing", **trial), updated(days=7, **trial), ended(30, **trial)
    )
    payment = event("invoice.paid", invoice(line(), status_transitions=paid), NOON + 8 * DAY)
    assert [(30, "canceled", 20_00, False)] == churned(pipeline, payment)
    pipeline.close()


def test_a_table_from_before_keeps_its_rows_and_its_readers(pipeline: Pipeline) -> None:
    lost = churned(pipeline, created(), ended(30))
    for step in (
        "DROP VIEW churn",
        "ALTER TABLE stopped_subscriptions DROP COLUMN awaits_payment",
        "ALTER TABLE stopped_subscriptions RENAME TO churn",
        "GRANT SELECT ON churn TO pg_monitor",
    ):
        pipeline.database.execute(step)
    apply_schema(pipeline.database)
    asked = pipeline.database.execute("SELECT has_table_privilege('pg_monitor', 'churn', 'SELECT') AS may")
    assert [{"may": True}] == asked.fetchall()
    assert lost == churned(pipeline)
    updated_later = event("customer.subscription.updated", ended(30).object, NOON + 31 * DAY)
    assert lost == churned(pipeline, updated_later)


# ------------------------------------------------------------------ a whole business


def as_the_ledger_has_it(pipeline: Pipeline) -> set[tuple[str, datetime, int, bool]]:
    """Each subscription's last span that counted, by the ledger's own function, where that is over."""
    of_customer: defaultdict[str, defaultdict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for table in ("subscription_versions", "customer_discounts", "trial_payments"):
        for row in pipeline.rows(table):
            of_customer[row["customer_id"]][table].append(row)
    last: dict[str, tuple[Any, ...]] = {}
    for its in of_customer.values():
        discounts = inheritable(its["customer_discounts"])
        for version in its["subscription_versions"]:
            name = version["subscription_id"]
            payments = [row for row in its["trial_payments"] if row["subscription_id"] == name]
            for told in version["mrr"]:
                for span in spans(told, version["currency"], discounts, payments):
                    if span.amount or span.incomplete:
                        place = (version["number"], span.since)
                        lost = (span.until, round(span.amount), span.incomplete)
                        last[name] = max(last.get(name, (place, lost)), (place, lost))
    return {(name, *lost) for name, (_, lost) in last.items() if lost[0]}


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"mrr_past_due_days": 3, "mrr_discounts": "all"},
        {"mrr_trial": "first_payment", "mrr_discounts": "forever", "mrr_churn_at": "request"},
    ],
)
def test_a_business_loses_what_its_ledger_loses(pipeline: Pipeline, chosen: Any) -> None:
    pipeline.deliver(*business_events())
    with Drain(pipeline.settings.model_copy(update=chosen)) as drain:
        drain.run()
    lost = {
        (row["subscription_id"], row["churned_at"], row["monthly_amount"], row["monthly_amount_incomplete"])
        for row in pipeline.rows("churn")
    }
    assert as_the_ledger_has_it(pipeline) == lost
    own = {row["subscription_id"]: row for row in pipeline.rows("stopped_subscriptions")}
    assert any(own[name]["monthly_amount"] != amount for name, _, amount, _ in lost if name in own)
    assert "free" in {row["cause"] for row in pipeline.rows("churn")}
