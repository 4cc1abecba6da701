"""Billing objects as Stripe renders them: in the newest version, and the same facts as in 2017."""

import json
from collections.abc import Mapping
from itertools import count
from typing import Any

from ingest.event import Event

NEWEST, OLDEST = "2026-10-28.endive", "2017-08-15"
NOON = 1_700_000_000
DAY = 86_400

Object = dict[str, Any]
_ids = count(1)


def event(
    kind: str,
    subject: Mapping[str, Any],
    at: int = NOON,
    previous: Mapping[str, Any] | None = None,
    *,
    version: str = NEWEST,
) -> Event:
    """An event of `kind` that carries `subject`, made at a second."""
    data = {"object": subject} | ({"previous_attributes": previous} if previous is not None else {})
    name = f"evt_billed_{next(_ids):06}"  # which grow as text, and which none of tests.events' bears
    body = {"id": name, "type": kind, "created": at, "api_version": version, "data": data}
    return Event.read(json.dumps(body).encode(), source="default")


# ------------------------------------------------------------------ the newest version


def price(
    price_id: str = "price_pro", amount: int | None = 2000, interval: str = "month", **more: Any
) -> Object:
    recurring = {"interval": interval, "interval_count": 1, "usage_type": "licensed"}
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": NOON - DAY,
        "currency": "usd",
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": "prod_app",
        "recurring": recurring | more.pop("recurring", {}),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": None if amount is None else str(amount),
        **more,
    }


def item(item_id: str = "si_1", *, quantity: int | None = 1, of: Object | None = None, **more: Any) -> Object:
    counted = {} if quantity is None else {"quantity": quantity}
    return {
        "id": item_id,
        "object": "subscription_item",
        "created": NOON,
        "current_period_start": NOON,
        "current_period_end": NOON + 30 * DAY,
        "discounts": [],
        "metadata": {},
        "price": of or price(),
        **counted,
        **more,
    }


def items(*each: Object, has_more: bool = False) -> Object:
    return {"object": "list", "data": list(each), "has_more": has_more}


def subscription(*each: Object, **more: Any) -> Object:
    return {
        "id": "sub_1",
        "object": "subscription",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": NOON,
        "currency": "usd",
        "customer": "cus_1",
        "default_payment_method": None,
        "discounts": [],
        "ended_at": None,
        "items": items(*(each or (item(),))),
        "latest_invoice": "in_1",
        "metadata": {},
        "pause_collection": None,
        "start_date": NOON,
        "status": "active",
        "trial_end": None,
        "trial_start": None,
        **more,
    }


def coupon(percent_off: float | None = None, amount_off: int | None = None, **more: Any) -> Object:
    return {
        "id": "coupon_1",
        "object": "coupon",
        "amount_off": amount_off,
        "currency": None if amount_off is None else "usd",
        "duration": "forever",
        "duration_in_months": None,
        "percent_off": percent_off,
        **more,
    }


def discount(of: Object | str, *, end: int | None = None, discount_id: str = "di_1") -> Object:
    source = {"type": "coupon", "coupon": of}
    return {"id": discount_id, "object": "discount", "end": end, "start": NOON, "source": source}


def line(**more: Any) -> Object:
    details = {
        "invoice_item": None,
        "proration": False,
        "subscription": "sub_1",
        "subscription_item": "si_1",
    }
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": 2000,
        "currency": "usd",
        "description": "1 x Pro",
        "metadata": {},
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "period": {"start": NOON, "end": NOON + 30 * DAY},
        "pricing": {
            "type": "price_details",
            "price_details": {"price": "price_pro", "product": "prod_app"},
            "unit_amount_decimal": "2000",
        },
        "quantity": 1,
        "taxes": [{"amount": 300}, {"amount": 80}],
        **more,
    }


