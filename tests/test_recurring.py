"""The monthly amount, by its definition: the published examples, and the laws that it keeps."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.recurring import (
    MonthlyAmount,
    collected,
    discount_ends,
    list_amount,
    monthly_amount,
)
from projections.subscription_fields import Subscription
from tests.billing_objects import (
    DAY,
    NOON,
    Object,
    coupon,
    discount,
    item,
    items,
    price,
    subscription,
    subscription_2017,
)

NOW = datetime.fromtimestamp(NOON, UTC)

INTERVALS = st.sampled_from(["day", "week", "month", "year"])
AMOUNTS = st.integers(0, 10**9)
QUANTITIES = st.integers(0, 10_000)


def monthly(told: Object, at: datetime = NOW) -> MonthlyAmount:
    return monthly_amount(Subscription.read(told), at)


def cents(told: Object) -> int:
    amount = monthly(told)
    assert not amount.incomplete
    return round(amount)


def every(count: int, interval: str, amount: int, quantity: int = 1, **more: object) -> Object:
    """An item of a price that is billed every `count` intervals."""
    priced = price(amount=amount, interval=interval, recurring={"interval_count": count})
    return item(f"si_{count}{interval}{amount}", quantity=quantity, of=priced, **more)


# ------------------------------------------------------------------ published examples


def test_a_hundred_monthly_and_fifty_yearly_subscribers_come_to_12_500_dollars():
    monthly_ones = monthly(subscription(every(1, "month", 100_00, quantity=100)))
    yearly_ones = monthly(subscription(every(1, "year", 600_00, quantity=50)))
    assert 12_500_00 == monthly_ones.exact + yearly_ones.exact


def test_the_four_gold_and_two_silver_seats_of_the_vendors_example():
    gold = every(1, "year", 500_00, quantity=4)
    silver = every(1, "month", 30_00, quantity=2)
    assert 166_67 == cents(subscription(gold))
    assert 226_67 == cents(subscription(gold, silver))


def test_500_dollars_off_a_year_are_41_67_a_month():
    yearly = every(1, "year", 1200_00)
    off = discount(coupon(amount_off=500_00))
    assert 100_00 - 41_67 == cents(subscription(yearly, discounts=[off]))


def test_ten_dollars_a_week_are_43_33_a_month():
    assert 43_33 == cents(subscription(every(1, "week", 10_00)))


def test_50_dollars_every_two_months_are_25_a_month():
    assert 25_00 == cents(subscription(every(2, "month", 50_00)))


def test_4_dollars_off_12_a_week_leave_34_67_of_52_a_month():
    weekly = every(1, "week", 12_00)
    off = discount(coupon(amount_off=4_00))
    assert 52_00 == cents(subscription(weekly))
    assert 52_00 - 17_33 == cents(subscription(weekly, discounts=[off]))


def test_a_dollar_a_day_is_365_a_year():
    assert 365_00 == 12 * monthly(subscription(every(1, "day", 1_00))).exact


# ------------------------------------------------------------------ quantities, tiers and packages

TIERS = [
    {"up_to": 5, "unit_amount": 7_00},
    {"up_to": 10, "unit_amount": 6_50},
    {"up_to": None, "unit_amount": 6_00},
]


@pytest.mark.parametrize(
    "mode, quantity, amount",
    [
        ("volume", 1, 7_00), ("volume", 5, 35_00), ("volume", 6, 39_00), ("volume", 20, 120_00),
        ("graduated", 5, 35_00), ("graduated", 6, 41_50), ("graduated", 20, 127_50), ("graduated", 0, 0),
    ],
)  # fmt: skip
def test_tiers_price_the_quantity_by_their_mode(mode, quantity, amount):
    tiered = price(amount=None, billing_scheme="tiered", tiers_mode=mode, tiers=TIERS)
    assert amount == cents(subscription(item(quantity=quantity, of=tiered)))


def test_a_tiers_flat_amount_is_added_once_it_is_reached():
    tiers = [
        {"up_to": 5, "unit_amount_decimal": "0", "flat_amount": 10_00},
        {"up_to": None, "unit_amount": 1_00, "flat_amount_decimal": "2.5"},
    ]
    graduated = price(amount=None, billing_scheme="tiered", tiers_mode="graduated", tiers=tiers)
    found = [monthly(subscription(item(quantity=each, of=graduated))).exact for each in (0, 5, 7)]
    assert [1000, 1000, 1000 + 200 + Fraction("2.5")] == found


@pytest.mark.parametrize("rounding, amount", [("up", 30_00), ("down", 20_00)])
def test_a_package_price_counts_packages(rounding, amount):
    package = price(amount=10_00, transform_quantity={"divide_by": 5, "round": rounding})
    assert amount == cents(subscription(item(quantity=12, of=package)))


def test_metered_prices_are_left_out_and_told_of():
    metered = item("si_2", quantity=None, of=price(recurring={"usage_type": "metered"}))
    amount = monthly(subscription(item(), metered))
    assert (20_00, True, False) == (amount.exact, amount.metered, amount.incomplete)
    assert not monthly(subscription(metered)).free
    at_no_charge = subscription(
        item(of=price(amount=0)), metered, discounts=[discount(coupon(percent_off=100))]
    )
    assert not monthly(at_no_charge).free


def test_a_plan_of_2017_comes_to_what_its_price_comes_to():
    new = subscription(item(quantity=3, of=price(amount=999, interval="year")))
    assert monthly(new) == monthly(subscription_2017(new))


# ------------------------------------------------------------------ discounts


def test_what_lasts_subtracts_and_what_is_once_does_not():
    found = [
        cents(subscription(discounts=[discount(coupon(percent_off=25, duration=each), end=end)]))
        for each, end in (("forever", None), ("repeating", NOON + DAY), ("once", None))
    ]
    assert [15_00, 15_00, 20_00] == found


def test_a_repeating_discount_subtracts_until_its_end_and_says_when_that_is():
    told = subscription(discounts=[discount(coupon(percent_off=50, duration="repeating"), end=NOON + DAY)])
    [(end, name)] = discount_ends(Subscription.read(told), NOW)
    assert (NOON + DAY, "di_1") == (end.timestamp(), name)
    assert (10_00, 20_00) == (monthly(told, NOW).exact, monthly(told, end).exact)
    assert [] == discount_ends(Subscription.read(told), end)


def test_an_items_discounts_come_before_the_subscriptions():
    own = item(of=price(amount=100_00), discounts=[discount(coupon(amount_off=20_00))])
    half = discount(coupon(percent_off=50), discount_id="di_2")
    assert 40_00 == cents(subscription(own, discounts=[half]))


def test_discounts_apply_one_after_the_other():
    amount, percent = discount(coupon(amount_off=5_00)), discount(coupon(percent_off=50), discount_id="di_2")
    assert 7_50 == cents(subscription(discounts=[amount, percent]))
    assert 5_00 == cents(subscription(discounts=[percent, amount]))


def test_no_discount_takes_off_more_than_there_is():
    told = subscription(discounts=[discount(coupon(amount_off=50_00))])
    assert 0 == cents(told)
    assert monthly(told).free


def test_a_coupon_for_some_products_leaves_the_others():
    other = item("si_2", of=price("price_x", amount=10_00, product="prod_x"))
    bound = coupon(percent_off=50, applies_to={"products": ["prod_x"]})
    assert 25_00 == cents(subscription(item(), other, discounts=[discount(bound)]))


def test_the_customers_discount_applies_only_where_the_subscription_has_none():
    customer = {"id": "cus_1", "discount": discount(coupon(percent_off=10), discount_id="di_9")}
    own = discount(coupon(percent_off=50))
    assert 18_00 == monthly(subscription(customer=customer)).exact
    assert 10_00 == monthly(subscription(customer=customer, discounts=[own])).exact


def test_a_coupons_amount_in_another_currency_is_taken_in_the_subscriptions():
    euros = price(currency="eur")
    off = coupon(amount_off=4_00, currency_options={"eur": {"amount_off": 3_00}})
    assert 17_00 == cents(subscription(item(of=euros), currency="eur", discounts=[discount(off)]))


# ------------------------------------------------------------------ what is not known


@pytest.mark.parametrize(
    "told, rest",
    [
        (subscription(discounts=["di_1"]), 20_00),
        (subscription(discounts=[discount("coupon_1")]), 20_00),
        (subscription(discounts=[discount(coupon(percent_off=9, duration="blue_moon"))]), 20_00),
        (subscription(discounts=[discount(coupon(amount_off=100, currency="jpy"))]), 20_00),
        (subscription(item(of=price(amount=None, billing_scheme="tiered", tiers_mode="volume"))), 0),
        (subscription(item(of=price(interval="fortnight"))), 0),
        (subscription(item(of=price(currency="eur"))), 0),
        (subscription(item(quantity=None)), 0),
        (subscription(items=items(item(), has_more=True)), 20_00),
    ],
)
def test_what_rests_on_something_unknown_is_incomplete_and_leaves_that_out(told, rest):
    amount = monthly(told)
    assert (rest, True, False) == (amount.exact, amount.incomplete, amount.free)


# ------------------------------------------------------------------ what counts


@pytest.mark.parametrize(
    "changes, counting",
    [
        ({"status": "active"}, True),
        ({"status": "past_due"}, True),
        ({"status": "trialing"}, False),
        ({"status": "incomplete"}, False),
        ({"status": "unpaid"}, False),
        ({"status": "paused"}, False),
        ({"status": "canceled"}, False),
        ({"pause_collection": {"behavior": "keep_as_draft"}}, True),
        ({"pause_collection": {"behavior": "void"}}, False),
        ({"pause_collection": {"behavior": "mark_uncollectible"}}, False),
        ({"discounts": [discount(coupon(percent_off=100))]}, False),
        ({"discounts": ["di_1"]}, True),
    ],
)
def test_a_subscription_counts_while_it_is_active_collected_and_not_free(changes, counting):
    told = subscription(**changes)
    assert counting == (collected(Subscription.read(told)) and not monthly(told).free)


# ------------------------------------------------------------------ laws


@given(AMOUNTS, INTERVALS, st.integers(1, 52), QUANTITIES)
def test_the_amount_scales_with_the_quantity_and_against_the_count(amount, interval, count, quantity):
    one = monthly(subscription(every(1, interval, amount))).exact
    many = monthly(subscription(every(count, interval, amount, quantity=quantity))).exact
    assert many * count == one * quantity


@given(st.lists(st.tuples(AMOUNTS, INTERVALS), min_size=1, max_size=5), st.integers(0, 10_000))
def test_items_add_up_and_a_percentage_comes_off_their_sum(terms, hundredths):
    each = [item(f"si_{n}", of=price(amount=a, interval=i)) for n, (a, i) in enumerate(terms)]
    off = discount(coupon(percent_off=hundredths / 100))
    parts = [monthly(subscription(one)).exact for one in each]
    told = subscription(*each, discounts=[off])
    assert sum(parts) == list_amount(Subscription.read(told)).exact
    assert sum(parts) * (10_000 - hundredths) / 10_000 == monthly(told).exact


@given(AMOUNTS, AMOUNTS, INTERVALS)
def test_an_amount_off_each_invoice_is_reckoned_by_the_billing_period(amount, off, interval):
    less = subscription(every(1, interval, amount), discounts=[discount(coupon(amount_off=off))])
    left = subscription(every(1, interval, max(0, amount - off)))
    assert monthly(left).exact == monthly(less).exact


@given(st.integers(0, 10**6))
def test_rounding_goes_half_to_even_and_never_by_more_than_a_half(amount):
    told = monthly(subscription(every(2, "month", amount)))
    rounded = round(told)
    assert isinstance(rounded, int)
    assert abs(rounded - told.exact) <= Fraction(1, 2)
    assert told.exact.denominator == 1 or rounded % 2 == 0
