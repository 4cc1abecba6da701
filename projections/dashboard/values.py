"""One value of a payload, as people read it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from projections.dashboard import display

LONGEST = 120
BELOW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "

ABSENT = object()
"""What stands for a value where there is no such field."""

Path = tuple[str, ...]


class Entry(str):
    """A list's entry in a path: its id, or its place."""

    __slots__ = ()


class Change(NamedTuple):
    """One value; `before` is None where there was none that is known."""

    path: str
    before: str | None
    after: str


_MONEY = {"total", "subtotal", "tax", "balance", "fee", "net", "starting_balance", "ending_balance",
          "unit_cost", "amount"}  # fmt: skip
_MONEY_BEGINS, _MONEY_ENDS = ("amount_", "total_", "subtotal_"), ("_amount",)
_NO_MONEY = ("_count", "_usage", "_gte", "_percent")
_TIMES = {"created", "updated", "start", "end", "date", "deadline", "timestamp", "available_on",
          "next_payment_attempt", "next_pending_invoice_item_invoice"}  # fmt: skip
_TIMES_END = ("_at", "_until", "_date", "_time", "_start", "_end", "_before", "_by", "_anchor")


def secret(name: str) -> bool:
    """Whether a field lets its holder do something: it is shown to nobody."""
    return name == "secret" or name.endswith("_secret")


def named(path: Path) -> str:
    """A path in words; the `data` of a list is none of them, and what somebody chose stays as it is."""
    kept = [name for name in path if name != "data"] or list(path)
    own = kept.index("metadata") + 1 if "metadata" in kept else len(kept)
    words = [name if isinstance(name, Entry) else display.words(name) for name in kept[:own]]
    return BELOW.join([*words, *kept[own:]])


def shown(path: Path, value: Any, around: Mapping[str, Any], zone: str) -> str:
    """The value at the end of `path`; `around` is the nearest object that names a currency.

    Whatever a merchant put into metadata stays as it is.
    """
    name, own = path[-1] if path else "", "metadata" in path
    if value is None or value is ABSENT or value in ("", [], {}):
        return display.NOTHING
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if not own and is_money(name) and isinstance(around.get("currency"), str):
            return display.money(value, around["currency"])
        case int() if not own and _is_time(name):
            return _instant(value, zone)
        case str() if not own and name == "currency":
            return value.upper()
        case str() if not own and name.endswith(("status", "reason")) and value.replace("_", "").isalpha():
            return display.words(value)
        case Mapping():
            return shortened(_brief(value))
        case list():
            return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    return shortened(str(value))


def is_money(name: str) -> bool:
    """Whether a field holds minor units of a currency."""
    told = name in _MONEY or name.startswith(_MONEY_BEGINS) or name.endswith(_MONEY_ENDS)
    return told and not name.endswith(_NO_MONEY)


def shortened(text: str) -> str:
    """The text's beginning, where it is longer than LONGEST."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _is_time(name: str) -> bool:
    return name in _TIMES or name.endswith(_TIMES_END)


def _instant(seconds: int, zone: str) -> str:
    try:
        return display.instant(datetime.fromtimestamp(seconds, UTC), zone)
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _brief(value: Mapping[str, Any]) -> str:
    """An object in a few words: its id, an error's message, else the plain values in it."""
    if isinstance(value.get("id"), str):
        return str(value["id"])
    if isinstance(value.get("message"), str):
        code = value.get("decline_code") or value.get("code")
        return f"{value['message']} ({code})" if isinstance(code, str) else str(value["message"])
    plain = [
        f"{name.replace('_', ' ')} {each}"
        for name, each in value.items()
        if isinstance(each, str | int) and not isinstance(each, bool) and not secret(name)
    ]
    return ", ".join(plain[:4]) or "set"
