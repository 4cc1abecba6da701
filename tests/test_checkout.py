"""A checkout from the request to the client secret: web, creators, and Stripe's double, each a process."""

from pathlib import Path
from threading import Event

import pytest
from api_client import API, KEYS

from ingest.client import Client, JobView
from ingest.commands import CreateCustomer, CreatePaymentIntent
from tests.creator_process import CreatorProcess
from tests.creators import creators
from tests.web_process import serving, until

CHECKOUTS = 11
BULK = 20


@pytest.fixture
def stack(settings, redis, tmp_path: Path):
    """The web process and two creators, of which one is there for checkouts; and what they talk to."""
    with (
        creators(settings, redis) as made,
        serving(settings.redis_url, **API, LOG_PREFIX=settings.log_prefix) as web,
        CreatorProcess(made.settings, tmp_path / "checkouts", "--checkouts"),
        CreatorProcess(made.settings, tmp_path / "jobs"),
    ):
        yield Client(f"http://127.0.0.1:{web.port}", KEYS["shop"]), made.double


def finished(client: Client, job_id: str) -> JobView:
    def asked() -> JobView | None:
        job = client.job(job_id, wait=30)
        return job if job.finished else None

    return until(asked)


def test_checkouts_get_their_client_secrets_while_a_bulk_waits(stack):
    client, double = stack
    hold = Event()
    double.fail("POST /v1/customers", hold=hold, acts=True, times=BULK)
    bulk = [client.submit(CreateCustomer(user_id=f"u{n}")).id for n in range(BULK)]
    double.wait_for("POST /v1/customers")
    for n in range(CHECKOUTS):
        asked = client.submit(CreatePaymentIntent(total="12.50", currency="eur", order_id=str(n)), wait=30)
        made = finished(client, asked.id).result
        assert made["client_secret"] == double.account.get(made["id"])["client_secret"]
    assert not any(client.job(job_id).finished for job_id in bulk)
    hold.set()
    assert ["succeeded"] * BULK == [finished(client, job_id).state for job_id in bulk]
    assert (BULK, CHECKOUTS) == tuple(len(double.account.of(kind)) for kind in ("customer", "payment_intent"))
