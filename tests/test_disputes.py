"""Disputes: how they stand, and what they moved."""

import pytest

from projections.disputes import PROJECTION
from tests.payments import AT, DISPUTE, row


def test_a_disputes_funds_are_those_of_the_balance():
    assert row(PROJECTION, DISPUTE) == {
        "id": "du_1",
        "charge_id": "ch_1",
        "payment_intent_id": None,
        "amount": 1250,
        "currency": "eur",
        "status": "needs_response",
        "reason": "fraudulent",
        "evidence_due_at": AT,
        "won": None,
        "funds_withdrawn": 1400,
        "funds_reinstated": 0,
        "dispute_fee": 1500,
        "funds_currency": "usd",
        "balance_transaction_ids": ("txn_2",),
        "metadata": {},
        "created_at": AT,
    }


def test_a_dispute_that_is_won_gives_back():
    back = {"id": "txn_3", "amount": 1400, "fee": 0, "currency": "usd"}
    moves = [*DISPUTE["balance_transactions"], back]
    told = row(PROJECTION, DISPUTE | {"status": "won", "balance_transactions": moves})
    assert (told["won"], told["funds_withdrawn"], told["funds_reinstated"]) == (True, 1400, 1400)


@pytest.mark.parametrize(
    "status, won",
    [("lost", False), ("warning_closed", None), ("prevented", None), ("appeal_needs_response", None)],
)
def test_whether_a_dispute_is_won_is_known_once_it_is_decided(status, won):
    told = row(PROJECTION, DISPUTE | {"status": status, "balance_transactions": []})
    assert (told["status"], told["won"], told["funds_currency"]) == (status, won, None)


def test_funds_that_a_dispute_does_not_tell_of_are_unknown():
    told = row(PROJECTION, {key: DISPUTE[key] for key in DISPUTE if key != "balance_transactions"})
    assert (told["funds_withdrawn"], told["funds_reinstated"], told["dispute_fee"]) == (None, None, None)
