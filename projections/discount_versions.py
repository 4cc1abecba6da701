"""Discount versions: what a customer's discounts took off, and when, as the discounts' own events tell it.

Those of a subscription, an item or an invoice come with their owner, and have no rows here. A customer has
one discount at most: `customer_discounts` puts together what several objects tell.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from ingest.event import Event
from projections.billing_fields import Discount
from projections.causality import CREATED, DELETED, observed, prefix, undone
from projections.discount_columns import columns
from projections.fields import Object, customer_of, instant
from projections.projection import Projection, Row

OWNERS = ("subscription", "subscription_item", "invoice", "invoice_item", "checkout_session")
"""What else than a customer may have a discount. A customer is named in every case."""


class State(NamedTuple):
    """What an event tells of a discount, and from when on; None once it is deleted."""

    event: Event
    since: datetime
    discount: Discount | None


def fold(events: Sequence[Event]) -> Iterator[Row]:
    newest = events[-1].object
    customer_id = customer_of(newest)
    if customer_id is None or any(newest.get(owner) is not None for owner in OWNERS):
        return
    states = _states(events)
    for number, (state, following) in enumerate(zip(states, [*states[1:], None], strict=True)):
        if state.discount is None:
            continue
        yield {
            "number": number,
            "customer_id": customer_id,
            "event_id": state.event.id,
            "valid_from": state.since,
            "valid_to": following and following.since,
            "ended_by": following and following.event.id,
            **columns(state.discount),
            "source": state.event.source,
            "updated_at": state.event.created_at,
        }


def _states(events: Sequence[Event]) -> list[State]:
    """The states that differ, each with the first event that tells it; `since` never goes back."""
    found: list[State] = []
    for state in _told(events):
        last = found[-1] if found else None
        if last is None:
            found.append(state)
        elif state.discount and last.discount and continued(last.discount, state.discount):
            # One of them may bring the coupon along that the other only names.
            told_by = state.event if observed(last.event) else last.event
            found[-1] = State(told_by, last.since, richer(last.discount, state.discount))
        else:
            found.append(state._replace(since=max(last.since, state.since)))
    return found


def _told(events: Sequence[Event]) -> Iterator[State]:
    """Each event's state, and the one before the first of them where that tells it."""
    first = events[0]
    phase = prefix(first).phase
    changed = phase != CREATED and bool(first.previous_attributes)
    if phase == DELETED or changed:  # a deletion shows what stood until then
        yield _begin(first, undone(first.object, first.previous_attributes))
    for event in events:
        if prefix(event).phase == DELETED:
            yield State(event, event.created_at, None)
        elif event is first and not changed:
            yield _begin(event, event.object)
        else:
            yield State(event, event.created_at, Discount.read(event.object))


def _begin(event: Event, told: Object) -> State:
    """A state of which no event told before: it may be older than the event."""
    start = instant(told, "start")
    return State(event, min(start or event.created_at, event.created_at), Discount.read(told))


def continued(one: Discount, other: Discount) -> bool:
    """Whether they are one discount with one coupon and one end."""
    return (one.name, one.coupon_id, one.ends_at) == (other.name, other.coupon_id, other.ends_at)


def richer(one: Discount, other: Discount) -> Discount:
    """Of two tellings of one discount the one that knows the coupon; of two that do, the later one."""
    return other if other.coupon is not None else one


PROJECTION = Projection(
    table="discount_versions",
    reads=("discount",),
    fold=fold,
    owner="discount_id",
    key=("number",),
    history=True,
)
