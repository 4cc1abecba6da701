"""The view `payments`, and the others across objects, as an analyst sees them on a real Postgres."""

import json
from itertools import permutations
from typing import Any

import pytest

from tests.events import NOW, event
from tests.payments import CARD_DETAILS, CHARGE, CUSTOMER, DISPUTE, INTENT, REFUND
from workers.simulator import VERSIONS, simulate

OLD = {"api_version": "2020-08-27"}
PAID = INTENT | {
    "status": "succeeded",
    "amount_received": 1250,
    "last_payment_error": None,
    "latest_charge": "ch_1",
}
CREATED = event("payment_intent.created", INTENT | {"last_payment_error": None}, created=NOW + 1)
FAILED = event("payment_intent.payment_failed", INTENT)
SUCCEEDED = event("payment_intent.succeeded", PAID)

BY_PERIOD = """
SELECT DATE_TRUNC(%s, created_at) AS period, COUNT(*), SUM(amount), AVG(amount) FROM payments WHERE created_at BETWEEN %s AND %s AND status = 'succeeded' GROUP BY period ORDER BY period;
"""  # noqa: E501 (as the platform's own code has it)


def anonymous(subject: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The same without what its metadata tell."""
    return subject | {"metadata": {}} | changes


@pytest.mark.parametrize("events", list(permutations([CREATED, FAILED, SUCCEEDED])))
def test_the_order_of_arrival_does_not_matter(given, events):
    [row] = given("payments", *events)
    assert (row["status"], row["amount"], row["user_id"]) == ("succeeded", 1250, "7")


def test_a_payment_shows_its_charges_method_and_risk(given):
    charge = CHARGE | {
        "payment_intent": "pi_1",
        "amount_captured": 1250,
        "payment_method_details": {"type": "card", "card": CARD_DETAILS},
    }
    [row] = given("payments", SUCCEEDED, event("charge.succeeded", charge))
    assert (row["charge_id"], row["payment_method_type"], row["card_brand"]) == ("ch_1", "card", "amex")
    assert (row["risk_level"], row["risk_score"], row["outcome_type"]) == ("normal", 12, "authorized")
    assert (row["amount_captured"], row["amount_refunded"], row["disputed"]) == (1250, 250, False)


def test_what_no_event_told_of_is_unknown_and_what_was_not_tried_is_nothing(given):
    [row] = given("payments", SUCCEEDED)
    assert (row["amount_captured"], row["amount_refunded"], row["card_brand"]) == (None, None, None)


def test_an_intent_without_an_attempt_took_nothing(given):
    [row] = given("payments", CREATED)
    assert (row["amount_captured"], row["amount_refunded"], row["amount_lost"]) == (0, 0, 0)


def test_a_payment_shows_what_its_disputes_came_to(given):
    lost = DISPUTE | {"status": "lost"}
    inquiry = DISPUTE | {
        "id": "du_0",
        "status": "warning_closed",
        "created": NOW - 9,
        "balance_transactions": [],
    }
    [row] = given(
        "payments",
        SUCCEEDED,
        event("charge.updated", CHARGE | {"dispute": "du_1"}),
        event("charge.dispute.closed", inquiry),
        event("charge.dispute.closed", lost),
    )
    assert (row["disputed"], row["dispute_status"]) == (True, "lost")
    assert (row["amount_disputed"], row["amount_lost"]) == (1250, 1250)


def test_a_dispute_that_only_the_charge_tells_of_is_of_an_unknown_amount(given):
    [row] = given("payments", SUCCEEDED, event("charge.updated", CHARGE | {"dispute": "du_1"}))
    assert (row["disputed"], row["amount_disputed"], row["amount_lost"]) == (True, None, None)


def test_the_user_is_who_the_nearest_object_names(given):
    paid = anonymous(PAID, invoice="in_1")
    told = [
        (
            event("customer.created", CUSTOMER | {"metadata": {"user_id": "of the customer"}}),
            "of the customer",
        ),
        (event("customer.subscription.created", subscription("of the subscription")), "of the subscription"),
        (event("invoice.paid", invoice(metadata={"user_id": "of the invoice"})), "of the invoice"),
        (event("payment_intent.succeeded", PAID | {"invoice": "in_1"}, created=NOW + 9, **OLD), "7"),
    ]
    given("payments", event("payment_intent.succeeded", paid, **OLD), event("invoice.created", invoice()))
    for each, user in told:
        [row] = given("payments", each)
        assert row["user_id"] == user


def test_the_mail_of_a_guest_is_the_payers(given):
    guest = PAID | {"customer": None}
    charge = CHARGE | {"billing_details": {"email": "guest@example.com"}}
    [row] = given("payments", event("payment_intent.succeeded", guest), event("charge.succeeded", charge))
    assert (row["customer_id"], row["customer_email"]) == (None, "guest@example.com")


@pytest.mark.parametrize("link", ["the intent", "the invoice", "an object of its own"])
def test_a_payment_finds_its_invoice_in_every_version(given, link):
    named = {"invoice": "in_1"} if link == "the intent" else {}
    of_its_own = {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "status": "paid",
        "currency": "eur",
        "amount_requested": 1250,
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
    }
    told = [event("invoice_payment.paid", of_its_own)] if link == "an object of its own" else []
    paying = {"payment_intent": "pi_1"} if link == "the invoice" else {}
    [row] = given(
        "payments",
        event("payment_intent.succeeded", PAID | named),
        event("invoice.paid", invoice(**paying), **OLD),
        *told,
    )
    assert (row["invoice_id"], row["subscription_id"]) == ("in_1", "sub_1")


def test_the_plan_is_what_the_price_says_and_not_what_old_metadata_say(given):
    named = event("payment_intent.succeeded", PAID | {"invoice": "in_1", "metadata": {"plan_type": "basic"}})
    [row] = given("payments", named)
    assert row["plan_type"] == "basic"
    [row] = given("payments", event("customer.subscription.created", subscription(plan_type="pro")),
                  event("invoice.paid", invoice()))  # fmt: skip
    assert row["plan_type"] == "pro"
    line = {"id": "il_1", "amount": 1250, "currency": "eur", "price": price("enterprise"), "quantity": 1}
    paid = invoice(lines={"data": [line], "has_more": False})
    [row] = given(
        "payments",
        event("price.created", price("enterprise") | {"active": True, "product": "prod_1", "created": NOW}),
        event("invoice.updated", paid, created=NOW + 5, previous={"lines": None}, **OLD),
    )
    assert row["plan_type"] == "enterprise"


HELD = {"amount": 1000, "captured": True, "amount_captured": 600}
VOIDED = {"amount": 1000, "captured": False, "amount_captured": 0}


@pytest.mark.parametrize(
    "version, charge, counted, given_back",
    [
        ("2024-06-20", HELD, 400, 0),
        ("2024-06-20", HELD, 550, 150),
        ("2024-06-20", VOIDED, 1000, 0),
        ("2025-03-31.basil", HELD, 0, 0),
        ("2025-03-31.basil", HELD, 150, 150),
        ("2025-03-31.basil", HELD, 600, 600),
        ("2025-03-31.basil", VOIDED, 0, 0),
    ],
)
def test_what_was_held_and_never_captured_is_no_refund(given, version, charge, counted, given_back):
    told = event("charge.refunded", CHARGE | charge | {"amount_refunded": counted}, api_version=version)
    [row] = given("payments", SUCCEEDED, told)
    assert row["amount_refunded"] == given_back


def test_a_dispute_in_another_currency_than_the_payment_is_in_no_sum_of_its(given):
    foreign = DISPUTE | {"status": "lost", "currency": "usd"}
    [row] = given(
        "payments", SUCCEEDED, event("charge.succeeded", CHARGE), event("charge.dispute.closed", foreign)
    )
    assert (row["disputed"], row["dispute_status"]) == (True, "lost")
    assert (row["amount_disputed"], row["amount_lost"]) == (None, None)


def test_what_is_asked_of_one_payment_reads_no_disputes_unless_these_are_asked_for(database):
    one = "FROM payments WHERE account = 'default' AND livemode AND id = 'pi_1'"
    plan = database.execute(f"EXPLAIN SELECT status, plan_type, amount_captured {one}").fetchall()
    assert "on disputes" not in str(plan)
    assert "on disputes" in str(database.execute(f"EXPLAIN SELECT amount_lost {one}").fetchall())


def test_a_charge_without_an_intent_is_in_charges_alone(given):
    assert given("payments", event("charge.succeeded", CHARGE)) == []
    [row] = given("charges")
    assert (row["id"], row["payment_intent_id"]) == ("ch_1", None)


def test_each_refund_is_told_once_however_many_tell_of_it(given):
    embedded = {
        "refunds": {"object": "list", "data": [REFUND, REFUND | {"id": "re_2"}]},
        "payment_intent": "pi_1",
    }
    rows = given(
        "all_refunds",
        event("charge.refunded", CHARGE | embedded, **OLD),
        event("refund.failed", REFUND | {"status": "failed"}),
    )
    assert {(row["id"], row["status"], row["payment_intent_id"]) for row in rows} == {
        ("re_1", "failed", "pi_1"),
        ("re_2", "succeeded", "pi_1"),
    }


def test_the_query_of_a_plain_payments_table_gives_true_figures(given, database):
    given("payments", SUCCEEDED, event("payment_intent.created", INTENT | {"id": "pi_2"}),
          event("payment_intent.succeeded", PAID | {"id": "pi_3", "amount": 1251}))  # fmt: skip
    [row] = database.execute(BY_PERIOD, ["day", "2026-01-01", "2027-01-01"]).fetchall()
    assert (row["count"], row["sum"], row["avg"]) == (2, 2501, 1250.5)


def test_what_was_paid_is_the_same_in_every_version(pipeline):
    business = simulate(seed=3, payments=12, subscriptions=12, days=90)

    def payments(version: str) -> list[dict[str, Any]]:
        pipeline.forget()
        pipeline.deliver(*business.in_version(version).bodies())
        pipeline.run()
        # An invoice that nobody pays is told of no payment since basil.
        succeeded = "SELECT * FROM payments WHERE status = 'succeeded' ORDER BY id"
        return pipeline.database.execute(succeeded).fetchall()

    newest = payments(VERSIONS[-1])
    assert any(row["subscription_id"] and row["plan_type"] and row["user_id"] for row in newest)
    assert newest == payments(VERSIONS[0])


def test_every_object_is_there_in_its_newest_state(given):
    rows = given(
        "stripe_objects",
        event("coupon.created", {"id": "WELCOME", "object": "coupon", "created": NOW}),
        event("coupon.deleted", {"id": "WELCOME", "object": "coupon", "created": NOW}),
        json.dumps(
            event("mandate.updated", {"id": "m_1", "object": "mandate", "note": "a\0b\ud800"})
        ).encode(),
        event("balance.available", {"object": "balance", "available": []}),
        event("invoice.upcoming", {"object": "invoice", "customer": "cus_1"}),
    )
    assert {(row["object"], row["id"], row["deleted"]) for row in rows} == {
        ("coupon", "WELCOME", True),
        ("mandate", "m_1", False),
        ("balance", "", False),
    }
    [note] = [row["data"]["note"] for row in rows if row["object"] == "mandate"]
    assert note == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


def invoice(**changes: Any) -> dict[str, Any]:
    """An invoice of a subscription that tells nothing else."""
    return {
        "id": "in_1",
        "object": "invoice",
        "status": "paid",
        "currency": "eur",
        "amount_due": 1250,
        "subtotal": 1250,
        "total": 1250,
        "customer": "cus_1",
        "subscription": "sub_1",
        "lines": {"data": [], "has_more": False},
        "created": NOW,
        "metadata": {},
        **changes,
    }


def price(plan_type: str | None = None) -> dict[str, Any]:
    """A price, with the plan that its metadata name."""
    return {
        "id": "price_1",
        "object": "price",
        "currency": "eur",
        "type": "recurring",
        "unit_amount": 1250,
        "recurring": {"interval": "month", "interval_count": 1},
        "metadata": {"plan_type": plan_type} if plan_type else {},
    }


def subscription(user_id: str | None = None, plan_type: str | None = None) -> dict[str, Any]:
    """A subscription to one price."""
    return {
        "id": "sub_1",
        "object": "subscription",
        "status": "active",
        "currency": "eur",
        "customer": "cus_1",
        "items": {"data": [{"id": "si_1", "price": price(plan_type), "quantity": 1}], "has_more": False},
        "created": NOW,
        "metadata": {"user_id": user_id} if user_id else {},
    }
