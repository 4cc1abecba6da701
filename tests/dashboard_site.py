"""A dashboard on a database that a simulated business filled, and what it should show."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from ingest.settings import Settings
from tests.dashboard_process import DashboardProcess
from tests.pipeline import Pipeline
from workers.database import Connection, connect
from workers.simulator import stream

DAYS = 180


class Site:
    """Where it is, and the pipeline that feeds it."""

    def __init__(self, process: DashboardProcess, pipeline: Pipeline, database: Connection) -> None:
        self.address = f"http://127.0.0.1:{process.port}/"
        self.process = process
        self.pipeline = pipeline
        self.database = database

    @property
    def cookie(self) -> dict[str, str]:
        """The session's, as a browser's context takes it."""
        name, _, value = self.process.cookie.partition("=")
        return {"name": name, "value": value, "url": self.address}

    def asked(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of the database that the page shows."""
        return self.database.execute(query, parameters).fetchall()


@contextmanager
def serving_site(settings: Settings, *, filled: bool = True) -> Iterator[Site]:
    """A process on the test's own database and log."""
    assert settings.database_url
    assert settings.redis_url
    environment = {
        "REDIS_URL": settings.redis_url,
        "LOG_PREFIX": settings.log_prefix,
        **{name: value for name, value in os.environ.items() if name.startswith("TZ")},
    }
    with connect(settings.database_url) as database, Redis.from_url(settings.redis_url) as redis:
        pipeline = Pipeline(settings, database, redis)
        if filled:
            pipeline.deliver(*business())
            pipeline.run()
        process = DashboardProcess(settings.database_url, **environment)
        try:
            yield Site(process.enter(), pipeline, database)
        finally:
            process.close()
            pipeline.close()


def business() -> list[dict[str, Any]]:
    """Half a year of a shop and a platform, up to yesterday."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS + 1)
    return list(stream(seed=3, payments=120, subscriptions=60, start=start, days=DAYS))
