"""An order's PaymentIntent: one, of its total, whatever webhooks come, how often, and in which order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from ingest.job import Job
from ingest.order import Order
from ingest.orders import SYNC_ORDER, Orders
from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import Creators, creators
from tests.shop_double import ShopDouble
from tests.stripe_account import Shape
from tests.web_process import PATIENCE

WRITES = r"^(POST|DELETE) "


class Synced:
    """A shop's orders, told as webhooks would, and synced as workers would."""

    def __init__(self, creators: Creators, shop: ShopDouble) -> None:
        self.creators = creators
        self.stripe = creators.double
        self.account = creators.double.account
        self.shop = shop
        self.orders = Orders(creators.redis, creators.settings)

    def tell(self, order: dict[str, Any]) -> int:
        return self.orders.learn("shop", Order.read(order))

    def sync(self, order: dict[str, Any]) -> Job:
        self.tell(order)
        return self.creators.done(SYNC_ORDER, order_id=order["id"])

    @property
    def intents(self) -> list[Shape]:
        return self.account.of("payment_intent")


@pytest.fixture
def settings(servers: Servers) -> Settings:
    """A log of the test's own; no database is needed."""
    return Settings.from_environment(
        {"REDIS_URL": servers.redis_url, "LOG_PREFIX": f"test_{uuid4().hex[:12]}"}
    )


@pytest.fixture
def synced(settings: Settings, redis: Redis) -> Iterator[Synced]:
    with creators(settings, redis) as creators_, ShopDouble() as shop:
        yield Synced(creators_, shop)


def test_an_order_that_awaits_payment_gets_one_payment_intent_of_its_total(synced: Synced) -> None:
    order = synced.shop.order("12.50", "EUR")
    jobs = [synced.sync(order) for _ in range(3)]
    [intent] = synced.intents
    assert (1250, "eur") == (intent["amount"], intent["currency"])
    assert {"source": "shop", "order_id": "17", "order_number": "1017"} == intent["metadata"]
    assert {intent["id"]} == {job.result["id"] for job in jobs if job.result}
    assert [intent["client_secret"]] * 3 == [synced.creators.jobs.client_secret(job.id) for job in jobs]
    assert 1 == len(synced.stripe.calls(WRITES))


@pytest.mark.parametrize(
    "total, currency, amount", [("1200.00", "JPY", 1200), ("12.500", "KWD", 12500), ("1200", "ISK", 120_000)]
)
def test_a_total_is_counted_as_stripe_counts_its_currency(
    synced: Synced, total: str, currency: str, amount: int
) -> None:
    synced.sync(synced.shop.order(total, currency))
    assert [amount] == [intent["amount"] for intent in synced.intents]


@pytest.mark.parametrize("total, currency", [("12.50", "JPY"), ("0.20", "EUR")])
def test_a_total_that_stripe_cannot_charge_fails_the_job_and_says_why(
    synced: Synced, total: str, currency: str
) -> None:
    order = synced.shop.order(total, currency)
    synced.tell(order)
    job = synced.creators.perform(synced.creators.ask(SYNC_ORDER, order_id=order["id"]))
    assert ("failed", 422) == (job.state, job.problem and job.problem["status"])
    assert [] == synced.intents


@pytest.mark.parametrize(
    "fields",
    [
        {"payment_method": "stripe"},
        {"payment_method": "hooklog", "status": "processing"},
        {"payment_method": "hooklog", "status": "on-hold"},
        {"payment_method": "hooklog", "total": "0.00"},
    ],
)
def test_an_order_that_awaits_nothing_from_here_gets_none(synced: Synced, fields: dict[str, str]) -> None:
    order = synced.shop.order(**fields)
    if synced.tell(order):
        synced.sync(order)
    assert [] == synced.intents


def test_an_order_of_another_payment_method_is_not_even_known(synced: Synced) -> None:
    assert 0 == synced.tell(synced.shop.order(payment_method="stripe"))


def test_a_changed_total_updates_the_intent_while_it_can_be(synced: Synced) -> None:
    order = synced.shop.order("12.50")
    synced.sync(order)
    synced.sync(synced.shop.change(order, total="15.00"))
    [intent] = synced.intents
    assert 1500 == intent["amount"]
    synced.account.pay(intent)
    synced.sync(synced.shop.change(order, total="20.00"))
    assert [1500] == [intent["amount"] for intent in synced.intents]


def test_an_older_webhook_that_comes_late_changes_nothing(synced: Synced) -> None:
    order = synced.shop.order("12.50")
    older = dict(order)
    synced.sync(synced.shop.change(order, total="15.00"))
    synced.sync(older)
    assert [1500] == [intent["amount"] for intent in synced.intents]


def test_a_total_that_changes_and_changes_back_is_followed(synced: Synced) -> None:
    order = synced.shop.order("12.50")
    for total in ("12.50", "15.00", "12.50"):
        synced.sync(synced.shop.change(order, total=total))
    assert [1250] == [intent["amount"] for intent in synced.intents]


