"""Amounts by Stripe's table of currencies."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import money
from ingest.money import BadAmount


@pytest.mark.parametrize(
    ("total", "currency", "amount"),
    [
        ("12.50", "eur", 1250),
        ("12.5", "usd", 1250),
        ("12", "gbp", 1200),
        ("0.29", "eur", 29),
        ("1250", "jpy", 1250),
        ("1250.00", "jpy", 1250),
        ("12.5", "kwd", 12500),
        ("12.34", "bhd", 12340),
        ("12.340", "tnd", 12340),
        ("1250", "isk", 125000),
        ("1250.00", "ugx", 125000),
        ("12.50", "huf", 1250),
        ("12.50", "twd", 1250),
        ("12.500000", "eur", 1250),
        ("10000000000", "lbp", 1_000_000_000_000),
    ],
)
def test_a_total_is_counted_in_stripes_minor_unit(total, currency, amount):
    assert money.minor(total, currency) == amount


@pytest.mark.parametrize(
    ("total", "currency", "reason"),
    [
        ("12.50", "jpy", "jpy has no decimals"),
        ("12.505", "eur", "eur has two decimals"),
        ("12.345", "kwd", "kwd has two decimals, by Stripe's rule"),
        ("12.50", "isk", "isk has no decimals, by Stripe's rule"),
        ("12.5", "ugx", "ugx has no decimals, by Stripe's rule"),
        ("12.50", "xxx", "minor units"),
        ("1e3", "eur", "decimal string"),
        ("-1", "eur", "decimal string"),
        ("+1", "eur", "decimal string"),
        ("1,5", "eur", "decimal string"),
        ("1_000", "eur", "decimal string"),
        ("", "eur", "decimal string"),
        (".5", "eur", "decimal string"),
        ("5.", "eur", "decimal string"),
        ("NaN", "eur", "decimal string"),
        ("١٢", "eur", "decimal string"),
        ("12\n", "eur", "decimal string"),
        ("999999999999", "kwd", "14 digits"),
    ],
)
def test_a_total_that_stripe_could_not_charge_is_refused(total, currency, reason):
    with pytest.raises(BadAmount, match=reason):
        money.minor(total, currency)


@pytest.mark.parametrize(("amount", "currency"), [(1250, "isk"), (1, "ugx"), (12345, "kwd"), (10**14, "eur")])
def test_minor_units_that_a_currency_does_not_have_are_refused(amount, currency):
    with pytest.raises(BadAmount):
        money.check_minor(amount, currency)


@pytest.mark.parametrize(
    ("least", "currency"),
    [(50, "eur"), (30, "gbp"), (50, "jpy"), (1500, "czk"), (17500, "huf"), (1, "all"), (100, "bgn")],
)
def test_what_stripe_charges_at_least_is_known_where_it_says_so(least, currency):
    money.refuse_below_minimum(least, currency)
    with pytest.raises(BadAmount, match=f"no less than {least} "):
        money.refuse_below_minimum(least - 1, currency)


def test_no_currency_stands_in_two_rows_of_the_table():
    rows = (money.ZERO_DECIMAL, money.TWO_DECIMAL, money.THREE_DECIMAL, money.HUNDREDFOLD)
    assert sum(map(len, rows)) == len(frozenset().union(*rows))
    assert money.MINIMUM.keys() <= frozenset().union(*rows)


@given(st.integers(0, 10**9), st.sampled_from(sorted(money.TWO_DECIMAL)))
def test_every_amount_survives_being_written_as_a_total(amount, currency):
    assert money.minor(str(Decimal(amount).scaleb(-2)), currency) == amount
