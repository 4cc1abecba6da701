"""The rows of products, prices, invoices and subscriptions, in every API version."""

import pytest

from ingest.event import Event
from projections import (
    invoice_lines,
    invoice_payments,
    invoices,
    plans,
    prices,
    products,
    subscription_items,
    subscriptions,
)
from projections.projection import Plan, Projection, Row
from tests.billing_objects import (
    DAY,
    NOON,
    OLDEST,
    Object,
    coupon,
    discount,
    event,
    invoice,
    invoice_2017,
    item,
    items,
    line,
    plan_2017,
    price,
    subscription,
    subscription_2017,
)

CONFIGURED = {"price_pro": Plan("pro", "month")}
BARE = {"id": "x_1", "status": "new", "created": NOON, "currency": "usd"}
LINKS = {"payment_intent_id": None, "charge_id": None}


def rows(module: object, told: Event) -> list[Row]:
    projection: Projection = vars(module)["PROJECTION"]
    return projection.rows([told], CONFIGURED)


def updated(subject: Object) -> Event:
    kind = {"subscription": "customer.subscription"}.get(subject["object"], subject["object"])
    return event(f"{kind}.updated", subject)


# ------------------------------------------------------------------ the same facts in every version


@pytest.mark.parametrize("module", [subscriptions, subscription_items])
@pytest.mark.parametrize(
    "new",
    [
        subscription(),
        subscription(item(quantity=7, of=price(amount=1250, interval="year")), status="past_due"),
        subscription(discounts=[discount(coupon(percent_off=20))], trial_end=NOON + DAY, trial_start=NOON),
        subscription(status="canceled", canceled_at=NOON, ended_at=NOON + DAY, cancel_at_period_end=True),
    ],
)
def test_a_subscription_of_2017_makes_the_rows_that_one_of_today_makes(module, new):
    old = event("customer.subscription.updated", subscription_2017(new), version=OLDEST)
    assert rows(module, old) == rows(module, updated(new))


@pytest.mark.parametrize(
    "new",
    [
        invoice(),
        invoice(status="open", amount_paid=0, amount_remaining=2380),
    ],
)
def test_an_invoice_of_2017_makes_the_row_that_one_of_today_makes_but_for_its_links(new):
    old = event("invoice.updated", invoice_2017(new), version=OLDEST)
    [row] = rows(invoices, old)
    assert [{**row, **LINKS}] == rows(invoices, updated(new))
    assert ("pi_1", "ch_1") == (row["payment_intent_id"], row["charge_id"])


def test_the_lines_of_2017_make_the_rows_that_those_of_today_make():
    credit = line(id="il_2", amount=-500, quantity=1, taxes=[])
    credit["parent"] = {
        "type": "invoice_item_details",
        "invoice_item_details": {"proration": True, "subscription": "sub_1", "subscription_item": None},
    }
    new = invoice(line(), credit)
    old = event("invoice.updated", invoice_2017(new), version=OLDEST)
    assert rows(invoice_lines, old) == rows(invoice_lines, updated(new))
    assert ["subscription", "invoiceitem"] == [row["type"] for row in rows(invoice_lines, old)]


def test_a_plan_makes_the_row_that_its_price_makes():
    new = price(amount=1900, interval="year", metadata={"plan_type": "basic"})
    [told_as_plan] = rows(plans, event("plan.created", plan_2017(new), version=OLDEST))
    [told_as_price] = rows(prices, event("price.created", new))
    assert told_as_price == {**told_as_plan, "active": True}


@pytest.mark.parametrize(
    "flags, status",
    [
        ({"paid": True, "closed": True, "attempted": True}, "paid"),
        ({"paid": False, "forgiven": True, "closed": True, "attempted": True}, "uncollectible"),
        ({"paid": False, "closed": True, "attempted": True}, "open"),
        ({"paid": False, "closed": False, "attempted": False}, "draft"),
    ],
)
def test_an_invoice_without_a_status_has_the_one_that_its_flags_tell(flags, status):
    [row] = rows(invoices, event("invoice.updated", invoice_2017(invoice()) | {"forgiven": False} | flags))
    assert status == row["status"]


def test_an_expanded_object_stands_for_its_id():
    expanded = subscription(
        customer={"id": "cus_1", "object": "customer"},
        latest_invoice={"id": "in_1", "object": "invoice"},
        default_payment_method={"id": "pm_1", "object": "payment_method"},
    )
    plain = subscription(default_payment_method="pm_1")
    assert rows(subscriptions, updated(plain)) == rows(subscriptions, updated(expanded))


def test_a_discount_is_named_alike_as_an_id_and_expanded():
    named = subscription(discounts=["di_1"])
    expanded = subscription(discounts=[discount("coupon_1")])
    beside_its_id = named | {"discount": discount(coupon(percent_off=5))}
    for each in (named, expanded, beside_its_id):
        [row] = rows(subscriptions, updated(each))
        assert ["di_1"] == row["discounts"]


# ------------------------------------------------------------------ what is robust, and what is not


