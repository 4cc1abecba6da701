"""SIGKILL of a creator's processes before, during and after its call to Stripe: one object, and at once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from ingest.jobs import RUNNING_SECONDS, Jobs
from ingest.queues import PERFORM_JOB_SECONDS, checkout_queue, enqueue_job, jobs_queue
from ingest.settings import Settings
from tests.conftest import Servers
from tests.creator_process import CreatorProcess
from tests.creators import Creators, creators, without_database
from tests.web_process import until
from workers.creator import WATCH_SECONDS
from workers.rate_limit import RateLimit


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
    """The state in which the job ended."""
    until(lambda: shop.job(job_id).finished)
    return shop.job(job_id).state


def let_its_lease_pass(shop: Creators, job_id: str) -> None:
    assert shop.redis.zadd(f"{{{shop.settings.log_prefix}:jobs}}:open", {job_id: 1}, xx=True, ch=True)


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
    child.suspend()  # so it does not take the turn that it waits for
    shop.redis.delete(window)
    child.kill()
    assert ("succeeded", True) == (wait(shop, job_id), one_object(shop, job_id))
    assert 1 == len(shop.double.calls("POST"))


def waiting_child(shop: Creators, process: CreatorProcess, job_id: str) -> psutil.Process:
    """The process that began the job, and is about to call."""
    until(lambda: shop.redis.exists(f"{{{shop.settings.log_prefix}:stripe}}:key:{job_id}"))
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
    let_its_lease_pass(shop, job_id)
    process.start()
    assert ("succeeded", True) == (wait(shop, job_id), one_object(shop, job_id))
    assert "a job's worker is gone; it runs again" in process.said


def test_a_retry_needs_no_scheduler(shop: Creators, process: CreatorProcess) -> None:
    shop.double.fail("POST", 503)
    job_id = ask(shop)
    assert ("succeeded", 2) == (wait(shop, job_id), shop.job(job_id).attempts)
    assert not shop.redis.exists(f"rq:scheduler-lock:{jobs_queue(shop.redis, shop.settings).name}")


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
        assert ("succeeded", False) == (wait(shop, job.id), shop.job(slow).finished)
        hold.set()
        assert "succeeded" == wait(shop, slow)


# ------------------------------------------------------------------ bounds, which pass when a test says so

FOR_EVER = 3600
UNHURRIED = f"""
from ingest import jobs, queues
from workers import creator, stripe_client
jobs.RUNNING_SECONDS = queues.PERFORM_JOB_SECONDS = stripe_client.READ_SECONDS = {FOR_EVER}
creator.WATCH_SECONDS = 1
"""
MOST = 4


def test_a_killed_workers_job_is_found_while_every_other_creator_hangs_and_goes_first(
    shop: Creators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.queues.PERFORM_JOB_SECONDS", FOR_EVER)
    killed = CreatorProcess(shop.settings, tmp_path / "killed.log", prelude=UNHURRIED)
    other = CreatorProcess(shop.settings, tmp_path / "other.log", prelude=UNHURRIED)
    queue = jobs_queue(shop.redis, shop.settings)
    hold, hang = threading.Event(), threading.Event()
    shop.double.fail("POST", hold=hold, acts=True)
    killed.start()
    job_id = ask(shop)
    shop.double.wait_for("POST")
    with other:
        shop.double.fail("POST", hold=hang, acts=True)
        hanging = ask(shop)
        bulk = [ask(shop) for _ in range(5)]
        until(lambda: len(shop.double.calls("POST")) > 1)
        killed.kill()
        hold.set()
        let_its_lease_pass(shop, job_id)
        until(lambda: [job_id, *bulk] == queue.job_ids)
        hang.set()
        assert {"succeeded"} == {wait(shop, each) for each in (job_id, hanging, *bulk)}
    assert [job_id, hanging, job_id, *bulk] == [call.key for call in shop.double.calls("POST")]
    assert 1 == other.said.count("a job's worker is gone")  # not that of the one that merely took long
    assert 7 == len(shop.double.account.of("payment_intent"))


def test_the_longest_that_a_killed_workers_job_waits_is_as_promised() -> None:
    assert RUNNING_SECONDS + WATCH_SECONDS + PERFORM_JOB_SECONDS < 120
    assert 2 * WATCH_SECONDS < RUNNING_SECONDS  # so a worker that is there says so in time


def test_a_job_that_always_kills_its_process_is_given_up_with_the_reason(
    shop: Creators, tmp_path: Path
) -> None:
    deadly = f"""
import os, signal
from ingest import jobs
from workers import create_payment_intent, perform
jobs.BROKEN_OFF_SECONDS = 0.01
jobs.MOST_BROKEN_OFF = {MOST}
perform_as_ever = create_payment_intent.perform

def perform_once_and_die(attempt):
    made = perform_as_ever(attempt)
    if attempt.command["amount"] == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    return made

perform.KINDS["create_payment_intent"] = perform_once_and_die
"""
    with CreatorProcess(shop.settings, tmp_path / "creator.log", prelude=deadly) as process:
        job, _ = shop.jobs.create("shop", "create_payment_intent", {"amount": 666, "currency": "eur"})
        enqueue_job(jobs_queue(shop.redis, shop.settings), job.id, job.kind)
        other = ask(shop)
        assert "succeeded" == wait(shop, other)
        assert "failed" == wait(shop, job.id)
        given_up = shop.job(job.id)
        assert (MOST, "The job kills its process") == (
            given_up.attempts,
            (given_up.problem or {})["title"],
        )
        # It is logged after the job has failed.
        until(lambda: f'"times_in_a_row":{MOST}' in process.said)
    made = [each for each in shop.double.account.of("payment_intent") if each["amount"] == 666]
    assert [job.id] == [each["metadata"]["job_id"] for each in made]
