"""`hooklog rollups`: proves that rollups hold what the rows add up to, and mends them."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import click
import orjson
import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ingest.settings import Settings
from workers.rollups import Checked, Difference, Waiting, check, repair, waiting

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

Walk = Callable[["psycopg.Connection[Any]"], Iterator[Checked]]


@click.group()
def rollups() -> None:
    """Prove that the sums of 15 minutes are what the rows add up to, or mend them.

    A stack keeps them right by itself. What is queued to be made anew is read from the rows meanwhile.
    """


@rollups.command(name="check")
@as_json
@click.pass_obj
def check_(settings: Settings, as_json: bool) -> None:
    """Compare all with the rows, while the stack goes on. Ends with 1 where anything differs."""
    differences, left = _walk(settings, check, "comparing")
    _tell(differences, left, as_json)
    sys.exit(1 if differences else 0)


@rollups.command(name="repair")
@as_json
@click.pass_obj
def repair_(settings: Settings, as_json: bool) -> None:
    """Compare all with the rows, and make anew what differs, and what is queued."""
    differences, left = _walk(settings, repair, "comparing and mending")
    _tell(differences, left, as_json)


def _walk(settings: Settings, walk: Walk, what: str) -> tuple[list[Difference], Waiting]:
    assert settings.database_url
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    found: list[Difference] = []
    with (
        psycopg.connect(settings.database_url, autocommit=True) as connection,
        Progress(*columns, console=terminal, disable=not terminal.is_terminal) as bar,
    ):
        task = bar.add_task(what, total=1.0)
        for checked in walk(connection):
            bar.update(task, completed=checked.done)
            found += checked.differences
        return found, waiting(connection)


def _tell(differences: list[Difference], left: Waiting, as_json: bool) -> None:
    if as_json:
        told = {"differences": [asdict(each) for each in differences], "queued": left.buckets}
        click.echo(orjson.dumps(told).decode())
        return
    for each in differences:
        click.echo(
            f"{each.table:18} {each.bucket:%F %H:%M %Z}  {each.missing} missing or wrong, "
            f"{each.surplus} too many or wrong"
        )
    click.echo(
        f"{len(differences)} differences, {left.buckets} buckets queued"
        if differences or left.buckets
        else "All rollups are what the rows add up to."
    )
