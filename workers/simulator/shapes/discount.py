"""Coupons and discounts as Stripe shapes them, in each API version."""

from workers.simulator.billing_facts import Coupon, Discount
from workers.simulator.dialect import CLOVER, CUSTOMER_ACCOUNT, Dialect
from workers.simulator.shapes.shape import Shape


def coupon(fact: Coupon, dialect: Dialect) -> Shape:
    return {
        "id": fact.id,
        "object": "coupon",
        "amount_off": fact.amount_off,
        "created": fact.created,
        "currency": fact.currency,
        "duration": fact.duration,
        "duration_in_months": fact.duration_in_months,
        "livemode": dialect.livemode,
        "max_redemptions": None,
        "metadata": {},
        "name": fact.name,
        "percent_off": fact.percent_off,
        "redeem_by": None,
        "times_redeemed": fact.times_redeemed,
        "valid": True,
    }


def discount(fact: Discount, dialect: Dialect) -> Shape:
    shape: Shape = {
        "id": fact.id,
        "object": "discount",
        "checkout_session": None,
        "customer": fact.customer_id,
        "end": fact.end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "start": fact.start,
        "subscription": fact.subscription_id,
        "subscription_item": None,
    }
    if dialect.before(CLOVER):
        shape["coupon"] = coupon(fact.coupon, dialect)
    else:
        shape["source"] = {
            "coupon": coupon(fact.coupon, dialect) if dialect.expanded else fact.coupon.id,
            "type": "coupon",
        }
    if not dialect.before(CUSTOMER_ACCOUNT):
        shape["customer_account"] = None
    return shape
