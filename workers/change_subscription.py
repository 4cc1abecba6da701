"""Change a subscription's plan or quantity; `proration` says what becomes of the time already paid."""

from typing import Any

from workers import subscription_result
from workers.job_attempt import Attempt, Made, given
from workers.ownership import own
from workers.stripe_client import Object


def perform(attempt: Attempt) -> Made:
    command, subscriptions = attempt.command, attempt.v1.subscriptions
    subscription_id = command["subscription"]
    expand: Any = {"expand": subscription_result.EXPAND}
    now = own(attempt, subscriptions.retrieve, subscription_id, *subscription_result.EXPAND)
    item = _plans_item(now, attempt)
    price = command.get("price_id") or item["price"]["id"]
    quantity = command.get("quantity")
    parameters: Any = given(
        items=[given(id=item["id"], price=price, quantity=quantity)],
        proration_behavior=command.get("proration"),
        # A price that is no plan's takes the name of the plan before away.
        metadata={"plan_type": command.get("plan_type", "")} if "price_id" in command else None,
        **expand,
    )

    def changed() -> Object | None:
        done = item["price"]["id"] == price and quantity in (None, item.get("quantity"))
        return now if done else None

    subscription = attempt.change(
        lambda options: subscriptions.update(subscription_id, parameters, options), look=changed
    )
    return subscription_result.made(subscription)


def _plans_item(subscription: Object, attempt: Attempt) -> Any:
    """The item that makes the plan: the first whose price stands for one, else the first of all."""
    items = subscription["items"]["data"]
    return next((item for item in items if item["price"]["id"] in attempt.settings.prices), items[0])
