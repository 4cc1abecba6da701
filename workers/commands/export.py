"""`hooklog export`: a table, a view or a function's rows into a file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from workers import parquet
from workers.analyst import TIMEOUT, Connection, reading, settings_for_reading
from workers.commands.seconds import Seconds
from workers.export import query_of, whole_file
from workers.result import Result, csv_blocks, json_lines

Instant = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
STANDARD_OUTPUT = Path("-")
Rows = Callable[[Connection, str, IO[bytes]], Iterator[int]]


@click.command()
@click.argument("what", metavar="VIEW")
@click.option("--format", "form", type=click.Choice(["csv", "json", "parquet"]), default="csv",
              show_default=True, help="json is JSON lines: an object a row.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
              help="The file to write.  [default: -, standard output; Parquet needs a file]")  # fmt: skip
@click.option("--where", metavar="SQL", help="Only these rows, as \"currency = 'eur'\".")
@click.option("--since", type=Instant, help="Only from this instant on, in UTC.")
@click.option("--until", type=Instant, help="Only before this instant, in UTC.")
@click.option("--timeout", type=Seconds(), help=TIMEOUT)
@click.option("--spreadsheet", is_flag=True,
              help="CSV for Excel: text that would be a formula gets an apostrophe.")  # fmt: skip
def export(
    what: str,
    form: str,
    output: Path | None,
    where: str | None,
    since: datetime | None,
    until: datetime | None,
    timeout: float | None,
    spreadsheet: bool,
) -> None:
    """Write the rows of a VIEW, a table, or a function with its arguments, as
    "payment_metrics('2026-01-01', '2026-02-01')".

    Rows are written as they come, and never gathered. A file appears whole or not at all. --since and --until
    are of the rows' own time: created_at, at, valid_from, period_start or day. Amounts are in minor units.
    """
    if output == STANDARD_OUTPUT:
        output = None
    if form == "parquet" and output is None:
        raise click.UsageError("Parquet needs a file: --output FILE.parquet")
    if spreadsheet and form != "csv":
        raise click.UsageError("--spreadsheet goes with --format csv")
    if since and until and until < since:
        raise click.UsageError("--until is before --since")
    with reading(settings_for_reading(), timeout) as connection:
        query = query_of(connection, what, where, _utc(since), _utc(until), for_spreadsheets=spreadsheet)
        terminal = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
        quiet = not terminal.is_terminal or (output is None and sys.stdout.isatty())
        with Progress(*columns, console=terminal, disable=quiet) as bar, _target(output) as file:
            task = bar.add_task("export", total=None)
            count = 0
            for count in WRITERS[form](connection, query, file):
                bar.update(task, completed=count)
    if output is not None:
        click.echo(f"{count:,} row{'' if count == 1 else 's'} in {output}", err=True)


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=UTC)


@contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    if output is not None:
        with whole_file(output) as file:
            yield file
    else:
        file = sys.stdout.buffer
        yield file
        file.flush()


def _csv(connection: Connection, query: str, file: IO[bytes]) -> Iterator[int]:
    for count, block in enumerate(csv_blocks(connection, query)):  # the first is the header
        file.write(block)
        yield count


def _json(connection: Connection, query: str, file: IO[bytes]) -> Iterator[int]:
    for count, line in enumerate(json_lines(Result(connection, query)), 1):
        file.write(line)
        yield count


def _parquet(connection: Connection, query: str, file: IO[bytes]) -> Iterator[int]:
    return parquet.write(Result(connection, query, parquet.AS_VALUES), file)


WRITERS: dict[str, Rows] = {"csv": _csv, "json": _json, "parquet": _parquet}
