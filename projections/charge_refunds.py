"""Refunds inside charges, as the newest event of each charge lists them, until 2022-11-15.

A refund is also an object of its own, with events of its own, and which event is the newer is known only
within one object: so each has its table, and the view `all_refunds` puts them together.
"""

from collections.abc import Iterator

from ingest.event import Event
from projections.payment_fields import embedded_refunds, refund_row
from projections.projection import Projection, Row


def fold(event: Event) -> Iterator[Row]:
    for refund in embedded_refunds(event.object):
        yield refund_row(refund)


PROJECTION = Projection(table="charge_refunds", reads=("charge",), fold=fold, owner="charge_id", key=("id",))
