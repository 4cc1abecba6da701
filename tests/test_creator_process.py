"""SIGKILL of a creator's processes before, during and after its call to Stripe: one object, and at once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from ingest.jobs import RUNNING_SECONDS, Jobs
from ingest.queues import checkout_queue, enqueue_job, jobs_queue
from ingest.settings import Settings
from tests.conftest import Servers
from tests.creator_process import CreatorProcess
from tests.creators import Creators, creators, without_database
from workers.rate_limit import RateLimit

PATIENCE_SECONDS = 20


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


@pytest.fixture
def process(shop: Creators, tmp_path: Path) -> Iterator[CreatorProcess]:
    with CreatorProcess(shop.settings, tmp_path / "creator.log") as process:
        yield process


def ask(shop: Creators) -> str:
    job, _ = shop.jobs.create("shop", "create_payment_intent", {"amount": 1250, "currency": "eur"})
    enqueue_job(jobs_queue(shop.redis, shop.settings), job.id, job.kind)
    return job.id


def wait(shop: Creators, job_id: str) -> str:
    """The state in which the job ended, as a waiting request learns it."""
    told = shop.redis.blpop([f"{{{shop.settings.log_prefix}:jobs}}:done:{job_id}"], PATIENCE_SECONDS)
    assert isinstance(told, list | tuple), shop.job(job_id)
    return str(told[1].decode())


def one_object(shop: Creators, job_id: str) -> bool:
    [made] = shop.double.account.of("payment_intent")
    result = shop.job(job_id).result
    return result is not None and made["id"] == result["id"]


def test_killed_before_the_call(shop: Creators, process: CreatorProcess) -> None:
    # It waits for its turn, since the second is full.
    window = f"{RateLimit(shop.redis, shop.settings).tag}:calls"
    far = shop.redis.time()[0] * 1_000_000 + 3_600_000_000
    shop.redis.zadd(window, {f"call {n}": far for n in range(10_000)})
    job_id = ask(shop)
    child = waiting_child(shop, process, job_id)
    shop.redis.delete(window)
    child.kill()
    assert ("succeeded", True) == (wait(shop, job_id), one_object(shop, job_id))
    assert 1 == len(shop.double.calls("POST"))


def waiting_child(shop: Creators, process: CreatorProcess, job_id: str) -> psutil.Process:
    """The process that began the job, and is about to call."""
    with shop.redis.monitor() as monitor:
        key = f"{{{shop.settings.log_prefix}:stripe}}:key:{job_id}"
        if not shop.redis.exists(key):
            for seen in monitor.listen():
                if "EXPIRE" in seen["command"] and key in seen["command"]:
                    break
    return process.child()


def test_killed_during_the_call(shop: Creators, process: CreatorProcess) -> None:
    hold = threading.Event()
    shop.double.fail("POST", hold=hold, acts=True)
    job_id = ask(shop)
    shop.double.wait_for("POST")
    process.child().kill()
    hold.set()
    assert ("succeeded", True) == (wait(shop, job_id), one_object(shop, job_id))


def test_killed_after_the_call(shop: Creators, process: CreatorProcess) -> None:
    hold = threading.Event()
    shop.double.fail("POST", hold=hold, acts=True)
    job_id = ask(shop)
    shop.double.wait_for("POST")
    child = process.child()
    child.suspend()  # so it has the answer, and does not know it yet
    hold.set()
    shop.double.wait_until_answered(job_id)
    child.kill()
    assert ("succeeded", True) == (wait(shop, job_id), one_object(shop, job_id))


def test_worker_and_child_killed_at_once(shop: Creators, process: CreatorProcess) -> None:
    hold = threading.Event()
    shop.double.fail("POST", hold=hold, acts=True)
    job_id = ask(shop)
    shop.double.wait_for("POST")
    process.kill()
    hold.set()
    open_jobs = f"{{{shop.settings.log_prefix}:jobs}}:open"
    due = shop.redis.zscore(open_jobs, job_id)
    assert isinstance(due, float)
    assert due - shop.redis.time()[0] <= RUNNING_SECONDS + 1 < 120
    shop.redis.zadd(open_jobs, {job_id: 1})  # that time passes
    process.start()
    assert ("succeeded", True) == (wait(shop, job_id), one_object(shop, job_id))
    assert "a job's worker is gone; it runs again" in process.said


def test_a_checkout_does_not_wait_for_the_others(shop: Creators, tmp_path: Path) -> None:
    hold = threading.Event()
    shop.double.fail("POST", hold=hold, acts=True)
    with (
        CreatorProcess(shop.settings, tmp_path / "others.log"),
        CreatorProcess(shop.settings, tmp_path / "checkouts.log", "--checkouts"),
    ):
        slow = ask(shop)
        shop.double.wait_for("POST")
        job, _ = Jobs(shop.redis, shop.settings).create(
            "shop", "create_payment_intent", {"amount": 100, "currency": "eur"}, urgent=True
        )
        enqueue_job(checkout_queue(shop.redis, shop.settings), job.id, job.kind)
        assert ("succeeded", "running") == (wait(shop, job.id), shop.job(slow).state)
        hold.set()
        assert "succeeded" == wait(shop, slow)
