"""The dashboard before anything has arrived, and without a log to ask."""

from collections.abc import Iterator

import pytest

from ingest.settings import Settings
from tests.dashboard_process import DashboardProcess


@pytest.fixture
def page(settings: Settings) -> Iterator[str]:
    process = DashboardProcess(str(settings.database_url))
    try:
        yield process.enter().get("/").body.decode()
    finally:
        process.close()


def test_it_says_what_to_do_next(page: str) -> None:
    assert "./run demo" in page


def test_without_redis_it_says_what_it_cannot_tell(page: str) -> None:
    assert "REDIS_URL is not set here" in page
