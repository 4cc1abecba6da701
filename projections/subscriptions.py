"""Subscriptions: one row each, as Stripe last described it. A canceled one lives on in its row."""

from collections.abc import Iterator

from ingest.event import Event
from projections.plan_types import subscription_plan_type
from projections.projection import Plans, Projection, Row
from projections.subscription_fields import subscription_of


def fold(event: Event, plans: Plans) -> Iterator[Row]:
    subscription = subscription_of(event)
    yield {
        "id": subscription.id,
        "status": subscription.status,
        "customer_id": subscription.customer_id,
        "user_id": subscription.metadata.get("user_id"),
        "plan_type": subscription_plan_type(subscription, plans),
        "origin": subscription.metadata.get("source"),
        "currency": subscription.currency,
        "current_period_start": subscription.current_period_start,
        "current_period_end": subscription.current_period_end,
        "started_at": subscription.started_at,
        "trial_start": subscription.trial_start,
        "trial_end": subscription.trial_end,
        "cancel_at": subscription.cancel_at,
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "canceled_at": subscription.canceled_at,
        "ended_at": subscription.ended_at,
        "cancellation_reason": subscription.cancellation_reason,
        "cancellation_feedback": subscription.cancellation_feedback,
        "cancellation_comment": subscription.cancellation_comment,
        "collection_pause": subscription.collection_pause,
        "collection_resumes_at": subscription.collection_resumes_at,
        "pause_reason": subscription.pause_reason,
        "collection_method": subscription.collection_method,
        "default_payment_method_id": subscription.default_payment_method_id,
        "latest_invoice_id": subscription.latest_invoice_id,
        "discounts": [discount.name for discount in subscription.discounts],
        "items_complete": subscription.items_complete,
        "metadata": subscription.metadata,
        "created_at": subscription.created_at,
    }


PROJECTION = Projection(table="subscriptions", reads=("subscription",), fold=fold, configured=True)
