"""A checkout from the request to the client secret: web, creators, and Stripe's double, each a process."""

import statistics
import time
from pathlib import Path

import pytest
from api_client import API, KEYS

from ingest.client import Client
from ingest.commands import CreateCustomer, CreatePaymentIntent
from tests.creator_process import CreatorProcess
from tests.creators import creators
from tests.web_process import serving

CHECKOUTS = 11
BULK = 20
STRIPE_SECONDS = 0.05
OVERHEAD_SECONDS = 0.15
"""Three times what a machine of two cores takes that has nothing else to do."""


@pytest.fixture
def stack(settings, redis, tmp_path: Path):
    """The web process and two creators, of which one is there for checkouts; and what they talk to."""
    with (
        creators(settings, redis) as made,
        serving(settings.redis_url, **API, LOG_PREFIX=settings.log_prefix) as web,
        CreatorProcess(made.settings, tmp_path / "checkouts", "--checkouts"),
        CreatorProcess(made.settings, tmp_path / "jobs"),
    ):
        # Both have begun when each kind of job has been done.
        client = Client(f"http://127.0.0.1:{web.port}", KEYS["shop"])
        client.submit(CreateCustomer(user_id="first"), wait=20)
        client.job(client.submit(CreateCustomer(user_id="first")).id, wait=20)
        yield client, made.double


def test_a_checkout_gets_its_client_secret_while_a_bulk_waits(stack):
    client, double = stack
    double.latency = STRIPE_SECONDS
    bulk = [client.submit(CreatePaymentIntent(amount=1000 + n, currency="eur")).id for n in range(BULK)]
    took = []
    for n in range(CHECKOUTS):
        began = time.perf_counter()
        job = client.submit(CreatePaymentIntent(total="12.50", currency="eur", order_id=str(n)), wait=10)
        took.append(time.perf_counter() - began)
        assert job.result["client_secret"] == double.account.get(job.result["id"])["client_secret"]
    assert [client.job(job_id, wait=20).state for job_id in bulk] == ["succeeded"] * BULK
    assert len(double.account.of("payment_intent")) == BULK + CHECKOUTS
    assert statistics.median(took) < STRIPE_SECONDS + OVERHEAD_SECONDS
