"""The numbers at the top: one of a figure's columns over the whole range, beside the range before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from projections.dashboard import display, table
from projections.dashboard.figure import Figure, Kind, Row
from projections.dashboard.view import View

FLAT = Decimal("0.0005")
"""A change that is shown as 0.0 % is none."""


@dataclass(frozen=True)
class Tile:
    """`figure` and `column` say what is shown; `more` is whether more of it is better, null if neither is.

    Its value is that of the range as one period, compared with the range before.
    """

    title: str
    figure: str
    column: str
    more: bool | None = True


TILES = (
    Tile("Net revenue", "revenue", "net"),
    Tile("Payments", "success", "payments"),
    Tile("Payment success", "success", "payment_success_rate"),
    Tile("MRR", "mrr", "mrr_end"),
    Tile("Customer churn", "churn", "customer_churn_rate", more=False),
    Tile("Revenue retention, net", "revenue-retention", "net_revenue_retention"),
)


@dataclass(frozen=True)
class Shown:
    """A tile as it is shown. `exact` stands behind the compact `value`; `spark` is the line below it, points
    from 0 to 1; `tone` good, bad or quiet; `again` in how many seconds what took too long is asked again."""

    title: str
    figure: str
    meaning: str
    value: str
    exact: str
    change: str
    tone: str
    spark: Sequence[tuple[float, float]]
    pending: bool
    as_of: int | None
    again: float

    @property
    def known(self) -> bool:
        """Whether there is a value, if perhaps an older one while `pending`."""
        return self.value != display.NOTHING


def shown(
    tile: Tile,
    figure: Figure,
    meaning: str,
    now: Row | None,
    before: Row | None,
    rows: Sequence[Row],
    view: View,
    *,
    pending: bool,
    as_of: int | None,
    again: float,
) -> Shown:
    """`now` and `before` are the range and the one before it, each as one period; `rows` its periods."""
    kind = figure.kind_of(tile.column)
    value = now[tile.column] if now else None
    earlier = before[tile.column] if before else None
    change, better = _change(kind, value, earlier)
    tone = "quiet" if better is None or tile.more is None else "good" if better is tile.more else "bad"
    return Shown(
        title=tile.title,
        figure=figure.name,
        meaning=meaning,
        value=_compact(kind, value, now or {}, view),
        exact=table.shown(kind, value, now or {}, view),
        change=change,
        tone=tone,
        spark=spark([row[tile.column] for row in rows]),
        pending=pending,
        as_of=as_of,
        again=again,
    )


def spark(values: Sequence[Any]) -> list[tuple[float, float]]:
    """Where each value that is known stands between the least and the greatest."""
    known = [(place, float(value)) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return []
    low = min(value for _, value in known)
    height = max(value for _, value in known) - low
    width = len(values) - 1
    return [(place / width, (value - low) / height if height else 0.5) for place, value in known]


def _compact(kind: Kind, value: Any, row: Row, view: View) -> str:
    if kind is Kind.MONEY:
        return display.compact_money(value, table.currency_of(row, view))
    if kind is Kind.COUNT:
        return display.compact_count(value)
    return table.shown(kind, value, row, view)


def _change(kind: Kind, value: Any, earlier: Any) -> tuple[str, bool | None]:
    """In percent, of rates in points; and whether it went up."""
    if value is None or earlier is None or (kind is not Kind.RATE and not earlier):
        return "", None
    difference = Decimal(value) - Decimal(earlier)
    part = difference if kind is Kind.RATE else difference / abs(Decimal(earlier))
    if abs(part) < FLAT:
        return "no change", None
    unit = " points" if kind is Kind.RATE else "%"
    return f"{'+' if part > 0 else display.MINUS}{abs(part) * 100:,.1f}{unit}", part > 0
