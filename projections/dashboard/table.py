"""A figure's rows as a table for people, and as CSV for their spreadsheets."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from projections.dashboard import display
from projections.dashboard.figure import Column, Figure, Kind, Row
from projections.dashboard.view import View

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would compute, at the beginning of a text that somebody else chose."""


@dataclass(frozen=True)
class Heading:
    """Of a column: `meaning` is the schema's own, empty where it has none."""

    title: str
    numeric: bool
    meaning: str


def headings(figure: Figure, meanings: Mapping[str, str]) -> list[Heading]:
    """One a column, in order."""
    return [
        Heading(title(column), column.kind.numeric, meanings.get(column.name, ""))
        for column in figure.columns
    ]


def title(column: Column) -> str:
    """What people call it."""
    return column.title or display.words(column.name)


def cells(figure: Figure, rows: Iterable[Row], view: View) -> list[list[str]]:
    """Every value, exact."""
    return [[shown(column.kind, row[column.name], row, view) for column in figure.columns] for row in rows]


def shown(kind: Kind, value: Any, row: Row, view: View) -> str:
    """One value of a row as a table shows it."""
    if kind is Kind.MONEY:
        return display.money(value, currency_of(row, view))
    if kind is Kind.PERIOD:
        return display.period(value, view.span.by, view.zone)
    if kind is Kind.INSTANT:
        return display.instant(value, view.zone)
    return PLAIN[kind](value)


PLAIN: Mapping[Kind, Callable[[Any], str]] = {
    Kind.COUNT: display.count,
    Kind.RATE: display.rate,
    Kind.NUMBER: display.number,
    Kind.NAME: display.words,
    Kind.ID: lambda value: display.NOTHING if value is None else str(value),
}


def currency_of(row: Row, view: View) -> str:
    """Whose amounts a row's are; empty where there is no payment yet, and so no currency."""
    return str(row.get("currency") or view.currency or "")


def written(figure: Figure, rows: Iterable[Row], view: View) -> Iterator[str]:
    """CSV, line by line: exact amounts in major units, beside their currency; instants in the view's zone."""
    moneyed = any(column.kind is Kind.MONEY for column in figure.columns)
    yield _line([*(column.name for column in figure.columns), *(["currency"] if moneyed else [])])
    for row in rows:
        values = [_raw(column.kind, row[column.name], row, view) for column in figure.columns]
        yield _line([*values, *([currency_of(row, view)] if moneyed else [])])


def _raw(kind: Kind, value: Any, row: Row, view: View) -> str:
    if value is None:
        return ""
    if kind is Kind.MONEY:
        return f"{display.major(value, currency_of(row, view)):f}"
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(view.zone)).isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) and not kind.numeric else text


def _line(values: Sequence[str]) -> str:
    written = StringIO()
    csv.writer(written).writerow(values)
    return written.getvalue()
