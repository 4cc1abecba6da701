"""What the client of a job about a subscription is told, read across API versions. Pure."""

from collections.abc import Iterator
from typing import Any

from workers.job_attempt import Made
from workers.stripe_client import Object

EXPAND = ["latest_invoice.confirmation_secret", "pending_setup_intent"]
"""What must be expanded for a result to bear its client secret."""

SHOWN = (
    *("id", "object", "status", "customer", "currency", "trial_end"),
    *("cancel_at", "cancel_at_period_end", "canceled_at", "ended_at"),
)


def made(subscription: Object) -> Made:
    """The result; its periods are those of the items since 2025-03-31, the subscription's own before."""
    items = [dict(item) for item in (subscription.get("items") or {}).get("data", ())]
    metadata = subscription.get("metadata") or {}
    invoice = _expanded(subscription, "latest_invoice")
    result = {
        **{name: subscription.get(name) for name in SHOWN},
        **{name: metadata.get(name) for name in ("user_id", "plan_type")},
        "price_id": next((_price(item) for item in items), None),
        "quantity": next((item.get("quantity") for item in items), None),
        "current_period_start": _period(subscription, items, "current_period_start", min),
        "current_period_end": _period(subscription, items, "current_period_end", max),
        "latest_invoice": invoice.get("id") or subscription.get("latest_invoice"),
        "amount": invoice.get("amount_due"),
        "client_secret_of": _secret_of(subscription),
    }
    return Made(result, next((secret for _, secret in _secrets(subscription)), None))


def _secret_of(subscription: Object) -> str | None:
    return next((kind for kind, _ in _secrets(subscription)), None)


def _secrets(subscription: Object) -> Iterator[tuple[str, str]]:
    """Each client secret with what it confirms: `payment_intent`, or a trial's `setup_intent`."""
    invoice = _expanded(subscription, "latest_invoice")
    confirmation = _expanded(invoice, "confirmation_secret")
    if secret := confirmation.get("client_secret"):
        yield confirmation.get("type") or "payment_intent", secret
    if secret := _expanded(invoice, "payment_intent").get("client_secret"):
        yield "payment_intent", secret
    if secret := _expanded(subscription, "pending_setup_intent").get("client_secret"):
        yield "setup_intent", secret


def _period(subscription: Object, items: list[dict[str, Any]], name: str, choose: Any) -> int | None:
    of_items = [item[name] for item in items if item.get(name) is not None]
    return choose(of_items) if of_items else subscription.get(name)


def _price(item: Object) -> str | None:
    price = item.get("price") or item.get("plan") or {}
    return price if isinstance(price, str) else price.get("id")


def _expanded(owner: Object, name: str) -> Object:
    """The object in `owner`, or nothing where it is null or only named by its id."""
    found = owner.get(name)
    return found if isinstance(found, dict) else {}
