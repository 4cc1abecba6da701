"""Orders that no webhook told of are found, each once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from redis import Redis

from ingest.jobs import Jobs
from ingest.settings import Settings
from ingest.woocommerce import PAGE, WooCommerce
from tests.conftest import Servers
from tests.shop_double import ShopDouble
from tests.web_process import PATIENCE
from workers.order_sweep import OrderSweep


class Swept:
    """A shop, and its sweep, whose turn it always is."""

    def __init__(self, shop: ShopDouble, settings: Settings, redis: "Redis") -> None:
        self.shop, self.redis, self.settings = shop, redis, settings
        self.sweep = OrderSweep(settings)

    def run(self) -> None:
        self.redis.delete(f"{self.settings.log_prefix}:order_sweep:shop:turn")
        self.sweep.run_once()

    def enqueued(self) -> list[int]:
        """The orders whose jobs are enqueued, the next first."""
        jobs = Jobs(self.redis, self.settings)
        ids = self.redis.lrange(f"rq:queue:{self.settings.log_prefix}-checkout", 0, -1)
        return [job.command["order_id"] for each in ids if (job := jobs.read(each.decode()))]


@pytest.fixture
def settings(servers: Servers) -> Settings:
    """A log of the test's own; no database is needed."""
    return Settings.from_environment(
        {"REDIS_URL": servers.redis_url, "LOG_PREFIX": f"test_{uuid4().hex[:12]}"}
    )


@pytest.fixture
def swept(settings: Settings, redis: Redis) -> Iterator[Swept]:
    with ShopDouble() as shop:
        shops = Settings.from_environment(shop.environment).shops
        swept = Swept(shop, settings.model_copy(update={"shops": shops}), redis)
        yield swept
        swept.sweep.close()


def test_an_order_that_no_webhook_told_of_gets_its_job_once(swept: Swept) -> None:
    order = swept.shop.order()
    swept.shop.order(payment_method="stripe")
    swept.run()
    swept.run()
    assert [order["id"]] == swept.enqueued()
    swept.shop.change(order, total="15.00")
    swept.run()
    assert [order["id"]] * 2 == swept.enqueued()


def test_every_page_is_read_though_the_list_moves_and_seconds_are_shared(swept: Swept) -> None:
    for n in range(2 * PAGE + 30):
        swept.shop.order()
        swept.shop.now += timedelta(seconds=n >= PAGE + 20)
    swept.run()
    assert sorted(swept.shop.orders) == swept.enqueued()


def test_who_has_the_turn_sweeps_alone(swept: Swept) -> None:
    swept.run()
    swept.sweep.run_once()
    assert 1 == len(swept.shop.requests)


def test_an_order_that_cannot_be_read_hides_none_behind_it(swept: Swept) -> None:
    swept.shop.order(order_key="")
    order = swept.shop.order()
    swept.run()
    assert [order["id"]] == swept.enqueued()


def test_a_shop_that_fails_is_asked_for_the_same_again(swept: Swept) -> None:
    order = swept.shop.order()
    swept.shop.fail("GET", status=502, body=b"<html>", content_type="text/html")
    swept.run()
    assert [] == swept.enqueued()
    swept.run()
    assert [order["id"]] == swept.enqueued()


def test_the_shop_is_asked_with_its_key_and_for_nobodys_name(swept: Swept) -> None:
    swept.shop.order()
    shop = WooCommerce(swept.settings.shops["shop"])
    told = list(shop.modified_orders(swept.shop.now - timedelta(hours=1)))
    assert told
    assert not any("billing" in one for one in told)


def test_the_process_sweeps_until_it_is_told_to_stop(swept: Swept) -> None:
    order = swept.shop.order()
    assert swept.settings.redis_url
    servers = {"REDIS_URL": swept.settings.redis_url, "LOG_PREFIX": swept.settings.log_prefix}
    with subprocess.Popen(
        [sys.executable, "-m", "workers.command", "orders"],
        env={**os.environ, **servers, **swept.shop.environment},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert b"no webhook told of" in process.stdout.readline()
        process.terminate()
        assert 0 == process.wait(PATIENCE)
    assert [order["id"]] == swept.enqueued()
