"""Figures are the same whether rollups or rows are read for them, and never older than the rows."""

from typing import Any

import pytest

from tests.events import NOW, event
from tests.paying import DECLINED
from tests.payments import CHARGE, INTENT
from tests.rollups import EVENTS, differences, refreshed

SPLITS = {
    "payment_metrics": ("NULL", "'source'", "'origin'", "'plan'", "'payment_method'"),
    "payment_failures": ("'decline_code'", "'country'", "'brand'"),
}


def figures(connection: Any) -> list[Any]:
    """All that is told of the business' payments, day by day, in a zone that cuts hours in four."""
    since, until = "2025-12-15", "2026-02-15"
    ask = "SELECT * FROM {}('{}', '{}', 'day', {}, time_zone => 'Asia/Kathmandu')"
    return [
        connection.execute(ask.format(function, since, until, split)).fetchall()
        for function, its in SPLITS.items()
        for split in its
    ]


def test_figures_are_the_same_whether_read_from_rows_or_from_rollups(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    from_rows = figures(connection)
    assert all(len(rows) > 30 for rows in from_rows)
    refreshed(connection)
    assert figures(connection) == from_rows
    some = "INSERT INTO rollup_queue (bucket) SELECT DISTINCT bucket FROM payment_rollups LIMIT 20"
    connection.execute(some)
    assert figures(connection) == from_rows


REASONS = {
    "decline_code": "coalesce(outcome_reason, failure_code)",
    "country": "card_country",
    "brand": "card_brand",
}


@pytest.mark.parametrize("split", REASONS)
def test_failures_are_those_of_the_charges(pipeline, connection, split):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    told = connection.execute(
        "SELECT currency, split_value, failed_attempts, failed_amount, recovered_attempts"
        " FROM payment_failures('2020-01-01', '2030-01-01', 'all', %s) WHERE failed_attempts > 0",
        [split],
    ).fetchall()
    charged = connection.execute(
        f"SELECT charges.currency, {REASONS[split]}, count(*), sum(charges.amount)::bigint,"
        " count(*) FILTER (WHERE intent.status = 'succeeded')"
        " FROM charges LEFT JOIN payment_intents AS intent ON intent.id = payment_intent_id"
        " WHERE charges.status = 'failed' GROUP BY 1, 2"
    ).fetchall()
    assert told
    assert sorted(told, key=repr) == sorted(charged, key=repr)


def test_a_payment_that_succeeds_after_all_makes_its_earlier_failures_recovered(pipeline, connection):
    recovered = "SELECT sum(recovered_attempts) FROM payment_failures('2020-01-01', '2030-01-01')"
    pipeline.deliver(
        event("payment_intent.payment_failed", INTENT | {"latest_charge": "ch_1"}),
        event("charge.failed", CHARGE | {"payment_intent": "pi_1", "created": NOW + 3600} | DECLINED),
    )
    pipeline.run()
    refreshed(connection)
    assert connection.execute(recovered).fetchall() == [(0,)]
    pipeline.deliver(event("payment_intent.succeeded", INTENT | {"status": "succeeded"}, created=NOW + 9000))
    pipeline.run()
    assert connection.execute(recovered).fetchall() == [(1,)]
    refreshed(connection)
    assert (connection.execute(recovered).fetchall(), differences(connection)) == ([(1,)], [])


def test_a_figure_is_never_older_than_the_rows(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    count = "SELECT sum(payments), sum(gross) FROM payment_metrics('2020-01-01', '2030-01-01')"
    [(payments, gross)] = connection.execute(count).fetchall()
    paid = INTENT | {"status": "succeeded", "latest_charge": "ch_1"}
    pipeline.deliver(
        event("payment_intent.succeeded", paid),
        event("charge.succeeded", CHARGE | {"payment_intent": "pi_1", "amount_captured": 1250}),
    )
    pipeline.run()
    assert connection.execute(count).fetchall() == [(payments + 1, gross + 1250)]