def invoice(*lines: Object, **more: Any) -> Object:
    return {
        "id": "in_1",
        "object": "invoice",
        "amount_due": 2380,
        "amount_paid": 2380,
        "amount_remaining": 0,
        "attempt_count": 1,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": NOON,
        "currency": "usd",
        "customer": "cus_1",
        "due_date": None,
        "lines": {"object": "list", "data": list(lines or (line(),)), "has_more": False},
        "metadata": {},
        "next_payment_attempt": None,
        "number": "A-1",
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
        "period_end": NOON,
        "period_start": NOON - 30 * DAY,
        "status": "paid",
        "status_transitions": {"finalized_at": None, "paid_at": None, "voided_at": None},
        "subtotal": 2000,
        "total": 2380,
        "total_taxes": [{"amount": 300}, {"amount": 80}],
        **more,
    }


# ------------------------------------------------------------------ the same facts, as they were in 2017


def plan_2017(new: Object) -> Object:
    """A price as the plan that stood for it."""
    return {
        "id": new["id"],
        "object": "plan",
        "amount": new["unit_amount"],
        "created": new["created"],
        "currency": new["currency"],
        "interval": new["recurring"]["interval"],
        "interval_count": new["recurring"]["interval_count"],
        "metadata": new["metadata"],
        "product": new["product"],
    }


def subscription_2017(new: Object) -> Object:
    old = {name: value for name, value in new.items() if name not in _SINCE_2017}
    listed = [_item_2017(each) for each in new["items"]["data"]]
    only = new["discounts"][0] if new["discounts"] else None
    return old | {
        "billing": new["collection_method"],
        "current_period_start": new["items"]["data"][0]["current_period_start"],
        "current_period_end": new["items"]["data"][0]["current_period_end"],
        "discount": only and discount_2020(only),
        "items": items(*listed),
        "plan": listed[0]["plan"],
        "quantity": listed[0]["quantity"],
        "start": NOON,
    }


def discount_2020(new: Object) -> Object:
    """A discount as it was until clover."""
    return {name: value for name, value in new.items() if name != "source"} | {
        "coupon": new["source"]["coupon"]
    }


def line_2017(new: Object) -> Object:
    kind = new["parent"]["type"]
    details = new["parent"][kind]
    return {
        "id": "sub_1",
        "unique_id": new["id"],
        "object": "line_item",
        "amount": new["amount"],
        "currency": new["currency"],
        "description": new["description"],
        "metadata": new["metadata"],
        "period": new["period"],
        "plan": plan_2017(price()),
        "proration": details["proration"],
        "quantity": new["quantity"],
        "subscription": details["subscription"],
        "subscription_item": details["subscription_item"],
        "tax_amounts": new["taxes"],
        "type": {"subscription_item_details": "subscription", "invoice_item_details": "invoiceitem"}[kind],
    }


def invoice_2017(new: Object) -> Object:
    old = {name: value for name, value in new.items() if name not in _INVOICE_SINCE_2017}
    return old | {
        "attempted": True,
        "billing": new["collection_method"],
        "charge": "ch_1",
        "closed": True,
        "date": new["created"],
        "forgiven": False,
        "lines": new["lines"] | {"data": [line_2017(each) for each in new["lines"]["data"]]},
        "paid": new["status"] == "paid",
        "payment_intent": "pi_1",
        "subscription": new["parent"]["subscription_details"]["subscription"],
        "tax": sum(each["amount"] for each in new["total_taxes"]),
    }


def _item_2017(new: Object) -> Object:
    old = {name: value for name, value in new.items() if name not in {*_PERIOD, "price", "discounts"}}
    return old | {"plan": plan_2017(new["price"])}


_PERIOD = {"current_period_start", "current_period_end"}
_SINCE_2017 = {"collection_method", "currency", "discounts", "items", "start_date", "pause_collection"}
_INVOICE_SINCE_2017 = {
    "amount_paid", "amount_remaining", "collection_method", "created", "lines", "parent", "status",
    "status_transitions", "total_taxes",
}  # fmt: skip
