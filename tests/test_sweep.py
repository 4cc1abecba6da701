"""The sweep: what no wake-up told, what RQ cannot run, and what may leave the log."""

from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo
from redis import Redis
from rq.worker import SimpleWorker

from ingest.event_log import Bounds
from ingest.partition import partition_of
from ingest.queues import drain_queue
from ingest.settings import Settings
from ingest.wake import Waker
from tests.events import customer, event
from tests.pipeline import ROOM, Pipeline, delivered
from tests.web_process import PATIENCE
from workers import drain_job, sweep
from workers.database import Connection
from workers.lag import lags
from workers.settle import NotSettled, settling
from workers.sweep import Sweep
from workers.trim import trim

FAR = 1 << 62


@pytest.fixture
def sweeping(pipeline: Pipeline, settings: Settings) -> Iterator[Sweep]:
    pipeline.run()
    sweeping = Sweep(settings)
    yield sweeping
    sweeping.close()


def some(count: int, size: int = 0) -> list[dict[str, object]]:
    padding = "x" * size
    return [event("customer.created", customer(id=f"cus_{n}", description=padding)) for n in range(count)]


def test_events_that_no_wake_up_told_of_get_one_job(
    pipeline: Pipeline, sweeping: Sweep, settings: Settings, redis: Redis
) -> None:
    pipeline.deliver(*some(5))
    sweeping.run_once()
    sweeping.run_once()
    assert 1 == drain_queue(redis, settings).count


def test_nothing_waiting_asks_for_nothing(sweeping: Sweep, settings: Settings, redis: Redis) -> None:
    sweeping.run_once()
    assert 0 == drain_queue(redis, settings).count


def test_the_job_drains_all_partitions_in_an_rq_worker(
    pipeline: Pipeline, sweeping: Sweep, settings: Settings, redis: Redis
) -> None:
    pipeline.deliver(*some(20))
    sweeping.run_once()
    queue = drain_queue(redis, settings)
    process = drain_job.begin(settings)
    SimpleWorker([queue], connection=redis, serializer=queue.serializer).work(
        burst=True, logging_level="ERROR"
    )
    process.close()
    assert 20 == len(pipeline.rows("customers"))
    assert 0 == queue.failed_job_registry.count


