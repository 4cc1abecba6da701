"""An event that kills the process that folds it is tried a bounded number of times, then set aside."""

import os
import signal
from collections.abc import Iterator
from multiprocessing import get_context

import pytest
from psycopg.errors import CheckViolation, DeadlockDetected
from redis.exceptions import TimeoutError  # noqa: A004 - Redis' own

from ingest.event import Event
from ingest.event_log import EventLog
from ingest.partition import partition_of
from ingest.settings import Settings
from projections.apply import UnknownColumns
from projections.projection import Projection, Row
from projections.registry import registered
from tests import billing_objects
from tests.events import customer, event
from tests.pipeline import Pipeline, delivered
from tests.web_process import PATIENCE
from workers.dead_letters import retry
from workers.drain import Drain

TRIES = 3
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "tests.pipeline", "workers.dead_letters"])


def fold_or_die(fold_event: Event) -> Iterator[Row]:
    """The customers' fold, if it were to bring its process down."""
    if fold_event.object.get("name") == "killer":
        os.kill(os.getpid(), signal.SIGKILL)
    [customers] = [projection for projection in registered() if projection.table == "customers"]
    yield from customers.rows([fold_event], {})


DEADLY = Projection(table="customers", reads=("customer",), fold=fold_or_die)


def subscribed(subscription_id: str) -> Event:
    """A subscription of one customer, to 2000 a month."""
    subscription = billing_objects.subscription(billing_objects.item(), id=subscription_id)
    return billing_objects.event("customer.subscription.created", subscription)


def drain_once(settings: Settings) -> None:
    with Drain(settings, (DEADLY,)) as drain:
        drain.run()


