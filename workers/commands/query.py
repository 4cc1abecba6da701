"""`hooklog query`: a question to the database, with the rights of an analyst."""

import sys

import click
from rich.console import Console

from workers import dictionary
from workers.analyst import TIMEOUT, Connection, reading, settings_for_reading
from workers.commands.seconds import Seconds
from workers.result import Result, csv_blocks, json_lines
from workers.shown import show
from workers.sql_error import BadQuery, UnknownName

UNFOLDED = 100_000
"""The width where nobody looks: nothing is folded for a file."""


@click.command()
@click.argument("sql")
@click.option("--json", "form", flag_value="json", help="Print JSON lines: one object a row.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV with a header, null as nothing.")
@click.option("--timeout", type=Seconds(), help=TIMEOUT)
def query(sql: str, form: str | None, timeout: float | None) -> None:
    """Ask the database one question, as "SELECT …", and print the answer.

    It reads what analysts may (./run dictionary), in a transaction that changes nothing. Rows are printed as
    they come, and never gathered; Ctrl-C ends the query at the server, too. Amounts are in minor units, as
    they are stored. SQL is - to be read from standard input.
    """
    if sql == "-":
        sql = sys.stdin.read()
    settings = settings_for_reading()
    try:
        with reading(settings, timeout) as connection:
            _answer(connection, sql, form)
    except UnknownName as error:
        with reading(settings) as connection:
            raise BadQuery(f"{error}\n{dictionary.hint(connection, error.name)}") from None


def _answer(connection: Connection, sql: str, form: str | None) -> None:
    if form is None:
        terminal = sys.stdout.isatty()
        out = Console() if terminal else Console(width=UNFOLDED, soft_wrap=True)
        count = show(Result(connection, sql), out)
        if terminal:
            click.echo(f"{count:,} row{'' if count == 1 else 's'}", err=True)
        return
    target = sys.stdout.buffer
    for block in csv_blocks(connection, sql) if form == "csv" else json_lines(Result(connection, sql)):
        target.write(block)
    target.flush()
