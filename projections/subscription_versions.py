"""The versions of a subscription: the states it went through, each with the instant from which it was so.

An observation that tells the state of the version before it is no version: what it expands, that version has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from ingest.event import Event
from projections.causality import CREATED, deferred, observed, prefix, undone
from projections.resolution import Told
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
    """The versions that `events`, all of one subscription's in causal order, tell of.

    Their states have what any of the events tells of discounts, coupons and tiers that others only name.
    """
    events = deferred(events)
    told = Told()
    found: list[Version] = []
    for version in _states(events):
        told.learn(version.state)
        told.look_beside(version.event)
        last = found[-1] if found else None
        if last is None:
            found.append(version)
        elif observed(version.event) and version.state.tells_the_state_of(last.state):
            state = replace(version.state, inherited=last.state.inherited)
            found[-1] = last._replace(state=state)
        else:
            found.append(version._replace(valid_from=max(last.valid_from, version.valid_from)))
    return [version._replace(state=told.fill(version.state)) for version in found]


def _states(events: Sequence[Event]) -> Iterator[Version]:
    """Each event's state from its `created` on, and the one before them where it tells an unknown past."""
    first = events[0]
    unseen = prefix(first).phase != CREATED
    if unseen and first.previous_attributes:
        before = Subscription.read(undone(first.object, first.previous_attributes))
        yield Version(first, first.created_at, before, opening=True)
        unseen = False
    for event in events:
        yield Version(event, event.created_at, subscription_of(event), opening=unseen)
        unseen = False
