"""Charges: the same facts in, whatever API version told them, the same rows out."""

import pytest

from projections.charges import PROJECTION
from tests.payments import AT, CARD, CARD_DETAILS, CHARGE, REFUND, row

CHARGES = {
    "2017": {
        **CHARGE,
        "dispute": None,
        "refunds": {"object": "list", "data": [REFUND]},
        "source": {"id": "card_1", "object": "card", "brand": "American Express", **CARD},
    },
    "2018, a source": {
        **CHARGE,
        "dispute": None,
        "balance_transaction": {"id": "txn_1", "object": "balance_transaction"},
        "source": {
            "id": "src_1",
            "object": "source",
            "type": "card",
            "card": {"brand": "American Express", **CARD},
            "owner": {"email": None},
        },
    },
    "2026-10-28.endive": {
        **CHARGE,
        "amount_captured": 1250,
        "disputed": False,
        "billing_details": {"email": None},
        "payment_method_details": {"type": "card", "card": CARD_DETAILS | {"three_d_secure": None}},
    },
}


@pytest.mark.parametrize("version", CHARGES)
def test_a_charge_is_the_same_in_every_version(version):
    assert row(PROJECTION, CHARGES[version]) == {
        "id": "ch_1",
        "payment_intent_id": None,
        "customer_id": None,
        "invoice_id": None,
        "amount": 1250,
        "amount_captured": 1250,
        "amount_refunded": 250,
        "currency": "eur",
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "outcome_type": "authorized",
        "outcome_reason": None,
        "outcome_rule_id": None,
        "network_status": "approved_by_network",
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete.",
        "payment_method_type": "card",
        "card_brand": "amex",
        "card_country": "US",
        "card_fingerprint": "fp",
        "card_funding": "credit",
        "card_last4": "0005",
        "three_d_secure_result": None,
        "balance_transaction_id": "txn_1",
        "failure_balance_transaction_id": None,
        "billing_email": None,
        "receipt_email": None,
        "payer": None,
        "metadata": {},
        "created_at": AT,
    }


@pytest.mark.parametrize(
    "told, result",
    [
        ({"result": "exempted"}, "exempted"),
        ({"result": None}, None),
        ({"authenticated": True, "succeeded": True, "version": "1.0.2"}, "authenticated"),
        ({"authenticated": False, "succeeded": True, "version": "1.0.2"}, "attempt_acknowledged"),
        ({"authenticated": False, "succeeded": False, "version": "2.1.0"}, "failed"),
    ],
)
def test_the_result_of_3d_secure_is_read_from_its_old_flags_too(told, result):
    details = {"type": "card", "card": CARD_DETAILS | {"three_d_secure": told}}
    assert row(PROJECTION, CHARGE | {"payment_method_details": details})["three_d_secure_result"] == result


def test_3d_secure_by_a_source_is_a_card():
    source = {"object": "source", "type": "three_d_secure", "three_d_secure": {"authenticated": True, **CARD}}
    told = row(PROJECTION, CHARGE | {"source": source})
    assert (told["payment_method_type"], told["card_last4"]) == ("card", "0005")
    assert told["three_d_secure_result"] == "authenticated"


@pytest.mark.parametrize(
    "told, method",
    [
        ({"payment_method_details": {"type": "sepa_debit", "sepa_debit": {"last4": "3000"}}}, "sepa_debit"),
        ({"payment_method_details": {"type": "of_the_future"}}, "of_the_future"),
        ({"source": {"object": "source", "type": "ideal", "ideal": {"bank": "ing"}}}, "ideal"),
        ({"source": {"object": "bank_account", "last4": "6789"}}, "ach_debit"),
        ({"source": None}, None),
    ],
)
def test_what_is_no_card_has_a_type_and_no_card(told, method):
    charged = row(PROJECTION, CHARGE | told)
    assert charged["payment_method_type"] == method
    assert {charged[field] for field in charged if field.startswith("card_")} == {None}


@pytest.mark.parametrize(
    "told, captured",
    [
        ({"captured": False}, 0),
        ({"captured": True, "status": "failed", "paid": False}, 0),
        ({"captured": True, "amount_captured": 900}, 900),
    ],
)
def test_only_what_was_captured_counts(told, captured):
    assert row(PROJECTION, CHARGE | told)["amount_captured"] == captured


def test_an_old_charge_is_disputed_by_naming_its_dispute():
    assert row(PROJECTION, CHARGE | {"dispute": "dp_1"})["disputed"] is True


@pytest.mark.parametrize(
    "told, payer",
    [
        ({"customer": "cus_1", "receipt_email": "ada@example.com"}, "cus_1"),
        ({"receipt_email": "Ada@Example.com"}, "ada@example.com"),
        (
            {"receipt_email": "office@example.com", "billing_details": {"email": "Ada@example.com"}},
            "ada@example.com",
        ),
        ({}, None),
    ],
)
def test_who_pays_is_the_customer_or_a_guest_by_mail(told, payer):
    assert row(PROJECTION, CHARGE | told)["payer"] == payer
