"""A WooCommerce shop's way in: its webhooks, and what its checkout page asks for by the order's own key."""

from collections.abc import Callable, Iterator
from threading import Event as Flag
from threading import Thread
from time import time

import pytest
from redis import Redis

from ingest.settings import Settings
from tests.creators import Creators, creators
from tests.shop_double import Json, ShopDouble, webhook
from tests.stripe_account import Shape
from tests.web_process import Answer, WebProcess, serving

PUBLISHABLE = "pk_test_1"


class Checkout:
    """A shop, its web process, and a worker in a thread, as soon as a test lets it work."""

    def __init__(self, shop: ShopDouble, web: WebProcess, creators: Creators) -> None:
        self.shop, self.web, self.creators = shop, web, creators
        self._stop = Flag()
        self._worker = Thread(target=self._work)

    def work(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        self._stop.set()
        if self._worker.is_alive():
            self._worker.join()

    def _work(self) -> None:
        prefix = self.creators.settings.log_prefix
        queues = [f"rq:queue:{prefix}-{name}" for name in ("checkout", "jobs")]
        while not self._stop.is_set():
            if found := self.creators.redis.blpop(queues, 0.1):
                self.creators.performer.perform(found[1].decode())

    def tell(self, order: Json, topic: str = "order.updated", **headers: str) -> Answer:
        body, signed = webhook(order, topic)
        return self.web.request("POST", "/orders/woocommerce/shop", {**signed, **headers}, body)

    def intent(self, order: Json, key: str | None = None, origin: str | None = None) -> Answer:
        key = order["order_key"] if key is None else key
        path = f"/orders/woocommerce/shop/{order['id']}/intent?key={key}"
        return self.web.request("GET", path, {"Origin": origin} if origin else {})

    @property
    def intents(self) -> list[Shape]:
        return self.creators.double.account.of("payment_intent")


@pytest.fixture(scope="module")
def shop() -> Iterator[ShopDouble]:
    with ShopDouble() as shop:
        yield shop


@pytest.fixture(scope="module")
def web(servers, shop: ShopDouble) -> Iterator[WebProcess]:
    with serving(servers.redis_url, STRIPE_PUBLISHABLE_KEY=PUBLISHABLE, **shop.environment) as web:
        yield web


@pytest.fixture
def checkout(servers, shop: ShopDouble, web: WebProcess) -> Iterator[Checkout]:
    settings = Settings.from_environment(web.environment)
    with Redis.from_url(servers.redis_url) as redis, creators(settings, redis) as creators_:
        checkout = Checkout(shop, web, creators_)
        yield checkout
        checkout.stop()
        for key in redis.scan_iter(f"*{settings.log_prefix}*"):
            redis.delete(key)
        shop.orders.clear()
        shop.requests.clear()
        shop.faults.clear()


def test_a_webhook_makes_the_orders_payment_intent(checkout: Checkout) -> None:
    assert 200 == checkout.tell(checkout.shop.order("12.50"), "order.created").status
    checkout.work()
    checkout.creators.double.wait_for("POST /v1/payment_intents")
    checkout.stop()
    assert [1250] == [intent["amount"] for intent in checkout.intents]


def test_the_same_webhook_twice_is_one_job(checkout: Checkout) -> None:
    order = checkout.shop.order()
    assert [200] * 3 == [checkout.tell(order).status for _ in range(3)]
    assert 1 == checkout.creators.redis.llen(f"rq:queue:{checkout.creators.settings.log_prefix}-checkout")


def test_the_ping_of_a_new_webhook_is_answered(checkout: Checkout) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = checkout.web.request("POST", "/orders/woocommerce/shop", form, b"webhook_id=7")
    assert 200 == answer.status


@pytest.mark.parametrize(
    "body, headers",
    [
        (b"webhook_id=7&x=1", {}),
        (b'{"id":17}', {}),
        (b'{"id":17}', {"X-WC-Webhook-Signature": "bm8="}),
        (b'{"id":17}', {"X-WC-Webhook-Signature": "n\xf6"}),
        (webhook({"id": 17})[0], webhook({"id": 17}, secret="another")[1]),
        webhook({"id": "17"}),
        webhook({"id": 17, "status": "pending"}),
    ],
    ids=["a form", "unsigned", "wrong", "not ASCII", "another's", "no id", "no order"],
)
def test_what_no_shop_signed_or_is_no_order_is_refused(
    checkout: Checkout, body: bytes, headers: dict[str, str]
) -> None:
    answer = checkout.web.request("POST", "/orders/woocommerce/shop", headers, body)
    assert (400, "application/problem+json") == (answer.status, answer.headers["Content-Type"])
    assert not checkout.creators.redis.keys(f"*{checkout.creators.settings.log_prefix}:order:*")


def test_an_unknown_shop_is_refused(checkout: Checkout) -> None:
    body, headers = webhook(checkout.shop.order())
    assert 404 == checkout.web.request("POST", "/orders/woocommerce/other", headers, body).status


def test_an_order_that_is_deleted_cancels_its_payment(checkout: Checkout) -> None:
    checkout.work()
    order = checkout.shop.order()
    assert 200 == checkout.intent(order).status
    assert 200 == checkout.tell({"id": order["id"]}, "order.deleted").status
    checkout.creators.double.wait_for("POST /v1/payment_intents/.*/cancel")
    checkout.stop()
    assert ["canceled"] == [intent["status"] for intent in checkout.intents]


@pytest.mark.parametrize("topic", ["order.deleted", "product.updated"])
def test_other_topics_are_acknowledged_and_do_nothing(checkout: Checkout, topic: str) -> None:
    assert 200 == checkout.tell({"id": 17}, topic).status
    assert not checkout.creators.redis.keys(f"*{checkout.creators.settings.log_prefix}*:job*")


def test_an_order_that_no_webhook_told_of_is_fetched_there_and_then(checkout: Checkout) -> None:
    checkout.work()
    answer = checkout.intent(checkout.shop.order("12.50", "EUR"))
    [intent] = checkout.intents
    assert 200 == answer.status
    assert {
        "id": intent["id"],
        "amount": 1250,
        "currency": "eur",
        "client_secret": intent["client_secret"],
        "publishable_key": PUBLISHABLE,
    } == answer.json
    assert "no-store" == answer.headers["Cache-Control"]


def test_the_page_pays_what_the_order_costs_now(checkout: Checkout) -> None:
    checkout.work()
    order = checkout.shop.order("12.50")
    first = checkout.intent(order).json
    checkout.shop.change(order, total="15.00")
    assert {**first, "amount": 1500} == checkout.intent(order).json
    assert [1500] == [intent["amount"] for intent in checkout.intents]


def test_a_client_secret_that_is_kept_no_more_is_told_again(checkout: Checkout) -> None:
    checkout.work()
    order = checkout.shop.order()
    first = checkout.intent(order).json
    for key in checkout.creators.redis.scan_iter(f"*{checkout.creators.settings.log_prefix}*:secret:*"):
        checkout.creators.redis.delete(key)
    assert first == checkout.intent(order).json
    assert 1 == len(checkout.intents)


def test_an_order_is_shown_to_whoever_has_its_key_alone(checkout: Checkout) -> None:
    checkout.work()
    order = checkout.shop.order()
    refused = [checkout.intent(order, key) for key in ("", "wc_order_x", "%C3%A9%ff")]
    assert [404] * 3 == [answer.status for answer in refused]
    assert 200 == checkout.intent(order).status
    asked = len(checkout.shop.requests)
    unknown = checkout.intent({"id": 999, "order_key": "wc_order_y"})
    assert (404, refused[0].json) == (unknown.status, unknown.json)
    assert asked + 1 == len(checkout.shop.requests)
    assert 404 == checkout.intent(order, "wc_order_x").status
    assert asked + 1 == len(checkout.shop.requests), "who guesses does not make us ask the shop"


@pytest.mark.parametrize(
    "fields", [{"payment_method": "stripe"}, {"status": "processing"}, {"total": "0.00"}]
)
def test_an_order_that_awaits_no_payment_from_here_has_no_intent(
    checkout: Checkout, fields: dict[str, str]
) -> None:
    assert 409 == checkout.intent(checkout.shop.order(**fields)).status
    assert [] == checkout.intents


@pytest.mark.parametrize(
    "fault",
    [
        {"body": b"<html>Please log in</html>", "content_type": "text/html", "status": 200},
        {"status": 503, "headers": {"Retry-After": "9"}},
        {"status": 401, "body": b'{"code":"woocommerce_rest_cannot_view"}'},
        {"status": 301, "headers": {"Location": "/elsewhere"}},
        {"body": b"[]", "status": 200},
        {"cuts": True},
    ],
    ids=["a login page", "away", "a wrong key", "a redirect", "no order", "cut off"],
)
def test_a_shop_that_does_not_tell_is_asked_again_later(checkout: Checkout, fault: Json) -> None:
    order = checkout.shop.order()
    checkout.shop.fail("GET", **fault)
    answer = checkout.intent(order)
    assert (503, "5") == (answer.status, answer.headers["Retry-After"])
    assert [] == checkout.intents


@pytest.mark.parametrize("order_id", ["0", "-1", "1.0", "x", "9" * 19, "9" * 5000, "%D9%A1"])
def test_what_is_no_orders_number_is_no_order(checkout: Checkout, order_id: str) -> None:
    assert 404 == checkout.web.get(f"/orders/woocommerce/shop/{order_id}/intent?key=wc_order_1").status


def test_a_page_that_asks_again_and_again_for_what_failed_makes_one_job_a_minute(checkout: Checkout) -> None:
    checkout.work()
    order = checkout.shop.order("0.20")
    first = time() // 60
    assert [422] * 6 == [checkout.intent(order).status for _ in range(6)]
    minutes = 1 + time() // 60 - first
    jobs = list(checkout.creators.redis.scan_iter(f"{{{checkout.creators.settings.log_prefix}:jobs}}:job:*"))
    assert 2 <= len(jobs) <= 1 + minutes


def test_a_total_that_cannot_be_charged_is_refused(checkout: Checkout) -> None:
    checkout.work()
    assert 422 == checkout.intent(checkout.shop.order("0.20")).status


@pytest.mark.parametrize("ask", [lambda order: order["order_key"], lambda _: "wc_order_wrong"])
def test_the_shops_own_pages_may_read_the_answer_and_no_others(
    checkout: Checkout, ask: Callable[[Json], str]
) -> None:
    checkout.work()
    order = checkout.shop.order()
    own, other, none = (
        checkout.intent(order, ask(order), origin)
        for origin in (checkout.shop.url, "https://evil.example.com", None)
    )
    assert checkout.shop.url == own.headers["Access-Control-Allow-Origin"]
    assert other.headers["Access-Control-Allow-Origin"] is none.headers["Access-Control-Allow-Origin"] is None


def test_no_secret_and_nobodys_name_is_logged_or_kept(checkout: Checkout) -> None:
    checkout.work()
    order = checkout.shop.order()
    checkout.tell(order)
    secret = checkout.intent(order).json["client_secret"].encode()
    checkout.stop()
    output = checkout.web.output()
    for word in (secret, order["order_key"].encode(), b"ada@example.com", b"cs_test"):
        assert word not in output
    redis = checkout.creators.redis
    kept = b"".join(redis.dump(key) for key in redis.scan_iter(f"*{checkout.creators.settings.log_prefix}*"))
    assert b"ada@example.com" not in kept


def test_without_redis_a_shop_is_told_to_come_again(shop: ShopDouble) -> None:
    order = shop.order()
    body, headers = webhook(order)
    with serving("redis://127.0.0.1:1", **shop.environment) as web:
        path = "/orders/woocommerce/shop"
        received = web.request("POST", path, headers, body)
        asked = web.get(f"{path}/{order['id']}/intent?key={order['order_key']}")
    assert [(503, "5")] * 2 == [
        (answer.status, answer.headers["Retry-After"]) for answer in (received, asked)
    ]
