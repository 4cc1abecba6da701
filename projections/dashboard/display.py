"""Numbers and times as people read them: English, exact in tables and compact on tiles."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from ingest.money import BadAmount, decimals_of

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
"""What is not known, or has no denominator."""

SYMBOLS: Mapping[str, str] = {
    "aud": "A$", "brl": "R$", "cad": "CA$", "cny": "CN¥", "eur": "€", "gbp": "£", "hkd": "HK$", "ils": "₪",
    "inr": "₹", "jpy": "¥", "krw": "₩", "mxn": "MX$", "nzd": "NZ$", "php": "₱", "twd": "NT$", "usd": "$",
    "vnd": "₫",
}  # fmt: skip
"""Where a symbol is unmistakable; other currencies stand with their three letters."""

STEPS = ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "m"), (Decimal(10) ** 3, "k"))
PERIODS = {"month": "%b %Y", "year": "%Y"}


def decimals(currency: str) -> int:
    """Digits behind the point; none where Stripe's table has no such currency: then minor units are shown."""
    try:
        return decimals_of(currency)
    except BadAmount:
        return 0


def major(amount: Decimal | int, currency: str) -> Decimal:
    """Minor units in major ones, for axes."""
    return Decimal(amount).scaleb(-decimals(currency))


def money(amount: Decimal | int | None, currency: str) -> str:
    """Exact: 123456 of eur is €1,234.56."""
    if amount is None:
        return NOTHING
    exact = Decimal(amount).quantize(Decimal(1), ROUND_HALF_EVEN)
    return _signed(exact, lambda size: f"{prefix(currency)}{major(size, currency):,.{decimals(currency)}f}")


def compact_money(amount: Decimal | int | None, currency: str) -> str:
    """Three or four digits that count: 123456789 of eur is €1.23m."""
    if amount is None:
        return NOTHING
    return _signed(Decimal(amount), lambda size: prefix(currency) + _compact_money(size, currency))


def prefix(currency: str) -> str:
    """What stands before an amount."""
    return SYMBOLS.get(currency) or f"{currency.upper()} "


def count(number: Decimal | int | None) -> str:
    """1,234"""
    return NOTHING if number is None else _signed(Decimal(number), lambda size: f"{size:,.0f}")


def compact_count(number: Decimal | int | None) -> str:
    """1,234 and 12.3k"""
    if number is None:
        return NOTHING
    return _signed(Decimal(number), lambda size: f"{size:,.0f}" if size < 10_000 else _short(size))


def rate(part: Decimal | float | None) -> str:
    """0.9342 is 93.4%."""
    return NOTHING if part is None else _signed(Decimal(part) * 100, lambda size: f"{size:,.1f}%")


def number(value: Decimal | float | None) -> str:
    """A plain ratio: 3.2"""
    return NOTHING if value is None else _signed(Decimal(value), lambda size: f"{size:,.2f}")


def instant(at: datetime | None, zone: str) -> str:
    """2026-11-25 17:03:12 in the view's zone."""
    return NOTHING if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def minutes(seconds: float) -> str:
    """How long something takes, roughly: 1 minute, 5 minutes."""
    whole = max(1, round(seconds / 60))
    return f"{whole} minute{'s' if whole > 1 else ''}"


def day(at: datetime, zone: str) -> str:
    """25 Nov 2026"""
    return f"{at.astimezone(ZoneInfo(zone)):%-d %b %Y}"


def date(at: datetime, zone: str) -> str:
    """2026-11-25"""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"


def period(at: datetime | None, by: str, zone: str, *, brief: bool = False) -> str:
    """The period that begins at `at`, in a table; `brief` without the year of a day, for an axis."""
    if at is None:
        return NOTHING
    local = at.astimezone(ZoneInfo(zone))
    if by == "quarter":
        return f"Q{(local.month + 2) // 3} {local:%Y}"
    return f"{local:{PERIODS.get(by, '%-d %b' if brief else '%-d %b %Y')}}"


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    """Their names, looked for on disk once; what this machine calls its own clock is nobody else's zone."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def kind(name: str) -> str:
    """A type of object: checkout.session is Checkout session, and a payment_intent is a Payment."""
    return "Payment" if name == "payment_intent" else words(name.replace(".", " "))


def event(name: str, subject: str) -> str:
    """A type of event about a type of object: customer.subscription.paused is Subscription: paused."""
    what = name.rpartition(".")[2].replace("_", " ")
    return f"{kind(subject)}: {what}" if subject else words(what)


def words(name: Any) -> str:
    """A name of Stripe's or a column's, for people: payment_success_rate is Payment success rate."""
    if name is None:
        return NOTHING
    text = str(name).replace("_", " ")
    return text[:1].upper() + text[1:]


def _short(size: Decimal) -> str:
    for step, letter in STEPS:
        if size >= step:
            scaled = size / step
            places = 2 if scaled < 10 else 1 if scaled < 100 else 0
            return f"{scaled:.{places}f}{letter}"
    return f"{size:,.0f}"


def _compact_money(size: Decimal, currency: str) -> str:
    whole = major(size, currency)
    if whole >= 10_000:
        return _short(whole)
    return f"{whole:,.{decimals(currency) if whole < 1000 else 0}f}"


def _signed(value: Decimal, shown: Callable[[Decimal], str]) -> str:
    """With a true minus sign before everything; and no minus before what is shown as nothing."""
    text = shown(abs(value))
    return f"{MINUS}{text}" if value < 0 and any(digit in text for digit in "123456789") else text
