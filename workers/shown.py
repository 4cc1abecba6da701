"""Rows for the eyes: tables in a terminal, a screenful of columns at most, a chunk of rows at a time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from workers.printable import printable
from workers.result import CHUNK, Column, Result

NARROWEST = 9
"""Characters that a column needs to be read; where there are more columns than fit, a row is a list."""

NUMBERS = {"int2", "int4", "int8", "numeric", "float4", "float8", "oid"}


def show(result: Result, out: Console) -> int:
    """Print the rows; returns how many. The header comes again with each chunk."""
    rows, count = iter(result), 0
    while chunk := list(islice(rows, CHUNK)):
        out.print(
            _table(result.columns, chunk) if _fits(result, out) else _lists(result.columns, chunk, count)
        )
        count += len(chunk)
    if not count:
        out.print(_table(result.columns, []))
    return count


def _fits(result: Result, out: Console) -> bool:
    return len(result.columns) * NARROWEST <= out.width


def _table(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        # A number is never cut: where a terminal is narrow, words are folded.
        number = column.type in NUMBERS
        table.add_column(
            Text(printable(column.name)),
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _lists(columns: Sequence[Column], rows: Iterable[Sequence[Any]], before: int) -> Group:
    return Group(*_records(columns, rows, before))


def _records(
    columns: Sequence[Column], rows: Iterable[Sequence[Any]], before: int
) -> Iterator[RenderableType]:
    for number, row in enumerate(rows, before + 1):
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for column, value in zip(columns, row, strict=True):
            grid.add_row(Text(printable(column.name)), _cell(value))
        yield Text(f"row {number}", style="dim")
        yield grid


def _cell(value: Any) -> Text:
    if value is None:
        return Text("null", style="dim")
    if isinstance(value, bool):
        return Text("true" if value else "false")
    if isinstance(value, list):
        return Text(printable("{" + ", ".join(str(each) for each in value) + "}"))
    return Text(printable(str(value)))
