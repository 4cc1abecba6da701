"""The versions of a subscription: the states it went through, each with the instant from which it was so."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from ingest.event import Event
from projections.causality import CREATED, prefix, undone
from projections.subscription_fields import Subscription, subscription_of


class Version(NamedTuple):
    """A state and the event that brought it.

    `valid_from` never goes back: it is the latest `created` so far in causal order. `opening` marks the
    state that the subscription was in when its events set in, with an unknown past: its creation was not
    seen. It is the state before the first event where that tells it, else the first event's own.
    """

    event: Event
    valid_from: datetime
    state: Subscription
    opening: bool = False


def versions(events: Sequence[Event]) -> list[Version]:
    """The versions that `events`, all of one subscription's in causal order, tell of."""
    return list(_versions(events))


def _versions(events: Sequence[Event]) -> Iterator[Version]:
    first, valid_from = events[0], events[0].created_at
    unseen = prefix(first).phase != CREATED
    if unseen and first.previous_attributes:
        before = Subscription.read(undone(first.object, first.previous_attributes))
        yield Version(first, valid_from, before, opening=True)
        unseen = False
    for event in events:
        valid_from = max(valid_from, event.created_at)
        yield Version(event, valid_from, subscription_of(event), opening=unseen)
        unseen = False
