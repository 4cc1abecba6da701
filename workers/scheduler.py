"""The scheduler: puts RQ's jobs into their queue when their time has come, retries among them."""

from typing import Any

from redis.exceptions import RedisError
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from ingest.queues import connect, drain_queue
from ingest.refusal import Refusal
from ingest.settings import Settings


class RedisAway(Refusal):
    """Redis does not answer: the scheduler ends, and whoever started it starts it again."""


def main(settings: Settings) -> None:
    """Schedule until SIGTERM or SIGINT. Any number may run: a lock in Redis lets one of them work."""
    redis = connect(settings)
    scheduler: Any = RQScheduler(
        [drain_queue(redis, settings)],
        connection=redis,
        serializer=JSONSerializer,
        logging_level="WARNING",
    )
    try:
        scheduler.work()
    except RedisError as error:
        raise RedisAway(f"the scheduler lost Redis ({type(error).__name__}) and ends") from error
    finally:
        redis.close()
