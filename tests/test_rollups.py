"""Rollups are what the rows add up to: in any order, by however many, and whoever is killed."""

import json
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as examples

from tests.events import NOW, event
from tests.payments import CHARGE, INTENT
from tests.pipeline import Pipeline
from tests.rollups import EVENTS, differences, refreshed
from tests.test_payments_view import invoice, price, subscription
from workers import database
from workers.commands.rollups import rollups
from workers.database import SCHEMA
from workers.rollups import Refresher, repair, waiting

TABLES = ("payment_rollups", "failure_rollups", "settlement_rollups")


def rows(pipeline: Pipeline) -> Any:
    return pipeline.tables(TABLES)


def test_they_hold_what_the_rows_of_a_whole_business_add_up_to(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    assert waiting(connection).buckets > 0
    refreshed(connection)
    assert (waiting(connection).buckets, differences(connection)) == (0, [])
    assert all(rows(pipeline).values())
    assert splits(pipeline, "payment_rollups") == {"none", "origin", "plan", "payment_method"}
    assert splits(pipeline, "failure_rollups") == {"decline_code", "country", "brand"}


def splits(pipeline: Pipeline, table: str) -> set[str]:
    return {row["split"] for row in pipeline.rows(table)}


@pytest.fixture
def in_order(pipeline, connection):
    """What they hold of the events in their own order."""
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    return rows(pipeline)


@examples(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random=strategies.randoms(use_true_random=False))
def test_any_order_and_any_moment_of_refreshing_give_the_same(pipeline, connection, in_order, random: Random):
    pipeline.forget()
    deliveries = [*EVENTS, *random.choices(EVENTS, k=20)]
    random.shuffle(deliveries)
    while deliveries:
        size = random.randint(1, len(deliveries))
        pipeline.deliver(*deliveries[:size])
        pipeline.run()
        Refresher(connection).refresh(random.choice([1, 7, 1000]))
        del deliveries[:size]
    refreshed(connection)
    assert rows(pipeline) == in_order


# ------------------------------------------------------------------ what other objects decide


def plans(pipeline: Pipeline, connection: Any) -> set[str]:
    pipeline.run()
    refreshed(connection)
    assert differences(connection) == []
    found = pipeline.database.execute(
        "SELECT split_value FROM payment_rollups WHERE split = 'plan' AND attempts + payments > 0"
    )
    return {row["split_value"] for row in found}


def test_a_plan_that_other_objects_tell_later_is_caught_up_with(pipeline, connection):
    hour = 3600
    paid = INTENT | {"status": "succeeded", "latest_charge": "ch_1", "invoice": "in_1", "metadata": {}}
    direct = CHARGE | {"id": "ch_2", "invoice": "in_1", "created": NOW + hour}
    pipeline.deliver(
        event("payment_intent.succeeded", paid),
        event("charge.succeeded", CHARGE | {"payment_intent": "pi_1", "created": NOW + 2 * hour}),
        event("charge.succeeded", direct),
    )
    assert plans(pipeline, connection) == {""}
    pipeline.deliver(event("invoice.paid", invoice(), api_version="2020-08-27"))
    assert plans(pipeline, connection) == {""}
    pipeline.deliver(event("customer.subscription.created", subscription(plan_type="basic")))
    assert plans(pipeline, connection) == {"basic"}
    line = {"id": "il_1", "amount": 1250, "currency": "eur", "price": price(), "quantity": 1}
    told = invoice(lines={"data": [line], "has_more": False})
    pipeline.deliver(event("invoice.updated", told, created=NOW + 5, api_version="2020-08-27"))
    assert plans(pipeline, connection) == {"basic"}
    named = price("pro") | {"active": True, "product": "prod_1", "created": NOW}
    pipeline.deliver(event("price.created", named))
    assert plans(pipeline, connection) == {"pro"}
    named = price("enterprise") | {"active": True, "product": "prod_1", "created": NOW}
    pipeline.deliver(event("price.updated", named, created=NOW + 9))
    assert plans(pipeline, connection) == {"enterprise"}
    connection.execute("INSERT INTO plans SELECT * FROM prices")
    connection.execute("DELETE FROM prices")
    assert plans(pipeline, connection) == {"enterprise"}
    connection.execute("INSERT INTO prices SELECT * FROM plans")
    connection.execute("UPDATE prices SET plan_type = NULL")
    assert plans(pipeline, connection) == {"basic"}
    connection.execute("DELETE FROM prices")
    assert plans(pipeline, connection) == {"enterprise"}


def test_what_is_changed_by_hand_is_caught_up_with_too(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    for change in (
        "UPDATE charges SET amount_captured = amount_captured + 1",
        "DELETE FROM disputes",
        "UPDATE payment_intents SET created_at = created_at + interval '1 day', origin = 'other'",
        "DELETE FROM invoice_lines",
        "UPDATE subscriptions SET plan_type = 'pro'",
        "DELETE FROM invoice_payments",
        "UPDATE charges SET amount_captured = 0 WHERE amount_refunded > 0",
        "UPDATE balance_transactions SET id = id || 'x' WHERE source_id LIKE 'd%'",
        "DELETE FROM balance_transactions",
        "TRUNCATE refunds",
        "DELETE FROM charges WHERE id < (SELECT avg_id FROM (SELECT max(id) AS avg_id FROM charges) AS half)",
    ):
        connection.execute(change)
        refreshed(connection)
        assert differences(connection) == [], change


# ------------------------------------------------------------------ proof and repair


def broken(pipeline: Pipeline, connection: Any) -> None:
    """A missing row, a wrong one, one too many, and one twice."""
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    connection.execute(
        "DELETE FROM payment_rollups WHERE ctid IN (SELECT ctid FROM payment_rollups_none LIMIT 1)"
    )
    connection.execute("UPDATE failure_rollups_country SET attempts = attempts + 1")
    connection.execute("UPDATE payment_rollups_plan SET gross = gross + 1")
    connection.execute("UPDATE settlement_rollups SET bucket = bucket - interval '1 day' WHERE fees > 0")
    connection.execute("INSERT INTO settlement_rollups SELECT * FROM settlement_rollups WHERE refunds > 0")


def test_the_command_proves_them_and_mends_them(pipeline, connection, settings):
    broken(pipeline, connection)
    checked = CliRunner().invoke(rollups, ["check", "--json"], obj=settings)
    told = json.loads(checked.stdout)
    assert (checked.exit_code, told["queued"]) == (1, 0)
    assert {each["table"] for each in told["differences"]} == set(TABLES)
    assert CliRunner().invoke(rollups, ["repair"], obj=settings).exit_code == 0
    checked = CliRunner().invoke(rollups, ["check"], obj=settings)
    assert (checked.exit_code, checked.stdout) == (0, "All rollups are what the rows add up to.\n")
    assert rows_twice(connection) == 0


def rows_twice(connection: Any) -> int:
    [(count,)] = connection.execute(
        "SELECT count(*) FROM (SELECT FROM settlement_rollups GROUP BY bucket, account, livemode, currency,"
        " source HAVING count(*) > 1) AS twice"
    ).fetchall()
    return int(count)


def test_a_repair_of_what_is_right_writes_nothing(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    before = connection.execute("SELECT ctid, xmin FROM payment_rollups_none").fetchall()
    list(repair(connection))
    assert connection.execute("SELECT ctid, xmin FROM payment_rollups_none").fetchall() == before


def test_a_database_from_before_there_were_rollups_gets_them(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    connection.execute(f"DROP TABLE {', '.join(TABLES)}, rollup_queue CASCADE")
    connection.execute("DELETE FROM configuration WHERE name LIKE '%rollups'")
    database.apply_schema(connection)
    refreshed(connection)
    assert differences(connection) == []
    assert pipeline.rows("payment_rollups")


def test_an_update_by_which_facts_mean_something_else_makes_their_table_anew_once(
    pipeline, connection, tmp_path, monkeypatch
):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    taken = "charge.status = 'succeeded' AND charge.amount_captured > {} AS taken"
    updated = tmp_path / "schema.sql"
    updated.write_text(SCHEMA.read_text().replace(taken.format(0), taken.format(9999)))
    monkeypatch.setattr(database, "SCHEMA", updated)
    database.apply_schema(connection)
    assert waiting(connection).buckets > 30
    assert connection.execute(QUEUED).fetchall() == [("payment_rollups", True)]
    refreshed(connection)
    assert differences(connection) == []
    database.apply_schema(connection)
    assert waiting(connection).buckets == 0


@pytest.mark.parametrize(
    ("told", "anew"),
    [
        ("what both are still made by", ["failure_rollups"]),
        ("what both were made by", ["failure_rollups", "payment_rollups", "settlement_rollups"]),
    ],
)
def test_an_update_from_when_one_text_told_of_payments_and_settlements_keeps_those_that_are_right(
    pipeline, connection, told, anew
):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    refreshed(connection)
    connection.execute("DELETE FROM configuration WHERE name LIKE '%rollups'")
    connection.execute(OF_BOTH)
    if told == "what both were made by":
        connection.execute("UPDATE configuration SET value = md5(value) WHERE name = 'rollups'")
    database.apply_schema(connection)
    assert connection.execute("SELECT DISTINCT rollup FROM rollup_queue ORDER BY 1").fetchall() == [
        (name,) for name in anew
    ]
    assert not connection.execute("SELECT FROM configuration WHERE name = 'rollups'").fetchall()


OF_BOTH = """
INSERT INTO configuration (name, value)
SELECT 'rollups', md5(string_agg(part.body, '' ORDER BY part.body)) FROM (
    SELECT pg_get_functiondef(name::regproc) AS body FROM unnest(ARRAY[
        'bucket_of', 'given_back', 'formal_dispute',
        'payment_facts', 'settlement_facts', 'payments_rolled_up', 'settlements_rolled_up'
    ]) AS name
    UNION ALL
    SELECT pg_get_viewdef(name::regclass) FROM unnest(ARRAY[
        'payments', 'invoice_plans', 'price_list', 'all_refunds'
    ]) AS name
) AS part
"""
QUEUED = """
SELECT rollup, min(queued_at) = (array_agg(queued_at ORDER BY bucket DESC))[1] AS newest_first
FROM rollup_queue GROUP BY rollup
"""
