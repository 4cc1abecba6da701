"""`hooklog fx`: exchange rates for the figures that are converted into one currency."""

import json
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ingest.settings import Settings
from workers import fx_load
from workers.ecb import read
from workers.settle import settling
from workers.target_days import Gap, gaps

SETTLE_SECONDS = 120.0
GAPS_SHOWN = 10

_CURRENCIES = """
SELECT provider, base, currency, min(day) AS first_day, max(day) AS last_day, count(*) AS days,
    (array_agg(rate ORDER BY day DESC))[1] AS last_rate
FROM fx_rates GROUP BY provider, base, currency ORDER BY provider, base, currency
"""
_DAYS = "SELECT DISTINCT day FROM fx_rates ORDER BY day"


@click.group()
def fx() -> None:
    """Exchange rates, which enter through the log: load the ECB's files, and see what is loaded."""


@fx.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def load(settings: Settings, file: Path) -> None:
    """Load a FILE of the ECB's: eurofxref.csv (a day) or eurofxref-hist.csv (all days), zipped or not.

    The whole file is checked first. A file that is loaded twice changes nothing; a rate that differs from
    the one that is known replaces it. Get the files from https://www.ecb.europa.eu/stats/eurofxref/.
    """
    assert settings.database_url
    days = read(file)
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as bar:
        # What waits in the log may be rates, too: only a table that has them tells what is a correction.
        _settle(settings, bar, "partitions drained before")
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            found = fx_load.difference(connection, days)
        sent = [*found.new, *found.changed]
        task = bar.add_task("days in the log", total=len(sent))
        for done in fx_load.append(settings, sent):
            bar.update(task, completed=done)
        if sent:
            _settle(settings, bar, "partitions in Postgres")
    click.echo(
        f"{len(days):,} days from {days[0].day} to {days[-1].day}: {len(found.new):,} new, "
        f"{len(found.changed):,} changed, {found.known:,} known already."
    )


def _settle(settings: Settings, bar: Progress, what: str) -> None:
    task = bar.add_task(what, total=settings.log_partitions)
    for done in settling(settings, SETTLE_SECONDS):
        bar.update(task, completed=done)


@fx.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Show which currencies are loaded, from when to when, and the days that are missing in between."""
    assert settings.database_url
    with psycopg.connect(settings.database_url, row_factory=dict_row) as connection:
        currencies = connection.execute(_CURRENCIES).fetchall()
        days = [row["day"] for row in connection.execute(_DAYS)]
    holes = gaps(days)
    if as_json:
        told = [gap._asdict() for gap in holes]
        click.echo(json.dumps({"currencies": currencies, "days": len(days), "gaps": told}, default=str))
        return
    if not currencies:
        click.echo("No rates are loaded: ./run fx load FILE, with a file of the ECB's.")
        return
    Console().print(_table(currencies))
    click.echo(f"{len(days):,} days from {days[0]} to {days[-1]}.")
    if holes:
        missing = sum(gap.days for gap in holes)
        click.echo(f"{missing:,} working days have no rates, and take those of the last day before:")
        for gap in holes[-GAPS_SHOWN:]:
            click.echo(f"  {_shown(gap)}")
        if len(holes) > GAPS_SHOWN:
            click.echo(f"  and {len(holes) - GAPS_SHOWN:,} gaps before these (--json lists all)")


def _shown(gap: Gap) -> str:
    return str(gap.first) if gap.days == 1 else f"{gap.first} to {gap.last} ({gap.days:,} days)"


def _table(currencies: list[dict[str, Any]]) -> Table:
    table = Table("provider", "1", "is", "of", "on", "known from", "days")
    for each in currencies:
        table.add_row(
            each["provider"],
            each["base"],
            str(each["last_rate"]),
            each["currency"],
            str(each["last_day"]),
            str(each["first_day"]),
            f"{each['days']:,}",
        )
    for column in (2, 6):
        table.columns[column].justify = "right"
    return table
