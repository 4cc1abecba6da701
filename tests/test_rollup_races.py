"""What is written at once, and who refreshes meanwhile: no change is lost, and no figure is ever wrong."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.events import NOW, event
from tests.payments import CHARGE, INTENT
from tests.rollups import EVENTS, differences, refreshed
from tests.test_payments_view import invoice, subscription
from workers.rollups import LINKS, Refresher, repair, waiting

HOUR = 3600
LATER = CHARGE | {"payment_intent": "pi_1", "created": NOW + HOUR}
PLANS = """
SELECT split_value, attempts FROM payment_metrics('2020-01-01', '2030-01-01', 'all', 'plan')
WHERE attempts > 0
"""

Opener = Callable[[], "psycopg.Connection[Any]"]


@pytest.fixture
def opened(settings: Any) -> Iterator[Opener]:
    """Connections whose transactions end when the test says so."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(psycopg.connect(settings.database_url))


def looked(refresher: Refresher) -> None:
    for _ in range(LINKS + 2):
        refresher.refresh()


def test_a_change_beside_which_its_charge_came_is_not_lost(pipeline, connection, opened):
    pipeline.deliver(event("payment_intent.succeeded", INTENT | {"invoice": None}))
    pipeline.run()
    refreshed(connection)
    refresher, changing = Refresher(connection), opened()
    changing.execute("UPDATE payment_intents SET plan_type = 'gold'")  # which sees no charge yet
    pipeline.deliver(event("charge.succeeded", LATER))
    pipeline.run()
    looked(refresher)
    changing.commit()
    assert connection.execute(PLANS).fetchall() == [("gold", 1)]
    refreshed(connection, refresher)
    assert differences(connection) == []
    assert connection.execute(PLANS).fetchall() == [("gold", 1)]


def test_nor_is_one_that_overlaps_another_that_overlaps_the_charge(pipeline, connection, opened):
    """A subscription's plan changes beside its first invoice, and that comes beside the charge for it."""
    pipeline.deliver(
        event("customer.subscription.created", subscription(plan_type="basic")),
        event("payment_intent.succeeded", INTENT | {"metadata": {}, "invoice": "in_1"}),
        event("invoice.paid", invoice(), api_version="2020-08-27"),
    )
    pipeline.run()
    [(row,)] = connection.execute("DELETE FROM invoices RETURNING to_jsonb(invoices)").fetchall()
    refreshed(connection)
    refresher, invoicing, changing = Refresher(connection), opened(), opened()
    again = "INSERT INTO invoices SELECT * FROM jsonb_populate_record(NULL::invoices, %s)"
    invoicing.execute(again, [Jsonb(row)])
    pipeline.deliver(event("charge.succeeded", LATER))
    pipeline.run()
    looked(refresher)
    changing.execute("UPDATE subscriptions SET plan_type = 'pro'")
    invoicing.commit()
    looked(refresher)
    changing.commit()
    refreshed(connection, refresher)
    assert differences(connection) == []
    assert connection.execute(PLANS).fetchall() == [("pro", 1)]


def test_who_writes_what_no_figure_is_made_of_holds_nothing_up(pipeline, connection, opened):
    opened().execute("INSERT INTO configuration (name, value) VALUES ('aside', '1')")
    pipeline.deliver(event("payment_intent.succeeded", INTENT | {"invoice": None}))
    pipeline.run()
    looked(Refresher(connection))
    assert waiting(connection).buckets == 0


def test_a_repair_ends_although_others_go_on_writing(connection, settings):
    done = Event()

    def keep_writing() -> None:
        with psycopg.connect(settings.database_url, autocommit=True) as own:
            while not done.is_set():
                own.execute("INSERT INTO rollup_queue (bucket) VALUES (bucket_of(now()))")

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(keep_writing)
        try:
            pool.submit(lambda: list(repair(connection))).result(timeout=50)
        finally:
            done.set()
        writing.result()


def test_what_a_backup_of_another_server_has_queued_is_made_anew(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    connection.execute("UPDATE rollup_queue SET queued_by = '9000000000'")
    refreshed(connection)
    assert differences(connection) == []
