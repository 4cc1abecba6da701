"""The whole way of an order: the shop's webhook, Stripe, its webhooks, the tables, and the shop once more."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from redis import Redis

from ingest.settings import Settings
from tests.order_flow import Followed, following


@pytest.fixture
def followed(settings: Settings, database: "psycopg.Connection[Any]", redis: Redis) -> Iterator[Followed]:
    with following(settings, database, redis) as followed:
        yield followed


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


def test_an_order_that_the_shop_does_not_have_is_tried_until_it_is_given_up(followed: Followed) -> None:
    order, intent = followed.ordered()
    del followed.shop.orders[order["id"]]
    followed.stripe.pay(intent)
    followed.follow()
    assert ["the shop has no such order, or not under this key"] == followed.problems


def test_a_shop_that_is_configured_no_more_is_not_told(followed: Followed) -> None:
    _, intent = followed.ordered()
    followed.stripe.pay(intent)
    followed.drain()
    followed.settings = followed.settings.model_copy(update={"shops": {}})
    followed.deliver()
    assert ["there is no WOOCOMMERCE_URL for its origin any more"] == followed.problems


def test_a_shop_that_says_yes_and_does_not_pay_the_order_is_told_again(followed: Followed) -> None:
    order, intent = followed.ordered()
    unpaid = json.dumps(order).encode()
    followed.shop.fail("POST .*/17$", status=200, body=unpaid)
    followed.stripe.pay(intent)
    followed.follow()
    assert ["the shop took the payment and did not mark the order as paid"] == followed.problems
    followed.try_again()
    assert "processing" == order["status"]
