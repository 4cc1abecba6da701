"""The web application: routes, what each refusal answers, and the life of the log's writer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from ingest import pause
from ingest.api import AccessRoute, Api, UnknownJob
from ingest.api_keys import Forbidden, Unauthorized
from ingest.appender import Appender, AppendRefused
from ingest.async_jobs import AsyncJobs, JobsUnavailable
from ingest.body import BodyTimeout, BodyTooLarge
from ingest.endpoint import Endpoint, UnknownSource
from ingest.event import MalformedEvent
from ingest.jobs import KeyReused
from ingest.logging import RequestLog, note
from ingest.order import MalformedOrder
from ingest.order_endpoint import OrderEndpoint
from ingest.pause import Paused
from ingest.payload import NotJson
from ingest.problem import Problem
from ingest.request import MEDIA_TYPE, BadRequest, Invalid, UnsupportedMediaType
from ingest.settings import InvalidSettings, Settings
from ingest.signature import BadSignature
from ingest.wake import Waker
from ingest.woocommerce import ShopFailure, UnknownOrder

UNREAD = {"Connection": "close"}
"""The request's body may not have been read: what follows on the connection is not a request."""

RETRY = {"Retry-After": "5"}

REFUSED_KEY = "Stripe does not take STRIPE_SECRET_KEY: see ./run status"
"""Anybody may ask whether this is ready; what Stripe said of the key is told to who runs it."""


def create_app(settings: Settings, access: AccessRoute | None = None) -> Starlette:
    """The application. Redis need not be there yet: until it is, deliveries and requests are answered 503.

    It can be mounted in another one: `app.mount("/payments", create_app(settings))`. `access` answers
    GET /users/{user_id}/access, which needs a database. Raises InvalidSettings without REDIS_URL.
    """
    if not settings.redis_url:
        raise InvalidSettings("REDIS_URL must be set: the log and the jobs are there")
    waker = Waker(settings)
    redis = _connect(settings.redis_url, settings.webhook_timeout_seconds)
    appender = Appender(redis, settings, waker)

    jobs = AsyncJobs(settings)
    orders = OrderEndpoint(settings, jobs)

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_request: Request) -> Response:
        await appender.check()
        body: dict[str, object] = {"status": "ready"}
        with suppress(RedisError):  # whether events can be appended is all that the status tells
            paused = Paused.read(cast(bytes | None, await redis.get(pause.key_of(settings.log_prefix))))
            if paused:
                body["creators"] = {"paused_since": paused.since.isoformat(), "reason": REFUSED_KEY}
        return JSONResponse(body)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await appender.stop()
            await jobs.stop()
            await asyncio.to_thread(orders.stop)
            await asyncio.to_thread(waker.stop)

    endpoint = Endpoint(settings, appender)
    app = Starlette(
        routes=[
            Route("/webhooks", endpoint.deliver, methods=["POST"]),
            Route("/webhooks/{source}", endpoint.deliver, methods=["POST"]),
            Route("/healthz", alive),
            Route("/readyz", ready),
            *Api(settings, jobs, access).routes(),
            *orders.routes(),
        ],
        middleware=[Middleware(RequestLog)],
        exception_handlers={
            **{kind: _answer(status, headers) for kind, (status, headers) in REFUSALS.items()},
            Invalid: _answer_invalid,
            HTTPException: _answer_unrouted,
            Exception: _answer_failure,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _connect(url: str, timeout: float) -> "Redis":
    # A Redis that does not answer must not hold requests for longer than their sender waits.
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)


def _answer(status: int, headers: dict[str, str]) -> ExceptionHandler:
    async def answer(request: Request, refusal: Exception) -> Response:
        note(request, outcome="refused", reason=str(refusal))
        return Problem(status, str(refusal), headers)

    return answer


async def _answer_invalid(request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, Invalid)
    note(
        request, outcome="refused", reason=f"invalid: {', '.join(sorted({e.field for e in invalid.errors}))}"
    )
    return Problem(422, str(invalid), errors=[error._asdict() for error in invalid.errors])


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # the router's 404 and 405
    note(request, outcome="refused", reason=error.detail)
    return Problem(error.status_code, error.detail, {**UNREAD, **(error.headers or {})})


async def _answer_failure(_request: Request, _error: Exception) -> Response:
    return Problem(500, "this is a fault of the receiver, and logged there", RETRY)


REFUSALS: dict[type[Exception], tuple[int, dict[str, str]]] = {
    BadSignature: (400, {}),
    NotJson: (400, {}),
    MalformedEvent: (400, {}),
    MalformedOrder: (400, {}),
    ClientDisconnect: (400, UNREAD),
    BadRequest: (400, UNREAD),
    Unauthorized: (401, {**UNREAD, "WWW-Authenticate": "Bearer"}),
    Forbidden: (403, {}),
    UnknownJob: (404, {}),
    UnknownOrder: (404, {}),
    UnknownSource: (404, UNREAD),
    BodyTimeout: (408, UNREAD),
    KeyReused: (409, {}),
    BodyTooLarge: (413, UNREAD),
    UnsupportedMediaType: (415, {**UNREAD, "Accept-Post": MEDIA_TYPE}),
    AppendRefused: (503, RETRY),
    JobsUnavailable: (503, RETRY),
    ShopFailure: (503, RETRY),
}
