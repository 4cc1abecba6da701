"""A figure's rows as a chart's data: what the page's script draws, with each value's text beside it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from projections.dashboard import display, table
from projections.dashboard.figure import Chart, Figure, Kind, Parts, Periods, Ranking, Row
from projections.dashboard.view import View

LONGEST_RANKING = 8
MOST_PARTS = 6

Drawing = dict[str, Any]


def drawn(figure: Figure, rows: Sequence[Row], view: View) -> Drawing | None:
    """Null where there is no chart, or nothing to draw."""
    draw = _DRAWN.get(type(figure.chart))
    if draw is None or not rows:
        return None
    drawing = draw(figure, figure.chart, rows, view)
    return None if all(_is_empty(drawing, series["y"]) for series in drawing["series"]) else drawing


def _periods(figure: Figure, chart: Periods, rows: Sequence[Row], view: View) -> Drawing:
    kind = figure.kind_of(chart.series[0].column)
    titles = {column.name: table.title(column) for column in figure.columns}
    series = [
        {
            "title": each.title or titles[each.column],
            "tone": each.tone,
            "look": each.look,
            **_values(kind, [row[each.column] for row in rows], rows, view),
        }
        for each in chart.series
    ]
    if chart.stacked:
        series = [each for each in series if any(each["y"])]
    return {
        "kind": "periods",
        "stacked": chart.stacked,
        "axis": _axis(kind, view),
        "x": _period_names([row["period_start"] for row in rows], view),
        "series": series,
    }


def _parts(figure: Figure, chart: Parts, rows: Sequence[Row], view: View) -> Drawing:
    """The largest parts by themselves, the rest as one; a part's period without a row is 0."""
    periods = sorted({row["period_start"] for row in rows})
    sizes: dict[str, dict[Any, Any]] = {}
    for row in rows:
        sizes.setdefault(row[chart.split] or "", {})[row["period_start"]] = row[chart.value] or 0
    ranked = sorted(sizes, key=lambda name: (-sum(sizes[name].values()), name))
    kept = ranked if len(ranked) <= MOST_PARTS else ranked[: MOST_PARTS - 1]
    kind = figure.kind_of(chart.value)
    parts = [(_named(name), [sizes[name].get(period, 0) for period in periods]) for name in kept]
    if rest := ranked[len(kept) :]:
        others = [sum(sizes[name].get(period, 0) for name in rest) for period in periods]
        parts.append((f"{len(rest)} others", others))
    return {
        "kind": "periods",
        "stacked": True,
        "axis": _axis(kind, view),
        "x": _period_names(periods, view),
        "series": [
            {"title": title, "tone": f"part{place}", "look": "bar", **_values(kind, values, (), view)}
            for place, (title, values) in enumerate(parts)
        ],
    }


def _ranking(figure: Figure, chart: Ranking, rows: Sequence[Row], view: View) -> Drawing:
    kind = figure.kind_of(chart.value)
    ranked = sorted(rows, key=lambda row: -(row[chart.value] or 0))
    shown, rest = ranked[:LONGEST_RANKING], ranked[LONGEST_RANKING:]
    names = [_named(row[chart.split]) for row in shown]
    values = [row[chart.value] for row in shown]
    if rest:
        names.append(f"{len(rest)} others")
        values.append(sum(row[chart.value] or 0 for row in rest))
    return {
        "kind": "ranking",
        "axis": _axis(kind, view),
        "x": names,
        "series": [{"title": figure.title, "tone": "bad", **_values(kind, values, (), view)}],
    }


def _named(name: str | None) -> str:
    return display.words(name) if name else "Not told"


def _values(kind: Kind, values: Sequence[Any], rows: Sequence[Row], view: View) -> Drawing:
    """`y` for the axis, in major units, and `text` for people."""
    whose = rows or [{}] * len(values)
    return {
        "y": [_on_axis(kind, value, row, view) for value, row in zip(values, whose, strict=True)],
        "text": [table.shown(kind, value, row, view) for value, row in zip(values, whose, strict=True)],
    }


def _on_axis(kind: Kind, value: Any, row: Row, view: View) -> float | None:
    if value is None:
        return None
    return float(display.major(value, table.currency_of(row, view)) if kind is Kind.MONEY else value)


def _axis(kind: Kind, view: View) -> Drawing:
    prefix = display.prefix(view.currency) if kind is Kind.MONEY and view.currency else ""
    return {"kind": kind.value, "prefix": prefix}


def _period_names(starts: Sequence[datetime], view: View) -> list[str]:
    """Each another: without its year only where all are of one."""
    within_a_year = (view.span.until - view.span.since).days < 365
    return [display.period(start, view.span.by, view.zone, brief=within_a_year) for start in starts]


def _is_empty(drawing: Drawing, values: Sequence[float | None]) -> bool:
    """A rate of 0 says something; no money and no payments are nothing to draw."""
    if drawing["axis"]["kind"] in (Kind.RATE.value, Kind.NUMBER.value):
        return all(value is None for value in values)
    return not any(values)


_DRAWN: Mapping[type[Chart | None], Any] = {
    Periods: _periods,
    Parts: _parts,
    Ranking: _ranking,
}
