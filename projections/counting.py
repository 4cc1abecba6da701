"""Counting: from when until when a subscription counted as recurring revenue in each of its versions.

It does so while its status does and nobody gave up the money. The configured rules may end it before: once
it was past due for so many days, or when its cancellation is asked for.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from projections.recurring import collected
from projections.revenue_rules import Rules
from projections.subscription_fields import Subscription
from projections.subscription_versions import Version


class Stand(NamedTuple):
    """A version, and what follows from the others and the rules for it.

    `counts` says whether it does at `valid_from`, be it free or not; `until` when that ends, which leaves it
    out, and `ended_by` what ends it. `requested` where it does not as its cancellation was asked for.
    """

    version: Version
    counts: bool
    until: datetime | None
    ended_by: str | None
    requested: bool = False

    @property
    def ended_by_itself(self) -> bool:
        """Whether no event ended it, but time."""
        return self.ended_by == _past_due_end(self.version.state)


def stands(history: Sequence[Version], rules: Rules) -> Iterator[Stand]:
    """What each version of a subscription counts, in order.

    A cancellation ends it at `ended_at`, whenever that is told.
    """
    end = next((version for version in history if version.state.status == "canceled"), None)
    ended_at = (end.state.ended_at or end.valid_from) if end else None
    past_due_since, unscheduled = None, False
    for version, following in pairwise([*history, None]):
        assert version
        state = version.state
        until, ended_by = (following.valid_from, following.event.id) if following else (None, None)
        if end and ended_at and (until is None or ended_at < until or following is end):
            until, ended_by = ended_at, end.event.id
        unscheduled = unscheduled or not state.cancellation_scheduled
        requested = rules.churn_at == "request" and _asked_for(state, unscheduled)
        past_due_since = (past_due_since or version.valid_from) if state.status == "past_due" else None
        counts = collected(state) and not requested
        if past_due_since and rules.past_due_days is not None:
            due = past_due_since + timedelta(days=rules.past_due_days)
            counts = counts and version.valid_from < due
            if until is None or due < until:
                until, ended_by = due, _past_due_end(state)
        yield Stand(version, counts, until, ended_by, requested)


def _asked_for(state: Subscription, unscheduled: bool) -> bool:
    """Whether its end was set after it began. What is made for a fixed term is not canceled by that."""
    asked_at = state.canceled_at
    return state.cancellation_scheduled and (
        unscheduled or (asked_at is not None and asked_at > state.created_at)
    )


def _past_due_end(state: Subscription) -> str:
    return f"past_due_end:{state.id}"
