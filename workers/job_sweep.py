"""The sweep of the jobs: whatever is due, and is in no queue, is put into one.

It sees to retries whose time has come, to jobs whose request was cut off before it could enqueue them, and
to those that a killed worker had. It needs no Postgres; the creators run it between their jobs.
"""

import structlog
from redis import Redis
from rq import Queue
from rq.job import JobStatus

from ingest.job import Job
from ingest.jobs import Jobs
from ingest.queues import checkout_queue, enqueue_job, jobs_queue
from ingest.settings import Settings

ENQUEUED_SECONDS = 10.0
WAITING_SECONDS = 30.0
SECONDS_A_WAITING_JOB = 0.05
"""The longer the queue, the later a job in it is looked at again, so that looking stays cheap."""

log = structlog.get_logger()


class JobSweep:
    """`redis` is the log's, `rq_redis` RQ's own where it has one. Any number may run."""

    def __init__(self, redis: "Redis", rq_redis: "Redis", settings: Settings) -> None:
        self._jobs = Jobs(redis, settings)
        self._checkout = checkout_queue(rq_redis, settings)
        self._others = jobs_queue(rq_redis, settings)

    def run(self) -> int:
        """Look once; returns how many jobs were put into their queue."""
        return sum(self._see_to(job) for job in self._jobs.due())

    def _see_to(self, job: Job) -> bool:
        queue = self._checkout if job.urgent else self._others
        known = queue.fetch_job(job.id)
        status = None if known is None else known.get_status(refresh=False)
        if status == JobStatus.QUEUED and _waits(job.id, queue):
            self._jobs.look_again(job, WAITING_SECONDS + SECONDS_A_WAITING_JOB * queue.count)
            return False
        left = job.state == "running"
        # RQ's job has failed where its process lived, and Redis did not answer it: that is nobody's end.
        if left and status != JobStatus.FAILED and self._jobs.broken_off(job.id, job.attempts) > 1:
            log.warning(
                "a job's worker is gone again; it runs later, or is given up", job=job.id, kind=job.kind
            )
            return False
        enqueue_job(queue, job.id, job.kind, first=left)
        self._jobs.look_again(job, ENQUEUED_SECONDS)
        if left:
            log.warning("a job's worker is gone; it runs again", job=job.id, kind=job.kind)
        return True


def _waits(job_id: str, queue: Queue) -> bool:
    """Whether a worker will find the job in its queue. One that died may have taken it out and no further."""
    queue.intermediate_queue.remove(job_id)
    return queue.get_job_position(job_id) is not None
