"""The whole way of an order: the shop's webhook, Stripe, its webhooks, the tables, and the shop once more."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from redis import Redis

from ingest.order import Order
from ingest.orders import SYNC_ORDER, Orders
from ingest.settings import Settings
from tests.creators import Creators, creators
from tests.pipeline import Pipeline
from tests.shop_double import Json, ShopDouble
from tests.stripe_account import Account, Shape
from workers.drain import Drain
from workers.order_reaction import NoKey
from workers.outbox_worker import OutboxWorker
from workers.rebuild import Rebuild

NOTES, REFUNDS = r"/notes$", r"/refunds$"


class Followed:
    """A shop, Stripe, and all of hooklog between them, a step at a time."""

    def __init__(self, creators: Creators, shop: ShopDouble, database: "psycopg.Connection[Any]") -> None:
        self.shop, self.creators = shop, creators
        self.stripe: Account = creators.double.account
        self.settings, self.database = creators.settings, database
        self.pipeline = Pipeline(self.settings, database, creators.redis)
        self.orders = Orders(creators.redis, self.settings)

    def ordered(self, **fields: Any) -> tuple[Json, Shape]:
        """A new order and its PaymentIntent, of which the tables know already."""
        order = self.shop.order(**fields)
        intent = self.synced(order)
        self.drain()
        return order, intent

    def synced(self, order: Json) -> Shape:
        self.orders.learn("shop", Order.read(order))
        job = self.creators.done(SYNC_ORDER, order_id=order["id"])
        assert job.result
        return self.stripe.get(job.result["id"])

    def drain(self, *, twice: bool = False) -> None:
        bodies = [body for body, _ in self.creators.double.webhooks("secret")]
        for _ in range(2 if twice else 1):
            self.pipeline.deliver(*bodies)
            self.pipeline.run()

    def deliver(self) -> None:
        """Tell the shop what waits to be told, until nothing does that may be tried now."""
        worker = OutboxWorker(self.settings)
        try:
            idle = False
            while not idle:
                busy = worker.run_once(patience=5)
                idle = not busy and not self._waiting()
        finally:
            worker.close()

    def follow(self) -> None:
        self.drain()
        self.deliver()

    def try_again(self) -> None:
        """As if the pauses were over."""
        self.database.execute("UPDATE outbox SET try_at = '-infinity' WHERE delivered_at IS NULL")
        self.deliver()

    def _waiting(self) -> bool:
        return self.told("delivered_at IS NULL AND try_at <= clock_timestamp()") > 0

    def told(self, condition: str = "true") -> int:
        """How many messages the outbox has, of those that meet the condition."""
        row = self.database.execute(f"SELECT count(*) FROM outbox WHERE {condition}").fetchone()
        return int(row["count"]) if row else 0

    @property
    def problems(self) -> list[str]:
        sql = "SELECT problem FROM outbox WHERE delivered_at IS NULL ORDER BY id"
        return [row["problem"] for row in self.database.execute(sql).fetchall()]

    def dispute(self, intent: Shape, status: str = "needs_response") -> Shape:
        return self.stripe.make(
            "dispute", "du", "charge.dispute.created", amount=intent["amount"], currency=intent["currency"],
            charge=intent["latest_charge"], payment_intent=intent["id"], status=status, reason="fraudulent",
            balance_transactions=[], evidence_details={"due_by": None},
        )  # fmt: skip


@pytest.fixture
def followed(settings: Settings, database: "psycopg.Connection[Any]", redis: Redis) -> Iterator[Followed]:
    with ShopDouble() as shop:
        shops = Settings.from_environment(shop.environment).shops
        with creators(settings.model_copy(update={"shops": shops}), redis) as creators_:
            followed = Followed(creators_, shop, database)
            yield followed
            followed.pipeline.close()


def test_a_payment_pays_the_order(followed: Followed) -> None:
    order, intent = followed.ordered(total="12.50")
    followed.stripe.pay(intent)
    followed.follow()
    assert ("processing", intent["id"]) == (order["status"], order["transaction_id"])
    [(path, body)] = followed.shop.written
    assert ("/wp-json/wc/v3/orders/17", {"set_paid": True, "transaction_id": intent["id"]}) == (path, body)
    [payment] = followed.database.execute("SELECT * FROM payments").fetchall()
    assert ("succeeded", "17", "1017", "shop") == tuple(
        payment[name] for name in ("status", "order_id", "order_number", "origin")
    )


def test_what_is_delivered_twice_is_told_once(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.pay(intent)
    followed.stripe.refund({"payment_intent": intent["id"], "amount": 500})
    followed.drain(twice=True)
    followed.deliver()
    followed.deliver()
    assert 2 == len(followed.shop.written)


def test_our_own_write_that_comes_back_does_nothing(followed: Followed) -> None:
    order, intent = followed.ordered()
    followed.stripe.pay(intent)
    followed.follow()
    written, called = len(followed.shop.written), len(followed.creators.double.calls("^POST"))
    followed.synced(order)
    followed.follow()
    assert (written, called) == (len(followed.shop.written), len(followed.creators.double.calls("^POST")))


def test_a_decline_fails_the_order_and_the_next_attempt_pays_it(followed: Followed) -> None:
    order, intent = followed.ordered()
    followed.stripe.decline(intent)
    followed.follow()
    assert "failed" == order["status"]
    [note] = followed.shop.notes[17]
    assert "12.50 EUR failed at Stripe (insufficient_funds)" in note
    assert intent["id"] == followed.synced(order)["id"]
    followed.stripe.pay(intent)
    followed.follow()
    assert ("processing", 1) == (order["status"], len(followed.shop.notes[17]))


def test_a_failure_that_comes_after_the_success_is_told_to_nobody(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.decline(intent)
    followed.stripe.pay(intent)
    followed.follow()
    assert [["set_paid", "transaction_id"]] == [sorted(body) for _, body in followed.shop.written]


def test_refunds_at_stripe_become_refunds_of_the_order(followed: Followed) -> None:
    order, intent = followed.ordered(total="12.50")
    followed.stripe.pay(intent)
    followed.stripe.refund({"payment_intent": intent["id"], "amount": 500})
    followed.follow()
    assert ["5.00"] == [one["amount"] for one in followed.shop.refunds[17]]
    assert "processing" == order["status"]
    followed.stripe.refund({"payment_intent": intent["id"]})
    followed.follow()
    assert ["5.00", "7.50"] == [one["amount"] for one in followed.shop.refunds[17]]
    assert all(one["api_refund"] is False for one in followed.shop.refunds[17])
    assert "refunded" == order["status"]


def test_a_refund_that_fails_later_is_a_note(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.pay(intent)
    refund = followed.stripe.refund({"payment_intent": intent["id"], "amount": 500})
    followed.follow()
    followed.stripe.change(refund, "refund.failed", status="failed")
    followed.follow()
    [note] = followed.shop.notes[17]
    assert f"[refund_failed {refund['id']}]" in note


def test_a_refund_that_is_told_of_before_its_payment_waits_for_it(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.pay(intent)
    followed.stripe.refund({"payment_intent": intent["id"], "amount": 500})
    for body, _ in reversed(list(followed.creators.double.webhooks("secret"))):
        followed.pipeline.deliver(body)
        followed.pipeline.run()
    followed.deliver()
    assert [["set_paid", "transaction_id"]] == [
        sorted(body) for path, body in followed.shop.written if not path.endswith("refunds")
    ]
    assert 1 == len(followed.shop.refunds[17])


@pytest.mark.parametrize("outcome, status", [("won", "processing"), ("lost", "failed")])
def test_a_dispute_holds_the_order_until_it_is_decided(followed: Followed, outcome: str, status: str) -> None:
    order, intent = followed.ordered()
    followed.stripe.pay(intent)
    dispute = followed.dispute(intent)
    followed.follow()
    assert ("on-hold", 1) == (order["status"], len(followed.shop.notes[17]))
    followed.stripe.change(dispute, "charge.dispute.closed", status=outcome)
    followed.follow()
    assert (status, 2) == (order["status"], len(followed.shop.notes[17]))


def test_an_inquiry_is_a_note_until_it_becomes_a_dispute(followed: Followed) -> None:
    order, intent = followed.ordered()
    followed.stripe.pay(intent)
    dispute = followed.dispute(intent, "warning_needs_response")
    followed.follow()
    assert ("processing", 1) == (order["status"], len(followed.shop.notes[17]))
    followed.stripe.change(dispute, "charge.dispute.updated", status="needs_response")
    followed.follow()
    assert ("on-hold", 2) == (order["status"], len(followed.shop.notes[17]))


CUT: dict[str, Any] = {"cuts": True}
CUT_AFTER_ACTING: dict[str, Any] = {"cuts": True, "acts": True}
A_CACHE: dict[str, Any] = {"body": b'{"cached":true}', "status": 200}
AWAY: dict[str, Any] = {"status": 503, "headers": {"Retry-After": "9"}}
A_REDIRECT: dict[str, Any] = {"status": 302, "headers": {"Location": "/wp-login.php"}}
A_LOGIN_PAGE: dict[str, Any] = {"status": 200, "body": b"<html>Log in</html>", "content_type": "text/html"}


@pytest.mark.parametrize(
    "on, fault",
    [
        ("GET .*/17$", A_CACHE),
        ("GET .*notes$", A_LOGIN_PAGE),
        ("GET .*refunds$", A_CACHE),
        ("POST .*/17$", A_REDIRECT),
        *(
            (f"POST .*{path}$", fault)
            for path in ("/17", "refunds", "notes")
            for fault in (CUT_AFTER_ACTING, A_CACHE)
        ),
        ("POST .*refunds$", AWAY),
        ("POST .*notes$", CUT),
    ],
)
def test_what_the_shop_did_not_take_is_told_again_and_nothing_twice(
    followed: Followed, on: str, fault: dict[str, Any]
) -> None:
    order, intent = followed.ordered()
    followed.shop.fail(on, **fault)
    followed.stripe.pay(intent)
    followed.stripe.refund({"payment_intent": intent["id"], "amount": 500})
    followed.dispute(intent)
    followed.follow()
    assert any(followed.problems)
    followed.try_again()
    assert [] == followed.problems
    assert (1, "on-hold") == (len(followed.shop.refunds[17]), order["status"])
    assert 1 == len(followed.shop.notes[17])


def test_payments_that_were_not_made_for_an_order_here_are_told_to_no_shop(followed: Followed) -> None:
    plugin = {"order_id": "17", "order_key": "wc_order_17", "site_url": "https://shop.example.com"}
    for metadata in ({}, plugin, {"order_id": "17"}, {"order_id": "17", "source": "platform"}):
        given = {"amount": "1250", "currency": "eur", "metadata": metadata}
        followed.stripe.pay(followed.stripe.create_payment_intent(given))
    foreign = followed.stripe.create_payment_intent(
        {"amount": "1250", "currency": "eur", "metadata": {"order_id": "17", "source": "shop"}}
    )
    followed.stripe.pay(foreign | {"id": foreign["id"]})
    followed.creators.double.events[-1] |= {"account": "acct_of_a_connected_one"}
    followed.creators.double.events[:] = followed.creators.double.events[:-2] + [
        event | {"livemode": True} for event in followed.creators.double.events[-2:]
    ]
    followed.follow()
    assert 0 == followed.told()


def test_a_rebuild_tells_the_shop_nothing(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.pay(intent)
    followed.follow()
    followed.database.execute("DELETE FROM outbox")
    Rebuild(followed.settings).run()
    assert 0 == followed.told()


def test_a_drain_without_the_key_is_told_so(followed: Followed) -> None:
    with pytest.raises(NoKey, match="STRIPE_SECRET_KEY"):
        Drain(followed.settings.model_copy(update={"stripe_secret_key": None}))