@pytest.mark.parametrize(
    "fields", [{"status": "cancelled"}, {"payment_method": "cod", "status": "processing"}]
)
def test_an_order_that_is_cancelled_or_paid_otherwise_cancels_its_intent(
    synced: Synced, fields: dict[str, str]
) -> None:
    order = synced.shop.order()
    synced.sync(order)
    synced.sync(synced.shop.change(order, **fields))
    assert ["canceled"] == [intent["status"] for intent in synced.intents]


def test_an_order_that_is_opened_again_gets_another_intent(synced: Synced) -> None:
    order = synced.shop.order()
    for status in ("pending", "cancelled", "pending", "pending"):
        synced.sync(synced.shop.change(order, status=status))
    assert ["canceled", "requires_payment_method"] == sorted(intent["status"] for intent in synced.intents)


def test_a_failed_order_is_paid_with_the_intent_that_it_has(synced: Synced) -> None:
    order = synced.shop.order()
    synced.sync(order)
    synced.account.decline(synced.intents[0])
    synced.sync(synced.shop.change(order, status="failed"))
    assert 1 == len(synced.intents)


def test_what_the_shop_tells_after_a_payment_does_nothing(synced: Synced) -> None:
    order = synced.shop.order()
    synced.sync(order)
    synced.account.pay(synced.intents[0])
    before = len(synced.stripe.calls(WRITES))
    for status in ("processing", "completed", "refunded", "cancelled", "pending"):
        synced.sync(synced.shop.change(order, status=status))
    assert before == len(synced.stripe.calls(WRITES))
    assert ["succeeded"] == [intent["status"] for intent in synced.intents]


def test_a_payment_that_was_made_before_its_maker_died_is_found(synced: Synced, redis: Redis) -> None:
    order = synced.shop.order("12.50")
    synced.sync(order)
    [record] = redis.keys(f"{synced.creators.settings.log_prefix}:order:*")
    redis.hdel(record, "intent")  # as if it died before it wrote it down
    synced.tell(synced.shop.change(order, total="15.00"))
    job_id = synced.creators.ask(SYNC_ORDER, order_id=order["id"])
    assert "retrying" == synced.creators.perform(job_id).state  # the key came with another amount before
    assert "succeeded" == synced.creators.perform(job_id).state
    assert [1500] == [intent["amount"] for intent in synced.intents]


def test_an_old_order_whose_intent_redis_forgot_is_searched_for(synced: Synced, redis: Redis) -> None:
    created = f"{synced.shop.now - timedelta(days=40):%Y-%m-%dT%H:%M:%S}"
    order = synced.shop.order(date_created_gmt=created)
    now = synced.account.clock
    synced.account.clock = lambda: now() - 40 * 86_400
    synced.sync(order)
    synced.account.clock = now
    synced.stripe.forget_keys()
    [record] = redis.keys(f"{synced.creators.settings.log_prefix}:order:*")
    redis.delete(record)
    synced.sync(order)
    assert 1 == len(synced.intents)


def test_jobs_at_once_for_one_order_leave_one_intent_of_the_newest_total(synced: Synced) -> None:
    order = synced.shop.order("12.50")
    states = [dict(order)] + [dict(synced.shop.change(order, total=f"{20 + n}.00")) for n in range(7)]

    def sync(state: dict[str, Any]) -> None:
        synced.tell(state)
        job_id = synced.creators.ask(SYNC_ORDER, order_id=order["id"])
        while not synced.creators.perform(job_id).finished:
            pass

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(sync, reversed(states)))
    assert [2600] == [intent["amount"] for intent in synced.intents]


def test_an_order_that_changes_during_the_call_is_brought_in_line_by_the_same_job(synced: Synced) -> None:
    order = synced.shop.order("12.50")
    synced.tell(order)
    released = Event()
    synced.stripe.fail("POST /v1/payment_intents$", hold=released, acts=True)
    job_id = synced.creators.ask(SYNC_ORDER, order_id=order["id"])
    with ThreadPoolExecutor(1) as thread:
        performed = thread.submit(synced.creators.perform, job_id)
        synced.stripe.wait_for("POST /v1/payment_intents")
        synced.tell(synced.shop.change(order, total="15.00"))
        released.set()
        assert "succeeded" == performed.result(PATIENCE).state
    assert [1500] == [intent["amount"] for intent in synced.intents]


def test_a_cancellation_whose_answer_is_a_stored_failure_is_seen_to_be_done(synced: Synced) -> None:
    order = synced.shop.order()
    synced.sync(order)
    synced.tell(synced.shop.change(order, status="cancelled"))
    synced.stripe.fail("POST .*/cancel", status=500, acts=True)
    job_id = synced.creators.ask(SYNC_ORDER, order_id=order["id"])
    assert ["retrying", "succeeded"] == [synced.creators.perform(job_id).state for _ in range(2)]
    assert ["canceled"] == [intent["status"] for intent in synced.intents]


def test_a_job_for_an_order_that_nobody_knows_any_more_fails(synced: Synced) -> None:
    job = synced.creators.perform(synced.creators.ask(SYNC_ORDER, order_id=99))
    assert ("failed", 404) == (job.state, job.problem and job.problem["status"])
