"""The creator: an RQ worker that forks a process for each job, checkouts first."""

import gc
import logging
import math
import time
from collections.abc import Iterable
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import ConnectionError, TimeoutError  # noqa: A004 - Redis' own
from rq import Queue, Worker
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from ingest import pause
from ingest.jobs import Jobs
from ingest.queues import checkout_queue, connect, jobs_queue
from ingest.settings import Settings
from workers import perform, plan_prices, stripe_client
from workers.job_sweep import JobSweep

LOOK_SECONDS = 1
"""Between looks at what is due, and whether the creators pause."""

WATCH_SECONDS = 10
"""Between looks at the process of a job: so often its lease is renewed, and what is due is looked at."""

POLL_SECONDS = 0.2
"""How long a job that nobody waits for may lie before an idle creator sees it."""

AWAY = (ConnectionError, TimeoutError)
"""What Redis' absence raises."""

log = structlog.get_logger()


class OrderedQueue(Queue):
    """Takes from the first queue that has a job, and loses none to a crash: each is moved, never popped."""

    @classmethod
    def dequeue_any(  # type: ignore[override]  # the others are passed on as they come
        cls, queues: Iterable[Queue], timeout: float | None, connection: "Redis", **others: Any
    ) -> Any:
        """The next job with its queue. Waits on the first queue, and looks into the others in between."""
        queues = list(queues)
        deadline = time.monotonic() + (timeout or 0)
        while True:
            for queue in queues:
                if found := super().dequeue_any([queue], None, connection, **others):
                    return found
            if timeout is None:
                return None
            try:
                return super().dequeue_any([queues[0]], POLL_SECONDS, connection, **others)  # type: ignore[arg-type]
            except DequeueTimeout:
                if time.monotonic() >= deadline:
                    raise


class Creator(Worker):
    """It sweeps what is due, between jobs and beside them: so a killed worker's job is found after its lease,
    however long the others are busy. While Stripe does not take the key it takes none.
    """

    queue_class = OrderedQueue
    max_connection_wait_time = 2.0  # a returning Redis finds its workers at once
    jobs: Jobs
    sweep: JobSweep
    pause: pause.Pause
    swept_at = -math.inf

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """The next job; None only where `timeout` is (a burst), and nothing is left to do."""
        while True:
            if self._may_take_one():
                idle = None if timeout is None else LOOK_SECONDS
                found = super().dequeue_job_and_maintain_ttl(idle, idle)
                if found is not None or timeout is None:
                    return found
            elif timeout is None:
                return None
            else:
                self.heartbeat()
                time.sleep(LOOK_SECONDS)

    def maintain_heartbeats(self, job: RqJob, execution: Execution) -> None:
        """While the process of a job lives: its lease is renewed, and others' jobs are looked at."""
        try:
            super().maintain_heartbeats(job, execution)
            self.jobs.still_running(job.id)
            self.sweep.run()
        except AWAY as error:
            log.warning("Redis is away; the job goes on", job=job.id, reason=type(error).__name__)

    def handle_work_horse_killed(self, job: RqJob, *_: Any) -> None:
        """RQ runs the job again at once where it has a retry left: so the first time, and not after that."""
        try:
            times = self.jobs.broken_off(job.id)
        except AWAY as error:
            log.warning("Redis is away; a killed job is found later", job=job.id, reason=type(error).__name__)
            return
        if times > 1:
            job.retries_left = 0
        log.warning("the process of a job was killed", job=job.id, kind=job.description, times_in_a_row=times)

    def _may_take_one(self) -> bool:
        try:
            if (
                time.monotonic() - self.swept_at > LOOK_SECONDS
            ):  # a checkout must not wait for each job's look
                self.sweep.run()
                self.swept_at = time.monotonic()
            return self.pause.now() is None or self.pause.may_try()
        except AWAY as error:
            log.warning("Redis is away; the creator waits", reason=type(error).__name__)
            return True  # and waits there, as RQ does


def creator(settings: Settings, *, only_checkouts: bool = False) -> Creator:
    """A worker for all jobs, or for those alone that somebody waits for."""
    assert settings.redis_url
    redis, rq_redis = Redis.from_url(settings.redis_url), connect(settings)
    queues = [
        checkout_queue(rq_redis, settings),
        *([] if only_checkouts else [jobs_queue(rq_redis, settings)]),
    ]
    worker = Creator(
        [OrderedQueue(each.name, connection=rq_redis, serializer=JSONSerializer) for each in queues],
        connection=rq_redis,
        serializer=JSONSerializer,
        log_job_description=False,
        job_monitoring_interval=WATCH_SECONDS,
    )
    worker.jobs = Jobs(redis, settings)
    worker.sweep = JobSweep(redis, rq_redis, settings)
    worker.pause = pause.Pause(redis, settings)
    perform.begin(settings)
    stripe_client.load(settings, redis)
    # A forked process that collected garbage would walk, and so copy, all that it shares with this one.
    gc.collect()
    gc.freeze()
    return worker


def main(settings: Settings, *, only_checkouts: bool = False) -> None:
    """Work until SIGTERM or SIGINT; then finish the job at hand. Raises RedisError where Redis stays away."""
    # The library logs every URL at INFO, and a search's holds a user's id.
    logging.getLogger("stripe").setLevel(logging.WARNING)
    if missing := plan_prices.unconfigured(settings):
        log.warning("some plans cannot be sold: they have no price", variables=missing)
    creator(settings, only_checkouts=only_checkouts).work(logging_level="WARNING")
