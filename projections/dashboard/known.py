"""What people know an object by, as one event of it tells."""

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.event import Event
from projections.dashboard import display
from projections.dashboard.values import Change, named, shown

FIRST = ("status", "amount", "total", "fee", "net", "number", "currency", "email", "name", "description",
         "reason", "failure_message", "cancel_at_period_end")  # fmt: skip
MOST_ITEMS = 4

_PRICED = ("Amount", "Total")


def known(event: Event, zone: str) -> list[Change]:
    """The fields that name and describe an object, and what it bills."""
    now = event.object
    fields = [
        Change(named((name,)), None, shown((name,), now[name], now, zone))
        for name in FIRST
        if now.get(name) is not None and now[name] != "" and now[name] is not False
    ]
    if any(each.path in _PRICED for each in fields):
        fields = [each for each in fields if each.path != "Currency"]  # the amounts say it
    return fields + [Change("Billed", None, told) for told in _billed(now)]


def _billed(subject: Mapping[str, Any]) -> Iterator[str]:
    """A subscription's items, as Pro, €19.00 a month; whatever its fields hold."""
    items = subject.get("items")
    listed = items.get("data") if isinstance(items, Mapping) else None
    for item in listed[:MOST_ITEMS] if isinstance(listed, list) else ():
        price = (item.get("price") or item.get("plan")) if isinstance(item, Mapping) else None
        if not isinstance(price, Mapping) or not isinstance(price.get("id"), str):
            continue
        text = str(next(filter(None, map(price.get, ("nickname", "lookup_key", "id")))))
        if isinstance(item.get("quantity"), int) and item["quantity"] != 1:
            text = f"{item['quantity']:,} \N{MULTIPLICATION SIGN} {text}"
        amount, currency = price.get("unit_amount", price.get("amount")), price.get("currency")
        if isinstance(amount, int) and isinstance(currency, str):
            text += f", {display.money(amount, currency)}"
        yield text + _interval(price.get("recurring") or price)


def _interval(recurring: Any) -> str:
    """How often it is billed: a month, every 3 months."""
    every = recurring.get("interval") if isinstance(recurring, Mapping) else None
    if not isinstance(every, str):
        return ""
    count = recurring.get("interval_count")
    return f" every {count} {every}s" if isinstance(count, int) and count > 1 else f" a {every}"
