"""What each job makes at Stripe, and what its client is told."""

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from ingest.settings import Settings
from tests.creators import Creators, creators
from tests.pipeline import Pipeline
from tests.stripe_account import Shape


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


def paid(shop: Creators, **command: object) -> Shape:
    job = shop.done("create_payment_intent", amount=1250, currency="eur", **command)
    assert job.result is not None
    return shop.double.account.pay(shop.double.account.get(job.result["id"]))


def subscribed(shop: Creators, **command: object) -> Shape:
    asked = {"user_id": "u1", "price_id": "price_pro_month", "plan_type": "pro"} | command
    job = shop.done("create_subscription", **asked)
    assert job.result is not None
    return shop.double.account.get(job.result["id"])


def test_a_payment_intent_bears_its_order_its_source_and_its_job(shop: Creators) -> None:
    job = shop.done(
        "create_payment_intent",
        amount=1250,
        currency="eur",
        order_id="1001",
        customer_email="a@example.com",
        request_three_d_secure="any",
        metadata={"basket": "7"},
    )
    [intent] = shop.double.account.of("payment_intent")
    assert {"basket": "7", "order_id": "1001", "source": "shop", "job_id": job.id} == intent["metadata"]
    assert ("a@example.com", 1250, "eur") == (intent["receipt_email"], intent["amount"], intent["currency"])
    assert job.result is not None
    assert (intent["id"], "requires_payment_method", 1250) == tuple(
        job.result[name] for name in ("id", "status", "amount")
    )
    [asked] = shop.double.calls("POST")
    assert job.id == asked.key
    assert {"card": {"request_three_d_secure": "any"}} == asked.parameters["payment_method_options"]


def test_a_client_secret_is_told_and_stands_in_no_record(shop: Creators) -> None:
    job = shop.done("create_payment_intent", amount=1250, currency="eur")
    [intent] = shop.double.account.of("payment_intent")
    secret = intent["client_secret"]
    assert secret == shop.jobs.client_secret(job.id)
    for key in shop.redis.scan_iter(f"*{shop.settings.log_prefix}*"):
        if b":secret:" not in key:
            assert secret.encode() not in shop.redis.dump(key)


def test_a_hold_is_captured_in_part(shop: Creators) -> None:
    intent = paid(shop, capture_method="manual")
    job = shop.done("capture_payment_intent", payment_intent=intent["id"], amount=1000)
    assert job.result is not None
    assert ("succeeded", 1000) == (job.result["status"], job.result["amount_received"])


def test_a_payment_intent_is_canceled_for_a_reason(shop: Creators) -> None:
    made = shop.done("create_payment_intent", amount=1250, currency="eur").result
    assert made is not None
    job = shop.done("cancel_payment_intent", payment_intent=made["id"], reason="abandoned")
    assert job.result is not None
    assert ("canceled", "abandoned") == (job.result["status"], job.result["cancellation_reason"])


def test_a_payment_is_refunded_in_part_and_then_the_rest(shop: Creators) -> None:
    intent = paid(shop)
    part = shop.done("create_refund", payment_intent=intent["id"], amount=250, reason="duplicate").result
    rest = shop.done("create_refund", charge=intent["latest_charge"]).result
    assert part is not None
    assert rest is not None
    assert [(250, "duplicate"), (1000, None)] == [(each["amount"], each["reason"]) for each in (part, rest)]


def test_a_subscription_begins_with_the_secret_of_its_first_invoice(shop: Creators) -> None:
    job = shop.done(
        "create_subscription",
        "platform",
        user_id="u1",
        email="u1@example.com",
        price_id="price_pro_month",
        plan_type="pro",
        quantity=2,
        coupon="TENOFF",
    )
    assert job.result is not None
    assert ("incomplete", "u1", "pro", 2, 5800, "payment_intent") == tuple(
        job.result[name]
        for name in ("status", "user_id", "plan_type", "quantity", "amount", "client_secret_of")
    )
    [subscription] = shop.double.account.of("subscription")
    assert {"source": "platform", "job_id": job.id, "user_id": "u1", "plan_type": "pro"} == subscription[
        "metadata"
    ]
    [item] = subscription["items"]["data"]
    assert item["current_period_end"] == job.result["current_period_end"]
    [invoice] = shop.double.account.of("invoice")
    assert invoice["confirmation_secret"]["client_secret"] == shop.jobs.client_secret(job.id)
    [asked] = shop.double.calls("POST /v1/subscriptions")
    assert ("default_incomplete", [{"coupon": "TENOFF"}]) == (
        asked.parameters["payment_behavior"],
        asked.parameters["discounts"],
    )


