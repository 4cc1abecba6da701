"""Amounts as Stripe counts them: integers in a minor unit that is Stripe's own, not ISO 4217's.

Source: https://docs.stripe.com/currencies, for charges; payouts have rules of their own.
"""

import re
from decimal import Decimal


def _codes(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


ZERO_DECIMAL = _codes("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
THREE_DECIMAL = _codes("bhd jod kwd omr tnd")
HUNDREDFOLD = _codes("isk ugx")
"""They have no decimals, and are sent as if they had two, which are always 00."""

TWO_DECIMAL = _codes("""
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny
    cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr jmd
    kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok
    npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top
    try ttd twd tzs uah usd uyu uzs wst xcd xcg yer zar zmw
""")

MINIMUM = {
    **dict.fromkeys(_codes("aud brl cad chf eur inr jpy nzd sgd usd"), 50),
    **dict.fromkeys(_codes("aed myr pln ron"), 200),
    **dict.fromkeys(_codes("nok sek"), 300),
    **dict.fromkeys(_codes("mxn thb"), 1000),
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
}
"""The least that Stripe charges in minor units of a currency that it pays out in, as its list has it.

An account that is paid out in another currency is judged by the amount's worth in that one: by Stripe alone.
Then it may take a little less, as it does by some methods (iDEAL); here these are the least for all.
"""

MAXIMUM = 99_999_999_999_999
"""Fourteen digits, the most that Stripe takes of any currency: of lbp. Of most it takes eight."""

_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


class BadAmount(ValueError):
    """The amount is none that Stripe could charge: the message says which would be."""


def check_minor(amount: int, currency: str) -> int:
    """`amount` in minor units, if `currency` (lower case) has such an amount. Raises BadAmount."""
    step = _step(currency)
    if amount % step:
        raise BadAmount(f"an amount in {currency} is a multiple of {step}, by Stripe's rule")
    if amount > MAXIMUM:
        raise BadAmount(f"an amount has at most {len(str(MAXIMUM))} digits")
    return amount


def minor(total: str, currency: str) -> int:
    """A decimal string in major units ("12.50") in minor units (1250 of eur). Raises BadAmount.

    Zeros after the last digit that counts are no precision: "1200.00" jpy is 1200.
    """
    if not _DECIMAL.fullmatch(total):
        raise BadAmount('a total is a decimal string such as "12.50", without sign, exponent or separators')
    decimals = decimals_of(currency)
    scaled = Decimal(total).scaleb(decimals)
    amount = int(scaled)
    if amount != scaled:
        raise BadAmount(f"{currency} has {_shown(currency)}")
    if amount % _step(currency):
        raise BadAmount(f"{currency} has {_shown(currency)}, by Stripe's rule")
    return check_minor(amount, currency)


def major(amount: int, currency: str) -> str:
    """Minor units in major ones, for people and shops: 1250 of eur is "12.50". Raises BadAmount."""
    return f"{Decimal(amount).scaleb(-decimals_of(currency)):f}"


def decimals_of(currency: str) -> int:
    """How many digits of an amount stand behind the point. Raises BadAmount where the table has none."""
    if currency in ZERO_DECIMAL:
        return 0
    if currency in THREE_DECIMAL:
        return 3
    if currency in TWO_DECIMAL or currency in HUNDREDFOLD:
        return 2
    raise BadAmount("Stripe's table of currencies has no such one: give the amount in minor units")


def refuse_below_minimum(amount: int, currency: str) -> None:
    """Raises BadAmount where Stripe is known to charge no amount as small."""
    if amount < MINIMUM.get(currency, 1):
        raise BadAmount(f"Stripe charges no less than {MINIMUM.get(currency, 1)} (minor units) in {currency}")


def _step(currency: str) -> int:
    if currency in HUNDREDFOLD:
        return 100
    return 10 if currency in THREE_DECIMAL else 1


def _shown(currency: str) -> str:
    if currency in ZERO_DECIMAL or currency in HUNDREDFOLD:
        return "no decimals"
    return "two decimals"
