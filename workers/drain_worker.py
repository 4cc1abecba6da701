"""The drain worker: an RQ worker that runs drain jobs in its own process, and ends after its round."""

import logging

from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from ingest.queues import connect, drain_queue
from ingest.settings import Settings
from workers import drain_job


class DrainWorker(SimpleWorker):
    """A SimpleWorker: it keeps its connections from job to job, which a forked one cannot."""

    max_connection_wait_time = 2.0  # a returning Redis finds its workers at once
    process: drain_job.DrainProcess

    def handle_warm_shutdown_request(self) -> None:
        self.process.stop()


def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish the round at hand."""
    # What breaks a pipeline off is raised; of what was to come after it psycopg warns, and may tell values.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    redis = connect(settings)
    worker = DrainWorker(
        [drain_queue(redis, settings)],
        connection=redis,
        serializer=JSONSerializer,
        log_job_description=False,
    )
    worker.process = drain_job.begin(settings)
    try:
        worker.work(logging_level="WARNING")
    finally:
        worker.process.close()
        redis.close()
