"""The billing tables and views as an analyst queries them, on a real Postgres."""

import os
from pathlib import Path

import pytest

from ingest.event import Event
from tests.billing_objects import (
    DAY,
    NOON,
    OLDEST,
    event,
    invoice,
    invoice_2017,
    item,
    line,
    plan_2017,
    price,
    subscription,
)

LINK = {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_2", "status": "paid", "currency": "usd",
        "amount_requested": 2380, "amount_paid": 2380,
        "payment": {"type": "payment_intent", "payment_intent": "pi_2"}}  # fmt: skip

CANCELLED = """
SELECT COUNT(*) AS cancelled_subscriptions FROM subscription_events
WHERE event_type = 'cancelled' AND created_at BETWEEN to_timestamp(%s) AND to_timestamp(%s)
"""


def life(subscription_id: str, ended_at: int) -> list[Event]:
    """A subscription that is asked to end on its first day, and ends."""
    asked = {"id": subscription_id, "cancel_at_period_end": True, "canceled_at": NOON + DAY}
    gone = asked | {"status": "canceled", "ended_at": ended_at}
    noted = gone | {"metadata": {"why": "unknown"}}
    kind = "customer.subscription.updated"
    return [
        event("customer.subscription.created", subscription(id=subscription_id)),
        event(kind, subscription(**asked), NOON + DAY, {"cancel_at_period_end": False}),
        event("customer.subscription.deleted", subscription(**gone), ended_at),
        event(kind, subscription(**noted), ended_at + 5, {"metadata": {"why": None}}),
    ]


@pytest.mark.parametrize(
    "table, told",
    [
        (
            "products",
            event("product.created", {"id": "p", "object": "product", "name": "App", "active": True}),
        ),
        ("prices", event("price.created", price(amount=None, unit_amount_decimal="0.5"))),
        ("plans", event("plan.created", plan_2017(price()), version=OLDEST)),
        ("invoices", event("invoice.paid", invoice())),
        ("invoice_lines", event("invoice.paid", invoice())),
        ("invoice_payments", event("invoice_payment.paid", LINK)),
        ("subscriptions", event("customer.subscription.created", subscription(discounts=["di_1"]))),
        ("subscription_items", event("customer.subscription.created", subscription())),
        ("churn", life("sub_1", NOON + 30 * DAY)[2]),
    ],
)
def test_each_table_takes_what_its_fold_makes(given, database, table, told):
    [row] = given(table, told)
    assert ("default", "default", False, False) == (
        row["account"],
        row["source"],
        row["livemode"],
        row["stale"],
    )
    assert [] == database.execute("SELECT * FROM dead_letters").fetchall()


def test_items_and_lines_that_are_gone_go(given):
    before = subscription(item("si_1"), item("si_2"))
    rows = given(
        "subscription_items",
        event("customer.subscription.created", before),
        event(
            "customer.subscription.updated", subscription(item("si_2")), NOON + 1, {"items": before["items"]}
        ),
    )
    assert ["si_2"] == [row["id"] for row in rows]


def test_a_deleted_draft_takes_its_lines_along(given, database):
    draft = invoice(line(id="il_1"), line(id="il_2"), status="draft")
    assert [] == given("invoices", event("invoice.created", draft), event("invoice.deleted", draft, NOON + 1))
    assert [] == database.execute("SELECT * FROM invoice_lines").fetchall()


def test_two_lines_of_one_id_are_a_dead_letter_and_the_rest_goes_on(given, database):
    twice = invoice(line(id="il_1"), line(id="il_1"))
    assert [] == given("invoice_lines", event("invoice.paid", twice))
    assert 1 == len(given("invoices"))
    [letter] = database.execute("SELECT projection, reason FROM dead_letters").fetchall()
    assert "invoice_lines" == letter["projection"]


def test_a_price_told_of_twice_is_listed_once(given):
    rows = given(
        "price_list",
        event("plan.created", plan_2017(price())),
        event("price.created", price()),
        event("plan.created", plan_2017(price("gold"))),
    )
    assert {("price", "price_pro"), ("plan", "gold")} == {(row["object"], row["id"]) for row in rows}


def test_what_pays_an_invoice_is_found_in_every_version(given):
    rows = given(
        "invoice_payment_links",
        event("invoice.paid", invoice_2017(invoice(id="in_1")), version=OLDEST),
        event("invoice.paid", invoice(id="in_2")),
        event("invoice_payment.paid", LINK),
    )
    told = {(row["invoice_id"], row["payment_intent_id"], row["status"], row["amount_paid"]) for row in rows}
    assert {("in_1", "pi_1", "paid", 2380), ("in_2", "pi_2", "paid", 2380)} == told


def test_a_link_that_both_versions_tell_is_one(given):
    rows = given(
        "invoice_payment_links",
        event("invoice.paid", invoice_2017(invoice(id="in_2")) | {"payment_intent": "pi_2"}, version=OLDEST),
        event("invoice_payment.paid", LINK),
    )
    assert 1 == len(rows)


def test_a_cancellation_counts_once_and_when_it_takes_effect(given, database):
    given("churn", *life("sub_1", NOON + 30 * DAY), *life("sub_2", NOON + 60 * DAY))
    counted = [
        database.execute(CANCELLED, [NOON + start * DAY, NOON + (start + 10) * DAY]).fetchone()
        for start in (0, 25, 55)
    ]
    assert [0, 1, 1] == [each["cancelled_subscriptions"] for each in counted]


def test_a_change_names_the_user_of_its_subscription_else_of_its_customer(given, database):
    customer = {"id": "cus_1", "object": "customer", "created": NOON, "metadata": {"user_id": "u_customer"}}
    own = subscription(id="sub_2", metadata={"user_id": "u_subscription"})
    told = [event("customer.subscription.created", each) for each in (subscription(), own)]
    given("customers", event("customer.created", customer), *told)
    rows = database.execute("SELECT DISTINCT subscription_id, user_id FROM subscription_events").fetchall()
    assert {("sub_1", "u_customer"), ("sub_2", "u_subscription")} == {tuple(row.values()) for row in rows}


def test_how_long_they_lived_can_be_averaged(given, database):
    given("churn", *life("sub_1", NOON + 30 * DAY), *life("sub_2", NOON + 60 * DAY))
    row = database.execute("SELECT avg(lived) AS average, max(interval) AS interval FROM churn").fetchone()
    assert (45, "month") == (row["average"].days, row["interval"])


@pytest.mark.skipif("HOOKLOG_RECORDINGS" not in os.environ, reason="HOOKLOG_RECORDINGS names no recordings")
def test_recorded_invoices_leave_no_dead_letter(given, database):
    [recording] = Path(os.environ["HOOKLOG_RECORDINGS"]).glob("*-upgrade_by_card.jsonl")
    rows = given("invoices", *(told.encode() for told in recording.read_text().splitlines()))
    assert rows
    assert all(row["total"] == row["amount_due"] for row in rows)
    assert [] == database.execute("SELECT * FROM dead_letters").fetchall()
