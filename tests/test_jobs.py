"""The record of jobs, on a real server."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ingest.jobs import RESULT_BYTES, Jobs, KeyReused

COMMAND = {"amount": 1250, "currency": "eur"}


@pytest.fixture
def jobs(redis, settings):
    return Jobs(redis, settings)


def create(jobs, command=COMMAND, key=None, source="shop", kind="create_payment_intent"):
    return jobs.create(source, kind, command, key)


def test_a_new_job_is_queued(jobs):
    job, fresh = create(jobs)
    assert fresh
    assert jobs.read(job.id) == job
    assert (job.state, job.attempts, job.command, job.source) == ("queued", 0, COMMAND, "shop")
    assert abs(job.created_at - datetime.now(UTC)) < timedelta(hours=1)


def test_without_a_key_every_request_is_a_job_of_its_own(jobs):
    assert create(jobs)[0].id != create(jobs)[0].id


def test_one_key_and_one_request_are_one_job_however_often_and_at_once(jobs):
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: create(jobs, key="k"), range(64)))
    assert len({job.id for job, _ in made}) == 1
    assert [fresh for _, fresh in made].count(True) == 1


@pytest.mark.parametrize("other", [{"command": {"amount": 1251}}, {"kind": "create_refund"}])
def test_a_key_that_came_with_another_request_is_refused(jobs, other):
    create(jobs, key="k")
    with pytest.raises(KeyReused):
        create(jobs, key="k", **other)


def test_the_order_of_a_requests_fields_makes_no_other_request(jobs):
    job, _ = create(jobs, key="k")
    assert create(jobs, dict(reversed(COMMAND.items())), key="k") == (job, False)


def test_each_source_has_keys_of_its_own(jobs):
    assert create(jobs, key="k")[0].id != create(jobs, key="k", source="platform")[0].id


def test_a_job_and_its_key_are_kept_for_thirty_days(jobs, redis, settings):
    create(jobs, key="k")
    kept = {redis.ttl(key) for key in redis.scan_iter(f"*{settings.log_prefix}*") if b":open" not in key}
    assert all(30 * 86_400 - 3600 < seconds <= 31 * 86_400 for seconds in kept)
    assert len(kept) == 2


def test_each_beginning_is_an_attempt(jobs):
    job, _ = create(jobs)
    assert [jobs.begin(job.id).attempts, jobs.begin(job.id).attempts] == [1, 2]
    assert jobs.read(job.id).state == "running"


def test_a_job_to_be_retried_says_when_and_why(jobs):
    job, _ = create(jobs)
    at = datetime.now(UTC) + timedelta(minutes=5)
    assert jobs.retry_at(job.id, at, {"detail": "Stripe is busy"})
    job = jobs.read(job.id)
    assert (job.state, job.problem) == ("retrying", {"detail": "Stripe is busy"})
    assert abs(job.next_try_at - at) < timedelta(milliseconds=1)


def test_a_job_that_succeeds_has_its_result_and_the_problem_of_a_former_try_is_gone(jobs):
    job, _ = create(jobs)
    jobs.retry_at(job.id, datetime.now(UTC), {"detail": "Stripe is busy"})
    assert jobs.begin(job.id).next_try_at is None
    assert jobs.succeed(job.id, {"id": "pi_1"})
    job = jobs.read(job.id)
    assert (job.state, job.result, job.problem, job.finished) == ("succeeded", {"id": "pi_1"}, None, True)


def test_a_finished_job_stays_as_it_is(jobs):
    job, _ = create(jobs)
    jobs.fail(job.id, {"detail": "declined"})
    failed = jobs.read(job.id)
    assert not jobs.succeed(job.id, {"id": "pi_1"})
    assert not jobs.retry_at(job.id, datetime.now(UTC))
    assert jobs.begin(job.id) is None
    assert jobs.read(job.id) == failed


def test_a_client_secret_is_kept_for_an_hour_and_not_in_the_record(jobs, redis, settings):
    job, _ = create(jobs)
    jobs.succeed(job.id, {"id": "pi_1"}, client_secret="pi_1_secret_2")
    assert jobs.read(job.id).has_client_secret
    assert jobs.client_secret(job.id) == "pi_1_secret_2"
    [key] = redis.scan_iter(f"*{settings.log_prefix}*secret*")
    assert 3000 < redis.ttl(key) <= 3600
    assert "secret_2" not in repr(jobs.read(job.id))


def test_a_job_is_due_when_it_is_to_be_retried_and_when_its_worker_may_be_gone(jobs):
    job, _ = create(jobs)
    assert jobs.due() == []
    jobs.retry_at(job.id, datetime.now(UTC) - timedelta(seconds=1))
    assert [due.id for due in jobs.due()] == [job.id]
    jobs.look_again(job, 60)
    assert jobs.due() == []
    jobs.look_again(job, -1)
    assert [due.id for due in jobs.due()] == [job.id]
    jobs.begin(job.id)
    assert jobs.due() == []


def test_a_finished_or_forgotten_job_is_never_due(jobs, redis, settings):
    done, forgotten = create(jobs)[0], create(jobs)[0]
    jobs.succeed(done.id, {})
    jobs.look_again(done, -1)
    jobs.look_again(forgotten, -1)
    [key] = redis.scan_iter(f"*{settings.log_prefix}*job:{forgotten.id}")
    redis.delete(key)
    assert jobs.due() == []
    assert jobs.begin(forgotten.id) is None


def test_an_outcome_is_bounded(jobs):
    job, _ = create(jobs)
    with pytest.raises(ValueError, match=str(RESULT_BYTES)):
        jobs.succeed(job.id, {"note": "x" * RESULT_BYTES})
