"""Stopped subscriptions: those that stopped counting as recurring revenue, by their own events, for good.

It stops when the last counting status ends: at `ended_at` for a cancellation (never `canceled_at`, which is
the request), before that where it went unpaid, was paused, or has cost nothing since; or as the configured
rules have it. One that never counted (an unpaid first invoice, a trial that came to nothing) is no churn, and
one that counts again has no row. The view `churn` adds what other objects tell: a discount of its customer's,
and payments.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ingest.event import Event
from projections.counting import Stand, stands
from projections.plan_types import main_item, subscription_plan_type
from projections.projection import Plans, Projection, Row
from projections.recurring import COUNTING_STATUSES, UNCOLLECTED, counted_unseen, monthly_amount
from projections.revenue_rules import Rules
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


class Stop(NamedTuple):
    """The last state that counted, the version that ended that or outlasted it, when, and why."""

    paying: Subscription
    version: Version
    at: datetime
    cause: str


def fold(events: Sequence[Event], plans: Plans, rules: Rules) -> Iterator[Row]:
    history = versions(events)
    stop = _last_stop(history, rules)
    if stop is None:
        return
    paying, churned_at = stop.paying, stop.at
    latest = history[-1].state
    voluntary = _voluntary(stop, latest)
    amount = monthly_amount(paying, churned_at, rules=rules)
    item = main_item(paying, plans)
    yield {
        "subscription_id": latest.id,
        "churned_at": churned_at,
        "requested_at": None if voluntary is False else _requested_at(history),
        "cause": stop.cause,
        "voluntary": voluntary,
        "reason": latest.cancellation_reason or latest.pause_reason,
        "feedback": latest.cancellation_feedback,
        "comment": latest.cancellation_comment,
        "started_at": latest.started_at,
        "lived": _interval(churned_at - (latest.started_at or latest.created_at)),
        "customer_id": paying.customer_id,
        "user_id": latest.metadata.get("user_id"),
        "plan_type": subscription_plan_type(paying, plans),
        "price_id": item and item.price.id,
        "interval": item and item.price.interval,
        "interval_count": item and item.price.interval_count,
        "currency": amount.currency,
        "monthly_amount": round(amount),
        "monthly_amount_incomplete": amount.incomplete,
        "awaits_payment": rules.trial == "first_payment" and paying.trial_end is not None,
        "created_at": latest.created_at,
    }


def _last_stop(history: Sequence[Version], rules: Rules) -> Stop | None:
    """The end of its last counting; None where it never counted, or counts for as long as is known."""
    opening = history[0]
    counted = opening.state if opening.opening and counted_unseen(opening.state, rules) else None
    stop = Stop(counted, opening, _stopped_at(opening), counted.status) if counted else None
    for stand in stands(history, rules):
        version, state = stand.version, stand.version.state
        if stand.counts and not monthly_amount(state, version.valid_from, rules=rules).free:
            counted = state
            over = stand.until if stand.ended_by_itself else None
            stop = Stop(state, version, over, "past_due") if over else None
        elif counted and stop is None:
            stop = Stop(counted, version, _stopped_at(version), _cause(stand))
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


def _cause(stand: Stand) -> str:
    """What ended the counting: the status that did, or what else stands in the way of it."""
    state = stand.version.state
    if state.status not in COUNTING_STATUSES:
        return state.status
    if state.collection_pause in UNCOLLECTED:
        return "collection_paused"
    if stand.requested:
        return "cancellation_requested"
    return "free" if stand.counts else "past_due"


def _voluntary(stop: Stop, latest: Subscription) -> bool | None:
    """Whether the customer chose to go: as Stripe's reason says, else as the circumstances do."""
    paying, stopped = stop.paying, stop.version.state
    if stop.cause == "past_due":
        return False
    asked = stop.cause in ("canceled", "cancellation_requested")
    reason = latest.cancellation_reason if asked else stopped.pause_reason
    if reason is not None:
        return VOLUNTARY.get(reason)
    if stopped.status == "unpaid":
        return False
    if not asked:
        return None
    # Before reasons were told, in 2023: Stripe's own cancellations follow failed payments, on no schedule.
    if paying.cancellation_scheduled or stop.cause == "cancellation_requested":
        return True
    return False if paying.status == "past_due" else None


def _interval(lived: timedelta) -> str:
    return f"{lived.days} days {lived.seconds} seconds"


PROJECTION = Projection(
    table="stopped_subscriptions",
    reads=("subscription",),
    fold=fold,
    owner="subscription_id",
    history=True,
    configured=True,
    ruled=True,
)