def test_unknown_values_of_enumerations_are_stored():
    [row] = rows(subscriptions, updated(subscription(status="hibernating", collection_method="by_pigeon")))
    assert ("hibernating", "by_pigeon") == (row["status"], row["collection_method"])
    [row] = rows(invoices, updated(invoice(status="lost_at_sea", billing_reason="whim")))
    assert ("lost_at_sea", "whim") == (row["status"], row["billing_reason"])


def test_a_customer_may_be_missing_or_be_an_account():
    [row] = rows(invoices, updated(invoice(customer=None)))
    assert row["customer_id"] is None
    [row] = rows(subscriptions, updated(subscription(customer=None, customer_account="acct_7")))
    assert "acct_7" == row["customer_id"]


@pytest.mark.parametrize(
    "module, told",
    [
        (subscriptions, BARE | {"object": "subscription", "items": {"data": []}}),
        (invoices, BARE | {"object": "invoice", "amount_due": 0, "subtotal": 0, "total": 0}),
        (invoice_payments, BARE | {"object": "invoice_payment", "amount_requested": 5}),
        (prices, BARE | {"object": "price", "type": "one_time"}),
        (products, BARE | {"object": "product"}),
    ],
)
def test_optional_fields_may_all_be_missing(module, told):
    assert 1 == len(rows(module, updated(told)))


@pytest.mark.parametrize(
    "module, told",
    [
        (invoices, invoice(currency=None)),
        (invoices, invoice(amount_due="2380")),
        (invoices, invoice(amount_due=23.8)),
        (invoices, invoice(amount_due=True)),
        (invoices, invoice(total=None)),
        (invoices, invoice(metadata="none")),
        (invoice_lines, invoice(lines=None)),
        (invoice_lines, invoice(line(amount=None))),
        (invoice_lines, invoice(line(taxes=[{}]))),
        (subscriptions, subscription(status=None)),
        (subscriptions, subscription(status=3)),
        (subscriptions, subscription(items={"data": None})),
        (subscriptions, subscription(created="yesterday")),
        (subscription_items, subscription(item(price=None))),
        (subscription_items, subscription(item(quantity="2"))),
        (prices, price(currency=None)),
        (prices, price(unit_amount_decimal="a lot")),
        (prices, price(unit_amount_decimal="NaN")),
        (prices, price(unit_amount_decimal=19.99)),
    ],
)
def test_a_required_fact_that_is_missing_or_of_another_type_is_refused(module, told):
    with pytest.raises((KeyError, TypeError, ValueError)):
        rows(module, updated(told))


# ------------------------------------------------------------------ what goes, and what stays


def test_a_draft_that_was_deleted_leaves_no_row():
    deleted = event("invoice.deleted", invoice(status="draft"))
    assert [] == rows(invoices, deleted)
    assert [] == rows(invoice_lines, deleted)


def test_a_preview_is_no_object_at_all():
    told = event("invoice.upcoming", {key: value for key, value in invoice().items() if key != "id"})
    assert told.identity is None


@pytest.mark.parametrize("told", [price(), {"id": "price_pro", "object": "price", "deleted": True}])
def test_a_deleted_price_stays_and_says_so(told):
    [row] = rows(prices, event("price.deleted", told))
    assert ("price_pro", True) == (row["id"], row["deleted"])


def test_a_deleted_product_stays_and_says_so():
    told = {"id": "prod_app", "object": "product", "name": "App", "active": True, "created": NOON}
    [row] = rows(products, event("product.deleted", told))
    assert ("prod_app", "App", True) == (row["id"], row["name"], row["deleted"])


# ------------------------------------------------------------------ plans and periods


def test_the_plan_follows_the_price_and_only_then_the_metadata():
    telling, configured, silent = price(metadata={"plan_type": "basic"}), price(), price("price_x")
    stale = {"plan_type": "enterprise"}
    found = [
        rows(subscriptions, updated(subscription(item(of=each), metadata=stale)))[0]["plan_type"]
        for each in (telling, configured, silent)
    ]
    assert ["basic", "pro", "enterprise"] == found


def test_an_item_that_is_no_plan_does_not_hide_the_one_that_is():
    seats = item("si_0", of=price("price_support"))
    [row] = rows(subscriptions, updated(subscription(seats, item("si_1"))))
    assert "pro" == row["plan_type"]


def test_a_period_spans_those_of_the_items():
    later = item("si_2", current_period_start=NOON + DAY, current_period_end=NOON + 365 * DAY)
    [row] = rows(subscriptions, updated(subscription(item(), later)))
    assert NOON == row["current_period_start"].timestamp()
    assert NOON + 365 * DAY == row["current_period_end"].timestamp()


def test_a_broken_amount_keeps_its_decimals_and_is_no_whole_one():
    [row] = rows(prices, updated(price(amount=None, unit_amount_decimal="0.0500")))
    assert (None, "0.05") == (row["unit_amount"], row["unit_amount_decimal"])


def test_what_stripe_did_not_embed_is_admitted():
    [row] = rows(subscriptions, updated(subscription(items=items(item(), has_more=True))))
    assert row["items_complete"] is False
    lines = {"object": "list", "data": [line()], "has_more": True}
    [row] = rows(invoices, updated(invoice(lines=lines)))
    assert row["lines_complete"] is False