def drain_in_a_process_of_its_own(settings: Settings) -> int:
    """Returns its exit code: 0, or minus the signal that killed it."""
    process = FORKS.Process(target=drain_once, args=[settings])
    process.start()
    process.join(PATIENCE)
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture
def one_at_a_time(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_retry_attempts": TRIES})


def test_it_is_quarantined_after_its_tries_and_all_others_are_folded(
    pipeline: Pipeline, one_at_a_time: Settings
) -> None:
    killer = event("customer.created", customer(id="cus_killer", name="killer"))
    innocent = [event("customer.created", customer(id=f"cus_{n}")) for n in range(30)]
    pipeline.deliver(*innocent[:15], killer, *innocent[15:])
    codes = []
    while not codes or codes[-1]:
        codes.append(drain_in_a_process_of_its_own(one_at_a_time))
        assert len(codes) <= 3 * TRIES
    assert {-signal.SIGKILL} == set(codes[:-1])
    assert {f"cus_{n}" for n in range(30)} == {row["id"] for row in pipeline.rows("customers")}
    [letter] = pipeline.rows("dead_letters")
    assert ("cus_killer", killer["id"], "*") == (
        letter["object_id"],
        letter["event_id"],
        letter["projection"],
    )
    assert 31 == len(pipeline.rows("events"))


def test_later_events_of_the_quarantined_object_are_folded_without_it(
    pipeline: Pipeline, one_at_a_time: Settings
) -> None:
    pipeline.deliver(event("customer.created", customer(name="killer")))
    while drain_in_a_process_of_its_own(one_at_a_time):
        pass
    pipeline.deliver(event("customer.updated", customer(name="kind")))
    assert 0 == drain_in_a_process_of_its_own(one_at_a_time)
    assert ["kind"] == [row["name"] for row in pipeline.rows("customers")]


def test_a_retry_with_a_fold_that_survives_it_lets_the_event_out(
    pipeline: Pipeline, one_at_a_time: Settings
) -> None:
    pipeline.deliver(event("customer.created", customer(name="killer")))
    while drain_in_a_process_of_its_own(one_at_a_time):
        pass
    assert [] == pipeline.rows("customers")
    assert [True] == [gone for _, gone in retry(pipeline.settings)]
    assert ["killer"] == [row["name"] for row in pipeline.rows("customers")]
    assert [] == pipeline.rows("dead_letters")


def test_a_partition_that_held_nothing_is_not_blamed_for_the_kills(
    pipeline: Pipeline, one_at_a_time: Settings
) -> None:
    killer = event("customer.created", customer(name="killer"))
    pipeline.deliver(killer)
    for _ in range(TRIES - 1):
        assert -signal.SIGKILL == drain_in_a_process_of_its_own(one_at_a_time)
    where = partition_of(delivered(killer), one_at_a_time.log_partitions)
    others = set(range(one_at_a_time.log_partitions)) - {where}
    counted = [pipeline.redis.hget(pipeline.log.keys.attempts(other), "0-0") for other in others]
    assert all(int(count or 0) <= 1 for count in counted)


def test_a_retry_lets_out_all_events_of_the_object(pipeline: Pipeline, one_at_a_time: Settings) -> None:
    killers = [event("customer.created", customer(name="killer"))] + [
        event("customer.updated", customer(name="killer", email=f"{n}@example.com")) for n in range(2)
    ]
    pipeline.deliver(*killers)
    while drain_in_a_process_of_its_own(one_at_a_time):
        pass
    assert {True} == {row["quarantined"] for row in pipeline.rows("events")}
    list(retry(pipeline.settings))
    assert {False} == {row["quarantined"] for row in pipeline.rows("events")}
    assert [] == pipeline.rows("dead_letters")


@pytest.mark.parametrize("failure", ["a release without its column", "a Redis that answers too late"])
def test_a_failure_of_a_server_or_a_release_is_no_events_fault(
    pipeline: Pipeline, one_at_a_time: Settings, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    pipeline.run()
    pipeline.deliver(event("customer.created", customer()))
    pipeline.close()
    with monkeypatch.context() as broken:
        if failure == "a Redis that answers too late":
            broken.setattr(EventLog, "read", _answer_too_late)
        else:
            pipeline.database.execute("ALTER TABLE customers RENAME COLUMN name TO name_of_tomorrow")
        for _ in range(TRIES + 2):
            with Drain(one_at_a_time) as drain, pytest.raises((UnknownColumns, TimeoutError)):
                drain.run()
    if failure != "a Redis that answers too late":
        pipeline.database.execute("ALTER TABLE customers RENAME COLUMN name_of_tomorrow TO name")
    pipeline.run()
    assert ["Ada"] == [row["name"] for row in pipeline.rows("customers")]
    assert [] == pipeline.rows("dead_letters")


def test_nor_is_a_deadlock_that_breaks_a_round_off(pipeline: Pipeline, one_at_a_time: Settings) -> None:
    pipeline.database.execute(DEADLOCKED)
    pipeline.deliver(event("customer.created", customer()))
    for _ in range(TRIES + 2):
        with Drain(one_at_a_time) as drain, pytest.raises(DeadlockDetected):
            drain.run()
    pipeline.database.execute("DROP TRIGGER deadlocked ON customers")
    pipeline.run()
    assert ["Ada"] == [row["name"] for row in pipeline.rows("customers")]
    assert [] == pipeline.rows("dead_letters")


DEADLOCKED = """
CREATE FUNCTION deadlocked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END
$$;
CREATE TRIGGER deadlocked AFTER INSERT ON customers EXECUTE FUNCTION deadlocked()
"""


def _answer_too_late(*_: object) -> None:
    raise TimeoutError("Timeout reading from socket")


def test_a_process_killed_by_others_costs_no_event_its_fold(
    pipeline: Pipeline, one_at_a_time: Settings
) -> None:
    """An attempt that was begun and never ended, as a deployment's SIGKILL leaves it."""
    pipeline.deliver(*(event("customer.created", customer(id=f"cus_{n}")) for n in range(20)))
    for partition in range(one_at_a_time.log_partitions):
        pipeline.redis.hset(pipeline.log.keys.attempts(partition), "0-0", TRIES - 1)
    assert 0 == drain_in_a_process_of_its_own(one_at_a_time)
    assert 20 == len(pipeline.rows("customers"))
    assert [] == pipeline.rows("dead_letters")


def test_what_the_database_refuses_of_several_objects_together_is_quarantined_after_its_tries(
    pipeline: Pipeline, one_at_a_time: Settings
) -> None:
    pipeline.deliver(subscribed("sub_1"))
    pipeline.run()
    pipeline.deliver(excess := subscribed("sub_2"))
    pipeline.close()
    pipeline.database.execute("ALTER TABLE mrr_movements ADD CONSTRAINT of_one CHECK (mrr_after <= 2000)")
    for _ in range(TRIES):
        with Drain(one_at_a_time) as drain, pytest.raises(CheckViolation):
            drain.run()
    with Drain(one_at_a_time) as drain:
        assert 1 == drain.run()
    assert [excess.id] == [row["event_id"] for row in pipeline.rows("dead_letters")]
    assert ["sub_1"] == [row["id"] for row in pipeline.rows("subscriptions")]
