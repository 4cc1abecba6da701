"""PaymentIntents: the same facts in, whatever API version told them, the same rows out."""

import pytest

from projections.payment_intents import PROJECTION
from tests.payments import AT, INTENT, row

INTENTS = {
    "2018": {
        **INTENT,
        "status": "requires_source",
        "source": None,
        "charges": {"object": "list", "data": [{"id": "ch_2", "object": "charge"}, {"id": "ch_1"}]},
    },
    "2020-08-27": {**INTENT, "charges": {"object": "list", "data": [{"id": "ch_2", "object": "charge"}]}},
    "2022-11-15": {**INTENT, "latest_charge": "ch_2", "payment_method": None},
    "2026-10-28.endive": {
        **INTENT,
        "customer": None,
        "customer_account": "cus_1",
        "latest_charge": {"id": "ch_2", "object": "charge"},
    },
}


@pytest.mark.parametrize("version", INTENTS)
def test_an_intent_is_the_same_in_every_version(version):
    assert row(PROJECTION, INTENTS[version]) == {
        "id": "pi_1",
        "amount": 1250,
        "amount_received": 0,
        "amount_capturable": 0,
        "currency": "eur",
        "status": "requires_payment_method",
        "customer_id": "cus_1",
        "latest_charge_id": "ch_2",
        "invoice_id": None,
        "payment_method_id": None,
        "payment_method_type": "card",
        "capture_method": "automatic",
        "cancellation_reason": None,
        "canceled_at": None,
        "last_error_code": "card_declined",
        "last_error_decline_code": "insufficient_funds",
        "last_error_message": "No funds.",
        "receipt_email": None,
        "user_id": "7",
        "plan_type": "pro",
        "order_id": "o1",
        "order_number": None,
        "origin": "shop",
        "metadata": INTENT["metadata"],
        "created_at": AT,
    }


@pytest.mark.parametrize("mark", ["site_url", "order_key"])
def test_woocommerces_order_id_is_what_the_customer_sees(mark):
    labelled = row(PROJECTION, {**INTENT, "metadata": {"order_id": "1017", mark: "x"}})
    assert (labelled["order_id"], labelled["order_number"]) == (None, "1017")


def test_other_shops_may_name_both_an_order_and_its_number():
    labelled = row(PROJECTION, {**INTENT, "metadata": {"order_id": "a-1", "order_number": "1017"}})
    assert (labelled["order_id"], labelled["order_number"]) == ("a-1", "1017")


def test_a_method_of_several_allowed_ones_is_known_by_what_is_told_of_it():
    several = {**INTENT, "payment_method_types": ["card", "link"], "last_payment_error": None}
    expanded = {**several, "payment_method": {"id": "pm_2", "type": "link"}}
    by_id = {**several, "payment_method": "pm_2"}
    assert row(PROJECTION, expanded)["payment_method_type"] == "link"
    assert row(PROJECTION, by_id)["payment_method_type"] is None
    assert row(PROJECTION, by_id)["payment_method_id"] == "pm_2"
