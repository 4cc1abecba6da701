"""A WooCommerce shop's way in: its webhooks about orders, and what its checkout page needs to collect one."""

import asyncio
import base64
import hmac
import re
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import orjson
from redis import Redis
from redis.exceptions import RedisError
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest import body
from ingest.async_jobs import AsyncJobs, JobsUnavailable, minutely
from ingest.endpoint import BODY_LIMIT, UnknownSource
from ingest.job import Job
from ingest.logging import note
from ingest.order import MalformedOrder, Order
from ingest.orders import SYNC_ORDER, Orders, sync_command, sync_key
from ingest.payload import NotJson
from ingest.problem import Problem
from ingest.settings import Settings, Shop, label
from ingest.signature import BadSignature
from ingest.woocommerce import ShopFailure, UnknownOrder, WooCommerce

T = TypeVar("T")

TOPICS = frozenset({"order.created", "order.updated", "order.restored", "order.deleted"})
PING = re.compile(rb"webhook_id=[0-9]+")
"""What WooCommerce posts, unsigned, when a webhook is created; it must be answered 200."""
ORDER_ID = re.compile(r"[1-9][0-9]{0,17}")

WAIT_SECONDS = 20
THREADS, QUEUED = 8, 32
"""How many orders are fetched at once, and how many requests may be under way: a shop is no fast server."""

PRIVATE = {"Cache-Control": "no-store"}
AGAIN = {"Retry-After": "2"}
RECEIVED = Response(b'{"received":true}', media_type="application/json")


