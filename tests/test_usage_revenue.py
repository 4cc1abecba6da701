"""Usage revenue: what metered prices brought, apart from MRR, by the period whose usage is billed."""

from typing import Any

import pytest

from tests.billing_objects import DAY, NOON, event, invoice, item, line, price, subscription
from tests.pipeline import Pipeline

METERED = price("price_calls", amount=2, recurring={"usage_type": "metered"}, product="prod_calls")
USAGE = """
SELECT currency, sum(amount) AS amount, sum(quantity) AS units FROM usage_revenue
WHERE period_start >= to_timestamp(%s) AND period_start < to_timestamp(%s) GROUP BY currency
"""


def used(calls: int, when: int = NOON) -> Any:
    bills = {"price": "price_calls", "product": "prod_calls"}
    return line(
        id=f"il_calls_{calls}",
        amount=2 * calls,
        quantity=calls,
        period={"start": when, "end": when + 30 * DAY},
        pricing={"type": "price_details", "price_details": bills, "unit_amount_decimal": "2"},
    )


def test_the_lines_of_metered_prices_are_told_by_their_period_and_mrr_has_none_of_them(
    pipeline: Pipeline,
) -> None:
    pipeline.deliver(
        event("customer.subscription.created", subscription(item(), item("si_2", quantity=None, of=METERED))),
        event("invoice.paid", invoice(line(), used(700, NOON - 30 * DAY), used(300))),
    )
    pipeline.run()
    found = [
        pipeline.database.execute(USAGE, [NOON + n * DAY, NOON + (n + 30) * DAY]).fetchall()
        for n in (-30, 0, 30)
    ]
    assert [
        [{"currency": "usd", "amount": 1400, "units": 700}],
        [{"currency": "usd", "amount": 600, "units": 300}],
        [],
    ] == found
    assert [20_00] == [row["mrr_after"] for row in pipeline.rows("mrr_movements")]


def test_a_price_is_known_as_metered_by_its_own_event_too(pipeline: Pipeline) -> None:
    pipeline.deliver(event("invoice.paid", invoice(line(), used(5))))
    pipeline.run()
    assert [] == pipeline.rows("usage_revenue")
    pipeline.deliver(event("price.created", METERED))
    pipeline.run()
    [row] = pipeline.rows("usage_revenue")
    assert ("in_1", "il_calls_5", "paid", "cus_1") == (
        row["invoice_id"],
        row["line_id"],
        row["invoice_status"],
        row["customer_id"],
    )


@pytest.mark.parametrize(("status", "rows"), [("draft", 0), ("void", 0), ("open", 1), ("uncollectible", 1)])
def test_only_what_was_billed_is_revenue(pipeline: Pipeline, status: str, rows: int) -> None:
    pipeline.deliver(
        event("price.created", METERED), event("invoice.updated", invoice(used(5), status=status))
    )
    pipeline.run()
    assert rows == len(pipeline.rows("usage_revenue"))
