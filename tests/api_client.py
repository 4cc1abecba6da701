"""A client of the API under test, and the record of jobs behind it."""

import json
from typing import Any

from rq import Queue

from ingest.jobs import Jobs
from ingest.settings import Settings
from tests.web_process import Answer, WebProcess, until

KEYS = {"shop": "key-of-the-shop", "platform": "key-of-the-platform"}
API = {
    "API_KEYS": "shop:key-of-the-shop, shop:new-key-of-the-shop,platform:key-of-the-platform",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
    "STRIPE_PRICE_PRO_MONTHLY": "price_pro_monthly",
    "STRIPE_PRICE_PRO_YEARLY": "price_pro_yearly",
}
INTENT = {"id": "pi_1", "object": "payment_intent", "status": "requires_payment_method"}
PAYMENT = {"total": "12.50", "currency": "eur", "order_id": "1001"}


class ApiClient:
    """Asks `web` as a source."""

    def __init__(self, web: WebProcess, source: str = "shop") -> None:
        self.web = web
        self._authorization = {"Authorization": f"Bearer {KEYS[source]}"}

    def post(self, path: str, body: Any = PAYMENT, **headers: str) -> Answer:
        """`body` as JSON, or as it is where it is bytes; `idempotency_key` becomes Idempotency-Key."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-").title(): value for name, value in headers.items()}
        kind = {"Content-Type": "application/json"}
        return self.web.request("POST", path, {**self._authorization, **kind, **given}, raw)

    def get(self, path: str, **headers: str) -> Answer:
        return self.web.request("GET", path, {**self._authorization, **headers})


def jobs_of(web: WebProcess, redis: Any) -> Jobs:
    """The record that `web` writes."""
    return Jobs(redis, Settings.from_environment(web.environment))


def perform(
    jobs: Jobs,
    queue: Queue,
    result: dict[str, Any] = INTENT,
    client_secret: str | None = None,
    problem: dict[str, Any] | None = None,
) -> None:
    """Do what a worker would: the next job of a queue succeeds, or fails."""
    [job_id] = until(lambda: queue.job_ids)
    queue.empty()
    jobs.begin(job_id)
    if problem is not None:
        jobs.fail(job_id, problem)
    else:
        jobs.succeed(job_id, result, client_secret)
