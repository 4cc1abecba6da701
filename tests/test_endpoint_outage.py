"""When the log cannot take an event: 503, so that the sender comes again, and recovery by itself."""

import os
import signal

import pytest
from redis import Redis

from tests.web_process import event, serving, sign, until
from workers.servers.guardian import Guardian
from workers.servers.home import Home
from workers.servers.ports import available
from workers.servers.valkey import Valkey


@pytest.fixture
def valkey(tmp_path):
    """A Valkey of the test's own, not started yet."""
    with Guardian() as guardian:
        valkey = Valkey(Home(tmp_path / "home"), guardian, available(0, variable="REDIS_PORT"))
        yield valkey
        valkey.kill()


@pytest.fixture
def web(valkey):
    with serving(valkey.url) as web:
        yield web


def sent_away(answer, sentence=""):
    return (
        answer.status == answer.json["status"] == 503
        and answer.headers["Content-Type"] == "application/problem+json"
        and int(answer.headers["Retry-After"]) > 0
        and sentence in answer.json["detail"]
    )


def ready(web):
    return web.get("/readyz").status == 200


def test_without_redis_deliveries_are_sent_away_and_it_recovers_when_redis_comes(web, valkey):
    assert sent_away(web.post(event()))
    assert sent_away(web.get("/readyz"))
    assert web.get("/healthz").status == 200
    assert str(valkey.port) in web.output().decode()
    assert str(valkey.port) not in web.get("/readyz").body.decode()  # which anybody may ask
    valkey.start()
    until(lambda: ready(web))
    assert web.post(event()).json["outcome"] == "stored"


def test_a_redis_that_is_killed_loses_nothing_that_was_acknowledged(web, valkey):
    valkey.start()
    until(lambda: ready(web))
    acknowledged = [event() for _ in range(20)]
    assert [web.post(body).json["outcome"] for body in acknowledged] == ["stored"] * 20
    valkey.kill()
    assert sent_away(web.post(event()))
    valkey.start()
    until(lambda: ready(web))
    assert [web.post(body).json["outcome"] for body in acknowledged] == ["duplicate"] * 20


def test_a_redis_that_answers_nothing_is_waited_for_no_longer_than_the_timeout(valkey):
    valkey.start()
    with serving(valkey.url, WEBHOOK_TIMEOUT_SECONDS="0.5") as web:
        until(lambda: ready(web))
        os.kill(valkey.pid, signal.SIGSTOP)
        assert sent_away(web.post(event()))  # which nothing else would ever bring about
        assert sent_away(web.get("/readyz"))
        os.kill(valkey.pid, signal.SIGCONT)
        until(lambda: ready(web))
        until(lambda: web.post(event()).status == 200)


def test_a_full_log_sends_deliveries_away_and_still_knows_duplicates(servers):
    with serving(servers.redis_url, LOG_MAX_BYTES="40000", LOG_PARTITIONS="1") as web:
        bodies = [event(padding="x" * 5000) for _ in range(10)]
        answers = [web.post(body) for body in bodies]
        stored = [answer.status for answer in answers].count(200)
        assert 0 < stored < len(bodies)
        assert all(sent_away(answer, "full") for answer in answers[stored:])
        assert web.post(bodies[0]).json["outcome"] == "duplicate"


def test_another_number_of_partitions_is_refused_with_an_explanation(servers):
    with serving(servers.redis_url, LOG_PARTITIONS="3") as first:
        assert first.post(event()).status == 200
        prefix = first.environment["LOG_PREFIX"]
        with serving(servers.redis_url, LOG_PARTITIONS="5", LOG_PREFIX=prefix) as second:
            explanation = "Set LOG_PARTITIONS=3"
            assert sent_away(second.post(event()), explanation)
            assert sent_away(second.get("/readyz"), explanation)


def test_a_redis_that_may_lose_events_is_refused_by_name_until_it_is_put_right(web, valkey):
    valkey.start()
    with Redis.from_url(valkey.url) as redis:
        redis.config_set("appendfsync", "everysec")
        assert sent_away(web.post(event()), "appendfsync is 'everysec'")
        redis.config_set("appendfsync", "always")
    assert web.post(event()).json["outcome"] == "stored"


def test_what_did_not_verify_is_refused_whether_redis_is_there_or_not(web):
    assert web.post(event(), signature=sign(event())).status == 400
