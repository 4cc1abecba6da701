"""From a client's request to the analyst's row: web, creators, Stripe's double, its webhooks, the drain."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import API, KEYS
from pydantic import SecretStr
from redis import Redis

from ingest.client import Client
from ingest.commands import CreatePaymentIntent, CreateRefund
from ingest.settings import Settings
from tests.creator_process import CreatorProcess
from tests.creators import Creators, creators
from tests.pipeline import Pipeline
from tests.web_process import PATIENCE, SECRET, WebProcess, serving, until
from workers.verbs import Problem


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


@pytest.fixture
def web(settings: Settings) -> Iterator[WebProcess]:
    assert settings.redis_url is not None
    with serving(settings.redis_url, **API, LOG_PREFIX=settings.log_prefix) as web:
        yield web


@pytest.fixture
def client(web: WebProcess) -> Client:
    return Client(f"http://127.0.0.1:{web.port}", KEYS["shop"])


def deliver(shop: Creators, web: WebProcess, pipeline: Pipeline) -> None:
    """Stripe sends its webhooks, and they are drained."""
    statuses = shop.double.send_webhooks(f"http://127.0.0.1:{web.port}/webhooks", SECRET)
    assert {200} == set(statuses)
    pipeline.run()


def test_a_payment_is_asked_for_made_paid_refunded_and_told(
    shop: Creators, web: WebProcess, client: Client, pipeline: Pipeline, tmp_path: Path
) -> None:
    with CreatorProcess(shop.settings, tmp_path / "creator.log"):  # which knows of no Postgres
        made = client.submit(
            CreatePaymentIntent(total="12.50", currency="eur", order_id="1001"), wait=PATIENCE
        ).result
        assert made is not None
        shop.double.account.pay(shop.double.account.get(made["id"]))
        deliver(shop, web, pipeline)
        [paid] = pipeline.rows("payments")
        refund = client.submit(CreateRefund(payment_intent=made["id"], amount=250), wait=PATIENCE)
    assert "succeeded" == refund.state
    deliver(shop, web, pipeline)
    [refunded] = pipeline.rows("payments")
    told = ("id", "origin", "amount", "status")
    assert [(made["id"], "shop", 1250, "succeeded")] * 2 == [
        tuple(row[name] for name in told) for row in (paid, refunded)
    ]
    assert [0, 250] == [row["amount_refunded"] for row in (paid, refunded)]


def test_a_job_waits_while_stripe_is_down_and_is_done_when_it_is_back(
    shop: Creators, client: Client, tmp_path: Path
) -> None:
    settings = away(shop.settings)
    with CreatorProcess(settings, tmp_path / "creator.log"):
        job = client.submit(CreatePaymentIntent(amount=1250, currency="eur"))
        assert "Stripe is away" == retried(client, job.id)["title"]
    with CreatorProcess(shop.settings, tmp_path / "creator.log"):
        assert "succeeded" == client.job(job.id, wait=PATIENCE).state
    assert 1 == len(shop.double.account.of("payment_intent"))


def test_creators_with_a_refused_key_pause_and_others_with_a_good_one_go_on(
    shop: Creators, client: Client, tmp_path: Path
) -> None:
    refused = shop.settings.model_copy(update={"stripe_secret_key": SecretStr("sk_test_rolled")})
    with CreatorProcess(refused, tmp_path / "creator.log") as process:
        job = client.submit(CreatePaymentIntent(amount=1250, currency="eur"))
        retried(client, job.id)
        until(lambda: "the creators pause" in process.said)
        assert "sk_test_rolled" not in process.said
    with CreatorProcess(shop.settings, tmp_path / "creator.log"):
        assert "succeeded" == client.job(job.id, wait=PATIENCE).state


def retried(client: Client, job_id: str) -> Problem:
    """Why the job is to be tried again, as soon as it is."""
    job = until(lambda: job if (job := client.job(job_id)).state == "retrying" else None)
    assert job.problem
    return job.problem


def away(settings: Settings) -> Settings:
    """Stripe is where nobody listens."""
    return settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:1"})
