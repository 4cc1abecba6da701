"""The sweep of the shops' orders: finds what no webhook told, since WooCommerce sends each once and gives up.

A shop is asked for what was modified since the newest order that it told last time, and a while before: an
order's time is when its writing began. What is known already makes no job a second time.
"""

import signal
from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from typing import cast

import structlog
from redis import Redis
from redis.exceptions import RedisError

from ingest.jobs import Jobs
from ingest.order import MalformedOrder, Order
from ingest.orders import SYNC_ORDER, Orders, sync_command, sync_key
from ingest.queues import checkout_queue, connect, enqueue_job, jobs_queue
from ingest.settings import Settings
from ingest.woocommerce import Json, ShopFailure, WooCommerce

OVERLAP = timedelta(minutes=10)
FIRST_LOOK = timedelta(days=3)
"""How far back a shop is asked that was never asked before."""

LOOK_SECONDS = 5.0

log = structlog.get_logger()


class OrderSweep:
    """One process' sweep. Any number may run: a shop's turn is taken by one of them."""

    def __init__(self, settings: Settings) -> None:
        assert settings.redis_url
        self._prefix = f"{settings.log_prefix}:order_sweep"
        self._every = settings.woocommerce_sweep_seconds
        self._redis = Redis.from_url(settings.redis_url)
        self._rq_redis = connect(settings)
        self._queues = {
            True: checkout_queue(self._rq_redis, settings),
            False: jobs_queue(self._rq_redis, settings),
        }
        self._jobs = Jobs(self._redis, settings)
        self._orders = Orders(self._redis, settings)
        self._shops = {source: WooCommerce(shop) for source, shop in settings.shops.items()}

    def run_once(self) -> None:
        """Ask each shop whose turn it is. Raises RedisError; a shop that fails is asked at its next turn."""
        for source, shop in self._shops.items():
            turn = f"{self._prefix}:{source}:turn"
            if self._redis.set(turn, 1, nx=True, px=int(self._every * 1000)):
                try:
                    self.sweep(source, shop)
                except ShopFailure as failure:
                    log.warning("a shop did not tell its orders", source=source, reason=str(failure))

    def sweep(self, source: str, shop: WooCommerce) -> None:
        """Learn what a shop modified since the last time. Raises ShopFailure."""
        newest = f"{self._prefix}:{source}:newest"
        known = cast(bytes | None, self._redis.get(newest))
        begin = datetime.fromisoformat(known.decode()) - OVERLAP if known else datetime.now(UTC) - FIRST_LOOK
        for told in shop.modified_orders(begin):
            order = self._see_to(source, told)
            if order is not None:
                self._redis.set(newest, order.modified_at.isoformat())

    def _see_to(self, source: str, told: Json) -> Order | None:
        try:
            order = Order.read(told)
        except MalformedOrder as error:
            # It may be of any plugin's making, and must not hide the orders behind it.
            log.warning("a shop has an order that cannot be read", source=source, reason=str(error))
            return None
        if revision := self._orders.learn(source, order):
            urgent, key = order.wish == "pay", sync_key(order.id, revision)
            job, fresh = self._jobs.create(source, SYNC_ORDER, sync_command(order.id), key, urgent=urgent)
            if fresh:
                log.info("an order that no webhook told of", source=source, order=order.id, job=job.id)
                enqueue_job(self._queues[urgent], job.id, job.kind)
        return order

    def close(self) -> None:
        self._redis.close()
        self._rq_redis.close()


def main(settings: Settings) -> None:
    """Sweep until SIGTERM or SIGINT; without a shop there is nothing to do but that. Redis is waited for."""
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sweep = OrderSweep(settings)
    away: str | None = None
    while not stop.is_set():
        try:
            sweep.run_once()
        except RedisError as error:
            if away != (away := type(error).__name__):
                log.warning("Redis is away; the orders' sweep waits", reason=away)
        else:
            away = None
        stop.wait(min(LOOK_SECONDS, settings.woocommerce_sweep_seconds))
    sweep.close()
