"""Products, prices and their older half, plans, as Stripe shapes them."""

from workers.simulator.billing_facts import Plan, Price, Product
from workers.simulator.dialect import BASIL, Dialect
from workers.simulator.shapes.shape import Shape


def product(fact: Product, dialect: Dialect) -> Shape:
    return {
        "id": fact.id,
        "object": "product",
        "active": fact.active,
        "created": fact.created,
        "default_price": fact.default_price_id,
        "description": fact.description,
        "images": [],
        "livemode": dialect.livemode,
        "marketing_features": [],
        "metadata": dict(fact.metadata),
        "name": fact.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": "txcd_10103001",
        "type": "service",
        "unit_label": "seat",
        "updated": fact.updated,
        "url": None,
    }


def price(fact: Price, dialect: Dialect) -> Shape:
    recurring: Shape = {
        "interval": fact.interval,
        "interval_count": fact.interval_count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": fact.usage_type,
    }
    if dialect.before(BASIL):
        recurring["aggregate_usage"] = "sum" if fact.usage_type == "metered" else None
    tiers = {"tiers": [_tier(*each) for each in fact.tiers]} if dialect.expanded and fact.tiers else {}
    return {
        **tiers,
        "id": fact.id,
        "object": "price",
        "active": fact.active,
        "billing_scheme": "tiered" if fact.tiers else "per_unit",
        "created": fact.created,
        "currency": fact.currency,
        "custom_unit_amount": None,
        "livemode": dialect.livemode,
        "lookup_key": fact.lookup_key,
        "metadata": dict(fact.metadata),
        "nickname": fact.nickname,
        "product": fact.product_id,
        "recurring": recurring,
        "tax_behavior": "exclusive",
        "tiers_mode": "volume" if fact.tiers else None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": fact.unit_amount,
        "unit_amount_decimal": _decimal(fact),
    }


def plan(fact: Plan, dialect: Dialect) -> Shape:
    return plan_of(fact.price, dialect)


def plan_of(fact: Price, dialect: Dialect) -> Shape:
    shape: Shape = {
        "id": fact.id,
        "object": "plan",
        "active": fact.active,
        "amount": fact.unit_amount,
        "amount_decimal": _decimal(fact),
        "billing_scheme": "tiered" if fact.tiers else "per_unit",
        "created": fact.created,
        "currency": fact.currency,
        "interval": fact.interval,
        "interval_count": fact.interval_count,
        "livemode": dialect.livemode,
        "metadata": dict(fact.metadata),
        "meter": None,
        "nickname": fact.nickname,
        "product": fact.product_id,
        "tiers_mode": "volume" if fact.tiers else None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": fact.usage_type,
    }
    if dialect.before(BASIL):
        shape["aggregate_usage"] = "sum" if fact.usage_type == "metered" else None
    return shape


def _tier(up_to: int | None, unit_amount: int) -> Shape:
    decimal = str(unit_amount)
    flat = {"flat_amount": None, "flat_amount_decimal": None}
    return {**flat, "unit_amount": unit_amount, "unit_amount_decimal": decimal, "up_to": up_to}


def _decimal(fact: Price) -> str | None:
    return None if fact.unit_amount is None else str(fact.unit_amount)
