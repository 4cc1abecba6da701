"""Refunds: one row each, as Stripe last described it."""

from collections.abc import Iterator

from ingest.event import Event
from projections.payment_fields import refund_row
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    yield refund_row(event.object)


PROJECTION = Projection(table="refunds", reads=("refund",), fold=fold)
