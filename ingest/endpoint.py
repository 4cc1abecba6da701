"""Where Stripe delivers: an event that is signed is made durable, and only then acknowledged."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response

from ingest import body, signature
from ingest.appender import Appender, LogUnavailable
from ingest.event import Event
from ingest.logging import note
from ingest.settings import DEFAULT_SOURCE, Settings, label

BODY_LIMIT = 1 << 20

ACKNOWLEDGED = {
    outcome: Response(b'{"received":true,"outcome":"%s"}' % outcome.encode(), media_type="application/json")
    for outcome in ("stored", "duplicate")
}


class UnknownSource(Exception):
    """No secret is configured for this path."""


class Endpoint:
    """POST /webhooks and /webhooks/{source}."""

    def __init__(self, settings: Settings, appender: Appender) -> None:
        self._appender = appender
        self._tolerance = settings.webhook_tolerance_seconds
        self._timeout = settings.webhook_timeout_seconds
        self._sources = {
            source: (tuple(secret.get_secret_value() for secret in secrets), settings.account_of(source))
            for source, secrets in settings.webhook_secrets.items()
        }

    async def deliver(self, request: Request) -> Response:
        """200 when the event is durable, or was already; every refusal is an exception (ingest/app.py)."""
        source = label(request.path_params.get("source", DEFAULT_SOURCE))
        if source not in self._sources:
            raise UnknownSource("no secret is configured for this source: see STRIPE_WEBHOOK_SECRET_<SOURCE>")
        secrets, account = self._sources[source]
        note(request, source=source)
        raw = await body.read(request, limit=BODY_LIMIT, seconds=self._timeout)
        header = request.headers.get("stripe-signature")
        signature.verify(raw, header, secrets, tolerance=self._tolerance, now=time.time())
        event = Event.read(raw, source=source, account=account)
        note(request, event_id=event.id, type=event.type)
        try:
            async with asyncio.timeout(self._timeout):
                outcome = await self._appender.append(event)
        except TimeoutError:
            raise LogUnavailable(f"the log did not answer within {self._timeout:g} s") from None
        note(request, outcome=outcome)
        return ACKNOWLEDGED[outcome]
