"""Subscription versions: every state that each subscription went through, and what it counted for in it.

A version holds from `valid_from` until `valid_to`, which it leaves out. One of no length was never current,
and is kept: several changes within one second are several versions. `mrr` has the spans of time in which the
version counted as recurring revenue, each of one exact monthly amount: a repeating discount that ends in the
middle, by itself, makes two of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from ingest.event import Event
from projections.counting import Stand, stands
from projections.plan_types import main_item, subscription_plan_type
from projections.projection import Plans, Projection, Row
from projections.recurring import (
    COUNTING_STATUSES,
    MonthlyAmount,
    counted_unseen,
    discount_ends,
    monthly_amount,
)
from projections.revenue_rules import Rules
from projections.subscription_versions import Version, versions

HAVE_COUNTED = COUNTING_STATUSES | {"unpaid"}
"""Statuses of what counts, or did so before: its collection was paused, or its payments failed."""


def fold(events: Sequence[Event], plans: Plans, rules: Rules) -> Iterator[Row]:
    history = versions(events)
    end = next((version for version in history if version.state.status == "canceled"), None)
    found = history[0].opening and history[0].state.status in HAVE_COUNTED
    for number, (stand, following) in enumerate(pairwise([*stands(history, rules), None])):
        assert stand
        version, state = stand.version, stand.version.state
        item = main_item(state, plans)
        amount = monthly_amount(state, version.valid_from, rules=rules)
        counted = _counted(stand, version is end, amount, rules)
        # What was found counting had paid, as far as is known.
        awaits = rules.trial == "first_payment" and state.trial_end is not None and not found
        yield {
            "subscription_id": state.id,
            "number": number,
            "event_id": version.event.id,
            "event_type": version.event.type,
            "valid_from": version.valid_from,
            "valid_to": following and following.version.valid_from,
            "opening": version.opening,
            # A subscription always has a customer; one that names none is one by itself.
            "customer_id": state.customer_id or state.id,
            "user_id": state.metadata.get("user_id"),
            "origin": state.metadata.get("source"),
            "status": state.status,
            "collection_pause": state.collection_pause,
            "cancellation_scheduled": state.cancellation_scheduled,
            "cancel_at": state.cancel_at,
            "trial_end": state.trial_end,
            "current_period_start": state.current_period_start,
            "current_period_end": state.current_period_end,
            "ended_at": state.ended_at,
            "plan_type": subscription_plan_type(state, plans),
            "price_id": item and item.price.id,
            "interval": item and item.price.interval,
            "interval_count": item and item.price.interval_count,
            "quantity": item and item.quantity,
            "currency": amount.currency,
            "counts": stand.counts and not amount.free,
            "monthly_amount": round(amount),
            "monthly_amount_incomplete": amount.incomplete,
            "missing": sorted(amount.missing),
            "mrr": [
                {**span, "awaits_payment": awaits and not span["opening"]}
                for span in (_spans(version, counted, rules) if counted else ())
            ],
            "created_at": state.created_at,
            # Not the newest event's: what has been does not change, and so is not written again.
            "source": version.event.source,
            "updated_at": version.event.created_at,
        }


class Counted(NamedTuple):
    """From when until when a version counted, what ended that, and for how much it counted at first."""

    since: datetime
    until: datetime | None
    ended_by: str | None
    amount: MonthlyAmount


def _counted(stand: Stand, is_end: bool, amount: MonthlyAmount, rules: Rules) -> Counted | None:
    """None where it did not count."""
    version, until, ended_by = stand.version, stand.until, stand.ended_by
    state, since = version.state, version.valid_from
    counts = counted_unseen(state, rules) if is_end else stand.counts
    if version.opening:
        if counts:
            return Counted(since if until is None else min(since, until), until, ended_by, amount)
        if state.status in HAVE_COUNTED:
            # It opens with nothing, so that its return is not called new.
            nothing = replace(amount, exact=Fraction(0), missing=frozenset(), parts=None)
            return Counted(since, since, version.event.id, nothing)
        return None
    if not counts or is_end or (until is not None and until <= since):
        return None
    return Counted(since, until, ended_by, amount)


def _spans(version: Version, counted: Counted, rules: Rules) -> Iterator[Row]:
    """Spans of one amount: it changes where a discount ends."""
    since, until, ended_by, amount = counted
    ends = discount_ends(version.state, since)
    cuts = {end.at: f"discount_end:{end.name}" for end in ends if until is None or end.at < until}
    starts = [(since, version.event.id), *cuts.items()]
    for place, (start, cause) in enumerate(starts, 1):
        stop, stopped_by = starts[place] if place < len(starts) else (until, ended_by)
        if start != version.valid_from:
            amount = monthly_amount(version.state, start, rules=rules)
        yield {
            "since": start,
            "until": stop,
            "amount": str(amount.exact),
            "incomplete": amount.incomplete,
            "parts": _parts(amount),
            "opening": version.opening and start == since,
            "cause": cause,
            "ended_by": stopped_by,
        }


def _parts(amount: MonthlyAmount) -> list[Row] | None:
    """What a discount of its customer's comes off, by product and billing period; None where it does not."""
    if amount.parts is None:
        return None
    sums: defaultdict[tuple[str | None, Fraction], Fraction] = defaultdict(Fraction)
    for part in amount.parts:
        sums[part.product_id, part.months] += part.amount
    return [
        {"product": product, "months": str(months), "amount": str(monthly)}
        for (product, months), monthly in sums.items()
    ]


PROJECTION = Projection(
    table="subscription_versions",
    reads=("subscription",),
    fold=fold,
    owner="subscription_id",
    key=("number",),
    history=True,
    configured=True,
    ruled=True,
)
