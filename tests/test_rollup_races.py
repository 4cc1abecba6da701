"""What is written at once, and who refreshes meanwhile: no change is lost, and no figure is ever wrong."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.events import NOW, event
from tests.payments import CHARGE, INTENT
from tests.rollups import EVENTS, differences, refreshed
from tests.test_payments_view import invoice, subscription
from tests.web_process import PATIENCE, until
from workers.rollups import LINKS, Refresher, merge_queued, repair, waiting

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


def test_what_is_merged_in_the_queue_is_made_anew_no_sooner(pipeline, connection, opened):
    pipeline.deliver(event("payment_intent.succeeded", INTENT | {"invoice": None}))
    pipeline.run()
    refreshed(connection)
    queue = "INSERT INTO rollup_queue (bucket) VALUES (bucket_of(to_timestamp(%s)))"
    connection.execute(queue, [NOW + HOUR])
    refresher, changing = Refresher(connection), opened()
    refresher.look()
    changing.execute("UPDATE payment_intents SET plan_type = 'gold'")
    pipeline.deliver(event("charge.succeeded", LATER))
    pipeline.run()
    merge_queued(connection, longer_than=-HOUR)
    assert refresher.refresh() == 0
    changing.commit()
    refreshed(connection, refresher)
    assert differences(connection) == []
    assert connection.execute(PLANS).fetchall() == [("gold", 1)]


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
            pool.submit(lambda: list(repair(connection))).result(timeout=PATIENCE)
        finally:
            done.set()
        writing.result()


def test_what_a_backup_of_another_server_has_queued_is_made_anew(pipeline, connection):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    connection.execute("UPDATE rollup_queue SET queued_by = '9000000000'")
    refreshed(connection)
    assert differences(connection) == []


# ------------------------------------------------------------------ several at once, and killed ones


def test_refreshers_and_drains_at_once_leave_nothing_wrong(pipeline, connection, settings):
    deliveries = list(EVENTS)
    Random(1).shuffle(deliveries)
    done = False

    def keep_refreshing(_: int) -> None:
        with psycopg.connect(settings.database_url, autocommit=True) as own:
            refresher = Refresher(own)
            while not done:
                refresher.refresh(5)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(keep_refreshing, number) for number in range(2)]
        try:
            for start in range(0, len(deliveries), 25):
                pipeline.deliver(*deliveries[start : start + 25])
                pipeline.run()
        finally:
            done = True
        for each in running:
            each.result()
    refreshed(connection)
    assert (waiting(connection).buckets, differences(connection)) == (0, [])


def test_a_killed_refresher_leaves_what_it_took_in_the_queue(pipeline, connection, settings):
    pipeline.deliver(*EVENTS)
    pipeline.run()
    program = (
        "import sys, psycopg; connection = psycopg.connect(sys.argv[1]);"
        "made = connection.execute('SELECT refresh_rollups(1000, pg_current_snapshot())').fetchone();"
        "print(made[0], flush=True);"
        "sys.stdin.read()"
    )
    queued = waiting(connection).buckets
    with subprocess.Popen(
        [sys.executable, "-c", program, settings.database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout
        assert int(killed.stdout.readline()) > 0  # it has made them anew, and not committed
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert waiting(connection).buckets == queued
    refreshed(connection)
    assert (waiting(connection).buckets, differences(connection)) == (0, [])


def test_the_process_keeps_up_with_the_rows_and_stops_when_it_is_told(pipeline, connection, settings):
    environment = {**os.environ, "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    program = [sys.executable, "-m", "workers.command", "refresher"]
    with subprocess.Popen(program, env=environment, stderr=subprocess.PIPE) as process:
        pipeline.deliver(*EVENTS)
        pipeline.run()
        until(lambda: not waiting(connection).buckets)
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said) == (0, b"")
    assert (waiting(connection).buckets, differences(connection)) == (0, [])