def test_a_trial_has_the_secret_of_its_setup(shop: Creators) -> None:
    job = shop.done("create_subscription", user_id="u1", price_id="price_pro_month", trial_days=14)
    [setup] = shop.double.account.of("setup_intent")
    assert setup["client_secret"] == shop.jobs.client_secret(job.id)
    assert job.result is not None
    assert ("trialing", "setup_intent") == (job.result["status"], job.result["client_secret_of"])


def test_a_plan_is_changed_and_its_name_with_it(shop: Creators) -> None:
    subscription = subscribed(shop)
    changed = shop.done(
        "change_subscription",
        subscription=subscription["id"],
        price_id="price_basic_month",
        plan_type="basic",
        proration="always_invoice",
    ).result
    assert changed is not None
    assert ("basic", "price_basic_month", 1) == (
        changed["plan_type"],
        changed["price_id"],
        changed["quantity"],
    )
    [asked] = shop.double.calls(f"POST /v1/subscriptions/{subscription['id']}")
    assert "always_invoice" == asked.parameters["proration_behavior"]


def test_a_price_that_is_no_plans_takes_the_plans_name_away(shop: Creators) -> None:
    shop.double.account.price("price_special", 500)
    subscription = subscribed(shop)
    shop.done(
        "change_subscription", subscription=subscription["id"], price_id="price_special", proration="none"
    )
    assert "plan_type" not in subscription["metadata"]


def test_a_cancellation_is_scheduled_taken_back_and_made_at_once(shop: Creators) -> None:
    subscription = subscribed(shop)
    shop.double.account.become(subscription, "active")
    named = {"subscription": subscription["id"]}
    scheduled = shop.done("cancel_subscription", **named, at_period_end=True, reason="too dear").result
    resumed = shop.done("resume_subscription", **named).result
    ended = shop.done("cancel_subscription", **named, at_period_end=False).result
    assert [True, False, False] == [
        told and told["cancel_at_period_end"] for told in (scheduled, resumed, ended)
    ]
    assert ["active", "active", "canceled"] == [
        told and told["status"] for told in (scheduled, resumed, ended)
    ]


def test_a_paused_subscription_goes_on(shop: Creators) -> None:
    subscription = subscribed(shop)
    shop.double.account.become(subscription, "paused")
    resumed = shop.done("resume_subscription", subscription=subscription["id"]).result
    assert resumed is not None
    assert "active" == resumed["status"]


def test_what_a_job_made_is_shown_before_its_webhook_which_then_changes_nothing(
    shop: Creators, pipeline: Pipeline
) -> None:
    shop.done("create_payment_intent", amount=1250, currency="eur", user_id="u1")
    pipeline.run()
    [before] = pipeline.rows("payment_intents")
    assert ("requires_payment_method", 1250) == (before["status"], before["amount"])
    pipeline.deliver(*(body for body, _ in shop.double.webhooks("whsec_x")))
    pipeline.run()
    [after] = pipeline.rows("payment_intents")
    assert business(before) == business(after)


@pytest.mark.parametrize("seconds", [0, 10])
def test_a_subscriptions_changes_are_counted_once_however_long_a_call_takes(
    shop: Creators, pipeline: Pipeline, seconds: int
) -> None:
    """With what Stripe tells of in the second in which a job reads what it then changes."""
    began = int(time.time()) - 100

    def now() -> int:
        return began + seconds * len(shop.double.calls("POST"))

    shop.double.now = shop.double.account.clock = now
    subscription = subscribed(shop)
    shop.double.account.become(subscription, "active")
    shop.done(
        "change_subscription",
        subscription=subscription["id"],
        price_id="price_basic_month",
        plan_type="basic",
        proration="none",
    )
    pipeline.run()
    pipeline.deliver(*(body for body, _ in shop.double.webhooks("whsec_x")))
    pipeline.run()
    changes = pipeline.rows("subscription_changes")
    assert ["activated", "created", "downgraded"] == sorted(change["event_type"] for change in changes)


def business(row: Shape) -> Shape:
    return {name: value for name, value in row.items() if name not in ("updated_at", "source", "stale")}
