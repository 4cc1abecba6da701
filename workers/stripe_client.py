"""Stripe's client for creators and lookups: pinned version, explicit time-outs, one rate for all workers."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import stripe
from redis import Redis

from ingest.settings import Settings
from workers.rate_limit import PATIENT, RateLimit

API_VERSION = "2026-10-28.endive"
CONNECT_SECONDS, READ_SECONDS = 4.0, 20.0
"""Two calls that both time out still end before RQ ends their job."""

ANSWERED = (
    "Charge",
    "Customer",
    "Invoice",
    "ListObject",
    "PaymentIntent",
    "Price",
    "Refund",
    "SetupIntent",
    "Subscription",
    "SubscriptionItem",
)
"""The classes that the library imports when it first reads such an answer, which takes it 50 ms."""

FIRST_USED = ("netrc", "stripe._object_classes", "stripe._telemetry_id")
"""What the first request and the first answer import besides."""

Object = Mapping[str, Any]
"""An object of Stripe's, as plain JSON."""


class LimitedClient(stripe.RequestsClient):
    """Waits for its turn before every call, and notes when Stripe last answered, by Stripe's clock."""

    def __init__(self, limit: RateLimit, share: float) -> None:
        super().__init__(timeout=(CONNECT_SECONDS, READ_SECONDS))
        self.answered_at: datetime | None = None
        self._limit = limit
        self._share = share

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> Any:
        self._limit.wait(endpoint(url), self._share)
        body, status, answered = super().request(method, url, headers, post_data)
        if "date" in answered:
            self.answered_at = parsedate_to_datetime(answered["date"])
        return body, status, answered


def connect(settings: Settings, redis: "Redis", share: float) -> tuple[stripe.StripeClient, LimitedClient]:
    """A client that may fill a share of the limits, and its transport. It retries nothing: the job does."""
    assert settings.stripe_secret_key, "STRIPE_SECRET_KEY is checked by whoever starts this process"
    transport = LimitedClient(RateLimit(redis, settings), share)
    bases: Any = {"api": settings.stripe_api_base} if settings.stripe_api_base else None
    client = stripe.StripeClient(
        settings.stripe_secret_key.get_secret_value(),
        stripe_version=API_VERSION,
        base_addresses=bases,
        max_network_retries=0,
        http_client=transport,
    )
    return client, transport


def load(settings: Settings, redis: "Redis") -> None:
    """Import what the library imports at first use, so that each forked process need not."""
    client, _ = connect(settings, redis, PATIENT)
    for service in ("charges", "customers", "payment_intents", "refunds", "subscriptions"):
        getattr(client.v1, service)
    for kind in ANSWERED:
        getattr(stripe, kind)
    for module in FIRST_USED:
        if find_spec(module):  # another version of a library may have others
            import_module(module)


def endpoint(url: str) -> str:
    """What Stripe may count together: the kind of object that a path is about."""
    return urlsplit(url).path.strip("/").split("/")[1]


def plain(found: stripe.StripeObject) -> Object:
    """The object as JSON has it."""
    return found.to_dict(for_json=True)
