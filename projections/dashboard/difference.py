"""What an event changed, for people: which values were there before it, and which after."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from ingest.event import Event
from projections.causality import undone
from projections.dashboard import display

MOST = 24
"""Changes that are listed of one event."""

LONGEST = 120
BELOW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
DEPTH = 12

UNTOLD = {"hosted_invoice_url", "invoice_pdf", "receipt_url", "livemode", "object", "request"}
"""Rendered anew each time, or the same for ever."""

FIRST = ("status", "amount", "total", "number", "currency", "email", "name", "description", "reason",
         "failure_message", "cancel_at_period_end")  # fmt: skip
"""What is told of an object where nothing of it was known before."""

_MONEY = {"total", "subtotal", "tax", "balance", "fee", "net", "starting_balance", "ending_balance",
          "total_excluding_tax", "subtotal_excluding_tax", "unit_amount", "application_fee_amount",
          "amount"}  # fmt: skip
_TIMES = {"created", "start", "end", "start_date", "due_date", "due_by", "available_on", "trial_start",
          "trial_end", "current_period_start", "current_period_end", "period_start", "period_end",
          "billing_cycle_anchor", "next_payment_attempt", "cancel_at", "effective_at"}  # fmt: skip

_ABSENT = object()


class Change(NamedTuple):
    """One value; `before` is None where there was none that is known."""

    path: str
    before: str | None
    after: str


class Changed(NamedTuple):
    """The first of all changes, and how many more there are."""

    changes: list[Change]
    more: int


def secret(name: str) -> bool:
    """Whether a field lets its holder do something: it is shown to nobody."""
    return name == "secret" or name.endswith("_secret")


def known(event: Event, zone: str) -> list[Change]:
    """What people know an object by, as the event has it."""
    now = event.object
    return [
        Change(_named((name,)), None, _shown(name, now[name], now, zone, ()))
        for name in FIRST
        if now.get(name) not in (None, "", False)
    ]


def changed(event: Event, before: Event | None, zone: str) -> Changed:
    """By what the event itself tells of the state before it, else by its predecessor's object."""
    now = event.object
    if event.previous_attributes:
        was: Mapping[str, Any] = undone(now, event.previous_attributes)
    elif before:
        was = before.object
    else:
        return Changed(known(event, zone), 0)
    changes = [
        Change(_named(path), _value(path, one, was, zone), _value(path, other, now, zone))
        for path, one, other in _differences(was, now, ())
    ]
    return Changed(changes[:MOST], max(0, len(changes) - MOST))


Path = tuple[str, ...]


def _differences(was: Any, now: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if was == now or (was in (None, _ABSENT) and now in (None, _ABSENT)):
        return
    if len(path) < DEPTH and isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in {**now, **was}:
            if name not in UNTOLD and not secret(name):
                yield from _differences(was.get(name, _ABSENT), now.get(name, _ABSENT), (*path, name))
    elif len(path) < DEPTH and _listed(was) and _listed(now):
        pairs = zip_longest(was, now, fillvalue=_ABSENT)
        for place, (one, other) in enumerate(pairs, 1):
            yield from _differences(one, other, (*path, str(place)))
    else:
        yield path, was, now


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _value(path: Path, value: Any, whole: Mapping[str, Any], zone: str) -> str:
    return _shown(path[-1] if path else "", value, _around(whole, path), zone, path)


def _around(whole: Any, path: Path) -> Mapping[str, Any]:
    """The innermost object around a path that names a currency: its amounts are in that."""
    nearest: Mapping[str, Any] = {}
    here = whole
    for name in path:
        if isinstance(here, Mapping) and isinstance(here.get("currency"), str):
            nearest = here
        if isinstance(here, Mapping):
            here = here.get(name)
        elif _listed(here) and name.isdigit() and int(name) <= len(here):
            here = here[int(name) - 1]
        else:
            break
    return nearest


def _shown(name: str, value: Any, around: Mapping[str, Any], zone: str, path: Path) -> str:
    """One value. Whatever a merchant put into metadata stays as it is."""
    match value:
        case None | "" | [] | {}:
            return display.NOTHING
        case bool():
            return "yes" if value else "no"
        case int() if "metadata" not in path and _is_money(name) and isinstance(around.get("currency"), str):
            return display.money(value, around["currency"])
        case int() if "metadata" not in path and _is_time(name):
            return _instant(value, zone)
        case str() if name == "currency":
            return value.upper()
        case str() if name == "status":
            return display.words(value)
        case Mapping():
            return _shortened(_brief(value))
        case list():
            return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    return display.NOTHING if value is _ABSENT else _shortened(str(value))


def _is_money(name: str) -> bool:
    return name in _MONEY or name.startswith(("amount_", "total_", "subtotal_"))


def _is_time(name: str) -> bool:
    return name in _TIMES or name.endswith(("_at", "_until"))


def _instant(seconds: int, zone: str) -> str:
    try:
        return display.instant(datetime.fromtimestamp(seconds, UTC), zone)
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _brief(value: Mapping[str, Any]) -> str:
    """An object in a few words: its id, else the plain values in it."""
    if isinstance(value.get("id"), str):
        return str(value["id"])
    plain = [
        f"{name.replace('_', ' ')} {each}"
        for name, each in value.items()
        if isinstance(each, str | int) and not isinstance(each, bool) and not secret(name)
    ]
    return ", ".join(plain[:4]) or "set"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _named(path: Path) -> str:
    """A path in words; the `data` of a list is none of them."""
    kept = [name for name in path if name != "data"] or list(path)
    if "metadata" in kept:
        at = kept.index("metadata") + 1
        return BELOW.join([*map(display.words, kept[:at]), *kept[at:]])
    return BELOW.join(map(display.words, kept))
