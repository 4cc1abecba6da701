"""A dashboard whose database is slow: what a page says meanwhile, and how much it asks."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ingest.settings import Settings
from tests.dashboard_site import Site, serving_site
from tests.web_process import until
from workers.database import connect


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with serving_site(settings, filled=False) as site:
        yield site


@contextmanager
def locked(settings: Settings, table: str) -> Iterator[None]:
    """Nobody can read a table: whatever needs it is slow."""
    with connect(str(settings.database_url)) as database, database.transaction():
        database.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def waiting(site: Site, table: str) -> list[int]:
    """Whoever waits for the table, as processes of Postgres."""
    rows = site.asked(
        "SELECT pid FROM pg_locks WHERE relation = %(table)s::regclass AND NOT granted", table=table
    )
    return [row["pid"] for row in rows]


def states(page: str) -> tuple[int, int]:
    """How many figures are still being counted, and how many were given up."""
    return page.count("still being counted"), page.count("took Postgres too long")


def test_a_slow_database_is_asked_little_and_the_page_recovers(site: Site, settings: Settings) -> None:
    table = "subscription_versions"
    page = site.process.get("/").body.decode()
    with locked(settings, table):
        for day in range(1, 8):
            page = site.process.get(f"/?from=2026-01-0{day}").body.decode()
            assert states(page)[0] >= 4
        until(lambda: len(waiting(site, table)) == 4)
        assert site.process.get("/pulse").status == 200
        assert site.process.get("/figures/latest").status == 200
    path = re.findall(r'data-refresh="(/figures/subscriptions-by-plan[^"]*)"', page)[0]
    card = site.process.get(path.replace("&amp;", "&")).body.decode()
    assert states(card) == (0, 0)


def test_what_takes_too_long_says_so_and_is_not_asked_again_at_once(site: Site, settings: Settings) -> None:
    table = "subscription_versions"
    path = "/figures/subscriptions-by-plan?from=2026-01-01&currency=eur"

    def given_up() -> bool | None:
        for pid in waiting(site, table):
            site.asked("SELECT pg_cancel_backend(%(pid)s)", pid=pid)
        return answer.done()

    with locked(settings, table), ThreadPoolExecutor(1) as executor:
        answer = executor.submit(site.process.get, path)
        until(given_up)
        for card in (answer.result().body.decode(), site.process.get(path).body.decode()):
            assert states(card) == (0, 1)
            assert "It is tried again in" in card
            assert 'data-again="' in card
        page = site.process.get("/?from=2026-01-01&currency=eur")
        assert (page.status, states(page.body.decode())[1]) == (200, 1)
