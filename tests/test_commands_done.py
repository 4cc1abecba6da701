"""Whatever the API takes, a job does: each command goes the whole way to Stripe, as its clients write it."""

from collections.abc import Iterator

import pytest
from redis import Redis

from ingest.command import Command
from ingest.commands import (
    COMMANDS,
    CancelPaymentIntent,
    CancelSubscription,
    CapturePaymentIntent,
    ChangeSubscription,
    CreateCustomer,
    CreatePaymentIntent,
    CreateRefund,
    CreateSubscription,
    ResumeSubscription,
)
from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import Creators, creators, without_database
from tests.stripe_account import Shape
from workers.perform import KINDS


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


def done(shop: Creators, command: Command) -> Shape:
    """What the job of a request told."""
    job = shop.request(command)
    assert ("succeeded", 1) == (job.state, job.attempts), job.problem
    assert job.result is not None
    return dict(job.result)


def test_every_command_has_a_job() -> None:
    assert {command.kind for command in COMMANDS} <= KINDS.keys()


def test_a_payment_is_held_captured_in_part_and_refunded(shop: Creators) -> None:
    asked = CreatePaymentIntent(
        total="12.50",
        currency="eur",
        user_id="42",
        order_id="1001",
        customer_email="jenny@example.com",
        capture_method="manual",
        request_three_d_secure="any",
        metadata={"basket": "7"},
    )
    intent = shop.double.account.get(done(shop, asked)["id"])
    shop.double.account.pay(intent)
    captured = done(shop, CapturePaymentIntent(payment_intent=intent["id"], amount=1000))
    assert 1000 == captured["amount_received"]
    part = CreateRefund(payment_intent=intent["id"], amount=250, reason="requested_by_customer")
    assert 250 == done(shop, part)["amount"]


def test_a_payment_is_canceled(shop: Creators) -> None:
    made = done(shop, CreatePaymentIntent(amount=1250, currency="eur"))
    told = done(shop, CancelPaymentIntent(payment_intent=made["id"], reason="abandoned"))
    assert ("canceled", "abandoned") == (told["status"], told["cancellation_reason"])


def test_a_user_gets_his_customer(shop: Creators) -> None:
    asked = CreateCustomer(user_id="42", email="jenny@example.com", name="Jenny", metadata={"tier": "gold"})
    assert ("jenny@example.com", "Jenny", "42") == tuple(
        done(shop, asked)[name] for name in ("email", "name", "user_id")
    )


@pytest.mark.parametrize(
    ("cancel", "told"),
    [
        (CancelSubscription(subscription="sub_1", reason="too dear"), ("active", True)),
        (CancelSubscription(subscription="sub_1", at_period_end=True), ("active", True)),
        (CancelSubscription(subscription="sub_1", at_period_end=False), ("canceled", False)),
    ],
)
def test_a_subscription_is_made_changed_canceled_and_resumed(
    shop: Creators, cancel: CancelSubscription, told: tuple[str, bool]
) -> None:
    asked = CreateSubscription(
        user_id="42", email="jenny@example.com", plan_type="pro", quantity=2, coupon="TENOFF"
    )
    made = done(shop, asked)
    shop.double.account.become(shop.double.account.get(made["id"]), "active")
    change = ChangeSubscription(subscription=made["id"], plan_type="basic", proration="always_invoice")
    assert ("basic", "price_basic_month") == tuple(
        done(shop, change)[name] for name in ("plan_type", "price_id")
    )
    ended = done(shop, cancel.model_copy(update={"subscription": made["id"]}))
    assert told == (ended["status"], ended["cancel_at_period_end"])
    if ended["status"] == "active":
        assert not done(shop, ResumeSubscription(subscription=made["id"]))["cancel_at_period_end"]
