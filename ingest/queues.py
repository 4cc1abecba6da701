"""RQ's arguments, in one place: queues, jobs by dotted name, time-outs."""

from redis import Redis
from redis.driver_info import DriverInfo
from rq import Queue, Retry
from rq.serializers import JSONSerializer

from ingest.settings import Settings

DRAIN = "workers.drain_job.drain"
DRAIN_JOB_SECONDS = 600
"""RQ ends a drain job that takes longer; a drain hands over to a new job long before."""

PERFORM = "workers.perform.perform"
PERFORM_JOB_SECONDS = 60
"""RQ ends a creator's job that takes longer; its calls have shorter time-outs."""

KILLED_TIMES = 1
"""How often RQ itself runs a job again at once whose process was killed; then the sweep sees to it."""

FAILURE_SECONDS = 3600

REDIS_DRIVER = DriverInfo()
"""Made once: the client would look up its own version, 3 ms, for each connection of each forked process."""


def connect(settings: Settings, timeout: float | None = None) -> "Redis":
    """RQ's own Redis, where it has one: RQ does not run on a cluster. `timeout` (s) bounds each answer."""
    url = settings.rq_redis_url or settings.redis_url
    assert url, "REDIS_URL is set by whoever starts this process"
    return Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, driver_info=REDIS_DRIVER
    )


def drain_queue(redis: "Redis", settings: Settings) -> Queue:
    return Queue(f"{settings.log_prefix}-drain", connection=redis, serializer=JSONSerializer)


def enqueue_drain(queue: Queue) -> None:
    """Ask for one drain of all partitions. A lost or doubled job does no harm: the sweep looks, too."""
    queue.enqueue(
        DRAIN, job_timeout=DRAIN_JOB_SECONDS, result_ttl=0, failure_ttl=FAILURE_SECONDS, description="drain"
    )


def checkout_queue(redis: "Redis", settings: Settings) -> Queue:
    """The jobs that somebody waits for."""
    return Queue(f"{settings.log_prefix}-checkout", connection=redis, serializer=JSONSerializer)


def jobs_queue(redis: "Redis", settings: Settings) -> Queue:
    """All other jobs of the creators."""
    return Queue(f"{settings.log_prefix}-jobs", connection=redis, serializer=JSONSerializer)


def enqueue_job(queue: Queue, job_id: str, kind: str, *, first: bool = False) -> None:
    """Ask for a job to be performed, before all others of its queue where it is `first`.

    Its command stays in its record, and RQ's job only names it.
    """
    queue.enqueue(
        PERFORM,
        job_id,
        job_id=job_id,
        job_timeout=PERFORM_JOB_SECONDS,
        result_ttl=0,
        failure_ttl=FAILURE_SECONDS,
        retry=Retry(max=KILLED_TIMES, enqueue_at_front=True),
        at_front=first,
        description=kind,
    )
