"""The drain as RQ's job: one for all partitions, on connections that the worker process keeps."""

from time import monotonic

import psycopg
import structlog
from rq.worker import BaseWorker

from ingest.queues import connect, drain_queue, enqueue_drain
from ingest.settings import Settings
from workers.drain import Drain
from workers.folding import reason

HANDOVER_SECONDS = 60.0
"""A drain that is never done hands over to a new job, long before RQ would end it."""

log = structlog.get_logger()


class DrainFailed(Exception):
    """A drain broke off; the message says what and where, and holds no value: RQ keeps it and logs it."""


class DrainProcess:
    """What one worker process drains with, from job to job."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rq_redis = connect(settings)
        self._queue = drain_queue(self._rq_redis, settings)
        self._drain: Drain | None = None
        self._stopping = False

    def run(self) -> int:
        """One job: drain until nothing is left; returns the events drained.

        With Postgres away nothing is drained and nothing lost: the sweep asks again every moment.
        """
        deadline = monotonic() + HANDOVER_SECONDS
        workers = max(1, BaseWorker.count(queue=self._queue))
        try:
            if self._drain is None:
                self._drain = Drain(self._settings)
            drained = self._drain.run(
                workers=workers, proceed=lambda: not self._stopping and monotonic() < deadline
            )
        except (psycopg.OperationalError, psycopg.InternalError) as error:  # it is away, or takes no writes
            log.warning("Postgres is away; the log keeps what comes", reason=type(error).__name__)
            self.close()
            return 0
        except Exception as error:  # noqa: BLE001 - it is raised again, without the values that it may hold
            self.close()  # whatever state the connections are in, the next job begins with new ones
            raise DrainFailed(reason(error)) from None
        if monotonic() >= deadline and not self._stopping:
            enqueue_drain(self._queue)
        return drained

    def stop(self) -> None:
        """End the running job after its round."""
        self._stopping = True

    def close(self) -> None:
        if self._drain is not None:
            self._drain.close()
            self._drain = None


_process: DrainProcess | None = None


def begin(settings: Settings) -> DrainProcess:
    """Make this process one that drains; called once, before its first job."""
    global _process
    _process = DrainProcess(settings)
    return _process


def drain() -> int:
    """RQ's entry."""
    return (_process or begin(Settings.from_environment())).run()
