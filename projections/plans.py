"""Plans, what Stripe had before prices: one row each, beside `prices`, which says why."""

from collections.abc import Iterator

from ingest.event import Event
from projections.prices import price_row
from projections.projection import Plans, Projection, Row


def fold(event: Event, plans: Plans) -> Iterator[Row]:
    yield price_row(event, plans)


PROJECTION = Projection(table="plans", reads=("plan",), fold=fold, configured=True)
