"""Balance transactions: what the balance gained and lost, as it was seen at Stripe."""

import pytest

from projections.balance_transactions import PROJECTION
from tests.payments import AT, BALANCE_TRANSACTION, row


def test_a_transaction_tells_what_the_balance_gained_and_what_that_cost():
    assert row(PROJECTION, BALANCE_TRANSACTION) == {
        "id": "txn_1",
        "type": "charge",
        "reporting_category": "charge",
        "amount": 1361,
        "fee": 69,
        "net": 1292,
        "currency": "usd",
        "exchange_rate": "1.0888",
        "status": "pending",
        "available_on": AT,
        "source_id": "ch_1",
        "created_at": AT,
    }


@pytest.mark.parametrize("rate, told", [(None, None), (1, "1"), (0.00021, "0.00021")])
def test_a_rate_is_kept_as_stripe_wrote_it(rate, told):
    assert row(PROJECTION, BALANCE_TRANSACTION | {"exchange_rate": rate})["exchange_rate"] == told


@pytest.mark.parametrize("wrong", [True, "1.5", [1]], ids=repr)
def test_a_rate_of_another_type_is_refused(wrong):
    with pytest.raises(TypeError):
        row(PROJECTION, BALANCE_TRANSACTION | {"exchange_rate": wrong})


def test_an_expanded_source_is_its_id():
    told = row(PROJECTION, BALANCE_TRANSACTION | {"source": {"id": "re_1", "object": "refund"}})
    assert told["source_id"] == "re_1"
