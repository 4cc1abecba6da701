"""Shown discounts: what a customer's own events show of its discount, each time that this changes.

Customers bring it along in API versions before 2025-03-31.basil, and where somebody asks to expand it. An
event that shows none, and does not say that one is gone, tells nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from ingest.event import Event
from projections.billing_fields import Discount
from projections.causality import CREATED, DELETED, prefix, undone
from projections.discount_columns import columns
from projections.discount_versions import continued, richer
from projections.fields import Object, instant
from projections.projection import Projection, Row


class Shown(NamedTuple):
    """What an event shows, and from when on; None where none is left."""

    event: Event
    since: datetime
    discount: Discount | None


def concerns(event: Event) -> bool:
    """Whether it shows a discount, or that one is gone."""
    told = bool(event.object.get("discount")) or "discount" in event.previous_attributes
    return told and prefix(event).phase != DELETED


def fold(events: Sequence[Event]) -> Iterator[Row]:
    for number, shown in enumerate(_changes(events)):
        yield {
            "number": number,
            "event_id": shown.event.id,
            "shown_from": shown.since,
            **columns(shown.discount or Discount()),
            "source": shown.event.source,
            "updated_at": shown.event.created_at,
        }


def _changes(events: Sequence[Event]) -> list[Shown]:
    found: list[Shown] = []
    for shown in _shown(events):
        last = found[-1] if found else None
        if last is None:
            found.append(shown)
        elif last.discount and shown.discount and continued(last.discount, shown.discount):
            found[-1] = last._replace(discount=richer(last.discount, shown.discount))
        elif last.discount or shown.discount:
            found.append(shown._replace(since=max(last.since, shown.since)))
    return found


def _shown(events: Sequence[Event]) -> Iterator[Shown]:
    first = events[0]
    unseen = prefix(first).phase != CREATED
    if unseen and "discount" in first.previous_attributes:
        before = undone(first.object, first.previous_attributes)
        if before.get("discount"):
            yield _begin(first, before)
        unseen = False
    for event in events:
        if event is first and unseen:
            yield _begin(event, event.object)
        else:
            yield Shown(event, event.created_at, _discount(event.object))


def _begin(event: Event, customer: Object) -> Shown:
    """What is shown first stood since its own start."""
    told = customer["discount"]
    start = instant(told, "start") if isinstance(told, dict) else None
    return Shown(event, min(start or event.created_at, event.created_at), _discount(customer))


def _discount(customer: Object) -> Discount | None:
    told = customer.get("discount")
    if told is None:
        return None
    if not isinstance(told, dict | str):
        raise TypeError(f"'discount' is a {type(told).__name__}, expected an object or its id")
    return Discount.read(told)


PROJECTION = Projection(
    table="shown_discounts",
    reads=("customer",),
    fold=fold,
    owner="customer_id",
    key=("number",),
    history=True,
    concerns=concerns,
)
