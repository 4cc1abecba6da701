"""Churn: each subscription that stopped counting as recurring revenue, and has not come back.

It stops when the last counting status ends: at `ended_at` for a cancellation (never `canceled_at`, which is
the request), before that where it went unpaid, was paused, or has cost nothing since. One that never counted
(an unpaid first invoice, a trial that came to nothing) is no churn, and one that counts again has no row.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ingest.event import Event
from projections.plan_types import main_item, subscription_plan_type
from projections.projection import Plans, Projection, Row
from projections.recurring import COUNTING_STATUSES, UNCOLLECTED, counted_unseen, counts, monthly_amount
from projections.subscription_fields import Subscription
from projections.subscription_versions import Version, versions

VOLUNTARY = {
    "cancellation_requested": True,
    "pause_requested": True,
    "payment_failed": False,
    "payment_disputed": False,
    "canceled_by_retention_policy": False,
    "first_payment_failure": False,
    "final_payment_failure": False,
    "trial_end_without_payment_method": False,
}
"""What Stripe's reasons say. One that is not listed says nothing."""


def fold(events: Sequence[Event], plans: Plans) -> Iterator[Row]:
    history = versions(events)
    stop = _last_stop(history)
    if stop is None:
        return
    paying, stopped = stop
    latest = history[-1].state
    churned_at = _stopped_at(stopped)
    voluntary = _voluntary(paying, stopped.state, latest)
    amount = monthly_amount(paying, churned_at)
    item = main_item(paying, plans)
    yield {
        "subscription_id": latest.id,
        "churned_at": churned_at,
        "requested_at": None if voluntary is False else _requested_at(history),
        "cause": _cause(stopped.state),
        "voluntary": voluntary,
        "reason": latest.cancellation_reason or latest.pause_reason,
        "feedback": latest.cancellation_feedback,
        "comment": latest.cancellation_comment,
        "started_at": latest.started_at,
        "lived": _interval(churned_at - (latest.started_at or latest.created_at)),
        "customer_id": latest.customer_id,
        "user_id": latest.metadata.get("user_id"),
        "plan_type": subscription_plan_type(paying, plans),
        "price_id": item and item.price.id,
        "interval": item and item.price.interval,
        "interval_count": item and item.price.interval_count,
        "currency": amount.currency,
        "monthly_amount": round(amount),
        "monthly_amount_incomplete": amount.incomplete,
        "created_at": latest.created_at,
    }


def _last_stop(history: Sequence[Version]) -> tuple[Subscription, Version] | None:
    """The last state that counted and the version that ended it; None where it never counted, or counts."""
    opening = history[0]
    counted = opening.state if opening.opening and counted_unseen(opening.state) else None
    stop = (counted, opening) if counted else None
    for version in history:
        if counts(version.state, version.valid_from):
            counted, stop = version.state, None
        elif counted and stop is None:
            stop = counted, version
    return stop


def _requested_at(history: Sequence[Version]) -> datetime | None:
    """When the end that stands was asked for: `canceled_at`, or when `cancel_at` was set without it."""
    requested = history[-1].state.canceled_at
    for version in reversed(history):
        if version.opening or not (version.state.cancellation_scheduled or version.state.ended_at):
            break
        if version.state.cancellation_scheduled:
            requested = min(requested or version.valid_from, version.valid_from)
    return requested


def _stopped_at(stopped: Version) -> datetime:
    state = stopped.state
    return state.ended_at if state.status == "canceled" and state.ended_at else stopped.valid_from


def _cause(state: Subscription) -> str:
    """What ended the counting: the status that did, `collection_paused`, or `free`."""
    if state.status not in COUNTING_STATUSES:
        return state.status
    return "collection_paused" if state.collection_pause in UNCOLLECTED else "free"


def _voluntary(paying: Subscription, stopped: Subscription, latest: Subscription) -> bool | None:
    """Whether the customer chose to go: as Stripe's reason says, else as the circumstances do."""
    reason = latest.cancellation_reason if stopped.status == "canceled" else stopped.pause_reason
    if reason is not None:
        return VOLUNTARY.get(reason)
    if stopped.status == "unpaid":
        return False
    if stopped.status != "canceled":
        return None
    # Before reasons were told, in 2023: Stripe's own cancellations follow failed payments, on no schedule.
    if paying.cancellation_scheduled:
        return True
    return False if paying.status == "past_due" else None


def _interval(lived: timedelta) -> str:
    return f"{lived.days} days {lived.seconds} seconds"


PROJECTION = Projection(
    table="churn",
    reads=("subscription",),
    fold=fold,
    owner="subscription_id",
    history=True,
    configured=True,
)
