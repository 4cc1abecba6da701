"""Subscription items: what a subscription consists of, as its newest event lists them."""

from collections.abc import Iterator

from ingest.event import Event
from projections.plan_types import price_plan_type
from projections.projection import Plans, Projection, Row
from projections.subscription_fields import subscription_of


def fold(event: Event, plans: Plans) -> Iterator[Row]:
    subscription = subscription_of(event)
    for item in subscription.items:
        yield {
            "subscription_id": subscription.id,
            "id": item.id,
            "price_id": item.price.id,
            **item.price.terms(),
            "plan_type": price_plan_type(item.price, plans),
            "quantity": item.quantity,
            "discounts": [discount.name for discount in item.discounts],
            "current_period_start": item.current_period_start,
            "current_period_end": item.current_period_end,
            "metadata": item.metadata,
            "created_at": item.created_at,
        }


PROJECTION = Projection(
    table="subscription_items",
    reads=("subscription",),
    fold=fold,
    owner="subscription_id",
    key=("id",),
    configured=True,
)
