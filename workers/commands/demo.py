"""`hooklog demo`: a simulated business, fed through the front door, and what an analyst then sees."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random

import click
import orjson
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ingest.settings import DEFAULT_SOURCE, Settings
from workers.demo_tables import QUESTION, tables
from workers.feed import Feed
from workers.settle import settling
from workers.simulator import deliveries, stream
from workers.stack import NotRunning, Stack, find, found_or_started

ACCOUNT = "acct_demo_{seed}"
"""The Stripe account that the business names, so that its data stays apart from everybody else's."""

DAYS = 90
SETTLE_SECONDS = 120.0
STRAY = 200


@click.command()
@click.option(
    "--payments",
    type=click.IntRange(min=0),
    default=600,
    show_default=True,
    help="One-time payments in a shop.",
)
@click.option(
    "--subscriptions",
    type=click.IntRange(min=0),
    default=150,
    show_default=True,
    help="Subscriptions on a platform.",
)
@click.option("--events", type=click.IntRange(min=1), help="Stop after so many events.")
@click.option("--seed", default=7, show_default=True, help="Another seed is another business.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day on which its 90 days end.  [default: today, in UTC]",
)
def demo(payments: int, subscriptions: int, events: int | None, seed: int, until: datetime | None) -> None:
    """Feed a simulated business through the front door of the running stack, or of one for the time of it.

    A shop and a subscription platform in the 90 days up to now: signed, shuffled, and some of it twice. The
    same seed on the same day is the same business, and changes nothing.
    """
    settings = Settings.from_environment()
    today = (until or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    account = ACCOUNT.format(seed=seed)
    business = stream(
        seed=seed,
        payments=payments,
        subscriptions=subscriptions,
        start=today - timedelta(days=DAYS),
        days=DAYS,
        account=account,
        observed=True,
    )
    bodies = [orjson.dumps(event) for event in islice(business, events)]
    out = Console()
    with found_or_started(settings.hooklog_home) as stack:
        fed = _feed(stack, bodies, Random(seed))  # noqa: S311 - it shuffles
        _show(stack, account, out)
    _say(out, fed, len(bodies), account, today, stays=_runs(settings))


def _runs(settings: Settings) -> bool:
    try:
        find(settings.hooklog_home)
    except NotRunning:
        return False
    return True


def _feed(stack: Stack, bodies: list[bytes], random: Random) -> Feed:
    settings = stack.settings
    secret = settings.webhook_secrets[DEFAULT_SOURCE][0].get_secret_value()
    arrivals = deliveries(bodies, random, duplicate=0.05, shuffle=STRAY)
    feed = Feed(stack.web, secret)
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("delivered", total=len(arrivals))
        for _ in feed.deliver(arrivals):
            progress.advance(task)
        task = progress.add_task("partitions in Postgres", total=settings.log_partitions)
        for done in settling(settings, SETTLE_SECONDS):
            progress.update(task, completed=done)
    return feed


def _show(stack: Stack, account: str, out: Console) -> None:
    url = stack.settings.database_url
    assert url
    with psycopg.connect(url, autocommit=True) as connection:
        for table in tables(connection, account):
            out.print(table)


def _say(out: Console, fed: Feed, events: int, account: str, until: datetime, *, stays: bool) -> None:
    stored, again = fed.outcomes["stored"], fed.outcomes["duplicate"]
    out.print(
        f"{events:,} events in {stored + again:,} deliveries: {stored:,} stored, {again:,} known already."
    )
    out.print(
        f"The same options and --until {until:%Y-%m-%d} tell the same events again, and change nothing.",
        highlight=False,
        soft_wrap=True,
    )
    out.print("To ask for yourself:" if stays else "To ask for yourself, start it by ./run up, and then:")
    out.print(f'  ./run psql -c "{QUESTION.format(account=account)}"', highlight=False, soft_wrap=True)
