"""A foreign implementation of Stripe sends its webhooks here: old API version, its own signatures and all.

It runs where LOCALSTRIPE_PYTHON names a Python that has `localstripe`.
"""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ingest.settings import Settings
from tests.pipeline import Pipeline
from tests.web_process import SECRET, WebProcess, serving, until

PYTHON = os.environ.get("LOCALSTRIPE_PYTHON")

pytestmark = pytest.mark.skipif(PYTHON is None, reason="LOCALSTRIPE_PYTHON is not set")


class LocalStripe:
    """Asks the server at `base`, and lets it deliver to `webhooks`."""

    def __init__(self, base: str, webhooks: str) -> None:
        self._base = base
        self.post("/_config/webhooks/hooklog", url=webhooks, secret=SECRET)

    def post(self, path: str, **form: Any) -> Any:
        authorized = {"Authorization": "Bearer sk_test_12345"}
        request = urllib.request.Request(self._base + path, urlencode(form).encode(), authorized)
        with urllib.request.urlopen(request) as response:
            body = response.read()
        return json.loads(body) if body else None

    def customer(self) -> str:
        """A customer who has a card that always pays."""
        customer = self.post("/v1/customers", email="jenny@example.com")["id"]
        card = {"type": "card", "card[number]": "4242424242424242", "card[cvc]": "123"}
        method = self.post("/v1/payment_methods", **card, **{"card[exp_month]": 12, "card[exp_year]": 2040})
        self.post(f"/v1/payment_methods/{method['id']}/attach", customer=customer)
        settings = {"invoice_settings[default_payment_method]": method["id"]}
        self.post(f"/v1/customers/{customer}", **settings)
        return str(customer)


@pytest.fixture
def web(settings: Settings) -> Iterator[WebProcess]:
    assert settings.redis_url is not None
    with serving(settings.redis_url, LOG_PREFIX=settings.log_prefix) as web:
        yield web


@pytest.fixture
def stripe(web: WebProcess) -> Iterator[LocalStripe]:
    assert PYTHON is not None
    script = Path(__file__).with_name("localstripe_server.py")
    with subprocess.Popen([PYTHON, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield LocalStripe(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{web.port}/webhooks")
        process.terminate()


def arrived(web: WebProcess, kind: str) -> None:
    """Its event of this type was accepted; it sends each one a second late."""
    until(lambda: next((line for line in web.lines() if line.get("type") == kind), None))


def test_its_webhooks_are_accepted_and_projected(
    stripe: LocalStripe, web: WebProcess, pipeline: Pipeline
) -> None:
    customer = stripe.customer()
    plan = stripe.post(
        "/v1/plans", amount=2900, currency="eur", interval="month", **{"product[name]": "pro"}
    )["id"]
    subscription = stripe.post(
        "/v1/subscriptions", customer=customer, **{"items[0][plan]": plan, "metadata[user_id]": "u1"}
    )
    arrived(web, "customer.subscription.created")
    arrived(web, "invoice.payment_succeeded")
    assert {200} == {line["status"] for line in web.lines() if "status" in line}
    pipeline.run()
    assert [] == pipeline.rows("dead_letters")
    [row] = pipeline.rows("subscriptions")
    assert (subscription["id"], "active", customer, "u1") == tuple(
        row[name] for name in ("id", "status", "customer_id", "user_id")
    )
    [payment] = pipeline.rows("payments")
    assert ("succeeded", 2900, "eur") == tuple(payment[name] for name in ("status", "amount", "currency"))
    assert {"2017-08-15"} == {event["api_version"] for event in pipeline.rows("events")}
