"""Prices in the minor units of Stripe's own table, which is not ISO 4217's."""

from fractions import Fraction
from typing import NamedTuple


class Currency(NamedTuple):
    """`unit` is how many minor units a euro's worth is; `step` what every amount is a multiple of."""

    code: str
    unit: Fraction
    step: int


CURRENCIES = {
    currency.code: currency
    for currency in (
        Currency("usd", Fraction(108), 1),
        Currency("eur", Fraction(100), 1),
        Currency("gbp", Fraction(85), 1),
        Currency("jpy", Fraction(165), 1),  # no decimals
        Currency("kwd", Fraction(333), 10),  # three decimals, the last always 0
        Currency("isk", Fraction(15000), 100),  # no decimals, but sent as if there were two
    )
}


def priced(cents: int, currency: str) -> int:
    """A price tag of so many euro cents, in the minor units of `currency`."""
    if currency == "eur":
        return cents
    _, unit, step = CURRENCIES[currency]
    return max(step, cents * unit.numerator // (100 * unit.denominator) // step * step)


def share(amount: int, part: Fraction, currency: str) -> int:
    """`part` of an amount, in whole steps of its currency, and at least one."""
    step = CURRENCIES[currency].step
    return max(step, amount * part.numerator // part.denominator // step * step)
