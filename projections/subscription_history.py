"""Subscription versions: every state that each subscription went through, and what it counted for in it.

A version holds from `valid_from` until `valid_to`, which it leaves out. One of no length was never current,
and is kept: several changes within one second are several versions. `mrr` has the spans of time in which the
version counted as recurring revenue, each of one exact monthly amount: a repeating discount that ends in the
middle, by itself, makes two of them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.event import Event
from projections.plan_types import main_item, subscription_plan_type
from projections.projection import Plans, Projection, Row
from projections.recurring import (
    MonthlyAmount,
    collected,
    counted_unseen,
    discount_ends,
    monthly_amount,
)
from projections.subscription_versions import Version, versions


def fold(events: Sequence[Event], plans: Plans) -> Iterator[Row]:
    history = versions(events)
    end = next((version for version in history if version.state.status == "canceled"), None)
    for number, (version, following) in enumerate(pairwise([*history, None])):
        assert version
        state, item = version.state, main_item(version.state, plans)
        amount = monthly_amount(state, version.valid_from)
        yield {
            "subscription_id": state.id,
            "number": number,
            "event_id": version.event.id,
            "event_type": version.event.type,
            "valid_from": version.valid_from,
            "valid_to": following and following.valid_from,
            "opening": version.opening,
            # A subscription always has a customer; one that names none is one by itself.
            "customer_id": state.customer_id or state.id,
            "status": state.status,
            "collection_pause": state.collection_pause,
            "cancellation_scheduled": state.cancellation_scheduled,
            "cancel_at": state.cancel_at,
            "trial_end": state.trial_end,
            "ended_at": state.ended_at,
            "plan_type": subscription_plan_type(state, plans),
            "price_id": item and item.price.id,
            "interval": item and item.price.interval,
            "interval_count": item and item.price.interval_count,
            "quantity": item and item.quantity,
            "currency": amount.currency,
            "counts": collected(state) and not amount.free,
            "monthly_amount": round(amount),
            "monthly_amount_incomplete": amount.incomplete,
            "mrr": list(_spans(version, following, end, amount)),
            "created_at": state.created_at,
            # Not the newest event's: what has been does not change, and so is not written again.
            "source": version.event.source,
            "updated_at": version.event.created_at,
        }


def _spans(
    version: Version, following: Version | None, end: Version | None, amount: MonthlyAmount
) -> Iterator[Row]:
    """When it counted, and for how much, as a fraction. A cancellation ends that at `ended_at`."""
    state, since = version.state, version.valid_from
    until, ended_by = (following.valid_from, following.event.id) if following else (None, None)
    ended_at = (end.state.ended_at or end.valid_from) if end else None
    if end and ended_at and (until is None or ended_at < until or following is end):
        until, ended_by = ended_at, end.event.id
    if version is end:
        if not (version.opening and counted_unseen(state)):
            return
    elif not collected(state):
        return
    if version.opening and until is not None:
        since = min(since, until)
    elif until is not None and until <= since:
        return
    # Cut where a discount ends.
    ends = {end.at: end.name for end in discount_ends(state, since) if until is None or end.at < until}
    starts = [(since, version.event.id), *((at, f"discount_end:{name}") for at, name in ends.items())]
    for place, (start, cause) in enumerate(starts, 1):
        stop, stopped_by = starts[place] if place < len(starts) else (until, ended_by)
        if start != version.valid_from:
            amount = monthly_amount(state, start)
        yield {
            "since": start,
            "until": stop,
            "amount": str(amount.exact),
            "incomplete": amount.incomplete,
            "opening": version.opening and start == since,
            "cause": cause,
            "ended_by": stopped_by,
        }


PROJECTION = Projection(
    table="subscription_versions",
    reads=("subscription",),
    fold=fold,
    owner="subscription_id",
    key=("number",),
    history=True,
    configured=True,
)
