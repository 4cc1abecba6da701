"""Where log and checkpoint disagree the drain says so, goes on, and loses nothing that is still there."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from ingest.settings import Settings
from tests.events import NOW, customer, event
from tests.pipeline import ROOM, Pipeline
from workers.database import Connection, apply_schema, connect
from workers.lag import lags
from workers.rebuild import Rebuild
from workers.servers.embedded import embedded
from workers.simulator import simulate
from workers.trim import trim

ONE = 1


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"log_partitions": ONE})


def copy(source: Path, target: Path) -> None:
    """A copy whose files belong to whom they belonged."""
    subprocess.run(["cp", "-a", source, target], check=True)


def customers(start: int, stop: int) -> list[dict[str, object]]:
    return [event("customer.created", customer(id=f"cus_{n}"), created=NOW + n) for n in range(start, stop)]


def test_without_any_disagreement_there_is_no_incident(pipeline: Pipeline) -> None:
    for n in range(3):
        pipeline.deliver(*customers(n, n + 1))
        pipeline.run()
    assert [] == pipeline.rows("incidents")


def test_a_log_that_lost_its_tail_is_an_incident_and_what_comes_next_is_drained(pipeline: Pipeline) -> None:
    pipeline.deliver(*customers(0, 10))
    pipeline.run()
    for entry in pipeline.log.read({0: "0-0"}, 100)[0][5:]:  # what a failover to a lagging replica loses
        pipeline.redis.xdel(pipeline.log.keys.log(0), entry.id)
    pipeline.deliver(*customers(10, 12))
    pipeline.run()
    assert {f"cus_{n}" for n in range(12)} == {row["id"] for row in pipeline.rows("customers")}
    [incident] = pipeline.rows("incidents")
    last_drained = datetime.fromtimestamp(NOW + 9, UTC)
    assert last_drained - timedelta(days=3) == incident["doubt_since"]
    assert incident["detected_at"] <= incident["doubt_until"]
    pipeline.deliver(*customers(12, 13))
    pipeline.run()
    assert 1 == len(pipeline.rows("incidents"))


def test_a_log_that_was_emptied_is_an_incident_once(pipeline: Pipeline) -> None:
    pipeline.deliver(*customers(0, 3))
    pipeline.run()
    pipeline.redis.delete(pipeline.log.keys.log(0), pipeline.log.keys.book(0))
    pipeline.run()
    pipeline.run()
    assert 1 == len(pipeline.rows("incidents"))
    pipeline.deliver(*customers(3, 5))
    pipeline.run()
    assert 5 == len(pipeline.rows("customers"))
    assert 1 == len(pipeline.rows("incidents"))


def test_postgres_from_before_the_first_event_and_a_log_that_went_on_is_an_incident(
    pipeline: Pipeline, database: Connection
) -> None:
    pipeline.run()
    sent = customers(0, 800)
    pipeline.deliver(*sent)
    pipeline.run()
    trim(pipeline.log, lags(pipeline.log, database), pipeline.settings, ROOM, now_ms=1 << 62)
    database.execute("TRUNCATE events, heads, customers")  # as the backup of an empty database restores it
    database.execute("UPDATE checkpoints SET position = '0-0', event_id = NULL, event_created_at = NULL")
    pipeline.run()
    assert 1 == len(pipeline.rows("incidents"))
    pipeline.deliver(*sent)
    pipeline.run()
    assert 800 == len(pipeline.rows("customers"))


def test_an_incident_is_recorded_once_though_another_partition_goes_first(
    pipeline: Pipeline, redis: Redis
) -> None:
    pipeline = Pipeline(pipeline.settings.model_copy(update={"log_partitions": 4}), pipeline.database, redis)
    pipeline.deliver(*customers(0, 200))
    pipeline.run()
    keys = pipeline.log.keys
    redis.unlink(*keys.of_append(1))
    pipeline.deliver(*customers(200, 300))
    [interrupted] = [row for row in pipeline.rows("checkpoints") if row["partition"] == 0]
    redis.hset(keys.attempts(0), interrupted["position"], 1)
    pipeline.run()
    assert 1 == len(pipeline.rows("incidents"))
    pipeline.close()


def test_another_entry_at_the_checkpoints_id_is_seen(pipeline: Pipeline, redis: Redis) -> None:
    """After a failover the clock may give an id out again: comparing ids would not notice."""
    pipeline.deliver(*customers(0, 2))
    pipeline.run()
    *_, last = pipeline.log.read({0: "0-0"}, 10)[0]
    redis.delete(pipeline.log.keys.log(0))
    other, *_ = pipeline.deliver(*customers(5, 6))
    [(_, fields)] = redis.xrange(pipeline.log.keys.log(0))
    redis.delete(pipeline.log.keys.log(0))
    redis.xadd(pipeline.log.keys.log(0), fields, id=last.id)
    assert other != last.id
    pipeline.run()
    assert "cus_5" in {row["id"] for row in pipeline.rows("customers")}
    assert 1 == len(pipeline.rows("incidents"))


def test_postgres_restored_to_an_earlier_backup_is_reported_and_whole_again_once_events_are_sent_again(
    tmp_path: Path,
) -> None:
    bodies = list(simulate(seed=5, payments=40, subscriptions=10).bodies())
    some = len(bodies) // 3
    with embedded(tmp_path / "home") as servers, Redis.from_url(servers.redis_url) as redis:
        settings = Settings.from_environment(
            {"REDIS_URL": servers.redis_url, "DATABASE_URL": servers.database_url, "TRIM_MARGIN": "0"}
        )
        with connect(servers.database_url) as database:
            apply_schema(database)
            pipeline = Pipeline(settings, database, redis)
            pipeline.deliver(*bodies[:some])
            pipeline.run()
            pipeline.close()
        servers.postgres.stop()
        backup = tmp_path / "backup"
        copy(servers.postgres.data, backup)
        servers.postgres.start()

        with connect(servers.database_url) as database:
            pipeline = Pipeline(settings, database, redis)
            pipeline.deliver(*bodies[some : 2 * some])
            pipeline.run()
            found = lags(pipeline.log, database)
            now = int(datetime.now(UTC).timestamp() * 1000) + 1000
            while trim(pipeline.log, found, settings, ROOM, now):
                pass
            pipeline.close()
        servers.postgres.kill()
        shutil.rmtree(servers.postgres.data)
        copy(backup, servers.postgres.data)
        servers.postgres.start()

        with connect(servers.database_url) as database:
            pipeline = Pipeline(settings, database, redis)
            pipeline.deliver(*bodies[2 * some :])
            pipeline.run()
            assert settings.log_partitions == len(pipeline.rows("incidents"))
            assert len(pipeline.rows("events")) < len(bodies)
            assert "duplicate" not in pipeline.deliver(*bodies[::2])  # as Stripe resends
            pipeline.deliver(*bodies[1::2], force=True)  # as a reconciliation appends
            pipeline.run()
            assert len(bodies) == len(pipeline.rows("events"))
            audit = Rebuild(settings)
            list(audit.run())
            assert {0} == set(audit.differences.values())
            pipeline.close()
