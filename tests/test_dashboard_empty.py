"""The dashboard before anything has arrived, and without a log to ask."""

from collections.abc import Iterator

import pytest

from ingest.settings import Settings
from tests.conftest import Servers, namespace
from tests.dashboard_process import DashboardProcess
from tests.dashboard_site import serving_site
from tests.events import NOW, event, intent
from tests.payments import CHARGE


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


def test_the_first_data_decide_at_once_what_a_page_is_about(servers: Servers) -> None:
    with namespace(servers) as settings, serving_site(settings, filled=False) as site:
        assert "data-empty" in site.process.get("/").body.decode()
        paid = {**intent(), "livemode": False, "status": "succeeded", "latest_charge": CHARGE["id"]}
        charge = {**CHARGE, "payment_intent": paid["id"], "livemode": False}
        site.pipeline.deliver(
            event("payment_intent.succeeded", paid, created=NOW),
            event("charge.succeeded", charge, created=NOW),
        )
        site.pipeline.run()
        page = site.process.get("/").body.decode()
        assert "Test data" in page
        assert "data-empty" not in page
        assert f'data-refresh="/figures/revenue?currency={charge["currency"]}&amp;mode=test"' in page
        assert "Test data" in site.process.get("/?mode=test").body.decode()
        site.pipeline.deliver(
            event("charge.succeeded", {**charge, "id": "ch_live", "livemode": True}, livemode=True)
        )
        site.pipeline.run()
        assert "Test data" not in site.process.get("/").body.decode()
