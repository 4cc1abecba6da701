"""From the log into Postgres: every event once, whatever its shape, and heads that know what is newest."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import orjson
import pytest
from redis import Redis

from ingest.settings import Settings
from ingest.wake import WakeFlag
from tests.events import NOW, customer, event, intent
from tests.pipeline import Pipeline
from workers.checkpoints import WrongPartitions
from workers.database import Connection
from workers.drain import Drain
from workers.rebuild import Rebuild
from workers.simulator import simulate

CREATED = event("payment_intent.created", intent())
FAILED = event("payment_intent.payment_failed", intent(last_payment_error={"code": "card_declined"}))
SUCCEEDED = event("payment_intent.succeeded", intent("succeeded", amount_received=1250))

EVER = ["2020-01-01", "2030-01-01"]

Given = Callable[..., list[dict[str, Any]]]


@pytest.mark.parametrize("events", [*permutations([CREATED, FAILED, SUCCEEDED])])  # all in one second
def test_the_order_of_arrival_does_not_matter(given: Given, events: tuple[dict[str, Any], ...]) -> None:
    [row] = given("payment_intents", *events)
    assert "succeeded" == row["status"]


def test_an_event_that_comes_twice_is_in_the_history_once(pipeline: Pipeline) -> None:
    pipeline.deliver(CREATED)
    pipeline.deliver(CREATED, force=True)
    assert 2 == pipeline.run()
    assert [CREATED["id"]] == [row["event_id"] for row in pipeline.rows("events")]


def test_the_history_keeps_the_very_bytes_that_were_signed(pipeline: Pipeline) -> None:
    body = b'{ "id":"evt_x","type" : "a.b","created":17 ,"data":{"object":{"id":"x","object":"x","n":1.50}}}'
    pipeline.deliver(body)
    pipeline.run()
    [row] = pipeline.rows("events")
    assert body.decode() == row["payload"]


@pytest.mark.parametrize("swap", [False, True])
def test_of_one_event_in_two_versions_the_greater_stays_whichever_came_first(
    pipeline: Pipeline, swap: bool
) -> None:
    old = CREATED | {"api_version": "2020-08-27", "data": {"object": intent(amount=1)}}
    new = CREATED | {"api_version": "2026-10-28.endive", "data": {"object": intent(amount=2)}}
    for delivery in (new, old) if swap else (old, new):
        pipeline.deliver(delivery)
        pipeline.run()
    assert ["2026-10-28.endive"] == [row["api_version"] for row in pipeline.rows("events")]
    assert [2] == [row["amount"] for row in pipeline.rows("payment_intents")]


def test_one_event_for_two_accounts_leaves_no_row_of_the_one_it_turned_out_not_to_be_of(
    pipeline: Pipeline,
) -> None:
    for source, account in (("a", "acct_a"), ("b", "acct_b")):
        pipeline.deliver(CREATED | {"account": account}, source=source)
        pipeline.run()
    assert ["acct_b"] == [row["account"] for row in pipeline.rows("payment_intents")]
    assert ["acct_b"] == [row["account"] for row in pipeline.rows("stripe_objects")]


def test_a_thin_event_is_kept_in_the_history_and_makes_no_object(pipeline: Pipeline) -> None:
    thin = {
        "id": "evt_thin",
        "object": "v2.core.event",
        "type": "v1.customer.touched",
        "created": "2026-09-21T13:33:20.123Z",
        "related_object": {"id": "cus_1", "type": "customer", "url": "/v1/customers/cus_1"},
    }
    pipeline.deliver(event("customer.created", customer()), thin)
    pipeline.run()
    assert {"evt_thin"} < {row["event_id"] for row in pipeline.rows("events")}
    assert ["cus_1"] == [row["id"] for row in pipeline.rows("stripe_objects")]
    assert ["Ada"] == [row["name"] for row in pipeline.rows("customers")]


def test_a_preview_of_an_invoice_is_kept_in_the_history_and_makes_no_object(pipeline: Pipeline) -> None:
    pipeline.deliver(event("invoice.upcoming", {"object": "invoice", "customer": "cus_1", "amount_due": 5}))
    pipeline.run()
    assert ["invoice.upcoming"] == [row["type"] for row in pipeline.rows("events")]
    assert [] == pipeline.rows("stripe_objects")
    assert [] == pipeline.rows("dead_letters")


def test_an_object_of_a_kind_that_no_projection_knows_is_there_all_the_same(pipeline: Pipeline) -> None:
    balance = {"object": "balance", "available": [{"amount": 7, "currency": "eur"}], "livemode": False}
    pipeline.deliver(event("balance.available", balance))
    pipeline.run()
    [row] = pipeline.rows("stripe_objects")
    assert ("balance", "", balance) == (row["object"], row["id"], row["data"])


@pytest.mark.parametrize("odd", [r"\u0000", r"\ud800", r"a\u0000b\udfff"])
def test_what_jsonb_refuses_is_kept_as_signed_and_shown_cleaned(pipeline: Pipeline, odd: str) -> None:
    body = orjson.dumps(event("customer.created", customer(name="@"))).replace(b'"@"', f'"{odd}"'.encode())
    pipeline.deliver(body)
    pipeline.run()
    [kept], [shown] = pipeline.rows("events"), pipeline.rows("stripe_objects")
    assert body.decode() == kept["payload"]
    assert "\N{REPLACEMENT CHARACTER}" in shown["data"]["name"]
    assert [] == pipeline.rows("dead_letters")


def test_live_and_test_objects_and_those_of_two_accounts_are_different_objects(pipeline: Pipeline) -> None:
    test, live = customer(name="test"), customer(name="live", livemode=True)
    pipeline.deliver(
        event("customer.created", test),
        event("customer.created", live, livemode=True),
        event("customer.created", customer(name="theirs"), account="acct_theirs"),
    )
    pipeline.run()
    assert {"test", "live", "theirs"} == {row["name"] for row in pipeline.rows("customers")}


def test_an_id_that_is_used_again_after_a_deletion_is_alive(given: Given) -> None:
    first = {
        "id": "gold",
        "object": "product",
        "name": "Gold",
        "active": True,
        "created": NOW,
        "metadata": {},
    }
    again = first | {"name": "Gold again", "created": NOW + 60}
    [row] = given(
        "products",
        event("product.created", again, created=NOW + 60),
        event("product.deleted", first, created=NOW + 60),
        event("product.created", first),
    )
    assert ("Gold again", False) == (row["name"], row["deleted"])


def test_four_drains_at_once_count_nothing_twice_and_miss_nothing(
    pipeline: Pipeline, settings: Settings
) -> None:
    bodies = list(simulate(seed=3, payments=120, subscriptions=20).bodies())
    small = settings.model_copy(update={"drain_batch": 40})
    with ThreadPoolExecutor(4) as pool:
        drains = [Drain(small) for _ in range(4)]
        running = True
        loops = [pool.submit(_drain_while, drain, lambda: running) for drain in drains]
        pipeline.deliver(*bodies)
        running = False
        drained = sum(loop.result() for loop in loops)
        drained += drains[0].run()
        for drain in drains:
            drain.close()
    assert len(bodies) == drained == len(pipeline.rows("events"))
    assert [] == pipeline.rows("incidents")
    audit = Rebuild(settings)
    list(audit.run())
    assert {0} == set(audit.differences.values())


def _drain_while(drain: Drain, running: Callable[[], bool]) -> int:
    drained = 0
    while running():
        drained += drain.run(workers=4)
    return drained


def test_what_is_appended_after_the_last_read_is_drained_by_the_same_run(
    pipeline: Pipeline, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag is looked at once more after the locks are released: an append in between raised it."""
    pipeline.run()
    looked = WakeFlag.raised
    late = iter([CREATED])

    def raised(flag: WakeFlag) -> set[int]:
        for delivery in late:
            pipeline.deliver(delivery)
            redis.sadd(pipeline.log.keys.wake, *range(settings.log_partitions))
        return looked(flag)

    monkeypatch.setattr(WakeFlag, "raised", raised)
    assert 1 == pipeline.run()