def test_where_nobody_drains_the_sweep_drains_by_itself(
    pipeline: Pipeline, sweeping: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PATIENCE_SECONDS", 0.0)
    pipeline.deliver(*some(20))
    sweeping.run_once()
    sweeping.run_once()
    assert 20 == len(pipeline.rows("customers"))


def test_a_redis_without_memory_is_drained_all_the_same(
    pipeline: Pipeline, sweeping: Sweep, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PATIENCE_SECONDS", 0.0)
    pipeline.deliver(*some(20))
    memory = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", 1)
    try:
        sweeping.run_once()
        sweeping.run_once()
    finally:
        redis.config_set("maxmemory", memory)
    assert 20 == len(pipeline.rows("customers"))


def test_wake_ups_ask_for_no_second_job_while_one_waits(settings: Settings, redis: Redis) -> None:
    waker = Waker(settings)
    for _ in range(10):
        waker.wake()
    waker.stop()
    assert 1 == drain_queue(redis, settings).count


def test_a_database_that_takes_no_writes_is_waited_for(pipeline: Pipeline, settings: Settings) -> None:
    """As a managed server is whose disk is full, or a standby that a connection lands on."""
    pipeline.run()
    pipeline.deliver(*some(5))
    read_only = make_conninfo(settings.database_url or "", options="-cdefault_transaction_read_only=on")
    process = drain_job.begin(settings.model_copy(update={"database_url": read_only}))
    assert 0 == process.run()
    process = drain_job.begin(settings)
    assert 5 == process.run()
    process.close()


def test_what_is_drained_and_old_leaves_the_log_but_for_the_checkpoints_own_entry(
    pipeline: Pipeline, settings: Settings, database: Connection
) -> None:
    pipeline.deliver(*some(800))
    pipeline.run()
    found = lags(pipeline.log, database)
    trim(pipeline.log, found, settings, ROOM, now_ms=FAR)
    for partition, state in enumerate(pipeline.log.state()):
        assert 1 <= state.entries < 200
        assert found[partition].position == state.last_id
    pipeline.run()
    assert [] == pipeline.rows("incidents")


def test_what_is_not_drained_never_leaves_the_log(
    pipeline: Pipeline, settings: Settings, database: Connection
) -> None:
    pipeline.deliver(*some(100))
    pipeline.run()
    found = lags(pipeline.log, database)
    pipeline.deliver(*(event("customer.updated", customer(id=f"cus_{n}")) for n in range(100)))
    trim(pipeline.log, found, settings, ROOM, now_ms=FAR)
    assert 100 == pipeline.run()


def test_nothing_leaves_a_log_that_is_not_the_one_that_was_drained(
    pipeline: Pipeline, settings: Settings, database: Connection
) -> None:
    """After a failover to a server whose clock lags, ids older than the checkpoint are new events."""
    pipeline.deliver(*some(800))
    pipeline.run()
    for lag in (found := lags(pipeline.log, database)):
        pipeline.redis.xdel(pipeline.log.keys.log(lag.partition), lag.position)
    assert 0 == trim(pipeline.log, found, settings, ROOM, now_ms=FAR)


def test_what_is_drained_stays_for_the_margin_unless_the_log_is_half_full(
    pipeline: Pipeline, settings: Settings, database: Connection
) -> None:
    pipeline.deliver(*some(400, size=1000))
    pipeline.run()
    found = lags(pipeline.log, database)
    seconds, _ = pipeline.redis.time()
    assert 0 == trim(pipeline.log, found, settings, ROOM, now_ms=seconds * 1000)
    held = sum(state.bytes for state in pipeline.log.state())
    crowded = Bounds(log_max_bytes=int(held * 1.2), dedupe_max_bytes=ROOM.dedupe_max_bytes)
    assert trim(pipeline.log, found, settings, crowded, now_ms=seconds * 1000) > 300


def test_a_log_filled_to_its_bound_refuses_and_takes_events_again_once_drained(
    pipeline: Pipeline, settings: Settings, database: Connection
) -> None:
    tight = Bounds(log_max_bytes=400_000, dedupe_max_bytes=1 << 20)
    outcomes = {}
    for delivery in some(500, size=2000):
        read = delivered(delivery)
        [outcomes[read.id]] = pipeline.log.append(partition_of(read, 4), [read], tight)
    refused = [delivery for delivery in outcomes if outcomes[delivery] == "full"]
    assert 0 < len(refused) < 500
    assert all(state.bytes <= tight.log_max_bytes // 4 for state in pipeline.log.state())
    pipeline.run()
    found = lags(pipeline.log, database)
    seconds, _ = pipeline.redis.time()
    trim(pipeline.log, found, settings, tight, now_ms=seconds * 1000)
    assert max(state.bytes for state in pipeline.log.state()) < tight.log_max_bytes // 8
    assert 500 - len(refused) == len(pipeline.rows("events"))


def test_what_nobody_refreshes_is_queued_once(
    sweeping: Sweep, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MERGE_SECONDS", -1.0)
    database.execute(LONG_AGO)
    database.execute(LATELY)
    sweeping.run_once()
    assert [(4, 1)] == [
        (row["rows"], row["merged"])
        for row in database.execute(
            "SELECT count(*) AS rows, count(*) FILTER (WHERE queued_at = '2026-02-01 00:01') AS merged"
            " FROM rollup_queue WHERE bucket = '2026-01-01'"
        )
    ]


LONG_AGO = """
INSERT INTO rollup_queue (bucket, queued_at)
SELECT '2026-01-01', '2026-02-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 50) AS n
"""
LATELY = """
INSERT INTO rollup_queue (bucket, queued_at)
SELECT '2026-01-01', clock_timestamp() + interval '1 day' FROM generate_series(1, 3)
"""


def test_settling_ends_when_what_was_accepted_is_in_postgres(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.run()
    pipeline.deliver(*some(10))
    waiting = settling(settings, timeout=PATIENCE)
    assert next(waiting) < settings.log_partitions
    pipeline.run()
    assert settings.log_partitions == list(waiting)[-1]


def test_settling_gives_up_with_what_to_look_at(pipeline: Pipeline, settings: Settings) -> None:
    pipeline.run()
    pipeline.deliver(*some(10))
    with pytest.raises(NotSettled, match="still have events"):
        list(settling(settings, timeout=0.1))
