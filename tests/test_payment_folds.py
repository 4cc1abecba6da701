"""What holds for the fold of every object of payments."""

import pytest

from ingest.event import Event
from projections import balance_transactions, charges, customers, disputes, payment_intents, refunds
from projections.projection import Row
from tests.payments import BALANCE_TRANSACTION, CHARGE, CUSTOMER, DISPUTE, INTENT, REFUND, row, rows
from workers.simulator import VERSIONS, simulate

SAMPLES = [
    (payment_intents.PROJECTION, INTENT),
    (charges.PROJECTION, CHARGE),
    (refunds.PROJECTION, REFUND),
    (disputes.PROJECTION, DISPUTE),
    (balance_transactions.PROJECTION, BALANCE_TRANSACTION),
    (customers.PROJECTION, CUSTOMER),
]
REQUIRED = {
    "payment_intents": ["amount", "currency", "status", "created"],
    "charges": ["amount", "amount_refunded", "currency", "status", "paid", "created"],
    "refunds": ["amount", "currency", "created"],
    "disputes": ["amount", "currency", "status", "created"],
    "balance_transactions": ["type", "amount", "fee", "net", "currency", "created"],
    "customers": ["created"],
}


@pytest.mark.parametrize(
    "projection, sample, field",
    [(projection, sample, field) for projection, sample in SAMPLES for field in REQUIRED[projection.table]],
)
def test_a_fact_that_must_be_there_is_never_made_up(projection, sample, field):
    with pytest.raises(KeyError):
        rows(projection, {key: value for key, value in sample.items() if key != field})
    with pytest.raises(KeyError):
        rows(projection, sample | {field: None})


@pytest.mark.parametrize("wrong", [True, "1250", 12.5, [1], {"a": 1}], ids=repr)
@pytest.mark.parametrize("projection, sample", SAMPLES[:5])
def test_an_amount_of_another_type_is_refused(projection, sample, wrong):
    with pytest.raises(TypeError):
        rows(projection, sample | {"amount": wrong})


@pytest.mark.parametrize("projection, sample", SAMPLES)
def test_whatever_else_is_missing_is_unknown(projection, sample):
    needed = {"id", "object", *REQUIRED[projection.table]}
    [bare] = rows(projection, {key: value for key, value in sample.items() if key in needed})
    assert bare["id"] == sample["id"]


@pytest.mark.parametrize("projection, sample", SAMPLES)
@pytest.mark.parametrize("field", ["customer", "metadata", "charge"])
def test_an_optional_field_of_another_type_is_refused_where_it_is_read(projection, sample, field):
    read = {"metadata": [*SAMPLES[:4], SAMPLES[5]], "customer": SAMPLES[:2], "charge": SAMPLES[2:4]}[field]
    if (projection, sample) in read:
        with pytest.raises(TypeError):
            rows(projection, sample | {field: 5})
    else:
        assert rows(projection, sample | {field: 5})


@pytest.mark.parametrize("projection, sample", [*SAMPLES[:2], SAMPLES[3]])
def test_a_status_that_nobody_knew_is_kept(projection, sample):
    assert row(projection, sample | {"status": "of_the_future"})["status"] == "of_the_future"


def test_a_whole_business_folds_to_the_same_rows_in_every_version():
    business = simulate(seed=7, payments=40, subscriptions=10)
    link = {"invoice_id"}  # told by an object of its own since basil

    def told(version: str) -> list[Row]:
        events = (Event.read(body, source="default") for body in business.in_version(version).bodies())
        return [
            {field: value for field, value in found.items() if field not in link}
            for each in events
            for projection, _ in SAMPLES
            if each.object_type in projection.reads
            for found in projection.rows([each], {})
        ]

    newest = told(VERSIONS[-1])
    assert len(newest) > 300
    for version in VERSIONS[:-1]:
        assert newest == told(version)
