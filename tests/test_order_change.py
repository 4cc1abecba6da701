"""What an order is told of its payment, given how it stands."""

from typing import Any

import pytest

from ingest.money import major
from ingest.order import Order
from workers.order_change import NOTHING, Change, change_of

PAID = {"status": "processing", "transaction_id": "pi_1", "date_paid_gmt": "2026-11-20T10:05:00"}


def order(**fields: Any) -> Order:
    return Order.read(
        {
            "id": 17,
            "number": "1017",
            "order_key": "wc_order_17",
            "status": "pending",
            "payment_method": "hooklog",
            "total": "12.50",
            "currency": "EUR",
            "date_created_gmt": "2026-11-20T10:00:00",
            "date_modified_gmt": "2026-11-20T10:00:00",
            **fields,
        }
    )


def told(outcome: str, **fields: Any) -> dict[str, Any]:
    return {
        "order_id": 17,
        "payment_intent_id": "pi_1",
        "outcome": outcome,
        "reference": "re_1",
        "amount": 1250,
        "currency": "eur",
        "reason": None,
        **fields,
    }


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_success_pays_the_order_and_leaves_its_status_to_the_shop(status: str) -> None:
    change = change_of(order(status=status), told("paid"))
    assert Change({"set_paid": True, "transaction_id": "pi_1"}) == change


def test_a_total_with_other_decimals_is_the_same_total() -> None:
    assert "set_paid" in change_of(order(total="12.5"), told("paid")).fields


@pytest.mark.parametrize("status", ["processing", "completed"])
def test_an_order_that_has_the_payment_already_is_left_alone(status: str) -> None:
    assert NOTHING == change_of(order(**PAID | {"status": status}), told("paid"))


@pytest.mark.parametrize("fields", [{"total": "15.00"}, {"currency": "USD"}])
def test_another_amount_than_the_orders_holds_the_order(fields: dict[str, str]) -> None:
    change = change_of(order(**fields), told("paid"))
    assert {"status": "on-hold"} == change.fields
    assert "12.50 EUR were paid" in (change.note or "")


@pytest.mark.parametrize("status", ["cancelled", "on-hold", "completed", "refunded"])
def test_money_that_an_order_did_not_await_is_told_to_the_people_of_the_shop(status: str) -> None:
    change = change_of(order(status=status), told("paid"))
    assert ({}, True) == (change.fields, bool(change.note))


def test_a_failed_payment_fails_the_order_and_says_why() -> None:
    change = change_of(order(), told("failed", reason="insufficient_funds"))
    assert {"status": "failed"} == change.fields
    assert "insufficient_funds" in (change.note or "")


@pytest.mark.parametrize("fields", [PAID, {"status": "completed"}, {"payment_method": "cod"}])
def test_a_failure_is_nothing_to_an_order_that_does_not_await_the_payment(fields: dict[str, str]) -> None:
    assert NOTHING == change_of(order(**fields), told("failed"))


@pytest.mark.parametrize(
    "outcome",
    ["paid", "failed", "refunded", "refund_failed", "inquiry", "disputed", "dispute_won", "dispute_lost"],
)
def test_a_completed_order_keeps_its_status_whatever_happens(outcome: str) -> None:
    assert {} == change_of(order(**PAID | {"status": "completed"}), told(outcome)).fields


@pytest.mark.parametrize("outcome", ["paid", "failed", "refunded", "disputed", "dispute_lost"])
def test_an_order_that_is_paid_in_another_way_gets_a_note_at_most(outcome: str) -> None:
    change = change_of(order(payment_method="stripe", status="processing"), told(outcome))
    assert ({}, None) == (change.fields, change.refund)


def test_a_refund_moves_no_money_once_more() -> None:
    refund = change_of(order(**PAID), told("refunded", amount=500)).refund
    assert refund
    assert ("5.00", False) == (refund["amount"], refund["api_refund"])


@pytest.mark.parametrize(
    "outcome, before, after",
    [
        ("disputed", "processing", "on-hold"),
        ("dispute_won", "on-hold", "processing"),
        ("dispute_lost", "on-hold", "failed"),
    ],
)
def test_a_dispute_holds_an_order_until_it_is_decided(outcome: str, before: str, after: str) -> None:
    change = change_of(order(**PAID | {"status": before}), told(outcome))
    assert ({"status": after}, True) == (change.fields, bool(change.note))


def test_an_inquiry_is_a_note() -> None:
    assert {} == change_of(order(**PAID), told("inquiry")).fields


def test_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(ValueError, match="no outcome of a payment is called x"):
        change_of(order(), told("x"))


@pytest.mark.parametrize(
    "amount, currency, shown",
    [(1250, "eur", "12.50"), (1200, "jpy", "1200"), (12500, "kwd", "12.500"), (120_000, "isk", "1200.00")],
)
def test_an_amount_is_shown_in_major_units(amount: int, currency: str, shown: str) -> None:
    assert shown == major(amount, currency)
