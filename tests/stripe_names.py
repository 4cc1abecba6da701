"""What the double shows of an object: as Stripe, names for what nobody asked to have expanded."""

from collections.abc import Iterable, Sequence
from typing import Any

from tests.stripe_account import Account, Shape

HIDDEN = {"applies_to", "confirmation_secret", "currency_options", "tiers"}
"""Fields that Stripe leaves out unless they are asked for."""

SHOWN = 10
"""How much of a list an object brings along."""


def shown(account: Account, subject: Shape, paths: Iterable[str] = ()) -> Shape:
    """The object, with the paths expanded, as `items.data.price.tiers`."""
    told: Shape = {}
    for name, value in subject.items():
        inner = [rest for first, _, rest in (path.partition(".") for path in paths) if first == name]
        if name not in HIDDEN or inner:
            told[name] = _value(account, name, value, inner)
    if told.get("object") == "list" and len(told["data"]) > SHOWN:
        return {**told, "data": told["data"][:SHOWN], "has_more": True}
    return told


def _value(account: Account, name: str, value: Any, paths: list[str]) -> Any:
    deeper = [path for path in paths if path]
    if name == "discounts" and isinstance(value, list):
        return [shown(account, account.get(each), deeper) if paths else each for each in value]
    if isinstance(value, list):
        return [shown(account, each, deeper) if isinstance(each, dict) else each for each in value]
    if isinstance(value, dict):
        return shown(account, value, deeper)
    if paths and isinstance(value, str) and value in account.objects:
        return shown(account, account.objects[value], deeper)
    return value


def page(found: Sequence[Shape], given: Shape) -> Shape:
    """One page of a list: up to `limit` after `starting_after`."""
    names = [each["id"] for each in found]
    begin = names.index(given["starting_after"]) + 1 if "starting_after" in given else 0
    end = begin + int(given.get("limit", 10))
    return {"object": "list", "data": list(found[begin:end]), "has_more": end < len(found), "url": "/v1"}


# ------------------------------------------------------------------ what a business has


def coupon(account: Account, coupon_id: str, percent_off: float, **more: Any) -> Shape:
    """A coupon under an id that the merchant chose."""
    fields = {
        "amount_off": None, "applies_to": None, "currency": None, "currency_options": {},
        "duration": "forever", "percent_off": percent_off,
    }  # fmt: skip
    made = account.make("coupon", "coupon", None, **fields | more)
    del account.objects[made["id"]]
    account.objects[coupon_id] = made | {"id": coupon_id}
    return account.objects[coupon_id]


def discount(account: Account, owner: Shape, coupon_id: str, end: int | None = None) -> Shape:
    """A coupon applied to a subscription, whose own event tells the discount by its id."""
    made = account.make(
        "discount", "di", None, customer=owner["customer"], subscription=owner["id"], end=end,
        start=account.clock(), source={"type": "coupon", "coupon": coupon_id},
    )  # fmt: skip
    account.change(owner, "customer.subscription.updated", discounts=[*owner["discounts"], made["id"]])
    return made


def of_customer(account: Account, subscription: Shape, coupon_id: str) -> Shape:
    """A coupon applied to the subscription's customer."""
    return account.make(
        "discount", "di", "customer.discount.created", customer=subscription["customer"], subscription=None,
        end=None, start=account.clock(), source={"type": "coupon", "coupon": coupon_id},
    )  # fmt: skip


def settle(account: Account, source: Shape, *, fee: int = 0, told: bool = True) -> Shape:
    """What a charge or refund moves on the balance, seconds after it was made."""
    sign = -1 if source["object"] == "refund" else 1
    made = account.make(
        "balance_transaction", "txn", None, amount=sign * source["amount"], fee=fee, currency="usd",
        net=sign * source["amount"] - fee, type=source["object"], reporting_category=source["object"],
        status="pending", available_on=account.clock() + 172_800, exchange_rate=None, source=source["id"],
    )  # fmt: skip
    if told:
        account.change(source, f"{source['object']}.updated", balance_transaction=made["id"])
    else:
        source["balance_transaction"] = made["id"]
    return made


def invoice(account: Account, lines: int) -> Shape:
    """An invoice of so many lines."""
    data = [_line(number) for number in range(lines)]
    return account.make(
        "invoice", "in", "invoice.created", amount_due=100 * lines, amount_paid=0, amount_remaining=0,
        currency="usd", customer="cus_1", status="open", billing_reason="manual", subtotal=100 * lines,
        total=100 * lines, lines={"object": "list", "data": data, "has_more": False, "total_count": lines},
    )  # fmt: skip


def _line(number: int) -> Shape:
    return {
        "id": f"il_{number}", "object": "line_item", "amount": 100, "currency": "usd", "description": "A",
        "metadata": {}, "parent": None, "period": {"start": 1_700_000_000, "end": 1_700_000_000},
        "pricing": None, "quantity": 1, "discount_amounts": [], "taxes": [],
    }  # fmt: skip