class OrderEndpoint:
    """POST /orders/woocommerce/{source} and GET /orders/woocommerce/{source}/{order_id}/intent."""

    def __init__(self, settings: Settings, jobs: AsyncJobs) -> None:
        assert settings.redis_url, "REDIS_URL is set by whoever starts this process"
        self._timeout = settings.webhook_timeout_seconds
        self._publishable_key = settings.stripe_publishable_key
        self._shops = settings.shops
        self._clients = {source: WooCommerce(shop) for source, shop in settings.shops.items()}
        self._redis = Redis.from_url(
            settings.redis_url,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=None,  # who asked is told at once, and asks again
        )
        self._orders = Orders(self._redis, settings)
        self._jobs = jobs
        self._threads = ThreadPoolExecutor(THREADS, "orders")
        self._under_way = 0

    def routes(self) -> list[Route]:
        cors = Middleware(ShopOrigins, {source: shop.origin for source, shop in self._shops.items()})
        path = "/orders/woocommerce/{source}"
        return [
            Route(path, self.receive, methods=["POST"]),
            Route(f"{path}/{{order_id}}/intent", self.intent, middleware=[cors]),
        ]

    def stop(self) -> None:
        """Finish what was begun, and hang up."""
        self._threads.shutdown()
        self._redis.close()

    async def receive(self, request: Request) -> Response:
        """A webhook: 200 when what it tells of an order is kept; every refusal is an exception."""
        source, shop = self._shop(request)
        raw = await body.read(request, limit=BODY_LIMIT, seconds=self._timeout)
        signature = request.headers.get("x-wc-webhook-signature")
        if signature is None and PING.fullmatch(raw):
            note(request, outcome="ping")
            return RECEIVED
        verify(raw, signature, shop)
        if request.headers.get("x-wc-webhook-topic") not in TOPICS:
            note(request, outcome="ignored")
            return RECEIVED
        try:
            told = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise NotJson("the body is no JSON") from None
        if isinstance(told, dict) and told.keys() == {"id"}:  # all that is told of one that was deleted
            order = await self._deleted(source, told["id"])
        else:
            order = Order.read(told)
        job = await self._sync(source, order) if order else None
        note(request, outcome="received", **({"job": job.id} if job else {}))
        return RECEIVED

    async def intent(self, request: Request) -> Response:
        """What a checkout page needs to collect an order's payment, for whoever has the order's key."""
        source, _ = self._shop(request)
        if not ORDER_ID.fullmatch(request.path_params["order_id"]):
            raise UnknownOrder
        order_id = int(request.path_params["order_id"])
        order = await self._fetch(source, order_id, request.query_params.get("key", ""))
        if order.wish != "pay":
            return Problem(409, "the order awaits no payment by this service", PRIVATE)
        job = await self._sync(source, order)
        assert job is not None, "an order that is to be paid here has a revision"
        job = await self._jobs.wait(job, WAIT_SECONDS)
        secret = await self._jobs.client_secret(job)
        if job.finished and secret is None:  # it is kept for an hour only; and what failed may do by now
            job = await self._jobs.wait(await self._anew(job), WAIT_SECONDS)
            secret = await self._jobs.client_secret(job)
        note(request, job=job.id, outcome=job.state)
        if job.problem is not None and job.finished:
            return Problem(422, "no payment can be made for this order; the shop can see why", PRIVATE)
        if secret is None:
            return Problem(503, "the payment is still being made: ask again", {**PRIVATE, **AGAIN})
        assert job.result is not None
        told = {
            **{name: job.result[name] for name in ("id", "amount", "currency")},
            "client_secret": secret,
            "publishable_key": self._publishable_key,
        }
        return Response(orjson.dumps(told), headers=PRIVATE, media_type="application/json")

    def _shop(self, request: Request) -> tuple[str, Shop]:
        source = label(request.path_params["source"])
        if source not in self._shops:
            raise UnknownSource("no shop is configured for this source: see WOOCOMMERCE_URL_<SOURCE>")
        note(request, source=source)
        return source, self._shops[source]

    async def _fetch(self, source: str, order_id: int, key: str) -> Order:
        """The order as the shop has it now, since its webhooks come minutes late.

        Raises UnknownOrder, also where the key is another's; a known order's is checked before the shop is
        asked.
        """

        def fetch() -> Order:
            known = self._orders.read(source, order_id)
            if known is not None:
                _check(known.order, key)
            order = self._clients[source].order(order_id)
            _check(order, key)
            return order

        if self._under_way >= QUEUED:
            raise ShopFailure("too many orders are asked for at once")
        self._under_way += 1
        try:
            return await _answered(asyncio.get_running_loop().run_in_executor(self._threads, fetch))
        finally:
            self._under_way -= 1

    async def _deleted(self, source: str, order_id: object) -> Order | None:
        """A known order as it is now that it is gone: in the trash, whence it may be restored."""
        if not isinstance(order_id, int):
            raise MalformedOrder("this is no order: see id")
        known = await _answered(asyncio.to_thread(self._orders.read, source, order_id))
        return known.order.model_copy(update={"status": "trash"}) if known else None

    async def _sync(self, source: str, order: Order) -> Job | None:
        """The job that brings Stripe in line with the order; None where that is none of ours."""
        revision = await _answered(asyncio.to_thread(self._orders.learn, source, order))
        if not revision:
            return None
        key, command = sync_key(order.id, revision), sync_command(order.id)
        return await self._jobs.create(source, SYNC_ORDER, command, key, urgent=order.wish == "pay")

    async def _anew(self, job: Job) -> Job:
        """A job that does the same once more, which makes nothing twice; one a minute, however many ask."""
        once = minutely(f"again {job.id}")
        return await self._jobs.create(job.source, SYNC_ORDER, job.command, once, urgent=True)


class ShopOrigins:
    """CORS: a shop's checkout page may read what is answered for its shop, and no other page may."""

    def __init__(self, app: ASGIApp, origins: dict[str, str]) -> None:
        self._app = app
        self._by_source: dict[str, ASGIApp] = {
            source: CORSMiddleware(app, allow_origins=[origin]) for source, origin in origins.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._by_source.get(label(scope["path_params"]["source"]), self._app)
        await app(scope, receive, send)


def verify(raw: bytes, signature: str | None, shop: Shop) -> None:
    """Return if one of the shop's secrets signed `raw` (base64 HMAC-SHA256). Raises BadSignature."""
    if not signature:
        raise BadSignature("the X-WC-Webhook-Signature header is missing")
    given = signature.encode()
    for secret in shop.webhook_secrets:
        digest = hmac.digest(secret.get_secret_value().encode(), raw, "sha256")
        if hmac.compare_digest(base64.b64encode(digest), given):
            return
    raise BadSignature("no signature matches: is the secret of this source the webhook's?")


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except RedisError as error:
        raise JobsUnavailable(f"Redis: {type(error).__name__}") from error


def _check(order: Order, key: str) -> None:
    if not hmac.compare_digest(order.order_key.encode(), key.encode()):
        raise UnknownOrder
