"""Refunds: by themselves, and inside the charges of old API versions."""

from projections import charge_refunds, refunds
from tests.payments import CHARGE, REFUND, row, rows


def test_a_charge_owns_the_refunds_that_it_embeds():
    embedding = CHARGE | {"refunds": {"object": "list", "data": [REFUND]}}
    assert rows(charge_refunds.PROJECTION, embedding) == [row(refunds.PROJECTION, REFUND)]
    assert rows(charge_refunds.PROJECTION, CHARGE) == []


def test_a_refund_without_a_charge_is_a_row():
    failed = REFUND | {"charge": None, "status": "failed", "failure_reason": "declined"}
    told = row(refunds.PROJECTION, failed)
    assert (told["charge_id"], told["status"], told["failure_reason"]) == (None, "failed", "declined")
