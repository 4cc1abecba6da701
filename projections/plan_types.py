"""Plans: what a price stands for, as basic, pro or enterprise.

The price decides, since a plan that is changed in Stripe's customer portal leaves the subscription's metadata
as they were: first the price's own `plan_type`, then the configured plans, and only then those metadata.
"""

from projections.billing_fields import Price
from projections.projection import Plans
from projections.subscription_fields import Item, Subscription

PLAN_TYPES = ("basic", "pro", "enterprise")
"""From the least to the most."""


def price_plan_type(price: Price, plans: Plans) -> str | None:
    """The plan that the price itself stands for; None where nothing says so."""
    return price.metadata.get("plan_type") or plan_type_of_id(price.id, plans)


def plan_type_of_id(price_id: str | None, plans: Plans) -> str | None:
    """The configured plan of a price that is known by its id alone."""
    plan = plans.get(price_id) if price_id else None
    return plan.plan_type if plan else None


def main_item(subscription: Subscription, plans: Plans) -> Item | None:
    """The item that makes the plan: the first whose price stands for one, else the first of all."""
    items = subscription.items
    return next((item for item in items if price_plan_type(item.price, plans)), items[0] if items else None)


def subscription_plan_type(subscription: Subscription, plans: Plans) -> str | None:
    """The plan that a subscription is on."""
    main = main_item(subscription, plans)
    named = price_plan_type(main.price, plans) if main else None
    return named or subscription.metadata.get("plan_type")
