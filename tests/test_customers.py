"""Customers: the same facts in, whatever API version told them, the same rows out."""

import pytest

from projections.customers import PROJECTION
from tests.payments import AT, CUSTOMER, row

CUSTOMERS = {
    "2017": CUSTOMER | {"account_balance": -300, "default_source": "card_1"},
    "2026-10-28.endive": CUSTOMER
    | {"balance": -300, "name": None, "invoice_settings": {"default_payment_method": {"id": "card_1"}}},
}


@pytest.mark.parametrize("version", CUSTOMERS)
def test_a_customer_is_the_same_in_every_version(version):
    assert row(PROJECTION, CUSTOMERS[version]) == {
        "id": "cus_1",
        "email": "ada@example.com",
        "name": None,
        "user_id": "7",
        "currency": "eur",
        "balance": -300,
        "delinquent": False,
        "default_payment_method_id": "card_1",
        "deleted": False,
        "metadata": {"user_id": "7"},
        "created_at": AT,
    }


def test_a_deleted_customer_stays_even_as_a_stub():
    assert row(PROJECTION, CUSTOMER, "customer.deleted")["deleted"] is True
    stub = row(PROJECTION, {"id": "cus_1", "object": "customer", "deleted": True}, "customer.deleted")
    assert (stub["deleted"], stub["created_at"]) == (True, None)
