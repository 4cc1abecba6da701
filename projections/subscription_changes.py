"""What happened to each subscription, for people: one row a change, with the plan before and after.

A change is told by comparing one version with the next, so two events of one fact make one row. A
subscription whose creation was not seen has that row too, at its own `created`, but none for whatever came
between that and its first event.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from ingest.event import Event
from projections.plan_types import PLAN_TYPES, main_item, price_plan_type, subscription_plan_type
from projections.projection import Plans, Projection, Row
from projections.recurring import list_amount, monthly_amount
from projections.revenue_rules import Rules
from projections.subscription_fields import Item, Subscription
from projections.subscription_versions import Version, versions

ENDED = frozenset({"canceled", "incomplete_expired"})

STATUS_KINDS = {
    "trialing": ("trial_started",),
    "canceled": ("cancelled",),
    "incomplete_expired": ("expired",),
    "incomplete": (),
}
"""What reaching a status is called, where that is not the status' own name."""


class Change(NamedTuple):
    """One change; `before` is None where there was nothing or it is not known, `after` where that is not."""

    event_type: str
    event: Event
    created_at: datetime
    before: Subscription | None
    after: Subscription | None


def fold(events: Sequence[Event], plans: Plans, rules: Rules) -> Iterator[Row]:
    history = versions(events)
    latest = history[-1].state
    for change in _changes(history, plans):
        shown = change.after or latest
        yield {
            "subscription_id": latest.id,
            "event_id": change.event.id,
            "event_type": change.event_type,
            "created_at": change.created_at,
            "status": change.after and change.after.status,
            "customer_id": shown.customer_id,
            "user_id": shown.metadata.get("user_id"),
            "currency": shown.currency,
            **_terms(change.before, change.created_at, plans, rules, "before"),
            **_terms(change.after, change.created_at, plans, rules, "after"),
            # Not the newest event's: what has been does not change, and so is not written again.
            "source": change.event.source,
            "updated_at": change.event.created_at,
        }


def _terms(state: Subscription | None, at: datetime, plans: Plans, rules: Rules, side: str) -> Row:
    """The columns that tell of one side of a change."""
    if state is None:
        return {}
    item = main_item(state, plans)
    amount = monthly_amount(state, at, rules=rules)
    return {
        f"plan_type_{side}": subscription_plan_type(state, plans),
        f"price_id_{side}": item and item.price.id,
        f"quantity_{side}": item and item.quantity,
        f"monthly_amount_{side}": None if amount.incomplete else round(amount),
    }


def _changes(history: Sequence[Version], plans: Plans) -> Iterator[Change]:
    """All changes, in order. A cancellation counts once, at the instant when it took effect."""
    first = history[0]
    state = first.state
    if first.opening:
        yield Change("created", first.event, state.created_at, None, None)
        if state.status == "canceled":
            yield Change("cancelled", first.event, state.ended_at or first.valid_from, None, state)
    else:
        for kind in _kinds(None, state, plans):
            yield Change(kind, first.event, state.created_at, None, state)
    for before, after in pairwise(history):
        for kind in _kinds(before.state, after.state, plans):
            ended_at = after.state.ended_at if kind == "cancelled" else None
            yield Change(kind, after.event, ended_at or after.valid_from, before.state, after.state)


def _kinds(before: Subscription | None, after: Subscription, plans: Plans) -> list[str]:
    """What happened between two states, each kind once; `before` is None where it came to be."""
    kinds = [] if before else ["created"]
    kinds += _status_kinds(before.status if before else None, after.status)
    if after.status not in ENDED:
        kinds += _toggle_kinds(before, after)
        kinds += _plan_kinds(before, after, plans) if before else ()
    return list(dict.fromkeys(kinds))


def _status_kinds(before: str | None, after: str) -> Iterator[str]:
    if before == after:
        return
    if before == "trialing":
        yield "trial_ended"
    if before == "paused" and after not in ENDED:
        yield "resumed"
    if after != "active":
        yield from STATUS_KINDS.get(after, (after,))
    elif before in ("past_due", "unpaid"):
        yield "recovered"
    elif before != "paused":
        yield "activated"


def _toggle_kinds(before: Subscription | None, after: Subscription) -> Iterator[str]:
    if after.cancellation_scheduled != bool(before and before.cancellation_scheduled):
        yield "cancel_scheduled" if after.cancellation_scheduled else "cancel_reverted"
    if bool(after.collection_pause) != bool(before and before.collection_pause):
        yield "paused" if after.collection_pause else "resumed"


def _plan_kinds(before: Subscription, after: Subscription, plans: Plans) -> Iterator[str]:
    if len(before.items) != len(after.items):
        yield "items_changed"
    elif Counter(item.price.id for item in before.items) != Counter(item.price.id for item in after.items):
        yield _plan_kind(before, after, plans)
    elif Counter(map(_quantity, before.items)) != Counter(map(_quantity, after.items)):
        yield "quantity_changed"


def _plan_kind(before: Subscription, after: Subscription, plans: Plans) -> str:
    """What a change of prices is: another interval of the same plan, a greater or lesser plan, or neither."""
    old, new = main_item(before, plans), main_item(after, plans)
    if old and new:
        was, is_now = price_plan_type(old.price, plans), price_plan_type(new.price, plans)
        same = was == is_now if was and is_now else old.price.product_id == new.price.product_id is not None
        if same and _interval(old) != _interval(new):
            return "interval_changed"
        if was != is_now and was in PLAN_TYPES and is_now in PLAN_TYPES:
            return "upgraded" if PLAN_TYPES.index(is_now) > PLAN_TYPES.index(was) else "downgraded"
    paid, pays = list_amount(before), list_amount(after)
    if paid.incomplete or pays.incomplete or paid.currency != pays.currency or paid.exact == pays.exact:
        return "plan_changed"
    return "upgraded" if pays.exact > paid.exact else "downgraded"


def _interval(item: Item) -> tuple[str | None, int | None]:
    return item.price.interval, item.price.interval_count


def _quantity(item: Item) -> tuple[str, int | None]:
    return item.price.id, item.quantity


PROJECTION = Projection(
    table="subscription_changes",
    reads=("subscription",),
    fold=fold,
    owner="subscription_id",
    key=("event_id", "event_type"),
    history=True,
    configured=True,
    ruled=True,
)
