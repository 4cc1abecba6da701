"""However a job is interrupted, retried or run twice, one object comes of it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from redis import Redis

from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import Creators, creators, without_database
from tests.stripe_account import Shape
from tests.web_process import PATIENCE
from workers import stripe_client

Ask = Callable[[Creators], str]


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


def ask_payment(shop: Creators) -> str:
    return shop.ask("create_payment_intent", amount=1250, currency="eur")


def ask_refund(shop: Creators) -> str:
    made = shop.done("create_payment_intent", amount=1250, currency="eur").result
    assert made is not None
    shop.double.account.pay(shop.double.account.get(made["id"]))
    return shop.ask("create_refund", payment_intent=made["id"], amount=250)


def ask_subscription(shop: Creators) -> str:
    shop.done("create_customer", user_id="u1")
    return shop.ask("create_subscription", user_id="u1", price_id="price_pro_month")


EACH_KIND = pytest.mark.parametrize(
    ("ask", "kind", "path"),
    [
        pytest.param(ask_payment, "payment_intent", "POST /v1/payment_intents", id="payment"),
        pytest.param(ask_refund, "refund", "POST /v1/refunds", id="refund"),
        pytest.param(ask_subscription, "subscription", "POST /v1/subscriptions", id="subscription"),
    ],
)


def made_by(shop: Creators, kind: str, job_id: str) -> Shape:
    """The one object of the job."""
    [made] = [each for each in shop.double.account.of(kind) if each["metadata"].get("job_id") == job_id]
    return made


def told(shop: Creators, job_id: str) -> str:
    job = shop.job(job_id)
    assert "succeeded" == job.state, job.problem
    assert job.result is not None
    return str(job.result["id"])


@EACH_KIND
def test_a_connection_cut_after_acting(shop: Creators, ask: Ask, kind: str, path: str) -> None:
    job_id = ask(shop)
    shop.double.fail(path, acts=True)
    assert "retrying" == shop.perform(job_id).state
    shop.perform(job_id)
    assert made_by(shop, kind, job_id)["id"] == told(shop, job_id)


@EACH_KIND
def test_a_stored_failure_that_did_act(shop: Creators, ask: Ask, kind: str, path: str) -> None:
    job_id = ask(shop)
    shop.double.fail(path, 500, acts=True)
    assert ["retrying", "retrying"] == [shop.perform(job_id).state, shop.perform(job_id).state]
    shop.perform(job_id)
    assert made_by(shop, kind, job_id)["id"] == told(shop, job_id)
    assert [job_id, job_id] == [call.key for call in shop.double.calls(path)][-2:]


@EACH_KIND
def test_a_stored_failure_that_did_not_act(shop: Creators, ask: Ask, kind: str, path: str) -> None:
    job_id = ask(shop)
    shop.double.fail(path, 500)
    shop.perform(job_id, times=3)
    assert made_by(shop, kind, job_id)["id"] == told(shop, job_id)
    assert [job_id, job_id, f"{job_id}:2"] == [call.key for call in shop.double.calls(path)][-3:]


@EACH_KIND
def test_a_key_that_stripe_forgot_after_acting(shop: Creators, ask: Ask, kind: str, path: str) -> None:
    job_id = ask(shop)
    shop.double.fail(path, acts=True)
    shop.perform(job_id)
    shop.let_a_day_pass(job_id)
    shop.perform(job_id)
    assert made_by(shop, kind, job_id)["id"] == told(shop, job_id)


@EACH_KIND
def test_a_key_that_stripe_forgot_without_acting(shop: Creators, ask: Ask, kind: str, path: str) -> None:
    job_id = ask(shop)
    shop.double.fail(path)
    shop.perform(job_id)
    shop.let_a_day_pass(job_id)
    shop.perform(job_id)
    assert made_by(shop, kind, job_id)["id"] == told(shop, job_id)
    assert f"{job_id}:2" == shop.double.calls(path)[-1].key


def test_a_failure_that_is_not_stored_is_retried_under_its_key(shop: Creators) -> None:
    job_id = ask_payment(shop)
    shop.double.fail("POST", 503, times=2)
    shop.perform(job_id, times=3)
    assert [job_id] * 3 == [call.key for call in shop.double.calls("POST")]
    assert made_by(shop, "payment_intent", job_id)["id"] == told(shop, job_id)


def test_stripe_says_that_its_failure_is_stored(shop: Creators) -> None:
    job_id = ask_payment(shop)
    shop.double.fail("POST", 500, headers={"Stripe-Should-Retry": "false"}, acts=True)
    shop.perform(job_id, times=2)
    assert made_by(shop, "payment_intent", job_id)["id"] == told(shop, job_id)
    assert 1 == len(shop.double.calls("POST"))


def test_a_key_of_other_parameters_leads_to_what_was_made_under_it(shop: Creators) -> None:
    job_id = ask_payment(shop)
    shop.double.fail("POST", acts=True)
    shop.perform(job_id)
    shop.redis.hset(
        f"{{{shop.settings.log_prefix}:jobs}}:job:{job_id}", "command", '{"amount": 99, "currency": "eur"}'
    )
    shop.perform(job_id, times=2)
    assert made_by(shop, "payment_intent", job_id)["id"] == told(shop, job_id)


def test_the_same_key_is_still_in_flight(shop: Creators, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_client, "READ_SECONDS", 0.2)
    hold = threading.Event()
    job_id = ask_payment(shop)
    shop.double.fail("POST", hold=hold, acts=True)
    assert "Stripe is away" == (shop.perform(job_id).problem or {})["title"]
    shop.double.wait_until_asked(job_id)
    monkeypatch.setattr(stripe_client, "READ_SECONDS", PATIENCE)
    assert "idempotency_key_in_use" == (shop.perform(job_id).problem or {})["code"]
    hold.set()
    shop.double.wait_until_answered(job_id)
    shop.perform(job_id)
    assert made_by(shop, "payment_intent", job_id)["id"] == told(shop, job_id)


def test_a_job_runs_on_eight_workers_at_once(shop: Creators) -> None:
    shop.double.latency = 0.05
    job_id = ask_payment(shop)
    with ThreadPoolExecutor(8) as pool:
        performers = [shop.performer_of_its_own() for _ in range(8)]
        list(pool.map(lambda performer: performer.perform(job_id), performers))
    shop.perform(job_id)
    assert made_by(shop, "payment_intent", job_id)["id"] == told(shop, job_id)


def test_a_finished_job_asks_stripe_no_more(shop: Creators) -> None:
    job_id = ask_payment(shop)
    shop.perform(job_id, times=3)
    assert 1 == len(shop.double.calls())


def test_a_cancellation_of_which_the_answer_was_lost(shop: Creators) -> None:
    asked = ask_subscription(shop)
    shop.perform(asked)
    subscription = told(shop, asked)
    job_id = shop.ask("cancel_subscription", subscription=subscription, at_period_end=False)
    shop.double.fail("DELETE", acts=True)
    assert "retrying" == shop.perform(job_id).state
    shop.perform(job_id)
    assert subscription == told(shop, job_id)


def test_a_hold_that_was_captured_before_its_key_was_forgotten(shop: Creators) -> None:
    made = shop.done("create_payment_intent", amount=1250, currency="eur", capture_method="manual").result
    assert made is not None
    shop.double.account.pay(shop.double.account.get(made["id"]))
    job_id = shop.ask("capture_payment_intent", payment_intent=made["id"])
    shop.double.fail("POST .*/capture", acts=True)
    shop.perform(job_id)
    shop.let_a_day_pass(job_id)
    shop.perform(job_id)
    assert made["id"] == told(shop, job_id)
    assert 1 == len(shop.double.calls("POST .*/capture"))


@pytest.mark.parametrize("seed", range(2))
def test_whatever_goes_wrong_each_job_makes_one_object(shop: Creators, seed: int) -> None:
    random = Random(seed)
    jobs = [ask_payment(shop) for _ in range(10)]
    for _ in range(30):
        status = random.choice([None, None, 429, 500, 500, 503])
        # What Stripe sends away it has not acted on, and what it acted on it knows by its key.
        shop.double.fail("POST", status, acts=status in (None, 500) and random.random() < 0.5)
    performers = [shop.performer_of_its_own() for _ in range(3)]

    def work(worker: int) -> None:
        order = Random(f"{seed} {worker}")  # so that two workers may be at one job
        while waiting := [job_id for job_id in jobs if not shop.job(job_id).finished]:
            performers[worker].perform(order.choice(waiting))

    with ThreadPoolExecutor(len(performers)) as pool:
        list(pool.map(work, range(len(performers))))
    assert {told(shop, job_id) for job_id in jobs} == {
        made_by(shop, "payment_intent", job_id)["id"] for job_id in jobs
    }
    assert 10 == len(shop.double.account.of("payment_intent"))
