"""Products: one row each, as Stripe last described it; a deleted one stays, and says so."""

from collections.abc import Iterator

from ingest.event import Event
from projections.fields import instant, metadata, optional, required
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    product = event.object
    yield {
        "id": required(product, "id", str),
        "name": optional(product, "name", str),
        "description": optional(product, "description", str),
        "active": optional(product, "active", bool),
        "deleted": event.type == "product.deleted",
        "metadata": metadata(product),
        "created_at": instant(product, "created"),
    }


PROJECTION = Projection(table="products", reads=("product",), fold=fold)