def test_another_number_of_partitions_is_refused_with_the_one_to_set(
    pipeline: Pipeline, settings: Settings
) -> None:
    pipeline.run()
    with pytest.raises(WrongPartitions, match="LOG_PARTITIONS=4"):
        Drain(settings.model_copy(update={"log_partitions": 8}))


def test_the_three_queries_of_a_platform_planned_around_plain_tables_run_unchanged_and_tell_the_truth(
    pipeline: Pipeline, database: Connection
) -> None:
    simulation = simulate(seed=4, payments=46, subscriptions=38, days=400)
    pipeline.deliver(*simulation.bodies())
    pipeline.run()
    intents = [its for (kind, _), its in simulation.objects.items() if kind == "payment_intent"]
    subscriptions = [its for (kind, _), its in simulation.objects.items() if kind == "subscription"]
    paid = [its["amount"] for its in intents if its["status"] == "succeeded"]

    months = database.execute(
        "SELECT DATE_TRUNC(%s, created_at) AS period, COUNT(*), SUM(amount), AVG(amount) FROM payments"
        " WHERE created_at BETWEEN %s AND %s AND status = 'succeeded' GROUP BY period ORDER BY period",
        ["month", *EVER],
    ).fetchall()
    assert len(months) > 2
    assert (len(paid), sum(paid)) == (sum(m["count"] for m in months), sum(m["sum"] for m in months))
    statuses = database.execute(
        "SELECT status, COUNT(*) FROM subscriptions WHERE created_at BETWEEN %s AND %s GROUP BY status", EVER
    ).fetchall()
    assert Counter(its["status"] for its in subscriptions) == {
        row["status"]: row["count"] for row in statuses
    }
    [cancelled] = database.execute(
        "SELECT COUNT(*) AS cancelled_subscriptions FROM subscription_events"
        " WHERE event_type = 'cancelled' AND created_at BETWEEN %s AND %s",
        EVER,
    ).fetchall()
    assert (
        [its["status"] for its in subscriptions].count("canceled") == cancelled["cancelled_subscriptions"] > 1
    )


def test_histories_that_are_too_much_at_once_are_taken_in_smaller_rounds(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = simulate(seed=6, payments=4, subscriptions=30)
    bodies = list(simulation.bodies())
    pipeline.deliver(*bodies)
    pipeline.run()
    expected = pipeline.tables()
    pipeline.forget()
    pipeline.deliver(*bodies[: len(bodies) // 2])
    pipeline.run()
    monkeypatch.setattr("workers.round.ROUND_BYTES", 40_000)
    pipeline.deliver(*bodies[len(bodies) // 2 :])
    pipeline.run()
    assert expected == pipeline.tables()


def test_a_head_that_lost_its_events_is_no_difference_to_a_rebuild(pipeline: Pipeline) -> None:
    """A newer body of the same event told of another object."""
    old = event("customer.discount.created", {"object": "discount", "customer": "cus_1", "start": NOW})
    new = old | {"data": {"object": {"object": "discount", "id": "di_1", "customer": "cus_1", "start": NOW}}}
    for version, delivery in (("2019-01-01", old), ("2026-10-28.endive", new)):
        pipeline.deliver(delivery | {"api_version": version})
        pipeline.run()
    audit = Rebuild(pipeline.settings)
    list(audit.run())
    assert {0} == set(audit.differences.values())
