"""The demo, on a stack of its own, through its front door."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from workers.commands.demo import demo
from workers.demo_tables import ANSWERS
from workers.feed import Feed, NotDelivered
from workers.stack import Stack, found_or_started

OPTIONS = ("--payments", "50", "--subscriptions", "40", "--until", "2026-06-01")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("home", numbered=False)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOOKLOG_HOME", str(home))
        environment.setenv("PORT", "0")
        for name in ("REDIS_URL", "DATABASE_URL", "STRIPE_WEBHOOK_SECRET"):
            environment.delenv(name, raising=False)
        with found_or_started(Path(home)) as running:
            yield running


def run(*options: str) -> str:
    result = CliRunner().invoke(demo, [*OPTIONS, *options], catch_exceptions=False)
    assert 0 == result.exit_code
    return result.output


def answers(stack: Stack, account: str) -> list[list[tuple[object, ...]]]:
    url = stack.settings.database_url
    assert url
    with psycopg.connect(url) as connection:
        return [connection.execute(query, {"account": account}).fetchall() for _, query in ANSWERS]


def test_the_demo_fills_every_table_that_it_shows_and_again_changes_nothing(stack: Stack) -> None:
    first = run()
    seen = answers(stack, "acct_demo_7")
    assert all(seen)
    [(events, stored)] = re.findall(r"([\d,]+) events in [\d,]+ deliveries: ([\d,]+) stored", first)
    assert events == stored
    assert " 0 stored" in run()
    assert seen == answers(stack, "acct_demo_7")


def test_another_seed_is_another_business(stack: Stack) -> None:
    run("--seed", "8", "--events", "200")
    url = stack.settings.database_url
    assert url
    with psycopg.connect(url) as connection:
        [(found,)] = connection.execute(
            "SELECT count(*) FROM events WHERE account = 'acct_demo_8'"
        ).fetchall()
    assert 200 == found


def test_a_feed_that_is_refused_says_by_whom_and_why(stack: Stack) -> None:
    with pytest.raises(NotDelivered, match=r"http://127\.0\.0\.1:\d+ answered 400"):
        list(Feed(stack.web, "whsec_wrong").deliver([b"{}"]))


def test_a_feed_that_finds_nobody_says_so() -> None:
    with pytest.raises(NotDelivered, match="broke off: ConnectionRefusedError"):
        list(Feed("http://127.0.0.1:1", "whsec_any").deliver([b"{}"]))
