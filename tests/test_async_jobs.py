"""Waiting for jobs in one process: bounded, and never longer than asked."""

import asyncio
import time

import pytest

from ingest import async_jobs
from ingest.async_jobs import AsyncJobs
from ingest.jobs import Jobs


@pytest.fixture
def jobs(redis, settings):
    return Jobs(redis, settings)


def run(settings, scenario):
    async def main():
        jobs = AsyncJobs(settings)
        try:
            return await scenario(jobs, await jobs.create("shop", "create_refund", {}, None, urgent=True))
        finally:
            await jobs.stop()

    return asyncio.run(main())


def test_a_job_that_is_not_finished_is_told_as_it_is(settings, redis):
    async def scenario(jobs, job):
        began = time.monotonic()
        waited = await jobs.wait(job, 1)
        return waited.state, time.monotonic() - began

    state, took = run(settings, scenario)
    assert state == "queued"
    assert took > 0.9


def test_a_job_that_is_finished_is_not_waited_for(settings, jobs):
    async def scenario(waiting, job):
        jobs.succeed(job.id, {"id": "re_1"})
        return await waiting.wait(job, 30), await waiting.wait(await waiting.read(job.id), 30)

    just, before = run(settings, scenario)
    assert just == before
    assert before.state == "succeeded"


def test_when_too_many_wait_the_next_is_told_at_once(settings, jobs, monkeypatch):
    monkeypatch.setattr(async_jobs, "WAITERS", 1)

    async def scenario(waiting, job):
        first = asyncio.create_task(waiting.wait(job, 30))
        await asyncio.sleep(0)  # lets it begin
        second = await waiting.wait(job, 30)
        jobs.succeed(job.id, {"id": "re_1"})
        return await first, second

    first, second = run(settings, scenario)
    assert (first.state, second.state) == ("succeeded", "queued")


def test_the_same_request_sent_twice_by_a_broken_connection_changes_nothing(settings, jobs, monkeypatch):
    monkeypatch.setattr("ingest.jobs.new_id", lambda: "job_1")
    job, _ = jobs.create("shop", "create_refund", {}, "key")
    jobs.begin(job.id)
    again, fresh = jobs.create("shop", "create_refund", {}, "key")
    assert (again.attempts, again.state, fresh) == (1, "running", True)
