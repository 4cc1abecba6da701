"""A matrix as a heat map: a table whose fields are the darker the greater their value."""

from collections.abc import Sequence
from typing import NamedTuple

from projections.dashboard import display, table
from projections.dashboard.figure import Figure, Matrix, Row
from projections.dashboard.view import View

HOTTEST = 9


class Field(NamedTuple):
    """A value in words; `heat` from 0 to HOTTEST."""

    text: str
    heat: int


class Line(NamedTuple):
    """A row's name and its fields, None where there is no value."""

    name: str
    fields: list[Field | None]


class Heat(NamedTuple):
    """What goes down, what goes across, and the lines."""

    down: str
    across: list[str]
    lines: list[Line]


def mapped(figure: Figure, rows: Sequence[Row], view: View) -> Heat | None:
    """Null for a figure that is no matrix."""
    chart = figure.chart
    if not isinstance(chart, Matrix) or not rows:
        return None
    kind = figure.kind_of(chart.value)
    found = {(row[chart.row], row[chart.column]): row for row in rows}
    across = sorted({column for _, column in found})
    lines = []
    for name in sorted({name for name, _ in found}, reverse=True):
        line = [found.get((name, column)) for column in across]
        fields = [
            Field(table.shown(kind, row[chart.value], row, view), _heat(float(row[chart.value])))
            if row and row[chart.value] is not None
            else None
            for row in line
        ]
        lines.append(Line(display.period(name, "month", view.zone), fields))
    down = next(table.title(column) for column in figure.columns if column.name == chart.row)
    return Heat(down, [str(column) for column in across], lines)


def _heat(part: float) -> int:
    """Of a fraction of 1; what is more than the whole is no hotter."""
    return max(0, min(int(part * HOTTEST), HOTTEST))
