"""Prices: one row each, as Stripe last described it; a deleted one stays, and says so.

A recurring price is also a `plan` with the same id, and Stripe tells of both, in events of their own. They
are two objects, and which event is the newer is known only within one: so each has its table, and the view
`price_list` puts them together.
"""

from collections.abc import Iterator

from ingest.event import Event
from projections.billing_fields import Price
from projections.fields import instant, optional, required
from projections.plan_types import price_plan_type
from projections.projection import Plans, Projection, Row


def fold(event: Event, plans: Plans) -> Iterator[Row]:
    yield price_row(event, plans)


def price_row(event: Event, plans: Plans) -> Row:
    """The row of a price or a plan."""
    source = event.object
    if optional(source, "deleted", bool):  # a stub that has its id and nothing else
        return {"id": required(source, "id", str), "deleted": True}
    price = Price.read(source)
    return {
        "id": price.id,
        **price.terms(),
        "type": price.type,
        "nickname": optional(source, "nickname", str),
        "lookup_key": optional(source, "lookup_key", str),
        "active": optional(source, "active", bool),
        "deleted": event.type.endswith(".deleted"),
        "plan_type": price_plan_type(price, plans),
        "metadata": price.metadata,
        "created_at": instant(source, "created"),
    }


PROJECTION = Projection(table="prices", reads=("price",), fold=fold, configured=True)
