"""RQ's arguments, in one place: queues, jobs by dotted name, time-outs."""

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from ingest.settings import Settings

DRAIN = "workers.drain_job.drain"
DRAIN_JOB_SECONDS = 600
"""RQ ends a drain job that takes longer; a drain hands over to a new job long before."""

FAILURE_SECONDS = 3600


def connect(settings: Settings, timeout: float | None = None) -> "Redis":
    """RQ's own Redis, where it has one: RQ does not run on a cluster. `timeout` (s) bounds each answer."""
    url = settings.rq_redis_url or settings.redis_url
    assert url, "REDIS_URL is set by whoever starts this process"
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)


def drain_queue(redis: "Redis", settings: Settings) -> Queue:
    return Queue(f"{settings.log_prefix}-drain", connection=redis, serializer=JSONSerializer)


def enqueue_drain(queue: Queue) -> None:
    """Ask for one drain of all partitions. A lost or doubled job does no harm: the sweep looks, too."""
    queue.enqueue(
        DRAIN, job_timeout=DRAIN_JOB_SECONDS, result_ttl=0, failure_ttl=FAILURE_SECONDS, description="drain"
    )
