"""When Redis is away, nothing is promised; when only RQ's is, or a wait is cut off, nothing is lost."""

import time

import pytest
from api_client import API, ApiClient, jobs_of
from redis import Redis

from ingest.job import JobKeys
from tests.web_process import serving, until
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


def accepted(client):
    answer = client.post("/payment-intents")
    return answer if answer.status == 202 else None


def test_without_redis_requests_are_sent_away_and_it_recovers_when_redis_comes(valkey):
    with serving(valkey.url, **API) as web:
        shop = ApiClient(web)
        for answer in (shop.post("/payment-intents"), shop.get("/jobs/job_1")):
            assert answer.status == answer.json["status"] == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert str(valkey.port) not in answer.body.decode()
        valkey.start()
        until(lambda: accepted(shop))


def test_who_waits_after_redis_came_back_waits_as_before(valkey):
    valkey.start()
    with serving(valkey.url, **API) as web:
        shop = ApiClient(web)
        shop.post("/payment-intents", prefer="wait=1")
        valkey.kill()
        valkey.start()
        until(lambda: accepted(shop))
        began = time.monotonic()
        assert 202 == shop.post("/payment-intents", prefer="wait=1").status
        assert time.monotonic() - began > 0.9


def test_a_job_that_rq_could_not_take_is_due_for_the_sweep(servers, valkey):
    with serving(servers.redis_url, **API, RQ_REDIS_URL=valkey.url) as web:
        answer = accepted(ApiClient(web))
        assert answer
        with Redis.from_url(servers.redis_url) as redis:
            jobs = jobs_of(web, redis)
            job = jobs.read(answer.json["id"])
            jobs.look_again(job, 0)
            assert jobs.due() == [job]


def test_a_wait_that_redis_cuts_off_is_answered_with_where_the_job_is(servers):
    with serving(servers.redis_url, **API) as web, Redis.from_url(servers.redis_url) as redis:
        shop = ApiClient(web)
        job_id = shop.post("/payment-intents", idempotency_key="cut").json["id"]
        done = JobKeys(web.environment["LOG_PREFIX"]).done(job_id)
        redis.set(done, "not a list")  # the command that waits fails, and the job is as durable as it was
        answer = shop.post("/payment-intents", idempotency_key="cut", prefer="wait=30")
        assert (answer.status, answer.json["id"]) == (202, job_id)


def test_a_redis_that_is_nearly_full_or_may_forget_is_trusted_with_no_job(valkey):
    valkey.start()
    with serving(valkey.url, **API) as web, Redis.from_url(valkey.url) as redis:
        shop = ApiClient(web)
        assert accepted(shop)
        most = redis.config_get("maxmemory")["maxmemory"]
        redis.setrange("ballast", 20_000_000, b"x")
        redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] * 1.05))
        full = until(lambda: refusal(shop))
        assert "nearly full" in full.json["detail"]
        redis.config_set("maxmemory", most)
        until(lambda: accepted(shop))
        redis.config_set("appendfsync", "everysec")
        forgetful = until(lambda: refusal(shop))
        assert "appendfsync" in forgetful.json["detail"]


def test_a_job_that_replicas_do_not_have_is_not_promised(servers):
    with serving(servers.redis_url, **API, WAIT_REPLICAS="1", WEBHOOK_TIMEOUT_SECONDS="0.5") as web:
        assert refusal(ApiClient(web))


def refusal(client):
    answer = client.post("/payment-intents")
    return answer if answer.status == 503 else None
