"""Subscriptions and their items as Stripe shapes them, in each API version."""

from typing import Any

from workers.simulator.billing_facts import Item, Subscription
from workers.simulator.dialect import BASIL, CUSTOMER_ACCOUNT, DISCOUNTS, ENDIVE, Dialect
from workers.simulator.shapes.discount import discount
from workers.simulator.shapes.price import plan_of, price
from workers.simulator.shapes.shape import Shape, listing


def subscription(fact: Subscription, dialect: Dialect) -> Shape:
    shape: Shape = {
        "id": fact.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": fact.anchor,
        "billing_cycle_anchor_config": None,
        "cancel_at": fact.cancel_at,
        "cancel_at_period_end": fact.cancel_at_period_end,
        "canceled_at": fact.canceled_at,
        "cancellation_details": fact.cancellation._asdict(),
        "collection_method": "send_invoice" if fact.days_until_due else "charge_automatically",
        "created": fact.created,
        "currency": fact.currency,
        "customer": fact.customer_id,
        "days_until_due": fact.days_until_due,
        "default_payment_method": fact.default_method_id,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "ended_at": fact.ended_at,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listing(
            f"/v1/subscription_items?subscription={fact.id}",
            [_item(item, fact, dialect) for item in fact.items],
        ),
        "latest_invoice": fact.latest_invoice_id,
        "livemode": dialect.livemode,
        "metadata": dict(fact.metadata),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": fact.pause and fact.pause._asdict(),
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": fact.created,
        "status": fact.status,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": fact.trial and fact.trial.end,
        "trial_settings": {"end_behavior": {"missing_payment_method": fact.trial_end_behavior}},
        "trial_start": fact.trial and fact.trial.start,
    }
    if not dialect.before(DISCOUNTS):
        shape["discounts"] = [
            discount(each, dialect) if dialect.expanded else each.id for each in fact.discounts
        ]
    if dialect.before(BASIL):
        shape |= _before_basil(fact, dialect)
    else:
        shape["billing_mode"] = {"flexible": {"proration_discounts": "included"}, "type": "flexible"}
    if not dialect.before(CUSTOMER_ACCOUNT):
        shape["customer_account"] = None
    if not dialect.before(ENDIVE) and fact.paused_at:
        shape["status_details"] = {
            "paused": {
                "subscription": {"type": fact.paused_why},
                "transitioned_at": fact.paused_at,
                "type": "subscription",
            }
        }
    return shape


def _before_basil(fact: Subscription, dialect: Dialect) -> Shape:
    only = fact.items[0] if len(fact.items) == 1 else None
    return {
        "billing_thresholds": None,
        "current_period_end": fact.period.end,
        "current_period_start": fact.period.start,
        "discount": discount(fact.discounts[0], dialect) if fact.discounts else None,
        "plan": plan_of(only.price, dialect) if only else None,
        "quantity": only.quantity if only else None,
    }


def _item(fact: Item, owner: Subscription, dialect: Dialect) -> dict[str, Any]:
    shape: Shape = {
        "id": fact.id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": fact.created,
        "metadata": {},
        "plan": plan_of(fact.price, dialect),
        "price": price(fact.price, dialect),
        "subscription": owner.id,
        "tax_rates": [],
    }
    if fact.quantity is not None:
        shape["quantity"] = fact.quantity
    if not dialect.before(DISCOUNTS):
        shape["discounts"] = []
    if not dialect.before(BASIL):
        shape["current_period_end"] = owner.period.end
        shape["current_period_start"] = owner.period.start
    return shape
