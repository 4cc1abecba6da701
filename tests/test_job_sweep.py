"""The sweep of the jobs: whatever was left behind runs again, and what waits is left alone."""

from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue

from ingest.jobs import MOST_BROKEN_OFF, RUNNING_SECONDS
from ingest.queues import checkout_queue, enqueue_job, jobs_queue
from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import Creators, creators, without_database
from workers import perform
from workers.creator import creator
from workers.job_sweep import JobSweep


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


@pytest.fixture
def queue(shop: Creators, redis: Redis) -> Queue:
    return jobs_queue(redis, shop.settings)


@pytest.fixture
def sweep(shop: Creators, redis: Redis) -> JobSweep:
    return JobSweep(redis, redis, shop.settings)


def ask(shop: Creators, **command: object) -> str:
    return shop.ask("create_payment_intent", amount=1250, currency="eur", **command)


def let_time_pass(shop: Creators, job_id: str) -> None:
    """As long as it takes until the job is due."""
    assert shop.redis.zadd(open_jobs(shop), {job_id: 1}, xx=True, ch=True)


def open_jobs(shop: Creators) -> str:
    return f"{{{shop.settings.log_prefix}:jobs}}:open"


def work(shop: Creators) -> None:
    """As a creator does until nothing is left."""
    worker = creator(shop.settings)
    worker.work(burst=True, logging_level="WARNING")


def test_a_job_that_was_never_enqueued_is(shop: Creators, sweep: JobSweep, queue: Queue) -> None:
    job_id = ask(shop)
    assert 0 == sweep.run()
    let_time_pass(shop, job_id)
    assert (1, [job_id]) == (sweep.run(), queue.get_job_ids())


def test_a_job_that_waits_in_its_queue_is_not_enqueued_again(
    shop: Creators, sweep: JobSweep, queue: Queue
) -> None:
    job_id = ask(shop)
    enqueue_job(queue, job_id, "create_payment_intent")
    let_time_pass(shop, job_id)
    assert (0, [job_id]) == (sweep.run(), queue.get_job_ids())


def test_a_job_that_a_dying_worker_took_out_of_its_queue_goes_back(
    shop: Creators, sweep: JobSweep, queue: Queue
) -> None:
    job_id = ask(shop)
    enqueue_job(queue, job_id, "create_payment_intent")
    Queue.lmove(queue.connection, queue.key, None)
    let_time_pass(shop, job_id)
    assert (1, [job_id], []) == (sweep.run(), queue.get_job_ids(), queue.intermediate_queue.get_job_ids())


def test_a_killed_workers_job_is_due_within_two_minutes(
    shop: Creators, sweep: JobSweep, queue: Queue
) -> None:
    job_id = ask(shop)
    before = shop.redis.time()[0]
    shop.jobs.begin(job_id)
    after = shop.redis.time()[0] + 1
    due = shop.redis.zscore(open_jobs(shop), job_id)
    assert isinstance(due, float)
    assert before <= due - RUNNING_SECONDS <= after
    let_time_pass(shop, job_id)
    assert (1, [job_id]) == (sweep.run(), queue.get_job_ids())


def test_a_worker_that_is_there_keeps_its_job(shop: Creators, sweep: JobSweep) -> None:
    job_id = ask(shop)
    shop.jobs.begin(job_id)
    let_time_pass(shop, job_id)
    shop.jobs.still_running(job_id)
    assert (0, 1) == (sweep.run(), shop.job(job_id).attempts)


def test_a_killed_workers_job_goes_before_those_that_nobody_began(
    shop: Creators, sweep: JobSweep, queue: Queue
) -> None:
    waiting, left = ask(shop), ask(shop)
    enqueue_job(queue, waiting, "create_payment_intent")
    shop.jobs.begin(left)
    let_time_pass(shop, left)
    sweep.run()
    assert [left, waiting] == queue.get_job_ids()


def test_a_job_whose_worker_is_always_gone_is_given_up_after_pauses(
    shop: Creators, sweep: JobSweep, queue: Queue
) -> None:
    job_id = ask(shop)
    pauses = []
    while (job := shop.job(job_id)).state != "failed":
        shop.jobs.begin(job_id)
        queue.empty()
        let_time_pass(shop, job_id)
        sweep.run()
        sweep.run()  # another one counts nothing twice
        job = shop.job(job_id)
        if job.next_try_at is not None:
            pauses.append(round((job.next_try_at - job.updated_at).total_seconds()))
    assert [2, 4, 8, 16, 32, 64] == pauses
    assert MOST_BROKEN_OFF == job.attempts
    assert job.problem is not None
    assert (500, True) == (job.problem["status"], "metadata.job_id" in job.problem["detail"])
    assert (0, 0) == (sweep.run(), shop.redis.zcard(open_jobs(shop)))


def test_an_attempt_that_ends_otherwise_lets_the_count_begin_anew(shop: Creators) -> None:
    job_id = ask(shop)
    for _ in range(MOST_BROKEN_OFF):
        shop.jobs.begin(job_id)
        assert 1 == shop.jobs.broken_off(job_id)
        shop.double.fail("POST", 503)
        assert "retrying" == shop.perform(job_id).state
    assert "succeeded" == shop.perform(job_id).state
    assert 0 == shop.jobs.broken_off(job_id)


def test_a_retry_whose_time_has_come_is_enqueued(
    shop: Creators, sweep: JobSweep, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perform, "FIRST_PAUSE", perform.LONGEST_PAUSE)  # so it does not come by itself
    job_id = ask(shop)
    shop.double.fail("POST", 503)
    shop.perform(job_id)
    assert 0 == sweep.run()
    let_time_pass(shop, job_id)
    assert (1, [job_id]) == (sweep.run(), queue.get_job_ids())


def test_a_finished_job_is_not_looked_at(shop: Creators, sweep: JobSweep) -> None:
    shop.perform(ask(shop))
    assert (0, 0) == (sweep.run(), shop.redis.zcard(open_jobs(shop)))


def test_what_somebody_waits_for_goes_back_to_the_checkouts(
    shop: Creators, sweep: JobSweep, redis: Redis
) -> None:
    job, _ = shop.jobs.create(
        "shop", "create_payment_intent", {"amount": 100, "currency": "eur"}, urgent=True
    )
    let_time_pass(shop, job.id)
    sweep.run()
    assert [job.id] == checkout_queue(redis, shop.settings).get_job_ids()


def test_a_creator_takes_checkouts_first(shop: Creators, queue: Queue, redis: Redis) -> None:
    checkouts = checkout_queue(redis, shop.settings)
    asked = [ask(shop), ask(shop), ask(shop)]
    for job_id in asked[:2]:
        enqueue_job(queue, job_id, "create_payment_intent")
    enqueue_job(checkouts, asked[2], "create_payment_intent")
    work(shop)
    assert [asked[2], *asked[:2]] == [call.key for call in shop.double.calls("POST")]


def test_a_paused_creator_tries_one_job_at_a_time(shop: Creators, queue: Queue) -> None:
    shop.double.keys = set()
    asked = [ask(shop) for _ in range(3)]
    for job_id in asked:
        enqueue_job(queue, job_id, "create_payment_intent")
    work(shop)
    assert 1 == len(shop.double.calls())
    shop.let_the_trial_come()
    work(shop)
    assert 2 == len(shop.double.calls())
    assert {"queued", "retrying"} == {shop.job(job_id).state for job_id in asked}
